"""Signatures in XML, by signxml: what exactly is signed is said, because in XML it can be anything.

Signature wrapping: the verified element is not the one that a reader would take. So only three shapes are called whole:
the document itself is signed; or the root's only child beside the signature is (NF-e); or a file that lies beside. All
else is "partly signed". One Id for two elements, transforms that choose, references that fetch: refused by signxml.
"""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any, Final

from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import CertificateValidator
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidDigest, InvalidSignature
from signxml.verifier import SignatureConfiguration, XMLVerifier

from hsm_service.documents.domain.findings import Finding, Problem, Reason, Report, plain, worst_first
from hsm_service.documents.errors import UnsuitableDocument
from hsm_service.documents.service.judging.trust import Trust, seconds, who
from hsm_service.documents.service.xades import DS, parsed

_XADES: Final = "{http://uri.etsi.org/01903/v1.3.2#}"
_STAMP: Final = f"{_XADES}UnsignedProperties/{_XADES}UnsignedSignatureProperties/{_XADES}SignatureTimeStamp"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_PROPERTIES: Final = "http://uri.etsi.org/01903#SignedProperties"
_WITHIN: Final = 512
_MAX_REFERENCES: Final = 10


def looks_like_xml(document: bytes) -> bool:
    """A tag at the beginning, after what may stand before it."""
    start = document[:_WITHIN].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start[:1] == b"<" or document[:2] in (b"\xff\xfe", b"\xfe\xff")


async def judge(document: bytes, original: bytes | None, trust: Trust) -> Report:
    """The signature of a document that has one; of more we cannot say which is whose part."""
    try:
        root = parsed(document)
    except (UnsuitableDocument, etree.XMLSyntaxError, ValueError):
        return Report("xml", problem=Problem.UNREADABLE)
    signatures = list(root.iter(f"{DS}Signature"))
    if not signatures:
        return Report("xml", problem=Problem.UNSIGNED)
    if len(signatures) > 1:
        return Report("xml", problem=Problem.TOO_MANY)
    try:
        return Report("xml", (await _judged(root, signatures[0], original, trust),))
    except MemoryError:
        raise
    except Exception:  # signxml, lxml and cryptography raise what they like at hostile input
        return Report("xml", (Finding("", "", "", "XML", None, None, "", (Reason.MALFORMED,)),))


async def _judged(root: Any, signature: Any, original: bytes | None, trust: Trust) -> Finding:
    certificates = [
        x509.load_der_x509_certificate(_base64(each.text))
        for each in signature.iterfind(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate")
    ]
    leaf, reasons = certificates[0], list[Reason]()
    references = signature.findall(f"{DS}SignedInfo/{DS}Reference")
    if len(references) > _MAX_REFERENCES:
        raise ValueError("references without end")
    covers, whole = _covered(root, signature, references)
    outside = any(not _inside(each) for each in references)
    if outside and original is None:
        reasons.append(Reason.CONTENT_MISSING)
    else:
        reasons += _mathematics(etree.tostring(root), leaf, original)
    if not whole:
        reasons.append(Reason.PARTLY_SIGNED)
    stamped, moment = await _stamped(signature, trust)
    reasons += stamped
    reasons += await _chain(leaf, certificates[1:], trust, moment)
    name, number, issuer = who(asn1_x509.Certificate.load(leaf.public_bytes(Encoding.DER)))
    advanced = signature.find(f".//{_XADES}SignedSignatureProperties") is not None
    kind = "XAdES" if advanced else "XML"
    claimed = _claimed(signature)
    return Finding(name, number, issuer, kind, claimed, seconds(moment), covers, worst_first(reasons))


async def _stamped(signature: Any, trust: Trust) -> tuple[list[Reason], datetime | None]:
    """What a time stamp over the signature's value proves (XAdES B-T); nothing where there is none."""
    stamp = signature.find(f"{DS}Object/{_XADES}QualifyingProperties/{_STAMP}")
    if stamp is None:
        return [], None
    method = stamp.find(f"{DS}CanonicalizationMethod")
    exclusive = method is not None and method.get("Algorithm") == _EXCLUSIVE
    value = signature.find(f"{DS}SignatureValue")
    canonical = etree.tostring(value, method="c14n", exclusive=exclusive, with_comments=False)
    try:
        token = cms.ContentInfo.load(_base64(stamp.findtext(f"{_XADES}EncapsulatedTimeStamp")), strict=True)
        found: Any = await validate_tst_signed_data(
            token["content"], trust.context(revocation="soft-fail"), lambda name: hashlib.new(name, canonical).digest()
        )
        status = TimestampSignatureStatus(**found)
    except MemoryError:
        raise
    except Exception:  # a stranger's token raises what it likes
        return [Reason.STAMP_BROKEN], None
    if not (status.intact and status.valid):
        return [Reason.STAMP_BROKEN], None
    return ([], status.timestamp) if status.trusted else ([Reason.STAMP_UNTRUSTED], None)


def _mathematics(document: bytes, leaf: x509.Certificate, original: bytes | None) -> list[Reason]:
    """Digests and the signature value; SHA-1 is computed too, and called weak."""
    config = SignatureConfiguration(
        expect_references=True,
        verification_time=leaf.not_valid_before_utc,  # dates are judged with the chain
        signature_methods=frozenset(SignatureMethod),
        digest_algorithms=frozenset(DigestAlgorithm),
    )

    def beside(_name: str) -> bytes:
        return original or b""

    try:
        XMLVerifier().verify(document, x509_cert=leaf, uri_resolver=beside, expect_config=config)
    except InvalidDigest:
        return [Reason.CHANGED]
    except InvalidSignature:
        return [Reason.FORGED]
    weak = (b"#rsa-sha1", b"#dsa-sha1", b"#ecdsa-sha1", b"xmldsig#sha1")
    return [Reason.WEAK] if any(each in document for each in weak) else []


def _covered(root: Any, signature: Any, references: list[Any]) -> tuple[str, bool]:
    """What is signed, for people; and whether that is all that a reader of the file could take for signed."""
    ours = [each for each in references if each.get("Type") != _PROPERTIES and not _is_key_info(root, each)]
    if len(ours) != 1:
        return "", False
    uri = ours[0].get("URI")
    if uri == "":
        return "all", True
    if uri is not None and not uri.startswith("#"):
        return "all", root is signature
    found = root.xpath("//*[@Id=$id]", id=(uri or "#")[1:])
    if len(found) != 1:
        return "", False
    name = plain(f"{etree.QName(found[0]).localname} ({uri[1:]})")
    if found[0] is root:
        return "all", True
    beside = [child for child in root.iterchildren("*") if child is not signature]
    return name, signature.getparent() is root and beside == [found[0]]


def _is_key_info(root: Any, reference: Any) -> bool:
    found = root.xpath("//*[@Id=$id]", id=(reference.get("URI") or "#")[1:])
    return len(found) == 1 and found[0].tag == f"{DS}KeyInfo"


def _inside(reference: Any) -> bool:
    uri = reference.get("URI")
    return uri is not None and (uri == "" or uri.startswith("#"))


async def _chain(
    leaf: x509.Certificate, others: list[x509.Certificate], trust: Trust, moment: datetime | None
) -> list[Reason]:
    """By pyHanko's path validation: first with revocation data demanded. ``moment``: when it was stamped, if it was."""
    at = moment or trust.now
    asn1 = [asn1_x509.Certificate.load(each.public_bytes(Encoding.DER)) for each in (leaf, *others)]
    if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        return [Reason.EXPIRED if at > leaf.not_valid_after_utc else Reason.NOT_YET_VALID]
    missing: list[Reason] = []
    for revocation in ("require", "soft-fail"):
        context = trust.context(revocation=revocation, moment=moment)
        validator = CertificateValidator(asn1[0], asn1[1:], validation_context=context)
        try:
            await validator.async_validate_usage({"digital_signature"})  # type: ignore[no-untyped-call]
        except Exception as problem:
            if "revoked" in type(problem).__name__.lower():
                return [Reason.REVOKED]
            missing = [Reason.UNTRUSTED if revocation == "soft-fail" else Reason.REVOCATION_UNKNOWN]
        else:
            return missing
    return missing


def _claimed(signature: Any) -> int | None:
    told = signature.find(f".//{_XADES}SigningTime")
    try:
        at = datetime.fromisoformat((told.text or "").replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        return None
    return seconds(at if at.tzinfo else at.replace(tzinfo=UTC))


def _base64(text: str | None) -> bytes:
    return base64.b64decode("".join((text or "").split()), validate=True)
