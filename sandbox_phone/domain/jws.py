"""JWS compact (RFC 7515), ES256 only: proofs of possession made, root-signed objects opened."""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from sandbox_phone.domain import keys
from sandbox_phone.domain.encoding import b64u, canonical, sha256, strict_object, unb64u
from sandbox_phone.errors import Malformed


def make(key: ec.EllipticCurvePrivateKey, header: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """header.payload.signature."""
    signing_input = f"{b64u(canonical(header))}.{b64u(canonical(payload))}"
    return f"{signing_input}.{b64u(keys.sign(key, signing_input.encode('ascii')))}"


def split(token: object) -> tuple[dict[str, Any], bytes, bytes, bytes]:
    """(header, payload bytes, signing input, signature), nothing verified yet. Raises Malformed."""
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        raise Malformed("not a JWS in compact form")
    header = strict_object(unb64u(parts[0]))
    return header, unb64u(parts[1]), f"{parts[0]}.{parts[1]}".encode("ascii"), unb64u(parts[2], length=64)


def dpop(key: ec.EllipticCurvePrivateKey, method: str, url: str, *, token: str | None, jti: str, now: int) -> str:
    """Proof of possession for one call (RFC 9449 section 4.2). ``url`` has no query; ``jti`` is used once."""
    payload: dict[str, Any] = {"jti": jti, "htm": method, "htu": url, "iat": now}
    if token is not None:
        payload["ath"] = b64u(sha256(token.encode("ascii")))
    return make(key, {"typ": "dpop+jwt", "alg": "ES256", "jwk": keys.public_jwk(key)}, payload)
