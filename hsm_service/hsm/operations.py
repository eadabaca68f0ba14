"""What the SAM does with its token: keys are born and wrapped, unwrapped, used and destroyed; MACs, ECDH, randomness.

Each function does one thing in a ``Room`` and leaves nothing behind in the token: holders' keys exist there as session
objects for milliseconds, in sessions for some seconds (``kept``). Nothing here decides whether a signature may be made;
that is the SAM's ``signatures`` room.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cryptography.x509.oid import NameOID
from pkcs11 import KDF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, PKCS11Error

from hsm_service.hsm.faults import HsmRequestFault, HsmUnavailable, SlotDamaged
from hsm_service.hsm.keys import TransportKey, WrappedKey
from hsm_service.hsm.slots import made_at
from hsm_service.hsm.templates import NEWBORN, UNWRAPPED
from hsm_service.hsm.token import Room
from hsm_service.hsm.x509_keys import (
    DIGEST_INFO,
    PSS,
    HsmEcPrivateKey,
    HsmRsaPrivateKey,
    ec_public,
    rsa_public,
    sign_ec,
    sign_rsa,
)
from protocol.algorithms import KEY_KINDS, KeyAlgorithm, KeyKind, SignAlgorithm
from protocol.keys import P256Key

T = TypeVar("T")
PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_LONGEST_SIGNATURE: Final = 512
"""Bytes, of RSA-4096. The binding makes room for 8 kB where nobody says: a microsecond of each signature."""
_CURVES = {"P-256": "secp256r1", "P-384": "secp384r1"}


def generate_wrapped(room: Room, algorithm: KeyAlgorithm, kek: int) -> WrappedKey:
    """A new pair: generated as session objects, wrapped (RFC 5649), destroyed. RSA: 0.15 s, with 4096 bits seconds."""
    return _born(room, algorithm, kek, lambda private, key: None)[0]


def generate_with_request(room: Room, algorithm: KeyAlgorithm, kek: int, name: str) -> tuple[WrappedKey, bytes]:
    """The same, and a certification request (PKCS#10 DER, common name ``name``) signed by the key while it is born."""
    return _born(room, algorithm, kek, lambda private, key: _request(private, key, name))


def _born(
    room: Room, algorithm: KeyAlgorithm, kek: int, use: "Callable[[Any, PublicKey], T]"
) -> "tuple[WrappedKey, T]":
    kind = KEY_KINDS[algorithm]
    if kind.rsa_bits is None:
        public, private = room.curve(_CURVES[algorithm]).generate_keypair(
            mechanism=Mechanism.EC_KEY_PAIR_GEN, capabilities=MechanismFlag.SIGN, private_template=NEWBORN
        )
    else:
        public, private = room.session.generate_keypair(
            KeyType.RSA, kind.rsa_bits, capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY, private_template=NEWBORN
        )
    try:
        key = rsa_public(public) if kind.curve is None else ec_public(public, kind.curve())
        used = use(private, key)
        blob = bytes(room.secret(f"kek.{kek}").wrap_key(private, mechanism=room.wrap_mechanism))
    finally:
        private.destroy()
        public.destroy()
    return WrappedKey(blob, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), kek), used


def _request(private: Any, key: PublicKey, name: str) -> bytes:
    newborn: HsmRsaPrivateKey | HsmEcPrivateKey
    if isinstance(key, rsa.RSAPublicKey):
        newborn = HsmRsaPrivateKey(lambda digest, hash_, padded: sign_rsa(private, digest, hash_, padded), key)
    else:
        newborn = HsmEcPrivateKey(lambda digest: sign_ec(private, digest, key.curve), key)
    strong = hashes.SHA384() if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size > 256 else hashes.SHA256()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(newborn, strong)
    return request.public_bytes(Encoding.DER)


def request_by(room: Room, key: WrappedKey, algorithm: KeyAlgorithm, name: str) -> bytes:
    """A certification request (PKCS#10 DER) by a wrapped key: unwrap, sign, destroy.

    Raises HsmRequestFault for a blob that is not that of its public half: the key was not made in this very call.
    """
    public = load_der_public_key(key.spki)
    assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey), "KEY_KINDS has no other"
    private = _unwrapped(room, key, KEY_KINDS[algorithm])
    try:
        return _request(private, public, name)
    except HsmUnavailable as unverified:  # by ``x509_keys``, which looks at what it signed
        raise HsmRequestFault("the blob is not that of its public key") from unverified
    finally:
        private.destroy()


def sign_wrapped(
    room: Room, key: WrappedKey, key_algorithm: KeyAlgorithm, algorithm: SignAlgorithm, digests: Sequence[bytes]
) -> list[bytes]:
    """Unwrap once, sign each digest by the raw mechanism, destroy. RSA as it is, ECDSA as DER.

    Not verified here: the caller verifies each one with the certificate before anybody sees it.
    """
    kind = KEY_KINDS[key_algorithm]
    private = _unwrapped(room, key, kind)
    try:
        return [_sign(private, kind, algorithm, digest) for digest in digests]
    finally:
        private.destroy()


def sign_kept(
    room: Room, key: WrappedKey, key_algorithm: KeyAlgorithm, algorithm: SignAlgorithm, digests: Sequence[bytes]
) -> tuple[list[bytes], bool]:
    """The same in a session of the holder's: by the key that was kept, or is unwrapped and kept now (``kept``).

    Says also whether it was unwrapped.
    """
    kind = KEY_KINDS[key_algorithm]
    kept = room.kept.take(key, time.monotonic())
    private = kept or _unwrapped(room, key, kind)
    ours = kept is not None
    try:
        made = [_sign(private, kind, algorithm, digest) for digest in digests]
        ours = ours or room.kept.keep(key, private, time.monotonic())
    finally:
        if not ours:
            private.destroy()
    return made, kept is None


def _unwrapped(room: Room, key: WrappedKey, kind: KeyKind) -> Any:
    """The private half as a session object, to be destroyed by the caller."""
    return room.secret(f"kek.{key.kek}").unwrap_key(
        ObjectClass.PRIVATE_KEY,
        KeyType.RSA if kind.curve is None else KeyType.EC,
        key.blob,
        mechanism=room.wrap_mechanism,
        capabilities=MechanismFlag.SIGN,
        template=UNWRAPPED,
    )


def _sign(private: Any, kind: KeyKind, algorithm: SignAlgorithm, digest: bytes) -> bytes:
    if not kind.signs(algorithm):
        raise HsmRequestFault(f"a key {kind.name} makes no {algorithm.name}")
    if len(digest) != algorithm.digest_bytes:
        raise HsmRequestFault(f"{algorithm.name} wants {algorithm.digest_bytes} bytes")
    name = algorithm.hash.name
    match algorithm.family:
        case "RSA-PKCS1":
            return bytes(
                private.sign(DIGEST_INFO[name] + digest, mechanism=Mechanism.RSA_PKCS, buffer_size=_LONGEST_SIGNATURE)
            )
        case "RSA-PSS":
            return bytes(private.sign(digest, mechanism=Mechanism.RSA_PKCS_PSS, mechanism_param=PSS[name]))
        case "ECDSA":
            assert kind.curve is not None, "KeyKind.signs: ECDSA by a curve"
            return sign_ec(private, digest, kind.curve())


def hmac(room: Room, label: str, data: bytes) -> bytes:
    """HMAC-SHA256 by a secret of the token, 32 bytes."""
    return bytes(room.secret(label).sign(data, mechanism=Mechanism.SHA256_HMAC))


def derive(room: Room, label: str, peer: P256Key) -> bytes:
    """ECDH: the x coordinate of the shared point, 32 bytes. ``peer`` was checked to be on the curve."""
    shared = room.private(label).derive_key(
        KeyType.GENERIC_SECRET,
        256,
        mechanism=Mechanism.ECDH1_DERIVE,
        mechanism_param=(KDF.NULL, None, peer.point),
        capabilities=MechanismFlag.SIGN,
        template={Attribute.TOKEN: False, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    )
    try:
        return bytes(shared[Attribute.VALUE]).rjust(32, b"\x00")
    finally:
        shared.destroy()


def transport_keys(room: Room) -> list[TransportKey]:
    """Every transport key, oldest first. Raises SlotDamaged for one that was not born in the HSM as hidden as ours.

    Asked again and again, not at the start only: whoever has the PIN could add a key he knows, and a minute later every
    phone would encrypt its password to it, under our root's signature.
    """
    found = []
    for version in room.versions("transport", ObjectClass.PRIVATE_KEY):
        label = f"transport.{version}"
        demand_hidden(room.private(label), label)
        found.append(TransportKey(version, room.p256_public(label), made_at(room, label)))
    return found


def newest_versions(room: Room, names: Sequence[str]) -> dict[str, int]:
    """The newest version of each secret key. Raises SlotDamaged when there is none of a name."""
    found = {name: room.versions(name, ObjectClass.SECRET_KEY) for name in names}
    missing = [name for name, versions in found.items() if not versions]
    if missing:
        raise SlotDamaged(f"the slot has no {', '.join(missing)}; run: linkid hsm init")
    return {name: versions[-1] for name, versions in found.items()}


def demand_strong(room: Room, kek: int) -> None:
    """Refuse a token whose objects are weaker than the ones we make, every version of them. Raises SlotDamaged.

    By behaviour where it counts: a key wrapped under the newest KEK must not unwrap as readable.
    """
    _demand_all_hidden(room, secrets=("kek", "pepper", "rowmac"), private=("root", "transport"))
    demand_strong_kek(room, kek)


def demand_strong_kek(room: Room, kek: int) -> None:
    """Raises SlotDamaged for one version that decrypts, or unwraps keys as readable."""
    key = room.secret(f"kek.{kek}")
    if key[Attribute.DECRYPT] or key[Attribute.ENCRYPT]:
        raise SlotDamaged("the KEK may decrypt: whoever has the PIN reads what it wrapped")
    wrapped = generate_wrapped(room, "P-256", kek)
    try:
        readable = key.unwrap_key(
            ObjectClass.PRIVATE_KEY,
            KeyType.EC,
            wrapped.blob,
            mechanism=room.wrap_mechanism,
            capabilities=MechanismFlag.SIGN,
            template={**UNWRAPPED, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
        )
    except PKCS11Error:
        return
    readable.destroy()
    raise SlotDamaged("the KEK unwraps keys as readable: it lacks CKA_UNWRAP_TEMPLATE")


def demand_strong_authority(room: Room) -> None:
    """The same for the AC's slot. Raises SlotDamaged.

    Whoever knows one of these keys is the authority: certificates, revocation lists and OCSP answers would be his, and
    the installation passwords open to guessing.
    """
    _demand_all_hidden(room, secrets=("pepper",), private=("ca-root", "ca-issuing", "ocsp", "tsa", "root", "transport"))


def _demand_all_hidden(room: Room, *, secrets: Sequence[str], private: Sequence[str]) -> None:
    """Every version of each, also those that are not used any more."""
    for name in secrets:
        for version in room.versions(name, ObjectClass.SECRET_KEY):
            demand_hidden(room.secret(f"{name}.{version}"), f"{name}.{version}")
    for name in private:
        for version in room.versions(name, ObjectClass.PRIVATE_KEY):
            demand_hidden(room.private(f"{name}.{version}"), f"{name}.{version}")


def demand_hidden(key: Any, label: str) -> None:
    """Born in the HSM, never readable, not to be changed. Raises SlotDamaged."""
    if key[Attribute.EXTRACTABLE] or not key[Attribute.SENSITIVE] or not key[Attribute.LOCAL]:
        raise SlotDamaged(f"{label} is readable, or was not made in the HSM")
    if not key[Attribute.NEVER_EXTRACTABLE] or not key[Attribute.ALWAYS_SENSITIVE]:
        raise SlotDamaged(f"{label} was readable once: whoever made it may know it")
    if key[Attribute.MODIFIABLE]:
        raise SlotDamaged(f"{label} may be given other uses by whoever has the PIN")
