"""CSC v2 as a table: what `dialect/reading.py` takes and `dialect/answers.py` says, with their own limits."""

from typing import Final

from foundation.web.openapi import Schema, Section, Words
from hsm_service.csc.openapi import credentials, signatures

SCHEMAS: Final[dict[str, Schema]] = {**credentials.SCHEMAS, **signatures.SCHEMAS}

SECTION: Final = Section(
    tag="CSC v2",
    title=Words("Signing (CSC API 2.0)", "Assinatura (CSC API 2.0)"),
    about=Words(
        "Ask for signatures over hashes, wait for the holder's phone, collect them.",
        "Peça assinaturas sobre hashes, espere o celular do titular, recolha.",
    ),
    error="CscError",
    schemas=SCHEMAS,
    security={
        "bearer": {"type": "http", "scheme": "bearer", "description": "`at_…` of the token endpoint"},
        "dpop": {"type": "http", "scheme": "dpop", "description": "`at_…` bound to your key, with a proof (RFC 9449)"},
    },
    operations=[*credentials.OPERATIONS, *signatures.OPERATIONS],
)
