"""The stretched password on its way to whoever may use it (docs/protocol.md section 4): a JWE to a transport key.

The receiver's key is in an HSM, which does the ECDH only: ``Jwe.parse`` → the HSM derives Z from ``jwe.epk`` →
``jwe.decrypt(z)`` → ``Claims.demand``. Everything else of RFC 7516 is refused before any key is touched.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from foundation.encoding import BadEncoding, JsonObject, JsonValue, b64u, canonical_json, strict_json, unb64u
from foundation.ids import same
from protocol.decisions import MAX_PROOF_CHARACTERS
from protocol.documents import Document
from protocol.errors import BadKey, ProofInvalid
from protocol.keys import P256Key
from protocol.passwords import STRETCHED_BYTES

Purpose: TypeAlias = Literal["sign", "pair", "unblock", "generator", "passkey", "emit", "install"]

_MEMBERS: Final = {"v", "purpose", "document", "hash", "device", "nonce", "stretched"}


@dataclass(frozen=True)
class Jwe:
    """A JWE whose form was checked; nothing is decrypted yet."""

    kid: str
    epk: P256Key
    iv: bytes
    ciphertext: bytes
    tag: bytes
    aad: bytes

    @classmethod
    def parse(cls, text: str) -> "Jwe":
        """Exactly ECDH-ES with A256GCM, P-256, no apu, apv, zip or crit. Raises ProofInvalid."""
        if len(text) > MAX_PROOF_CHARACTERS or not text.isascii():
            raise ProofInvalid(f"a proof has at most {MAX_PROOF_CHARACTERS} ASCII characters")
        parts = text.split(".")
        if len(parts) != 5 or parts[1] != "":
            raise ProofInvalid("a proof is a JWE compact serialisation with direct key agreement")
        try:
            header = strict_json(unb64u(parts[0], max_len=1024), max_bytes=1024)
            if not isinstance(header, dict) or set(header) != {"alg", "enc", "epk", "kid"}:
                raise ProofInvalid("a proof's header has exactly alg, enc, epk, kid")
            if header["alg"] != "ECDH-ES" or header["enc"] != "A256GCM" or not isinstance(header["kid"], str):
                raise ProofInvalid("a proof is ECDH-ES with A256GCM")
            epk = P256Key.from_jwk(header["epk"])
            iv, ciphertext, tag = (unb64u(part, max_len=MAX_PROOF_CHARACTERS) for part in parts[2:])
        except (BadEncoding, BadKey) as cause:
            raise ProofInvalid("a malformed proof") from cause
        if len(iv) != 12 or len(tag) != 16:
            raise ProofInvalid("A256GCM has an iv of 12 and a tag of 16 bytes")
        return cls(header["kid"], epk, iv, ciphertext, tag, parts[0].encode("ascii"))

    def decrypt(self, z: bytes) -> bytes:
        """The plaintext, given the x coordinate of the shared point (32 bytes). Raises ProofInvalid."""
        try:
            return AESGCM(_content_key(z)).decrypt(self.iv, self.ciphertext + self.tag, self.aad)
        except InvalidTag as cause:
            raise ProofInvalid("the proof does not decrypt") from cause


def _content_key(z: bytes) -> bytes:
    """Concat KDF of RFC 7518 section 4.6.2 for A256GCM, with empty apu and apv."""
    algorithm = b"A256GCM"
    other = len(algorithm).to_bytes(4, "big") + algorithm + bytes(4) + bytes(4) + (256).to_bytes(4, "big")
    return ConcatKDFHash(hashes.SHA256(), 32, other).derive(z)


@dataclass(frozen=True)
class Claims:
    """What a proof says, read strictly. ``extra`` holds members that this purpose adds (``cpf`` for the AC)."""

    purpose: str
    document: str
    hash: str
    device: str
    nonce: str
    stretched: bytes = field(repr=False)
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, plaintext: bytes, *, extra: frozenset[str] = frozenset()) -> "Claims":
        """Exactly the members of section 4 and ``extra``, all text. Raises ProofInvalid."""
        try:
            value = strict_json(plaintext, max_bytes=2048)
            if not isinstance(value, dict) or set(value) != _MEMBERS | extra:
                raise ProofInvalid("not the members of a proof")
            if value["v"] != 1 or isinstance(value["v"], bool):
                raise ProofInvalid("not a proof of version 1")
            texts = {name: text for name, text in value.items() if isinstance(text, str)}
            if set(texts) != set(value) - {"v"}:
                raise ProofInvalid("the members of a proof are text")
            stretched = unb64u(texts["stretched"], max_len=STRETCHED_BYTES)
        except BadEncoding as cause:
            raise ProofInvalid("not the JSON of a proof") from cause
        if len(stretched) != STRETCHED_BYTES:
            raise ProofInvalid(f"a stretched password has {STRETCHED_BYTES} bytes")
        return cls(
            purpose=texts["purpose"],
            document=texts["document"],
            hash=texts["hash"],
            device=texts["device"],
            nonce=texts["nonce"],
            stretched=stretched,
            extra={name: texts[name] for name in extra},
        )

    def demand(self, purpose: Purpose, document: Document, device: P256Key) -> bytes:
        """The stretched password, if the proof was made for this purpose, document and device. Raises ProofInvalid."""
        for name, said, wanted in (
            ("purpose", self.purpose, purpose),
            ("document", self.document, document.id),
            ("hash", self.hash, document.hash),
            ("device", self.device, device.jkt),
            ("nonce", self.nonce, document.nonce),
        ):
            if not same(said, wanted):
                raise ProofInvalid(f"the proof is for another {name}")
        return self.stretched


def claims_members(
    purpose: Purpose, document: Document, device: P256Key, stretched: bytes, extra: Mapping[str, str] | None = None
) -> JsonObject:
    """The plaintext of a proof, as a client makes it."""
    members: dict[str, JsonValue] = {
        "v": 1,
        "purpose": purpose,
        "document": document.id,
        "hash": document.hash,
        "device": device.jkt,
        "nonce": document.nonce,
        "stretched": b64u(stretched),
    }
    return {**members, **(extra or {})}


def encrypt(
    members: JsonObject,
    transport_key: P256Key,
    *,
    ephemeral: ec.EllipticCurvePrivateKey | None = None,
    iv: bytes | None = None,
) -> str:
    """A proof, as a client makes it. ``ephemeral`` and ``iv`` are given only by the builder of test vectors.

    Written out here instead of calling a JOSE library so that the vectors can fix both; tests hold it against joserfc.
    """
    ephemeral = ephemeral or ec.generate_private_key(ec.SECP256R1())
    iv = iv or secrets.token_bytes(12)
    epk = P256Key.from_public(ephemeral.public_key())
    header: JsonObject = {"alg": "ECDH-ES", "enc": "A256GCM", "epk": epk.jwk, "kid": transport_key.jkt}
    aad = b64u(canonical_json(header))
    key = _content_key(ephemeral.exchange(ec.ECDH(), transport_key.public))
    sealed = AESGCM(key).encrypt(iv, canonical_json(members), aad.encode("ascii"))
    return f"{aad}..{b64u(iv)}.{b64u(sealed[:-16])}.{b64u(sealed[-16:])}"
