"""What the token holds: for each certificate in the cloud the certificate, its public key, a private key that lies
elsewhere; and the issuers' certificates.

Everything is public. The private key has no CKA_PRIVATE and the token asks for no login: the consent is on the phone.
Programs that log in first (Firefox does so for every token before it shows a certificate) would ring it in vain.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from desktop_agent.domain.certificate import Certificate
from desktop_agent.pkcs11.codes import CERTIFICATE, EC_KEY, PRIVATE_KEY, PUBLIC_KEY, RSA_KEY, Cka, Refused, Rv
from desktop_agent.pkcs11.mechanisms import WAYS, KeyShape
from desktop_agent.pkcs11.wire import Attribute, Value

Attributes: TypeAlias = Mapping[int, Value]
_CURVES: Final = {
    "secp256r1": bytes.fromhex("06082a8648ce3d030107"),
    "secp384r1": bytes.fromhex("06052b81040022"),
}
_OURS, _ISSUER = 1, 2  # CKA_CERTIFICATE_CATEGORY: token user, authority


@dataclass(frozen=True)
class Held:
    """A certificate that this computer may ask signatures of. ``profile`` and ``credential`` say where."""

    profile: str
    credential: str
    certificate: Certificate


@dataclass(frozen=True)
class Key:
    """A private key object."""

    held: Held
    shape: KeyShape


class Handles:
    """The same object keeps its handle while this program runs, whatever comes and goes beside it."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, bytes], int] = {}

    def of(self, kind: int, fingerprint: bytes) -> int:
        return self._known.setdefault((kind, fingerprint), len(self._known) + 1)


class Token:
    """All objects of a moment."""

    def __init__(self, held: Sequence[Held], handles: Handles) -> None:
        self.objects: dict[int, Attributes] = {}
        self.keys: dict[int, Key] = {}
        for item in held:
            self._add(item, _label(item, held), handles)
        for issuer in {issuer for item in held for issuer in item.certificate.chain}:
            handle = handles.of(CERTIFICATE, _fingerprint(issuer))
            self.objects.setdefault(handle, _certificate(issuer, _common_name(issuer), _ISSUER))

    @property
    def present(self) -> bool:
        return bool(self.keys)

    @property
    def mechanisms(self) -> dict[int, tuple[int, int]]:
        """Those that some key of the token takes, with smallest and largest size in bits."""
        found = {}
        for kind, way in WAYS.items():
            sizes = [key.shape.bits for key in self.keys.values() if key.shape.takes(way)]
            if sizes:
                found[int(kind)] = (min(sizes), max(sizes))
        return found

    def key(self, handle: int) -> Key:
        """Raises Refused."""
        if handle not in self.keys:
            raise Refused(Rv.KEY_HANDLE_INVALID)
        return self.keys[handle]

    def matching(self, template: Sequence[Attribute]) -> list[int]:
        """Handles of the objects that have every one of these attributes."""
        return [
            handle
            for handle, attributes in sorted(self.objects.items())
            if all(kind in attributes and attributes[kind] == value for kind, value in template)
        ]

    def attributes(self, handle: int, wanted: Sequence[int]) -> tuple[list[Attribute], Rv]:
        """The values in the order asked, and what the call ends with. Raises Refused for an object that is none."""
        if handle not in self.objects:
            raise Refused(Rv.OBJECT_HANDLE_INVALID)
        rv, found = Rv.OK, self.objects[handle]
        for kind in wanted:
            if kind not in found:
                secret = handle in self.keys and Cka.PRIVATE_EXPONENT <= kind <= Cka.COEFFICIENT
                rv = Rv.ATTRIBUTE_SENSITIVE if secret or (handle in self.keys and kind == Cka.VALUE) else (
                    Rv.ATTRIBUTE_TYPE_INVALID
                )  # fmt: skip
        return [(kind, found.get(kind)) for kind in wanted], rv

    def _add(self, item: Held, label: str, handles: Handles) -> None:
        leaf = item.certificate.leaf
        public, mark = leaf.public_key(), _fingerprint(leaf)
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            shape = KeyShape("RSA", public.key_size)
            kind: dict[int, Value] = {
                Cka.KEY_TYPE: RSA_KEY,
                Cka.MODULUS: _unsigned(numbers.n),
                Cka.MODULUS_BITS: public.key_size,
                Cka.PUBLIC_EXPONENT: _unsigned(numbers.e),
            }
        elif isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
            shape = KeyShape("ECDSA", public.key_size)
            point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            kind = {
                Cka.KEY_TYPE: EC_KEY,
                Cka.EC_PARAMS: _CURVES[public.curve.name],
                Cka.EC_POINT: _der(0x04, point),
            }
        else:
            return  # a key of a kind that no mechanism of ours signs with
        shared: dict[int, Value] = kind | {
            Cka.TOKEN: 1,
            Cka.PRIVATE: 0,
            Cka.MODIFIABLE: 0,
            Cka.LABEL: label.encode(),
            Cka.ID: _id(leaf),
            Cka.SUBJECT: leaf.subject.public_bytes(),
            Cka.DERIVE: 0,
            Cka.LOCAL: 0,
        }
        self.objects[handles.of(CERTIFICATE, mark)] = _certificate(leaf, label, _OURS)
        self.objects[handles.of(PUBLIC_KEY, mark)] = shared | _PUBLIC
        private = handles.of(PRIVATE_KEY, mark)
        self.objects[private] = shared | _PRIVATE
        self.keys[private] = Key(item, shape)


_PUBLIC: Final[dict[int, Value]] = {
    Cka.CLASS: PUBLIC_KEY, Cka.VERIFY: 1, Cka.VERIFY_RECOVER: 0, Cka.ENCRYPT: 0, Cka.WRAP: 0,
}  # fmt: skip
_PRIVATE: Final[dict[int, Value]] = {
    Cka.CLASS: PRIVATE_KEY, Cka.SIGN: 1, Cka.SIGN_RECOVER: 0, Cka.DECRYPT: 0, Cka.UNWRAP: 0, Cka.SENSITIVE: 1,
    Cka.EXTRACTABLE: 0, Cka.NEVER_EXTRACTABLE: 1, Cka.ALWAYS_SENSITIVE: 1, Cka.ALWAYS_AUTHENTICATE: 0,
    Cka.WRAP_WITH_TRUSTED: 0,
}  # fmt: skip


def _certificate(certificate: x509.Certificate, label: str, category: int) -> Attributes:
    body = certificate.public_bytes(Encoding.DER)
    return {
        Cka.CLASS: CERTIFICATE,
        Cka.TOKEN: 1,
        Cka.PRIVATE: 0,
        Cka.MODIFIABLE: 0,
        Cka.LABEL: label.encode(),
        Cka.ID: _id(certificate),
        Cka.CERTIFICATE_TYPE: 0,  # X.509
        Cka.CERTIFICATE_CATEGORY: category,
        Cka.TRUSTED: 0,
        Cka.SUBJECT: certificate.subject.public_bytes(),
        Cka.ISSUER: certificate.issuer.public_bytes(),
        Cka.SERIAL_NUMBER: _der(0x02, _signed(certificate.serial_number)),
        Cka.VALUE: body,
        Cka.CHECK_VALUE: hashlib.sha1(body, usedforsecurity=False).digest()[:3],
    }


def _label(item: Held, held: Sequence[Held]) -> str:
    """The holder's name; where it stands twice, with the certificate's number."""
    name = item.certificate.holder
    if sum(other.certificate.holder == name for other in held) > 1:
        return f"{name} ({item.certificate.leaf.serial_number:x}"[:50] + ")"
    return name


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _id(certificate: x509.Certificate) -> bytes:
    """What ties a certificate to its keys: a hash of the public key, as programs that write tokens do it."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha1(spki, usedforsecurity=False).digest()


def _fingerprint(certificate: x509.Certificate) -> bytes:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


def _unsigned(number: int) -> bytes:
    return number.to_bytes(-(-number.bit_length() // 8), "big")


def _signed(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _der(tag: int, body: bytes) -> bytes:
    if len(body) >= 0x80:
        length = _unsigned(len(body))
        return bytes([tag, 0x80 | len(length)]) + length + body
    return bytes([tag, len(body)]) + body
