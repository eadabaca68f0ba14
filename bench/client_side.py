"""What an integrator and a phone compute for one signature, by `cryptography` alone.

It is the client side of docs/protocol.md once more, for speed: sections 3 and 4 (decision, proof), 6 (activation
secret, use of a session), 9.5 (ask) and RFC 9449 (DPoP). Nothing is prepared that a client could not prepare: a key's
constant header, a password that was stretched once. The demonstration's phone and agent are the readable versions.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from bench.people import Lane, jwk

ES256: Final = ec.ECDSA(hashes.SHA256())
HASHED: Final = Prehashed(hashes.SHA256())
SHA256_OID: Final = "2.16.840.1.101.3.4.2.1"
SIGN_OIDS: Final = {"RSA-2048": "1.2.840.113549.1.1.11", "P-256": "1.2.840.10045.4.3.2"}
SIGN_NAMES: Final = {"RSA-2048": "RSA-PKCS1-SHA256", "P-256": "ECDSA-SHA256"}
ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Statement:
    """What a phone reads in one; whether the SAM signed it is looked at for some of them (``Phone.check``)."""

    id: str
    document: bytes
    nonce: str
    salt: bytes
    argon2: tuple[int, int, int]
    transport: dict[str, Any]


@dataclass(frozen=True)
class Terms:
    """Of a session, beside its algorithm. ``until`` in seconds since 1970."""

    until: int
    maximum: int
    purpose: str


class Key:
    """A P-256 key that signs as JOSE has it."""

    def __init__(self, pem: str) -> None:
        loaded = load_pem_private_key(pem.encode("ascii"), password=None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        self._key = loaded
        self.jwk = jwk(loaded.public_key())
        self.jkt = thumbprint(self.jwk)

    def sign(self, data: bytes) -> bytes:
        """ECDSA with SHA-256, r || s."""
        r, s = decode_dss_signature(self._key.sign(data, ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def jws(self, header: bytes, payload: bytes) -> str:
        """Compact. ``header`` and ``payload``: their JSON in base64url."""
        signed = header + b"." + payload
        return (signed + b"." + b64u(self.sign(signed))).decode("ascii")


class Phone:
    """The deciding side of a lane."""

    def __init__(self, lane: Lane, gateway: str) -> None:
        self._key = Key(lane.device_key)
        self._password = lane.password
        self._gateway = gateway
        self._header = b64u(_json({"typ": "dpop+jwt", "alg": "ES256", "jwk": self._key.jwk}))
        self._ath = b64u(sha256(lane.device_token.encode("ascii")).digest()).decode("ascii")
        self._authorization = f"Authorization: DPoP {lane.device_token}\r\n"
        self._stretched: dict[bytes, str] = {}

    def headers(self, method: str, path: str) -> str:
        """Token and a proof of its own for one call."""
        claims = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": self._gateway + path, "iat": int(time.time())}
        proof = self._key.jws(self._header, b64u(_json({**claims, "ath": self._ath})))
        return f"{self._authorization}DPoP: {proof}\r\n"

    def approve(self, statement: Statement, word: str = "approve") -> dict[str, str]:
        """The decision: a proof of the usage password, and the device's signature. ``word``: which yes."""
        jwe = self._proof(statement)
        message = b"linkid-decision-v1\x00" + b"".join(
            sha256(part).digest() for part in (statement.document, word.encode("ascii"), jwe.encode("ascii"))
        )
        return {"decision": word, "proof": jwe, "signature": b64u(self._key.sign(message)).decode("ascii")}

    def _proof(self, statement: Statement) -> str:
        if statement.salt not in self._stretched:  # once for each salt; warming up meets every salt
            self._stretched[statement.salt] = b64u(_stretch(self._password, statement)).decode("ascii")
        plaintext = {
            "device": self._key.jkt,
            "document": statement.id,
            "hash": b64u(sha256(statement.document).digest()).decode("ascii"),
            "nonce": statement.nonce,
            "purpose": "sign",
            "stretched": self._stretched[statement.salt],
            "v": 1,
        }
        return _encrypt(_json(plaintext), statement.transport)


class Integrator:
    """The asking side of a lane."""

    def __init__(self, lane: Lane, gateway: str) -> None:
        self._key = Key(lane.integrator_key)
        self._lane = lane
        self._gateway = gateway
        self.public_key = load_pem_public_key(lane.public_key.encode("ascii"))

    def assertion(self) -> str:
        """For the token endpoint (RFC 7523)."""
        now = int(time.time())
        claims = {"iss": self._lane.integrator, "sub": self._lane.integrator, "aud": f"{self._gateway}/oauth2/token"}
        times = {"iat": now, "exp": now + 120, "jti": secrets.token_urlsafe(16)}
        return self._key.jws(b64u(_json({"alg": "ES256", "typ": "JWT"})), b64u(_json({**claims, **times})))

    def ask(self, digests: list[bytes]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Labels and sizes, and the signature over exactly this ask."""
        documents = [
            {"hash": b64u(digest).decode("ascii"), "label": f"Documento {at}", "size": 48213}
            for at, digest in enumerate(digests, start=1)
        ]
        ask = self._asked(b"linkid-ask-v1\x00", {"documents": documents})
        return [{"label": one["label"], "size": one["size"]} for one in documents], ask

    def ask_session(self, terms: Terms) -> dict[str, Any]:
        """The signature over exactly these terms."""
        content = {"until": terms.until, "maximum": terms.maximum, "purpose": terms.purpose}
        algorithm = SIGN_NAMES[self._lane.algorithm]
        return self._asked(b"linkid-session-ask-v1\x00", {**content, "sign_algorithm": algorithm})

    def use(self, activation: str, counter: int, digests: list[bytes]) -> dict[str, Any]:
        """One use of a session: the counter, and the signature over it and these hashes in their order."""
        content = {
            "activation": activation,
            "counter": counter,
            "hash_algorithm": "SHA-256",
            "hashes": [b64u(digest).decode("ascii") for digest in digests],
            "sign_algorithm": SIGN_NAMES[self._lane.algorithm],
            "v": 1,
        }
        return {"counter": counter, "signature": self._signed(b"linkid-use-v1\x00", content)}

    def _asked(self, separator: bytes, what: dict[str, Any]) -> dict[str, Any]:
        """The member ``ask``, fresh."""
        nonce, created = b64u(secrets.token_bytes(16)).decode("ascii"), int(time.time())
        content = {
            **what,
            "created": created,
            "credential": self._lane.credential,
            "hash_algorithm": "SHA-256",
            "integrator": self._lane.integrator,
            "nonce": nonce,
            "v": 1,
        }
        return {"nonce": nonce, "created": created, "signature": self._signed(separator, content)}

    def _signed(self, separator: bytes, content: dict[str, Any]) -> str:
        return b64u(self._key.sign(separator + sha256(_json(content)).digest())).decode("ascii")

    def verify(self, digest: bytes, signature: bytes) -> None:
        """With the credential's public key. Raises InvalidSignature."""
        if isinstance(self.public_key, rsa.RSAPublicKey):
            self.public_key.verify(signature, digest, padding.PKCS1v15(), HASHED)
        else:
            assert isinstance(self.public_key, ec.EllipticCurvePublicKey)
            self.public_key.verify(signature, digest, ec.ECDSA(HASHED))


def activation_key(secret: bytes) -> str:
    """The public half that goes into a request (docs/protocol.md section 6)."""
    derived = HKDF(hashes.SHA256(), 32, None, b"linkid-activation-v1").derive(secret)
    public = X25519PrivateKey.from_private_bytes(derived).public_key()
    return b64u(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode("ascii")


def read_statement(token: str) -> Statement:
    """What the statement says."""
    outer = json.loads(unb64u(token.split(".")[1]))
    document = unb64u(outer["document"])
    content, proof = json.loads(document), outer["proof"]
    parameters = proof["argon2"]
    cost = (parameters["m"], parameters["t"], parameters["p"])
    return Statement(content["id"], document, content["nonce"], unb64u(proof["salt"]), cost, proof["transport_key"])


def thumbprint(key: dict[str, Any]) -> str:
    """RFC 7638."""
    return b64u(sha256(_json({name: key[name] for name in ("crv", "kty", "x", "y")})).digest()).decode("ascii")


def b64u(data: bytes) -> bytes:
    """base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=")


def unb64u(text: str) -> bytes:
    """And back."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(data: bytes) -> str:
    """Base64 with padding, as CSC has it."""
    return b64encode(data).decode("ascii")


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _stretch(password: str, statement: Statement) -> bytes:
    m, t, p = statement.argon2
    return hash_secret_raw(password.encode("ascii"), statement.salt, t, m, p, 32, Type.ID, 0x13)


def _encrypt(plaintext: bytes, transport: dict[str, Any]) -> str:
    """JWE compact, ECDH-ES and A256GCM (RFC 7518 section 4.6)."""
    receiver = ec.EllipticCurvePublicNumbers(
        int.from_bytes(unb64u(transport["x"]), "big"), int.from_bytes(unb64u(transport["y"]), "big"), ec.SECP256R1()
    ).public_key()
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "epk": jwk(ephemeral.public_key()), "kid": thumbprint(transport)}
    protected = b64u(_json(header))
    shared = ephemeral.exchange(ec.ECDH(), receiver)
    # Concat KDF: one round, no party info, 256 bits
    key = sha256(b"\0\0\0\1" + shared + b"\0\0\0\7A256GCM" + b"\0\0\0\0" * 2 + b"\0\0\1\0").digest()
    iv = secrets.token_bytes(12)
    sealed = AESGCM(key).encrypt(iv, plaintext, protected)
    return b"..".join((protected, b".".join((b64u(iv), b64u(sealed[:-16]), b64u(sealed[-16:]))))).decode("ascii")
