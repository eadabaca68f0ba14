"""XAdES around a raw signature, by signxml: enveloped in an XML document (as NF-e has it), or detached from any file.

signxml signs in one call with a key. Here the key is a recorder: it keeps what it was asked to sign, and answers zeros.
`finish` puts the real value in their place, and demands that what the document says is signed is what was prepared.

XML comes from anybody: what parses it runs in a process of its own (``jobs``), without DTD, entities, network or deep
trees; whatever a parser throws becomes UnsuitableDocument. Detached signatures have nothing of anybody's to parse.
"""

import logging
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import SignatureReference
from signxml.verifier import SignatureConfiguration
from signxml.xades.xades import XAdESDataObjectFormat, XAdESSigner, XAdESVerifier

from foundation.errors import LinkIdError
from hsm_service.documents.domain.form import Form, Packaging
from hsm_service.documents.domain.prepared import Prepared
from hsm_service.documents.domain.signatory import Signatory
from hsm_service.documents.errors import BadPreparation, UnsuitableDocument

DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
XADES: Final = "{http://uri.etsi.org/01903/v1.3.2#}"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
"""The same bytes wherever in a document the value stands."""
_C14N: Final = CanonicalizationMethod.CANONICAL_XML_1_0
"""What NF-e demands; and every verifier has it."""
_METHODS: Final = {
    "RSA-PKCS1-SHA256": SignatureMethod.RSA_SHA256,
    "RSA-PKCS1-SHA384": SignatureMethod.RSA_SHA384,
    "RSA-PKCS1-SHA512": SignatureMethod.RSA_SHA512,
    "RSA-PSS-SHA256": SignatureMethod.SHA256_RSA_MGF1,
    "RSA-PSS-SHA384": SignatureMethod.SHA384_RSA_MGF1,
    "RSA-PSS-SHA512": SignatureMethod.SHA512_RSA_MGF1,
    "ECDSA-SHA256": SignatureMethod.ECDSA_SHA256,
    "ECDSA-SHA384": SignatureMethod.ECDSA_SHA384,
    "ECDSA-SHA512": SignatureMethod.ECDSA_SHA512,
}
_DIGESTS: Final = {"sha256": DigestAlgorithm.SHA256, "sha384": DigestAlgorithm.SHA384, "sha512": DigestAlgorithm.SHA512}

logging.getLogger("signxml").setLevel(logging.WARNING)  # it would log what is signed


class _Recorder:
    """Stands where signxml wants a key."""

    def __init__(self, signatory: Signatory) -> None:
        self._public = signatory.leaf.public_key()
        self.asked: list[bytes] = []

    def sign(self, data: bytes, **_how: object) -> bytes:
        """Remember; the answer has the form that signxml expects."""
        self.asked.append(data)
        return encode_dss_signature(1, 1) if isinstance(self._public, ec.EllipticCurvePublicKey) else bytes(1)

    @property
    def key_size(self) -> int:
        """Of the real key: an ECDSA value in XML is as long as its curve."""
        assert isinstance(self._public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey), "looked at before"
        return self._public.key_size


class _Signer(XAdESSigner):
    """XAdES with the time of the preparation, and with a media type that is true."""

    def __init__(self, signatory: Signatory, at: datetime, method: SignatureConstructionMethod, media: str) -> None:
        super().__init__(
            data_object_format=XAdESDataObjectFormat(Description="Documento", MimeType=media),
            method=method,
            signature_algorithm=_METHODS[signatory.algorithm],
            digest_algorithm=_DIGESTS[signatory.digest_name],
            c14n_algorithm=_C14N,
        )
        self._at = at

    def add_signing_time(self, signed_signature_properties: Any, sig_root: Any, signing_settings: Any) -> None:
        super().add_signing_time(signed_signature_properties, sig_root, signing_settings)
        (told,) = signed_signature_properties
        told.text = self._at.strftime("%Y-%m-%dT%H:%M:%SZ")


class _FileSigner(_Signer):
    """Detached from a file of any kind: its digest by its name, no transforms."""

    def __init__(self, signatory: Signatory, at: datetime, name: str, digest: bytes) -> None:
        super().__init__(signatory, at, SignatureConstructionMethod.detached, "application/octet-stream")
        self._name, self._of_file = name, digest

    def _unpack(self, _data: object, _references: object) -> tuple[Any, Any, list[Any], list[SignatureReference]]:
        root = etree.Element(f"{DS}Signature", nsmap=self.namespaces)
        return root, root, [self], [SignatureReference(URI=self._name)]

    def _c14n(self, nodes: Any, algorithm: Any, inclusive_ns_prefixes: Any = None) -> Any:
        return self if nodes is self else super()._c14n(nodes, algorithm, inclusive_ns_prefixes)

    def _get_digest(self, data: Any, algorithm: Any) -> Any:
        return self._of_file if data is self else super()._get_digest(data, algorithm)

    def _build_transforms_for_reference(self, *, transforms_node: Any, reference: Any, **_how: Any) -> None:
        transforms_node.getparent().remove(transforms_node)  # the bytes as they are


def prepare_enveloped(form: Form, signatory: Signatory, at: datetime, xml: bytes, element: str | None) -> Prepared:
    """The first half. ``element``: the Id of what is signed, None for the whole document.

    The signature becomes the last child of the root. Raises UnsuitableDocument.
    """
    with as_unsuitable():
        root = parsed(xml)
        if element is not None and _named(root, element) != ["Id"]:
            raise UnsuitableDocument("the element to sign is not there, or not alone")
        if element is None:
            _demand_no_id(root)
        signer = _Signer(signatory, at, SignatureConstructionMethod.enveloped, "text/xml")
        return _prepared(form, signatory, at, signer, root, None if element is None else f"#{element}")


def prepare_detached(form: Form, signatory: Signatory, at: datetime, digest: bytes, name: str) -> Prepared:
    """The first half, from a file's digest. ``name``: how the signature refers to the file."""
    with as_unsuitable():
        return _prepared(form, signatory, at, _FileSigner(signatory, at, name, digest), None, None)


def _prepared(
    form: Form, signatory: Signatory, at: datetime, signer: _Signer, root: Any, reference: str | None
) -> Prepared:
    recorder: Any = _Recorder(signatory)
    chain = [x509.load_der_x509_certificate(der) for der in signatory.chain]
    references = [SignatureReference(URI=reference)] if reference else None
    signed = signer.sign(root, key=recorder, cert=chain, reference_uri=references, always_add_key_value=False)
    (to_sign,) = recorder.asked
    _value(signed).text = None
    return Prepared(form, signatory, at, to_sign, etree.tostring(signed, xml_declaration=True, encoding="UTF-8"))


def close(prepared: Prepared, signature: bytes) -> bytes:
    """The second half: the value in its place. Raises BadPreparation when the document says that other things are
    signed than were prepared."""
    with as_unsuitable():
        root = parsed(prepared.content)
        value = _value(root)
        signed_info = value.getparent().find(f"{DS}SignedInfo")
        if value.text or etree.tostring(signed_info, method="c14n", with_comments=False) != prepared.to_sign:
            raise BadPreparation("the document is not the one that was prepared")
        value.text = b64encode(_as_xml_has_it(prepared.signatory, signature)).decode("ascii")
        return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def value_to_stamp(xml: bytes) -> bytes:
    """What a signature time-stamp is about: the canonical SignatureValue of ours (EN 319 132-1 clause 5.3)."""
    with as_unsuitable():
        value = _ours(parsed(xml)).find(f"{DS}SignatureValue")
        return bytes(etree.tostring(value, method="c14n", exclusive=True, with_comments=False))


def with_time_stamp(xml: bytes, token: bytes) -> bytes:
    """B-T: the same with a token among the unsigned properties, which no signature covers."""
    with as_unsuitable():
        root = parsed(xml)
        (qualifying,) = _ours(root).findall(f"{DS}Object/{XADES}QualifyingProperties")
        unsigned = etree.SubElement(qualifying, f"{XADES}UnsignedProperties")
        stamp = etree.SubElement(
            etree.SubElement(unsigned, f"{XADES}UnsignedSignatureProperties"), f"{XADES}SignatureTimeStamp"
        )
        etree.SubElement(stamp, f"{DS}CanonicalizationMethod", Algorithm=_EXCLUSIVE)
        etree.SubElement(stamp, f"{XADES}EncapsulatedTimeStamp").text = b64encode(token).decode("ascii")
        return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def demand_whole(prepared: Prepared, xml: bytes) -> None:
    """Read what we wrote as a stranger would. Raises BadPreparation when a reference does not hold."""
    if prepared.form.packaging is Packaging.DETACHED:
        return  # the file is not here; its digest stands in what was signed
    config = SignatureConfiguration(expect_references=3, require_x509=True)
    try:
        XAdESVerifier().verify(xml, x509_cert=prepared.signatory.leaf, expect_config=config)
    except Exception as cause:
        raise BadPreparation("what was written does not verify") from cause


def parsed(xml: bytes) -> Any:
    """The root of an XML document. Raises UnsuitableDocument for a DTD (entities, XXE), whatever it says."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(xml, parser=parser)
    information = root.getroottree().docinfo
    if information.internalDTD is not None or information.externalDTD is not None or information.doctype:
        raise UnsuitableDocument("an XML with a DTD")
    return root


def _named(root: Any, name: str) -> list[str]:
    """The attributes that call something so, as any program may look for them: ``Id``, ``ID``, ``xml:id``."""
    found = [key for one in root.iter(etree.Element) for key, value in one.attrib.items() if value == name]
    return [key for key in found if etree.QName(key).localname.lower() == "id"]


def _demand_no_id(root: Any) -> None:
    """signxml would sign "#id" where the root has one; a reference to the whole is "" only without."""
    if root.get("Id") is not None or root.get("ID") is not None:
        raise UnsuitableDocument("the root has an Id: name it as the element to sign")


def _value(root: Any) -> Any:
    """The empty SignatureValue of ours."""
    return _ours(root).find(f"{DS}SignatureValue")


def _ours(root: Any) -> Any:
    """The signature that came last."""
    signatures = [root] if root.tag == f"{DS}Signature" else root.findall(f"{DS}Signature")
    if not signatures:
        raise BadPreparation("no signature in the document")
    return signatures[-1]


def _as_xml_has_it(signatory: Signatory, signature: bytes) -> bytes:
    """ECDSA is r || s in XML (RFC 9231 section 2.3.6), DER everywhere else."""
    key = signatory.leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return signature
    size = (key.key_size + 7) // 8
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


@contextmanager
def as_unsuitable() -> Iterator[None]:
    """Foreign errors die here."""
    try:
        yield
    except LinkIdError:
        raise
    except Exception as cause:
        raise _unsuitable(cause) from cause


def _unsuitable(cause: Exception) -> UnsuitableDocument:
    return UnsuitableDocument(f"not XML that we can sign ({type(cause).__name__})")


__all__: Final = [
    "close",
    "demand_whole",
    "parsed",
    "prepare_detached",
    "prepare_enveloped",
    "value_to_stamp",
    "with_time_stamp",
]
