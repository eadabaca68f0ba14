"""PDF files: looked at, prepared, finished and published; PAdES B-B by pyHanko.

A signature is made in two halves, because minutes and a person lie between them: `prepare` copies the file beside its
destination, appends an incremental update with room for the signature, and tells the digest to sign; `finish` puts the
signature in and then *validates the result as a stranger would*, earlier signatures included. `copies.publish` gives it
its name. Memory does not grow with the file: it is copied and hashed in pieces.

Everything here blocks; stories call it in a thread.
"""

import asyncio
import hashlib
import logging
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest
from pyhanko.sign.validation import EmbeddedPdfSignature, validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from desktop_agent import drawing
from desktop_agent.copies import as_unsuitable, copied, opened
from desktop_agent.domain.certificate import Certificate
from desktop_agent.domain.signed import EarlierSignature
from desktop_agent.domain.stamp import Stamp
from desktop_agent.errors import UnsuitablePdf

DIGEST: Final = "sha256"
_HEADER_WITHIN: Final = 1024
"""Bytes: readers look for %PDF- this far (ISO 32000-2, annex on implementation notes)."""

logging.getLogger("pyhanko").addHandler(logging.NullHandler())
logging.getLogger("pyhanko").propagate = False  # its warnings are for programmers; what matters we raise


@dataclass
class PreparedPdf:
    """A copy with room for a signature. ``digest`` (SHA-256 of the CMS signed attributes) is what the key must sign."""

    source: Path
    size: int
    """Of the source, in bytes."""
    copy: Path
    digest: bytes
    attributes: cms.CMSAttributes
    hole: PreparedByteRangeDigest
    certificate: Certificate
    earlier: list[EarlierSignature]

    def finish(self, signature: bytes) -> None:
        """The second half: put the signature in, validate everything, flush to disk. Raises UnsuitablePdf."""
        signer = external_signer(self.certificate, signature)
        with as_unsuitable(self.source), self.copy.open("r+b") as file:
            content = asyncio.run(signer.async_sign_prescribed_attributes(DIGEST, self.attributes))
            self.hole.fill_with_cms(file, content)
            file.flush()
            os.fsync(file.fileno())
            _validate(file, self)

    def discard(self) -> None:
        """Remove the copy. Harmless when it was published or removed."""
        self.copy.unlink(missing_ok=True)


def check(path: Path) -> list[EarlierSignature]:
    """Look whether ``path`` can be signed.

    Raises UnsuitablePdf with the reason. Answers the signatures it has already.
    """
    with opened(path) as file, as_unsuitable(path):
        reader = _reader(file, path)
        if reader.encrypted:
            raise UnsuitablePdf(
                f"{path.name} está protegido por senha (cifrado).",
                "Abra-o, salve ou imprima uma cópia sem senha (“Imprimir em PDF”), e assine a cópia.",
            )
        if int(reader.root["/Pages"]["/Count"]) < 1:
            raise UnsuitablePdf(f"{path.name} não tem nenhuma página.")
        if "/AcroForm" in reader.root and "/XFA" in reader.root["/AcroForm"]:
            raise UnsuitablePdf(
                f"As páginas de {path.name} são montadas por um programa dentro dele (formulário XFA): "
                "o que é assinado não seria o que se vê.",
                "Abra-o no Adobe Reader, imprima em PDF (“Imprimir em PDF”), e assine a cópia.",
            )
        signatures = list(reader.embedded_signatures)
        if any(item.docmdp_level is fields.MDPPerm.NO_CHANGES for item in signatures):
            raise UnsuitablePdf(
                f"{path.name} foi certificado por quem o criou de modo que proíbe qualquer alteração, "
                "inclusive novas assinaturas.",
                "Peça ao autor uma versão que permita assinar.",
            )
        return [_judge(item) for item in signatures]


def prepare(
    path: Path, beside: Path, certificate: Certificate, *, reason: str | None = None, stamp: Stamp | None = None
) -> PreparedPdf:
    """The first half. ``beside``: the folder of the later output. Raises UnsuitablePdf, BadCommand (folder, page)."""
    earlier = check(path)
    copy = copied(path, beside)
    try:
        with as_unsuitable(path), copy.open("r+b") as file:  # closing it may be what the disk refuses
            size = os.fstat(file.fileno()).st_size
            digest, attributes, hole = asyncio.run(_append_update(file, path, certificate, reason, stamp))
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return PreparedPdf(path, size, copy, digest, attributes, hole, certificate, earlier)


async def _append_update(
    file: BinaryIO, path: Path, certificate: Certificate, reason: str | None, stamp: Stamp | None
) -> tuple[bytes, cms.CMSAttributes, PreparedByteRangeDigest]:
    reader = _reader(file, path)
    writer = IncrementalPdfFileWriter(file, prev=reader, strict=False)
    signer, field = external_signer(certificate, None), f"LinkID-{secrets.token_hex(4)}"
    spec, style = drawing.place(reader, stamp, field) if stamp else (None, None)
    metadata = signers.PdfSignatureMetadata(
        field_name=field,
        md_algorithm=DIGEST,
        subfilter=fields.SigSeedSubFilter.PADES,
        name=certificate.holder,
        reason=reason,
    )
    pdf_signer = signers.PdfSigner(metadata, signer, stamp_style=style, new_field_spec=spec)
    hole, _, _ = await pdf_signer.async_digest_doc_for_signing(
        writer, in_place=True, appearance_text_params=drawing.words(certificate.holder, datetime.now(UTC))
    )
    attributes = await signer.signed_attrs(hole.document_digest, DIGEST, use_pades=True)
    return hashlib.sha256(attributes.dump()).digest(), attributes, hole


def _validate(file: BinaryIO, prepared: PreparedPdf) -> None:
    """Read what we wrote as a stranger would: our signature covers the whole file, and no earlier one got worse."""
    *before, ours = PdfFileReader(file, strict=False).embedded_signatures
    status = validate_pdf_signature(ours, signer_validation_context=no_roots())
    if not (status.intact and status.valid and status.coverage is SignatureCoverageLevel.ENTIRE_FILE):
        raise UnsuitablePdf(f"A assinatura de {prepared.source.name} não ficou válida.", "Avise o suporte do Link ID.")
    now = {item.field: item.good for item in map(_judge, before)}
    if any(item.good and not now.get(item.field) for item in prepared.earlier):
        raise UnsuitablePdf(
            f"Assinar {prepared.source.name} invalidaria uma assinatura anterior: ela não permite novas assinaturas.",
            "Peça ao autor uma versão que permita assinar.",
        )


def _judge(signature: EmbeddedPdfSignature) -> EarlierSignature:
    """Whether it holds by itself; who is trusted is for verifiers to say."""
    good, who = False, ""
    # An algorithm nobody knows, a broken container: not good, and no reason to stop.
    with suppress(Exception):
        who = str(signature.signer_cert.subject.native.get("common_name", ""))
        status = validate_pdf_signature(signature, signer_validation_context=no_roots())
        good = bool(status.intact and status.valid and status.docmdp_ok is not False)
    return EarlierSignature(signature.field_name, who.partition(":")[0], good)


def no_roots() -> ValidationContext:
    return ValidationContext(trust_roots=[], allow_fetching=False)


def external_signer(certificate: Certificate, signature: bytes | None) -> signers.ExternalSigner:
    """pyHanko's shape for a signature made elsewhere; without one it reserves room."""
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple([_asn1(item) for item in certificate.chain])
    return signers.ExternalSigner(
        signing_cert=_asn1(certificate.leaf),
        cert_registry=store,
        signature_value=signature or certificate.room,
        embed_roots=False,
    )


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _reader(file: BinaryIO, path: Path) -> PdfFileReader:
    """Tolerant: much software writes a little beside the standard (Word: tables *and* streams of references).

    What is lenient here is made good by `_validate`, which looks at the result.
    """
    file.seek(0)
    if b"%PDF-" not in file.read(_HEADER_WITHIN):
        raise UnsuitablePdf(f"{path.name} não é um PDF.")
    return PdfFileReader(file, strict=False)
