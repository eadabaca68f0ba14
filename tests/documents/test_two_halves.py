"""Prepared, approved, finished: the signature is over the digest that was told, and over nothing else."""

import asyncio
import dataclasses
import hashlib
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm

from foundation.clock import FixedClock
from hsm_service.documents.domain.form import Form, Format, Level, Packaging
from hsm_service.documents.domain.prepared import Prepared
from hsm_service.documents.domain.signatory import Signatory
from hsm_service.documents.domain.stamp import Stamp
from hsm_service.documents.errors import (
    BadCertificate,
    BadPreparation,
    DocumentTooLarge,
    FormNotPossible,
    NoTimeStamp,
    SignatureNotOfPreparation,
    UnsuitableDocument,
)
from hsm_service.documents.service import DocumentService
from hsm_service.documents.service.signing import MAX_DOCUMENT
from tests.agent import pdfs
from tests.agent.pki import Authority, Holder
from tests.documents import strangers
from tests.documents.signing import NOW, finished, service, sign, signatory

DETACHED = Form(Format.CADES)
ATTACHED = Form(Format.CADES, packaging=Packaging.ATTACHED)
PADES = Form(Format.PADES)
CONTENT = "conteúdo a assinar\n".encode()
STAMP = Stamp("https://linkid.example/verificar")


@pytest.mark.parametrize("algorithm", ["RSA-PKCS1-SHA256", "RSA-PSS-SHA384", "RSA-PKCS1-SHA512", "ECDSA-SHA256"])
async def test_strangers_call_each_form_valid(
    algorithm: str, rsa_holder: Holder, ec_holder: Holder, contract: bytes, authority: Authority
) -> None:
    """Whatever the algorithm: openssl verifies CMS with and without its content, poppler the PDF."""
    holder = ec_holder if algorithm.startswith("ECDSA") else rsa_holder
    detached = await finished(service(), DETACHED, holder, algorithm, content=CONTENT)
    assert detached.detached
    assert "successful" in strangers.openssl_cms(detached.content, authority.certificate, CONTENT)
    assert "successful" not in strangers.openssl_cms(detached.content, authority.certificate, CONTENT + b"!")
    attached = await finished(service(), ATTACHED, holder, algorithm, content=CONTENT)
    assert not attached.detached
    assert "successful" in strangers.openssl_cms(attached.content, authority.certificate, None)
    pdf = await finished(service(), PADES, holder, algorithm, content=contract, stamp=STAMP)
    assert pdf.content.startswith(contract)
    said = strangers.pdfsig(pdf.content)
    assert "Signature is Valid." in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said


async def test_the_approved_digest_is_the_signed_one(rsa_holder: Holder, contract: bytes) -> None:
    """What ``prepare`` told is the hash of the signed attributes of what ``finish`` gives: nothing else was signed."""
    for form, content in ((DETACHED, CONTENT), (ATTACHED, CONTENT), (PADES, contract)):
        prepared = await service().prepare(form, signatory(rsa_holder), content=content)
        result = await service().finish(prepared, sign(rsa_holder, prepared))
        der = embedded(result.content) if form is PADES else result.content
        info = asn1_cms.ContentInfo.load(der)["content"]["signer_infos"][0]
        assert hashlib.sha256(info["signed_attrs"].untag().dump()).digest() == prepared.digest
        again = await service().finish(prepared, sign(rsa_holder, prepared))
        assert again == result  # a lost answer can be had again


async def test_the_first_signature_may_certify(rsa_holder: Holder, contract: bytes) -> None:
    """CSC's Certification: a reader sees what may change; one that is signed already is not certified."""
    signed = await finished(service(), PADES, rsa_holder, content=contract, certify=True)
    (found,) = PdfFileReader(BytesIO(signed.content)).embedded_signatures
    assert found.docmdp_level is MDPPerm.FILL_FORMS
    assert "Signature is Valid." in strangers.pdfsig(signed.content)
    assert (await finished(service(), PADES, rsa_holder, content=signed.content)).content
    with pytest.raises(UnsuitableDocument):
        await service().prepare(PADES, signatory(rsa_holder), content=signed.content, certify=True)
    with pytest.raises(FormNotPossible):
        await service().prepare(DETACHED, signatory(rsa_holder), content=CONTENT, certify=True)


async def test_a_signature_over_anything_else_is_refused(
    rsa_holder: Holder, ec_holder: Holder, authority: Authority
) -> None:
    """Over the content itself, by another key, of another algorithm, empty: none is put into a document."""
    prepared = await service().prepare(DETACHED, signatory(rsa_holder), content=CONTENT)
    other = await service().prepare(DETACHED, signatory(rsa_holder), content=b"outro")
    stranger = Holder(authority, "ANA DE SOUZA:11144477735")
    assert isinstance(rsa_holder.key, rsa.RSAPrivateKey)
    over_content = rsa_holder.key.sign(CONTENT, padding.PKCS1v15(), hashes.SHA256())
    wrong = [over_content, sign(rsa_holder, other), sign(stranger, prepared), sign(ec_holder, prepared), b""]
    for signature in wrong:
        with pytest.raises(SignatureNotOfPreparation):
            await service().finish(prepared, signature)


async def test_a_preparation_that_was_changed_is_refused(rsa_holder: Holder, contract: bytes) -> None:
    """Another content, another hole, other attributes, bytes cut or flipped while the holder decided."""
    prepared = await service().prepare(PADES, signatory(rsa_holder), content=contract)
    signature = sign(rsa_holder, prepared)
    assert prepared.hole is not None
    start, end = prepared.hole
    changed = [
        dataclasses.replace(prepared, content=contract + prepared.content[len(contract) :].replace(b"/M ", b"/N ", 1)),
        dataclasses.replace(prepared, hole=(start + 2, end)),
        dataclasses.replace(prepared, hole=None),
        dataclasses.replace(prepared, form=ATTACHED),
    ]
    for value in changed:
        with pytest.raises(BadPreparation):
            await service().finish(value, signature)
    with pytest.raises(SignatureNotOfPreparation):
        await service().finish(dataclasses.replace(prepared, to_sign=prepared.to_sign + b"\0"), signature)
    kept = (await service().prepare(DETACHED, signatory(rsa_holder), content=CONTENT)).to_bytes()
    for data in (b"", kept[:3], kept[:11], kept[:40], b"XXXX" + kept[4:], kept.replace(b'"cades"', b'"nadas"')):
        with pytest.raises(BadPreparation):
            Prepared.from_bytes(data)
    assert Prepared.from_bytes(kept + b"more").content == b"more"
    with pytest.raises(BadPreparation):  # a detached signature has no content
        await service().finish(Prepared.from_bytes(kept + b"more"), sign(rsa_holder, Prepared.from_bytes(kept)))


async def test_a_digest_alone_gives_the_signature_alone(rsa_holder: Holder, authority: Authority) -> None:
    """PSC's way: the caller keeps the document, we get its hash; CMS has exactly the four attributes."""
    digest = hashlib.sha256(CONTENT).digest()
    result = await finished(service(), Form(Format.CMS), rsa_holder, digest=digest)
    assert result.detached
    assert "successful" in strangers.openssl_cms(result.content, authority.certificate, CONTENT)
    assert attributes(result.content) == {"content_type", "message_digest", "signing_time", "signing_certificate_v2"}
    for_pdf = await finished(service(), PADES, rsa_holder, digest=digest)
    assert for_pdf.detached
    assert "signing_time" not in attributes(for_pdf.content)  # EN 319 142-1: a PDF's time stands in /M


async def test_what_does_not_go_together_is_refused_before_anybody_is_asked(
    rsa_holder: Holder, ec_holder: Holder, authority: Authority, contract: bytes, tmp_path: Path
) -> None:
    """No person approves what cannot be finished."""
    by = signatory(rsa_holder)
    digest = bytes(32)
    for wrong in (
        lambda: Form(Format.CMS, packaging=Packaging.ATTACHED),
        lambda: Form(Format.CMS, Level.T),
        lambda: Form(Format.CADES, policy="AD-RT"),
        lambda: Form(Format.XADES, policy="AD-RB"),
        lambda: Stamp("javascript:alert(1)"),
        lambda: Stamp("https://linkid.example", box=(0, 0, 10, 10)),
    ):
        with pytest.raises(FormNotPossible):
            wrong()
    for what in ({}, {"content": b"", "digest": digest}, {"digest": bytes(20)}, {"content": b"", "stamp": STAMP}):
        with pytest.raises(FormNotPossible):
            await service().prepare(DETACHED, by, **what)
    with pytest.raises(FormNotPossible):
        await service().prepare(ATTACHED, by, digest=digest)
    with pytest.raises(NoTimeStamp):
        await service().prepare(Form(Format.CADES, Level.T), by, digest=digest)
    with pytest.raises(DocumentTooLarge):
        await service().prepare(DETACHED, by, content=bytes(MAX_DOCUMENT + 1))
    for chain, algorithm in ((ec_holder.chain, by.algorithm), ([b"x"], by.algorithm), (by.chain, "RSA-MD5"), ((), "")):
        with pytest.raises(BadCertificate):
            Signatory(tuple(chain), algorithm)
    with pytest.raises(BadCertificate):
        late = DocumentService(FixedClock(NOW + timedelta(days=400)))
        await late.prepare(DETACHED, by, digest=digest)
    certified = pdfs.blank(tmp_path / "certified.pdf")
    await asyncio.to_thread(pdfs.signed_by, certified, ec_holder, certify=MDPPerm.NO_CHANGES)
    no_changes = certified.read_bytes()
    locked = pdfs.encrypted(tmp_path / "locked.pdf", "segredo").read_bytes()
    for pdf in (
        b"",
        b"%PDF-1.7\n",
        CONTENT,
        contract[:400],
        locked,
        no_changes,
        contract.replace(b"/Pages", b"/Pagez"),
    ):
        with pytest.raises(UnsuitableDocument):
            await service().prepare(PADES, by, content=pdf)
    with pytest.raises(UnsuitableDocument):
        await service().prepare(PADES, by, content=contract, stamp=dataclasses.replace(STAMP, page=7))


def attributes(der: bytes) -> set[str]:
    info = asn1_cms.ContentInfo.load(der)["content"]["signer_infos"][0]
    return {attribute["type"].native for attribute in info["signed_attrs"]}


def embedded(pdf: bytes) -> bytes:
    """The CMS of the only signature, padded with zeros."""
    start = pdf.index(b"/Contents <") + len(b"/Contents <")
    return bytes.fromhex(pdf[start : pdf.index(b">", start)].decode())
