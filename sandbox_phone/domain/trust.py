"""Who is believed: the roots of ``trust.json`` (section 2)."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec

from sandbox_phone.domain import jws, keys
from sandbox_phone.domain.encoding import integer, strict_object
from sandbox_phone.errors import Expired, Untrusted

Role: TypeAlias = Literal["sam", "ac"]


@dataclass(frozen=True, slots=True)
class Trust:
    """The roots and places of one environment. Comes with the app's own static files, never from a gateway."""

    environment: str
    gateway: str
    app: str
    sam: dict[str, ec.EllipticCurvePublicKey]
    ac: dict[str, ec.EllipticCurvePublicKey]
    source: bytes
    """The bytes it was read from, to be kept."""

    def roots(self, role: Role) -> dict[str, ec.EllipticCurvePublicKey]:
        """The keys of one role by their thumbprint."""
        return self.sam if role == "sam" else self.ac


def read_trust(data: bytes) -> Trust:
    """``trust.json`` as values. Raises Malformed, Untrusted."""
    content = strict_object(data)
    texts = {name: content.get(name) for name in ("environment", "gateway", "app")}
    if integer(content.get("v")) != 1 or not all(isinstance(text, str) and text for text in texts.values()):
        raise Untrusted("this is not a trust.json of version 1")
    return Trust(
        environment=content["environment"],
        gateway=content["gateway"].rstrip("/"),
        app=content["app"].rstrip("/"),
        sam=_named(content.get("sam")),
        ac=_named(content.get("ac")),
        source=data,
    )


def _named(roots: object) -> dict[str, ec.EllipticCurvePublicKey]:
    if not isinstance(roots, list) or not roots:
        raise Untrusted("trust.json names no root key")
    return {keys.thumbprint(root): key for root, key in ((root, keys.read_jwk(root)) for root in roots)}


def open_signed(
    trust: Trust, token: object, *, role: Role, kind: str, now: int, endless: bool = False
) -> dict[str, Any]:
    """The payload of a root-signed object of type ``kind`` by ``role``. Raises Malformed, Untrusted, Expired.

    1. the header is exactly alg ES256, a kid we hold for that role, the typ of this place; 2. the signature verifies;
    3. only then the payload is parsed; 4. type and version agree; 5. it has not expired (``endless``: it never does).
    """
    header, payload, signing_input, signature = jws.split(token)
    kid = header.get("kid")
    if set(header) != {"alg", "kid", "typ"} or header["alg"] != "ES256" or header["typ"] != f"linkid+{kind}":  # 1
        raise Untrusted(f"this is not a linkid+{kind} by ES256")
    root = trust.roots(role).get(kid) if isinstance(kid, str) else None
    if root is None:
        raise Untrusted(f"signed by a key that is no {role.upper()} root of ours")
    keys.verify(root, signing_input, signature)  # 2
    content = strict_object(payload)  # 3
    if content.get("type") != kind or integer(content.get("v")) != 1:  # 4
        raise Untrusted(f"its payload is not a {kind} of version 1")
    expires = integer(content.get("expires"))
    if not endless and (expires is None or expires <= now):  # 5
        raise Expired(f"this {kind} has expired")
    return content
