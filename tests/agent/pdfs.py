"""PDFs of every kind the agent may meet, made by pyHanko's writer; and two strangers' verdicts on signatures."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import subprocess
from io import BytesIO
from pathlib import Path

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.validation import EmbeddedPdfSignature, async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from linkid.platform import program
from tests.agent.pki import Authority, Holder, der


def blank(path: Path, *, pages: int = 1, streams: bool = True, filling: int = 0) -> Path:
    """A PDF of empty pages; ``filling`` bytes of an unused stream make it large."""
    writer = PdfFileWriter(stream_xrefs=streams)
    for _ in range(pages):
        content = writer.add_object(generic.StreamObject(stream_data=b"q Q"))
        writer.insert_page(PageObject(contents=content, media_box=(0, 0, 595, 842)))
    if filling:
        writer.add_object(generic.StreamObject(stream_data=bytes(filling)))
    with path.open("wb") as file:
        writer.write(file)
    return path


def form(path: Path, members: dict[str, str]) -> Path:
    """A PDF with an interactive form, which has these texts besides no fields."""
    writer = PdfFileWriter()
    content = writer.add_object(generic.StreamObject(stream_data=b"q Q"))
    writer.insert_page(PageObject(contents=content, media_box=(0, 0, 595, 842)))
    said = {generic.pdf_name(name): generic.pdf_string(text) for name, text in members.items()}
    acro = generic.DictionaryObject({generic.pdf_name("/Fields"): generic.ArrayObject()} | said)
    writer.root[generic.pdf_name("/AcroForm")] = writer.add_object(acro)
    with path.open("wb") as file:
        writer.write(file)
    return path


def page_of(signature: EmbeddedPdfSignature) -> int:
    """On which page its field is, counted from 1."""
    page, reader = signature.sig_field["/P"], signature.reader
    return 1 + next(
        number for number in range(int(reader.root["/Pages"]["/Count"]))
        if reader.find_page_for_modification(number)[0].get_object() == page
    )  # fmt: skip


def encrypted(path: Path, password: str = "") -> Path:
    writer = PdfFileWriter()
    content = writer.add_object(generic.StreamObject(stream_data=b"q Q"))
    writer.insert_page(PageObject(contents=content, media_box=(0, 0, 595, 842)))
    writer.encrypt("dono", password)
    with path.open("wb") as file:
        writer.write(file)
    return path


def signed_by(
    path: Path, holder: Holder, *, certify: fields.MDPPerm | None = None, lock: fields.FieldMDPSpec | None = None
) -> Path:
    """Sign ``path`` in place, by a key in memory: somebody else's earlier signature."""
    store = SimpleCertificateStore()
    store.register_multiple([asn1_x509.Certificate.load(item) for item in holder.chain])
    pkcs8 = holder.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(der(holder.certificate)),
        signing_key=asn1_keys.PrivateKeyInfo.load(pkcs8),
        cert_registry=store,
    )
    metadata = signers.PdfSignatureMetadata(
        field_name="Anterior",
        certify=certify is not None,
        docmdp_permissions=certify or fields.MDPPerm.FILL_FORMS,
    )
    spec = fields.SigFieldSpec("Anterior", field_mdp_spec=lock) if lock else None
    writer = IncrementalPdfFileWriter(BytesIO(path.read_bytes()))
    output = asyncio.run(signers.PdfSigner(metadata, signer, new_field_spec=spec).async_sign_pdf(writer))
    path.write_bytes(output.getvalue())
    return path


def verdicts(path: Path, authority: Authority) -> list[PdfSignatureStatus]:
    """What pyHanko says about every signature, trusting ``authority`` only."""
    roots = [asn1_x509.Certificate.load(der(authority.certificate))]

    async def judge() -> list[PdfSignatureStatus]:
        with path.open("rb") as file:
            reader = PdfFileReader(file, strict=False)
            return [
                await async_validate_pdf_signature(
                    signature,
                    signer_validation_context=ValidationContext(trust_roots=roots, allow_fetching=False),
                )
                for signature in reader.embedded_regular_signatures
            ]

    return asyncio.run(judge())


def pdfsig(path: Path) -> str:
    """What poppler says, without looking at trust."""
    return subprocess.run([program("pdfsig"), "-nocert", path], capture_output=True, text=True, timeout=30).stdout


def all_valid(path: Path, authority: Authority) -> bool:
    """Every signature of ``path`` is valid and trusted; to be called in a thread."""
    found = verdicts(path, authority)
    return bool(found) and all(status.bottom_line for status in found)
