"""What programs that are not ours say of a signature: pdfsig, mutool, openssl, xmlsec1, pyHanko."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from asn1crypto import cms as asn1_cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import (
    async_validate_cms_signature,
    async_validate_detached_cms,
    async_validate_pdf_signature,
)
from pyhanko.sign.validation.ades import ades_lta_validation
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.policy_decl import (
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from signxml.xades.xades import XAdESVerifier

from linkid.platform import program


def pdfsig(pdf: bytes) -> str:
    """Poppler, without looking at trust."""
    with tempfile.TemporaryDirectory() as folder:
        file = _file(folder, "signed.pdf", pdf)
        return _run(program("pdfsig"), "-nocert", file)


def mutool(pdf: bytes) -> str:
    """MuPDF, without looking at trust."""
    with tempfile.TemporaryDirectory() as folder:
        return _run(program("mutool"), "sign", "-v", _file(folder, "signed.pdf", pdf))


def text_of_page(pdf: bytes) -> str:
    """What MuPDF reads on the first page."""
    with tempfile.TemporaryDirectory() as folder:
        return _run(program("mutool"), "draw", "-F", "txt", _file(folder, "signed.pdf", pdf), "1")


def picture_of_page(pdf: bytes) -> Image.Image:
    """The first page as MuPDF draws it."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder, "page.png")
        _run(program("mutool"), "draw", "-r", "150", "-o", drawn, _file(folder, "signed.pdf", pdf), "1")
        return Image.open(BytesIO(drawn.read_bytes())).convert("L")


async def pyhanko_pdf(pdf: bytes, root: x509.Certificate) -> bool:
    """pyHanko's bottom line on the first signature, up to *root*."""
    signature = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures[0]
    return bool((await async_validate_pdf_signature(signature, _up_to(root))).bottom_line)


async def pyhanko_cms(cms: bytes, content: bytes | None, root: x509.Certificate) -> bool:
    """The same of a CMS; *content* unless it is attached."""
    signed = asn1_cms.ContentInfo.load(cms)["content"]
    if content is None:
        status = await async_validate_cms_signature(signed, validation_context=_up_to(root))
        return bool(status.intact and status.valid and status.trusted)
    return bool((await async_validate_detached_cms(content, signed, _up_to(root), _up_to(root))).bottom_line)


def signxml(xml: bytes, leaf: x509.Certificate, beside: bytes | None) -> bool:
    """signxml's XAdES verifier, by the signer's certificate. Raises what it raises."""
    XAdESVerifier().verify(xml, x509_cert=leaf, uri_resolver=lambda _name: beside)
    return True


def _up_to(root: x509.Certificate) -> ValidationContext:
    return ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(root.public_bytes(Encoding.DER))], allow_fetching=False
    )


def openssl_cms(signature: bytes, root: x509.Certificate, content: bytes | None) -> str:
    """``openssl cms -verify`` up to *root*; *content* unless it is attached."""
    with tempfile.TemporaryDirectory() as folder:
        words: list[str | Path] = ["cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any"]
        words += ["-in", _file(folder, "signature", signature), "-CAfile", _file(folder, "root.pem", pem(root))]
        if content is not None:
            words += ["-content", _file(folder, "content", content)]
        return _run(program("openssl"), *words, "-out", "/dev/null")


def xmlsec(
    xml: bytes, root: x509.Certificate, files: Mapping[str, bytes] | None = None, issuers: Sequence[bytes] = ()
) -> str:
    """``xmlsec1 --verify`` up to *root*; *files* lie beside the signature; *issuers* (DER) are between."""
    ids = [
        "http://www.portalfiscal.inf.br/nfe:infNFe",
        "http://uri.etsi.org/01903/v1.3.2#:SignedProperties",
        "http://www.w3.org/2000/09/xmldsig#:KeyInfo",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (files or {}).items():
            _file(folder, name, content)
        words = [word for each in ids for word in ("--id-attr:Id", each)]
        words += ["--trusted-pem", str(_file(folder, "root.pem", pem(root)))]
        for number, issuer in enumerate(issuers):
            words += ["--untrusted-der", str(_file(folder, f"{number}.crt", issuer))]
        return _run(program("xmlsec1"), "--verify", *words, _file(folder, "signed.xml", xml), cwd=folder)


def openssl_ts(token: bytes, stamped: bytes, root: x509.Certificate) -> str:
    """``openssl ts -verify`` of a bare token over *stamped*, up to *root*."""
    with tempfile.TemporaryDirectory() as folder:
        return _run(
            program("openssl"),
            *("ts", "-verify", "-token_in", "-in", _file(folder, "token", token)),
            *("-data", _file(folder, "data", stamped), "-CAfile", _file(folder, "root.pem", pem(root))),
        )


async def pyhanko_long_term(pdf: bytes, root: x509.Certificate, at: datetime) -> str:
    """ETSI EN 319 102-1's verdict on the first signature at a time, from what the file carries alone; no network."""
    trusted = SimpleTrustManager.build(trust_roots=[asn1_x509.Certificate.load(root.public_bytes(Encoding.DER))])
    spec = SignatureValidationSpec(
        cert_validation_policy=CertValidationPolicySpec(trusted, CertRevTrustPolicy(REQUIRE_REVINFO)),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(RevinfoOnlineFetchingRule.LOCAL_ONLY),
    )
    found = await ades_lta_validation(
        PdfFileReader(BytesIO(pdf)).embedded_regular_signatures[0],
        PdfSignatureValidationSpec(spec),
        ValidationTimingInfo(validation_time=at, best_signature_time=at, point_in_time_validation=False),
    )
    return found.ades_subindic.status.name


async def pyhanko_by_store(pdf: bytes, root: x509.Certificate, at: datetime) -> bool:
    """Whether the first signature was good at a time, revocation demanded, by the file's own store; no network."""
    reader = PdfFileReader(BytesIO(pdf))
    trusted = [asn1_x509.Certificate.load(root.public_bytes(Encoding.DER))]
    known: dict[str, Any] = {"trust_roots": trusted, "moment": at, "allow_fetching": False}
    context = DocumentSecurityStore.read_dss(reader).as_validation_context({**known, "revocation_mode": "require"})
    status = await async_validate_pdf_signature(reader.embedded_regular_signatures[0], context)
    return bool(status.bottom_line and status.timestamp_validity and status.timestamp_validity.trusted)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _file(folder: str, name: str, content: bytes) -> Path:
    file = Path(folder, name)
    file.write_bytes(content)
    return file


def _run(*words: str | Path, cwd: str | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=cwd
    )
    return done.stdout + done.stderr
