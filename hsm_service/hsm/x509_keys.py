"""Private keys of ``cryptography`` whose ``sign`` happens in the HSM, so that its X.509 builders can use them.

    token = Token(settings)                                   # hsm_service.hsm.token, blocking
    issuing = rsa_key(token, "ca-issuing.1")
    certificate = builder.sign(issuing, hashes.SHA256())      # also CSRs, CRLs, OCSP answers

    hsm = Hsm(settings)                                       # hsm_service.hsm.facade, asyncio
    issuing = await hsm.run(lambda: rsa_key(hsm.token, "ca-issuing.1"))
    certificate = await hsm.run(lambda: builder.sign(issuing, hashes.SHA256()))

Call them from the threads of ``Hsm.run`` or from a program of one thread: each thread has a session of its own, which
nobody closes when the thread ends. The key object may be kept: it holds a label, never a handle. Each signature is
verified with the public key before it is returned, since a stale handle has been seen to sign with another key.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from pkcs11 import MGF, Attribute, Mechanism, ObjectClass

from hsm_service.hsm.faults import HsmUnavailable
from hsm_service.hsm.token import Room, Token
from protocol.keys import signature_to_der

DIGEST_INFO: Final = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""RFC 8017 section 9.2 note 1: what precedes the digest in RSASSA-PKCS1-v1_5."""

PSS: Final = {
    "sha256": (Mechanism.SHA256, MGF.SHA256, 32),
    "sha384": (Mechanism.SHA384, MGF.SHA384, 48),
    "sha512": (Mechanism.SHA512, MGF.SHA512, 64),
}
"""Mechanism parameters by hash: never left to the library, whose defaults are SHA-1."""

RsaSign: TypeAlias = Callable[[bytes, str, AsymmetricPadding], bytes]
"""Digest, name of its hash, padding: the signature."""
EcSign: TypeAlias = Callable[[bytes], bytes]
"""Digest: the signature in DER."""


def rsa_key(token: Token, label: str) -> "HsmRsaPrivateKey":
    """An RSA key of the token by its label. Raises HsmKeyMissing, HsmUnavailable."""
    public = token.run(lambda room: rsa_public(room.private(label)))
    return HsmRsaPrivateKey(
        lambda digest, hash_, padded: token.run(lambda room: sign_rsa(room.private(label), digest, hash_, padded)),
        public,
    )


def ec_key(token: Token, label: str) -> "HsmEcPrivateKey":
    """A P-256 key of the token by its label. Raises HsmKeyMissing, HsmUnavailable."""
    public = token.run(lambda room: room.p256_public(label).public)
    return HsmEcPrivateKey(
        lambda digest: token.run(lambda room: sign_ec(room.private(label), digest, public.curve)), public
    )


def labels(token: Token, names: Sequence[str]) -> dict[str, str]:
    """The newest version of each name that the token has, as ``{"ca-issuing": "ca-issuing.1"}``."""

    def newest(room: Room) -> dict[str, str]:
        found = {name: room.versions(name, ObjectClass.PRIVATE_KEY) for name in names}
        return {name: f"{name}.{versions[-1]}" for name, versions in found.items() if versions}

    return token.run(newest)


def rsa_public(key: Any) -> rsa.RSAPublicKey:
    """The public half, which an RSA key of the token tells, private or not."""
    exponent = int.from_bytes(bytes(key[Attribute.PUBLIC_EXPONENT]), "big")
    return rsa.RSAPublicNumbers(exponent, int.from_bytes(bytes(key[Attribute.MODULUS]), "big")).public_key()


def ec_public(key: Any, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey:
    """The public half from a public key object of the token: CKA_EC_POINT, in a DER OCTET STRING or bare."""
    length = 1 + 2 * ((curve.key_size + 7) // 8)
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, bytes(key[Attribute.EC_POINT])[-length:])


def _digest(data: bytes, algorithm: Any) -> tuple[bytes, hashes.HashAlgorithm]:
    if isinstance(algorithm, utils.Prehashed):
        return bytes(data), algorithm._algorithm
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize(), algorithm


class HsmRsaPrivateKey(rsa.RSAPrivateKey):
    """RSA: PKCS#1 v1.5 and PSS over SHA-256, SHA-384, SHA-512."""

    def __init__(self, sign: RsaSign, public: rsa.RSAPublicKey) -> None:
        """Use ``rsa_key``."""
        self._sign, self._public = sign, public

    def sign(self, data: Any, padding: AsymmetricPadding, algorithm: Any) -> bytes:
        """As the base. Raises HsmUnavailable; TypeError for a padding, KeyError for a hash that we do not use."""
        digest, hash_ = _digest(data, algorithm)
        signature = self._sign(digest, hash_.name, padding)
        try:
            self._public.verify(signature, digest, padding, utils.Prehashed(hash_))
        except InvalidSignature as cause:
            raise HsmUnavailable("the token made a signature that does not verify") from cause
        return signature

    def public_key(self) -> rsa.RSAPublicKey:
        """The public half."""
        return self._public

    @property
    def key_size(self) -> int:
        """Bits."""
        return self._public.key_size

    def decrypt(self, ciphertext: bytes, padding: AsymmetricPadding) -> NoReturn:
        """Not what these keys are for."""
        raise NotImplementedError

    def private_numbers(self) -> NoReturn:
        """The HSM does not tell them."""
        raise NotImplementedError

    def private_bytes(self, *_args: Any, **_named: Any) -> NoReturn:
        """The HSM does not tell them."""
        raise NotImplementedError

    def __copy__(self) -> "HsmRsaPrivateKey":
        """Keys are immutable."""
        return self

    def __deepcopy__(self, memo: Any) -> "HsmRsaPrivateKey":
        """Keys are immutable."""
        return self


class HsmEcPrivateKey(ec.EllipticCurvePrivateKey):
    """ECDSA."""

    def __init__(self, sign: EcSign, public: ec.EllipticCurvePublicKey) -> None:
        """Use ``ec_key``."""
        self._sign, self._public = sign, public

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """As the base: DER. Raises HsmUnavailable."""
        digest, hash_ = _digest(data, signature_algorithm.algorithm)
        signature = self._sign(digest)
        try:
            self._public.verify(signature, digest, ec.ECDSA(utils.Prehashed(hash_)))
        except InvalidSignature as cause:
            raise HsmUnavailable("the token made a signature that does not verify") from cause
        return signature

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """Which one."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Bits."""
        return self._public.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        """Not what these keys are for; transport keys derive in ``operations``."""
        raise NotImplementedError

    def private_numbers(self) -> NoReturn:
        """The HSM does not tell them."""
        raise NotImplementedError

    def private_bytes(self, *_args: Any, **_named: Any) -> NoReturn:
        """The HSM does not tell them."""
        raise NotImplementedError

    def __copy__(self) -> "HsmEcPrivateKey":
        """Keys are immutable."""
        return self

    def __deepcopy__(self, memo: Any) -> "HsmEcPrivateKey":
        """Keys are immutable."""
        return self


def sign_rsa(key: Any, digest: bytes, name: str, padded: AsymmetricPadding) -> bytes:
    """By a key object of the token. The raw mechanisms over the digest are the ones that every vendor has."""
    if isinstance(padded, padding.PKCS1v15):
        return bytes(key.sign(DIGEST_INFO[name] + digest, mechanism=Mechanism.RSA_PKCS))
    if isinstance(padded, padding.PSS):
        hash_mechanism, mgf, size = PSS[name]
        salt = padded._salt_length if isinstance(padded._salt_length, int) else size
        return bytes(key.sign(digest, mechanism=Mechanism.RSA_PKCS_PSS, mechanism_param=(hash_mechanism, mgf, salt)))
    raise TypeError(f"no such padding here: {type(padded).__name__}")


def sign_ec(key: Any, digest: bytes, curve: ec.EllipticCurve) -> bytes:
    """By a key object of the token: DER. SEC 1 takes a digest's leftmost bits, as many as the curve has; tokens differ
    about longer ones, so we cut."""
    return signature_to_der(bytes(key.sign(digest[: (curve.key_size + 7) // 8], mechanism=Mechanism.ECDSA)))
