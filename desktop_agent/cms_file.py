"""Any file, signed beside itself: a detached CAdES B-B signature (`.p7s`), by pyHanko.

The file is hashed in pieces; its digest stands in the attributes that are signed, so `finish` reads it once more: a
file that changed while the phone was asked gets no signature that would not fit it.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from asn1crypto import cms
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.validation.generic_cms import async_validate_detached_cms

from desktop_agent.copies import as_unsuitable, fresh, like, opened, written
from desktop_agent.domain.certificate import Certificate
from desktop_agent.domain.signed import EarlierSignature
from desktop_agent.errors import UnsuitablePdf
from desktop_agent.pdf import DIGEST, external_signer, no_roots

MOST_SIGNATURE: Final = 1024 * 1024
"""Bytes of a `.p7s` that is read."""
_PIECE: Final = 1024 * 1024


@dataclass
class PreparedFile:
    """``digest`` (SHA-256 of the signed attributes) is what the key must sign."""

    source: Path
    size: int
    copy: Path
    digest: bytes
    attributes: cms.CMSAttributes
    certificate: Certificate

    def finish(self, signature: bytes) -> None:
        """The second half: the container, validated over the file as it is now. Raises UnsuitablePdf."""
        with as_unsuitable(self.source):
            signer = external_signer(self.certificate, signature)
            made = asyncio.run(
                signer.async_sign_prescribed_attributes(
                    DIGEST, self.attributes, encap_content_info={"content_type": "data"}
                )
            )
            written(self.copy, made.dump())
            like(self.source, self.copy)
            if not all(one.good for one in judged(self.source, made.dump())):
                raise UnsuitablePdf(
                    f"{self.source.name} mudou enquanto a aprovação era esperada.", "Repita: nada foi gravado."
                )

    def discard(self) -> None:
        """Remove the copy. Harmless when it was published or removed."""
        self.copy.unlink(missing_ok=True)


def check(path: Path) -> list[EarlierSignature]:
    """Whether ``path`` can be read. Raises UnsuitablePdf. What it holds is nobody's matter here."""
    with opened(path):
        return []


def prepare(path: Path, beside: Path, certificate: Certificate) -> PreparedFile:
    """The first half. Raises UnsuitablePdf, BadCommand (folder)."""
    with opened(path) as file, as_unsuitable(path):
        digest, size = _digest(file)
        settings = PdfCMSSignedAttributes(signing_time=datetime.now(UTC))
        attributes: cms.CMSAttributes = asyncio.run(
            external_signer(certificate, None).signed_attrs(
                digest, DIGEST, attr_settings=settings, use_pades=True, is_pdf_sig=False
            )
        )
    to_sign = hashlib.sha256(attributes.dump()).digest()
    return PreparedFile(path, size, fresh(path, beside), to_sign, attributes, certificate)


def verify(path: Path, signature: Path) -> list[EarlierSignature]:
    """The signatures in ``signature`` over ``path``. Raises UnsuitablePdf."""
    with opened(signature) as file:
        content = file.read(MOST_SIGNATURE + 1)
    if len(content) > MOST_SIGNATURE:
        raise UnsuitablePdf(f"{signature.name} é grande demais para uma assinatura.")
    with as_unsuitable(signature):
        return judged(path, content)


def judged(path: Path, container: bytes) -> list[EarlierSignature]:
    """Whether it holds over ``path``; who is trusted is for verifiers to say."""
    signed = cms.ContentInfo.load(container, strict=True)["content"]
    with opened(path) as file:
        status = asyncio.run(async_validate_detached_cms(file, signed, signer_validation_context=no_roots()))
    who = str(status.signing_cert.subject.native.get("common_name", ""))
    return [EarlierSignature("p7s", who.partition(":")[0], bool(status.intact and status.valid))]


def _digest(file: BinaryIO) -> tuple[bytes, int]:
    """SHA-256 and size."""
    hashed, size = hashlib.new(DIGEST), 0
    while piece := file.read(_PIECE):
        hashed.update(piece)
        size += len(piece)
    return hashed.digest(), size
