"""XML: a XAdES-B-B signature inside the document (enveloped), by signxml, in two halves.

signxml signs in one call with a key. Here the key is a recorder: it keeps what it was asked to sign and answers zeros;
`finish` puts the real value in their place, and verifies the result as a stranger would. XML comes from anybody: it is
parsed without DTD, entities, network or deep trees, and bounded in size; what a parser throws becomes UnsuitablePdf.
"""

import base64
import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import SignatureReference
from signxml.verifier import SignatureConfiguration, XMLVerifier
from signxml.xades.xades import XAdESDataObjectFormat, XAdESSigner, XAdESVerifier

from desktop_agent.copies import as_unsuitable, fresh, like, opened, written
from desktop_agent.domain.certificate import Certificate, read_chain
from desktop_agent.domain.signed import EarlierSignature
from desktop_agent.errors import UnsuitablePdf

MOST_BYTES: Final = 20 * 1024 * 1024
_DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,100}")
_MOST_REFERENCES: Final = 8
_METHODS: Final = {"RSA-PKCS1": SignatureMethod.RSA_SHA256, "ECDSA": SignatureMethod.ECDSA_SHA256}
_C14N: Final = CanonicalizationMethod.CANONICAL_XML_1_0
"""What Brazilian fiscal documents demand; and every verifier has it."""

logging.getLogger("signxml").setLevel(logging.WARNING)  # it would log what is signed


class _Recorder:
    """Stands where signxml wants a key."""

    def __init__(self, certificate: Certificate) -> None:
        self._public = certificate.leaf.public_key()
        self.asked: list[bytes] = []

    def sign(self, data: bytes, **_how: object) -> bytes:
        """Remember; the answer has the form that signxml expects."""
        self.asked.append(data)
        return encode_dss_signature(1, 1) if isinstance(self._public, ec.EllipticCurvePublicKey) else bytes(1)

    @property
    def key_size(self) -> int:
        """Of the real key: an ECDSA value in XML is as long as its curve."""
        assert isinstance(self._public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey), "its algorithm was asked before"
        return self._public.key_size


@dataclass
class PreparedXml:
    """``digest`` (SHA-256 of the canonical SignedInfo) is what the key must sign."""

    source: Path
    size: int
    copy: Path
    digest: bytes
    document: bytes
    """With the signature, its value still empty."""
    certificate: Certificate

    def finish(self, signature: bytes) -> None:
        """The second half: the value in its place, the whole verified. Raises UnsuitablePdf."""
        with as_unsuitable(self.source):
            root = _parsed(self.document)
            value = _signature(root).find(f"{_DS}SignatureValue")
            value.text = base64.b64encode(_as_xml_has_it(self.certificate, signature)).decode("ascii")
            content = bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
            if not _holds(content, self.certificate.leaf, XAdESVerifier()):
                raise UnsuitablePdf(
                    f"A assinatura de {self.source.name} não ficou válida.", "Avise o suporte do Link ID."
                )
            written(self.copy, content)
            like(self.source, self.copy)

    def discard(self) -> None:
        """Remove the copy. Harmless when it was published or removed."""
        self.copy.unlink(missing_ok=True)


def check(path: Path) -> list[EarlierSignature]:
    """Whether ``path`` is XML that we sign. Raises UnsuitablePdf."""
    content = _read(path)
    with as_unsuitable(path):
        root = _parsed(content)
        _own_name(root)
        if next(root.iter(f"{_DS}Signature"), None) is not None:
            raise UnsuitablePdf(
                f"{path.name} já traz uma assinatura, que outra dentro dele invalidaria.",
                "Assine-o em um arquivo à parte: --p7s.",
            )
    return []


def prepare(path: Path, beside: Path, certificate: Certificate) -> PreparedXml:
    """The first half: the whole document, the signature as its root's last child. Raises UnsuitablePdf, BadCommand."""
    check(path)
    content = _read(path)
    with as_unsuitable(path):
        root = _parsed(content)
        name, recorder = _own_name(root), _Recorder(certificate)
        signer = XAdESSigner(
            data_object_format=XAdESDataObjectFormat(Description="Documento", MimeType="text/xml"),
            method=SignatureConstructionMethod.enveloped,
            signature_algorithm=_METHODS[certificate.algorithm.family],
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=_C14N,
        )
        key: Any = recorder
        signed = signer.sign(
            root,
            key=key,
            cert=[certificate.leaf, *certificate.chain],
            reference_uri=None if name is None else [SignatureReference(URI=f"#{name}")],
            always_add_key_value=False,
        )
        (to_sign,) = recorder.asked
        _signature(signed).find(f"{_DS}SignatureValue").text = None
        document = bytes(etree.tostring(signed, xml_declaration=True, encoding="UTF-8"))
    digest = hashlib.sha256(to_sign).digest()
    return PreparedXml(path, len(content), fresh(path, beside), digest, document, certificate)


def verify(path: Path) -> list[EarlierSignature]:
    """Its signature, if it has one that covers the whole document. Raises UnsuitablePdf."""
    content = _read(path)
    with as_unsuitable(path):
        root = _parsed(content)
        found = root.findall(f".//{_DS}Signature")
        if not found:
            return []
        if len(found) > 1 or found[0].getparent() is not root:
            raise UnsuitablePdf(f"{path.name} tem mais de uma assinatura, ou uma em um lugar que não conferimos.")
        whole = {"", *(f"#{name}" for name in (_own_name(root),) if name is not None)}
        if not whole & {one.get("URI") for one in found[0].iter(f"{_DS}Reference")}:
            raise UnsuitablePdf(f"A assinatura de {path.name} cobre só uma parte dele.")
        leaf = x509.load_der_x509_certificate(base64.b64decode(found[0].find(f".//{_DS}X509Certificate").text))
        who = read_chain([leaf.public_bytes(Encoding.DER)]).holder
        return [EarlierSignature("xml", who, _holds(content, leaf, XMLVerifier()))]


def _holds(content: bytes, leaf: x509.Certificate, verifier: XMLVerifier) -> bool:
    """Whether the one signature below the root verifies, every reference with it; who is trusted is for others."""
    count = len(_signature(_parsed(content)).findall(f"{_DS}SignedInfo/{_DS}Reference"))
    if not 1 <= count <= _MOST_REFERENCES:
        return False
    config = SignatureConfiguration(
        expect_references=count, require_x509=True, location="./", verification_time=leaf.not_valid_after_utc
    )
    try:
        verifier.verify(content, x509_cert=leaf, expect_config=config)
    except Exception:  # whatever does not verify, does not
        return False
    return True


def _read(path: Path) -> bytes:
    with opened(path) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UnsuitablePdf(f"{path.name} tem mais de 20 MB.", "Assine-o em um arquivo à parte: --p7s.")
    return content


def _parsed(content: bytes) -> Any:
    """The root. Raises UnsuitablePdf for a DTD (entities, files of this computer), whatever it says."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(content, parser=parser)
    information = root.getroottree().docinfo
    if information.internalDTD is not None or information.externalDTD is not None or information.doctype:
        raise UnsuitablePdf("Um XML com DTD não é assinado: ele pode puxar outros arquivos.")
    return root


def _own_name(root: Any) -> str | None:
    """The root's Id, by which a signature refers to the whole. Raises UnsuitablePdf when anything else is called so."""
    name = root.get("Id", root.get("ID"))
    if name is None:
        return None
    others = [value for one in root.iter(etree.Element) for key, value in one.attrib.items() if value == name
              and etree.QName(key).localname.lower() == "id"]  # fmt: skip
    if len(others) != 1 or not _NAME.fullmatch(name):
        raise UnsuitablePdf("O Id do documento não é só dele, ou não serve como nome.")
    return str(name)


def _signature(root: Any) -> Any:
    (found,) = root.findall(f"{_DS}Signature")
    return found


def _as_xml_has_it(certificate: Certificate, signature: bytes) -> bytes:
    """ECDSA is r || s in XML (RFC 9231 section 2.3.6), DER everywhere else."""
    key = certificate.leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return signature
    size = (key.key_size + 7) // 8
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")
