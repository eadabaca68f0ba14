"""*Verificar assinatura* for programs, as a table. The page's own files are nobody's API."""

from typing import Final

from foundation.web.openapi import Answer, Body, Operation, Schema, Section, Words, ref, text
from hsm_service.documents.domain.findings import Reason, Verdict
from hsm_service.documents.web.verify import PATH

_TEXT: Final[Schema] = {"type": "string"}
_TIME: Final[Schema] = {"type": ["integer", "null"]}
"""Seconds since 1970, UTC."""

SECTION: Final = Section(
    tag="Verification",
    title=Words("What a signature is worth", "O que uma assinatura vale"),
    about=Words(
        "PDF, CMS (.p7s) and XML, up to 25 MB. For anybody; nothing is kept.",
        "PDF, CMS (.p7s) e XML, até 25 MB. Para qualquer pessoa; nada é guardado.",
    ),
    error="Error",
    schemas={
        "Verdict": {"enum": [verdict.value for verdict in Verdict]},
        "Finding": {
            "type": "object",
            "required": ["verdict", "reasons", "signer"],
            "properties": {
                "verdict": ref("Verdict"),
                "reasons": {"type": "array", "items": {"enum": [reason.value for reason in Reason]}},
                "signer": _TEXT,
                "number": text(_TEXT, "CPF or CNPJ, most of it hidden.", "CPF ou CNPJ, quase todo oculto."),
                "issuer": _TEXT,
                "format": _TEXT,
                "claimed_at": text(_TIME, "What the signer's own clock said.", "O que diz quem assinou."),
                "stamped_at": text(_TIME, "What a time stamp proves.", "O que um carimbo do tempo prova."),
                "covers": _TEXT,
                "is_stamp": {"type": "boolean"},
            },
        },
        "Report": {
            "type": "object",
            "required": ["kind", "verdict", "signatures"],
            "properties": {
                "kind": _TEXT,
                "verdict": {"anyOf": [ref("Verdict"), {"type": "null"}]},
                "problem": {"type": ["string", "null"]},
                "signatures": {"type": "array", "items": ref("Finding")},
            },
        },
    },
    operations=[
        Operation(
            id="verifyPage",
            method="GET",
            path=PATH,
            summary=Words("The page", "A página"),
            answers={200: Answer(Words("For people.", "Para pessoas."), media="text/html")},
        ),
        Operation(
            id="verify",
            method="POST",
            path=PATH,
            summary=Words("Verify a signed document", "Verificar um documento assinado"),
            body=Body({}, "application/octet-stream"),
            answers={200: Answer(Words("What was found.", "O que foi encontrado."), ref("Report"))},
            errors=(400, 413, 415, 429, 503),
        ),
    ],
)
