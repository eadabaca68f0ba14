"""The first half of a signature, as a value and as bytes.

What the holder approves is ``digest``, and it is *computed* from ``to_sign``: there is no second field that could say
something else. Whoever rewrites the bytes of a preparation while the holder decides gets another digest, for which no
signature exists; what is not under the digest directly (the content) is under it through the message digest in
``to_sign``, and ``finish`` looks.
"""

import json
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives import hashes

from foundation.encoding import b64u, strict_json, unb64u
from foundation.errors import BadInput
from hsm_service.documents.domain.form import Form, Format, Level, Packaging
from hsm_service.documents.domain.signatory import Signatory
from hsm_service.documents.errors import BadPreparation

_MAGIC: Final = b"LKD1"
_MAX_HEADER: Final = 160 * 1024
_LENGTHS: Final = struct.Struct(">II")


@dataclass(frozen=True)
class Prepared:
    """Everything that ``finish`` needs beside the signature; times are fixed in it."""

    form: Form
    signatory: Signatory
    at: datetime
    """When it was prepared, UTC, whole seconds: the signing time that the signature claims."""
    to_sign: bytes
    """Signed attributes (DER, RFC 5652 section 5.4), or SignedInfo (canonical XML)."""
    content: bytes = b""
    """The content to go inside, the PDF with a hole, the XML without its value; nothing when that stays elsewhere."""
    hole: tuple[int, int] | None = None
    """PDF: where the hexadecimal string of the signature begins and ends, with its angle brackets."""

    @property
    def digest(self) -> bytes:
        """What the holder approves and the key signs."""
        digest = hashes.Hash(self.signatory.sign_algorithm.hash)
        digest.update(self.to_sign)
        return digest.finalize()

    @property
    def hash_algorithm(self) -> str:
        """``SHA-256``: as approvals name it."""
        return self.signatory.sign_algorithm.hash_name

    def to_bytes(self) -> bytes:
        """For whoever keeps it while the holder decides."""
        header = _header(self)
        return _MAGIC + _LENGTHS.pack(len(header), len(self.to_sign)) + header + self.to_sign + self.content

    @classmethod
    def from_bytes(cls, data: bytes) -> "Prepared":
        """What ``to_bytes`` wrote. Raises BadPreparation."""
        start = len(_MAGIC) + _LENGTHS.size
        if data[: len(_MAGIC)] != _MAGIC or len(data) < start:
            raise BadPreparation("not a preparation")
        header_length, signed_length = _LENGTHS.unpack(data[len(_MAGIC) : start])
        middle, end = start + header_length, start + header_length + signed_length
        if header_length > _MAX_HEADER or end > len(data):
            raise BadPreparation("its lengths do not agree")
        try:
            told: Any = strict_json(data[start:middle], max_bytes=_MAX_HEADER)
            hole = told["hole"]
            return cls(
                Form(Format(told["format"]), Level(told["level"]), Packaging(told["packaging"]), told["policy"]),
                Signatory(tuple(unb64u(der, max_len=16_384) for der in told["chain"]), told["algorithm"]),
                datetime.fromtimestamp(int(told["at"]), UTC),
                data[middle:end],
                data[end:],
                None if hole is None else (int(hole[0]), int(hole[1])),
            )
        except (BadInput, ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as cause:
            raise BadPreparation("its header does not hold together") from cause


def _header(prepared: Prepared) -> bytes:
    form = prepared.form
    return json.dumps(
        {
            "format": form.format,
            "level": form.level,
            "packaging": form.packaging,
            "policy": form.policy,
            "chain": [b64u(der) for der in prepared.signatory.chain],
            "algorithm": prepared.signatory.algorithm,
            "at": int(prepared.at.timestamp()),
            "hole": prepared.hole,
        }
    ).encode("ascii")
