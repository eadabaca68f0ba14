"""Trust roots of a test and what they sign: from docs/protocol.md with joserfc, not with the code under test."""

import base64
import hashlib
import json
import secrets
from typing import Any

import rfc8785
from joserfc import jws
from joserfc.jwk import ECKey


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def public(key: ECKey) -> dict[str, Any]:
    return {name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}


def jkt(key: ECKey) -> str:
    return key.thumbprint()


def new_id(prefix: str) -> str:
    return f"{prefix}_" + "".join(secrets.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(26))


class Roots:
    """A SAM root, an AC root, a transport key each, and what they sign."""

    def __init__(self, app: str = "http://localhost:1", gateway: str = "http://localhost:2") -> None:
        self.sam, self.ac, self.sam_transport, self.ac_transport = (ECKey.generate_key("P-256") for _ in range(4))
        self.app, self.gateway = app, gateway
        self.salt = secrets.token_bytes(16)
        self.argon2 = {"m": 19456, "t": 2, "p": 1}

    def trust(self) -> bytes:
        return json.dumps(
            {
                "v": 1,
                "environment": "test",
                "gateway": self.gateway,
                "app": self.app,
                "sam": [public(self.sam)],
                "ac": [public(self.ac)],
            }
        ).encode()

    def sign(self, payload: dict[str, Any], *, by: ECKey | None = None, **header: Any) -> str:
        """A JWS as section 2 wants it; ``header`` overrides members, None removes one."""
        key = by or self.sam
        members = {"alg": "ES256", "kid": jkt(key), "typ": f"linkid+{payload.get('type')}"} | header
        members = {name: value for name, value in members.items() if value is not None}
        return jws.serialize_compact(members, rfc8785.dumps(payload), key)

    def document(self, kind: str, *, now: int, id: str | None = None, **members: Any) -> dict[str, Any]:
        prefix = {"sign": "req", "session": "req", "consent": "req", "emission-identify": "ems"}.get(kind, "doc")
        common = {
            "v": 1,
            "type": kind,
            "id": id or new_id(prefix),
            "created": now,
            "expires": now + 180,
            "nonce": b64u(secrets.token_bytes(16)),
        }
        return common | members

    def proof(self, purpose: str, *, ac: bool = False, **members: Any) -> dict[str, Any]:
        transport = self.ac_transport if ac else self.sam_transport
        common = {
            "purpose": purpose,
            "salt": b64u(self.salt),
            "argon2": dict(self.argon2),
            "transport_key": public(transport),
        }
        return common | members

    def statement(
        self,
        document: dict[str, Any] | bytes,
        proof: dict[str, Any] | None = None,
        *,
        by: ECKey | None = None,
        expires: int | None = None,
        **members: Any,
    ) -> str:
        data = document if isinstance(document, bytes) else rfc8785.dumps(document)
        until = expires if expires is not None else json.loads(data)["expires"]
        payload = {"v": 1, "type": "statement", "document": b64u(data), "expires": until, "proof": proof} | members
        return self.sign(payload, by=by)


def decision_message(document: bytes, decision: str, proof: str | None) -> bytes:
    """Section 3, once more."""
    digest = hashlib.sha256
    parts = (document, decision.encode(), (proof or "").encode())
    return b"linkid-decision-v1\x00" + b"".join(digest(part).digest() for part in parts)
