"""What may be signed and how (docs/protocol.md section 5): hash lengths, signature algorithms, key kinds."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from foundation.encoding import b64u
from protocol.errors import AlgorithmRefused, SignatureInvalid

HashName: TypeAlias = Literal["SHA-256", "SHA-384", "SHA-512"]
Family: TypeAlias = Literal["RSA-PKCS1", "RSA-PSS", "ECDSA"]
KeyAlgorithm: TypeAlias = Literal["RSA-2048", "RSA-3072", "RSA-4096", "P-256", "P-384"]
PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

HASH_BYTES: Final[dict[HashName, int]] = {"SHA-256": 32, "SHA-384": 48, "SHA-512": 64}
MAX_HASHES: Final = 100
"""Of one request: a list that a person can scroll (section 15)."""

_HASHES: Final[dict[HashName, type[hashes.HashAlgorithm]]] = {
    "SHA-256": hashes.SHA256,
    "SHA-384": hashes.SHA384,
    "SHA-512": hashes.SHA512,
}


@dataclass(frozen=True)
class SignAlgorithm:
    """One entry of ``sign_algorithm``: a family, and the hash it is computed over."""

    name: str
    family: Family
    hash_name: HashName

    @property
    def digest_bytes(self) -> int:
        """How long the digests it signs are."""
        return HASH_BYTES[self.hash_name]

    @property
    def hash(self) -> hashes.HashAlgorithm:
        """The hash, for ``cryptography``."""
        return _HASHES[self.hash_name]()

    @cached_property
    def _prehashed(self) -> utils.Prehashed:
        """Made once: of a hundred signatures each is verified."""
        return utils.Prehashed(self.hash)

    @cached_property
    def _padding(self) -> padding.PKCS1v15 | padding.PSS:
        """Of an RSA family; PSS with MGF1 over the same hash and a salt as long as it."""
        if self.family == "RSA-PSS":
            return padding.PSS(padding.MGF1(self.hash), self.digest_bytes)
        return padding.PKCS1v15()

    def verify(self, public: PublicKey, signature: bytes, digest: bytes) -> None:
        """Check a signature over a digest (ECDSA in DER). Raises SignatureInvalid, AlgorithmRefused for a wrong key."""
        try:
            if self.family == "ECDSA" and isinstance(public, ec.EllipticCurvePublicKey):
                public.verify(signature, digest, ec.ECDSA(self._prehashed))
            elif self.family != "ECDSA" and isinstance(public, rsa.RSAPublicKey):
                public.verify(signature, digest, self._padding, self._prehashed)
            else:
                raise AlgorithmRefused(f"{self.name} does not fit the key")
        except InvalidSignature as cause:
            raise SignatureInvalid(f"not a signature ({self.name})") from cause


SIGN_ALGORITHMS: Final[dict[str, SignAlgorithm]] = {
    entry.name: entry
    for family in ("RSA-PKCS1", "RSA-PSS", "ECDSA")
    for hash_name in HASH_BYTES
    for entry in (SignAlgorithm(f"{family}-{hash_name.replace('-', '')}", family, hash_name),)
}


@dataclass(frozen=True)
class KeyKind:
    """A kind of holder's key: RSA of so many bits, or a curve; and the hashes that are not weaker than it."""

    name: KeyAlgorithm
    rsa_bits: int | None = None
    curve: type[ec.EllipticCurve] | None = None
    hash_names: tuple[HashName, ...] = ("SHA-256", "SHA-384", "SHA-512")

    def signs(self, algorithm: SignAlgorithm) -> bool:
        """Whether such a key makes such signatures here."""
        return (algorithm.family == "ECDSA") == (self.curve is not None) and algorithm.hash_name in self.hash_names

    def is_kind_of(self, public: object) -> bool:
        """Whether a public key is of this kind, exactly."""
        if isinstance(public, rsa.RSAPublicKey):
            return public.key_size == self.rsa_bits
        return (
            isinstance(public, ec.EllipticCurvePublicKey)
            and self.curve is not None
            and isinstance(public.curve, self.curve)
        )


KEY_KINDS: Final[dict[str, KeyKind]] = {
    kind.name: kind
    for kind in (
        KeyKind("RSA-2048", rsa_bits=2048),
        KeyKind("RSA-3072", rsa_bits=3072),
        KeyKind("RSA-4096", rsa_bits=4096),
        KeyKind("P-256", curve=ec.SECP256R1),
        KeyKind("P-384", curve=ec.SECP384R1, hash_names=("SHA-384", "SHA-512")),
    )
}
"""Every kind, by name. A hash longer than the curve is cut to its bits (SEC 1 v2, 4.1.3); a shorter one would be the
weakest part, so P-384 takes none."""
KEY_ALGORITHMS: Final[tuple[KeyAlgorithm, ...]] = tuple(kind.name for kind in KEY_KINDS.values())


def fitting(key_algorithm: str, sign_algorithm: str, hash_algorithm: str) -> SignAlgorithm:
    """The algorithm, when key and hash agree. Raises AlgorithmRefused saying which does not."""
    algorithm = SIGN_ALGORITHMS.get(sign_algorithm)
    if algorithm is None:
        raise AlgorithmRefused(f"sign_algorithm is one of {', '.join(SIGN_ALGORITHMS)}")
    if algorithm.hash_name != hash_algorithm:
        raise AlgorithmRefused(f"{sign_algorithm} goes with hash_algorithm {algorithm.hash_name}")
    kind = KEY_KINDS.get(key_algorithm)
    if kind is None or not kind.signs(algorithm):
        raise AlgorithmRefused(f"a key {key_algorithm} cannot make {sign_algorithm}")
    return algorithm


def agree(key_algorithm: str, sign_algorithm: str, hash_algorithm: str, digests: Sequence[bytes]) -> SignAlgorithm:
    """The algorithm, when key, hash and lengths agree. Raises AlgorithmRefused saying which does not."""
    algorithm = fitting(key_algorithm, sign_algorithm, hash_algorithm)
    if not 1 <= len(digests) <= MAX_HASHES:
        raise AlgorithmRefused(f"1 to {MAX_HASHES} hashes")
    for index, digest in enumerate(digests):
        if len(digest) != algorithm.digest_bytes:
            raise AlgorithmRefused(
                f"hash {index} has {len(digest)} bytes, {hash_algorithm} has {algorithm.digest_bytes}"
            )
    return algorithm


def hashes_digest(digests: Sequence[bytes]) -> str:
    """The name of a multiset of digests: b64u SHA-256 of them sorted and concatenated (section 6)."""
    return b64u(hashlib.sha256(b"".join(sorted(digests))).digest())
