"""Makers of DPoP proofs and client assertions, good and bad, signed with `cryptography` alone: not with the library
that verifies them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from foundation.encoding import b64u


class Key:
    """A P-256 key as a phone has one."""

    def __init__(self, curve: ec.EllipticCurve | None = None) -> None:
        """Another curve only for hostile tests."""
        self.private = ec.generate_private_key(curve or ec.SECP256R1())
        numbers = self.private.public_key().public_numbers()
        size = (self.private.curve.key_size + 7) // 8
        crv = {"secp256r1": "P-256", "secp384r1": "P-384"}[self.private.curve.name]
        self.jwk = {
            "kty": "EC",
            "crv": crv,
            "x": b64u(numbers.x.to_bytes(size, "big")),
            "y": b64u(numbers.y.to_bytes(size, "big")),
        }
        self.size = size

    def sign(self, data: bytes) -> bytes:
        """Raw r || s."""
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(self.size, "big") + s.to_bytes(self.size, "big")

    def jws(self, header: Mapping[str, Any], claims: Mapping[str, Any] | bytes) -> str:
        """A JWS in compact serialisation of whatever header and claims."""
        body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        signed = f"{b64u(json.dumps(header).encode())}.{b64u(body)}"
        return f"{signed}.{b64u(self.sign(signed.encode()))}"

    def proof(self, method: str, url: str, at: float, *, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A DPoP proof; ``header`` and claims overlay the good ones, None removes."""
        good_header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk}
        good = {"htm": method, "htu": url, "iat": int(at), "jti": "jti-1"}
        return self.jws(_overlaid(good_header, header or {}), _overlaid(good, claims))

    def assertion(
        self, client_id: str, audience: str, at: float, *, header: Mapping[str, Any] | None = None, **claims: Any
    ) -> str:
        """A private_key_jwt assertion, overlaid like a proof."""
        good = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "iat": int(at),
            "exp": int(at) + 60,
            "jti": "jti-1",
        }
        return self.jws(_overlaid({"alg": "ES256"}, header or {}), _overlaid(good, claims))


def _overlaid(good: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def ath(token: str) -> str:
    """A token's hash, as RFC 9449 wants it."""
    return b64u(hashlib.sha256(token.encode()).digest())
