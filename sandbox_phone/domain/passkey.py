"""A passkey in software, as a client with a second key behind the phone's own lock may make its word (section 6.2).

A browser's authenticator makes the same three values; so does a platform's passkey interface. Here nobody is verified:
this is a simulator.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox_phone.domain.encoding import b64u, sha256
from sandbox_phone.domain.keys import public_jwk

SEPARATOR: Final = b"linkid-passkey-v1\x00"
PRESENT: Final = 0x01
VERIFIED: Final = 0x04


@dataclass(frozen=True, slots=True)
class Passkey:
    """``handle``: what WebAuthn calls the credential id, 16 to 1,023 bytes. ``app``: the app's origin."""

    key: ec.EllipticCurvePrivateKey
    handle: bytes
    app: str

    @property
    def members(self) -> dict[str, Any]:
        """What ``POST passkeys`` takes."""
        return {"id": b64u(self.handle), "key": public_jwk(self.key)}

    def speak(self, document: bytes, counter: int = 0, **lies: Any) -> dict[str, str]:
        """Its word over a document's bytes. ``lies``: ``flags``, ``name`` and members of the client data, for tests."""
        said: Mapping[str, Any] = {
            "type": "webauthn.get",
            "challenge": b64u(challenge(document)),
            "origin": self.app,
            "crossOrigin": False,
        }
        flags, name = lies.pop("flags", PRESENT | VERIFIED), lies.pop("name", urlsplit(self.app).hostname or "")
        client = json.dumps({**said, **lies}).encode("utf-8")
        data = sha256(name.encode("ascii")) + bytes([flags]) + counter.to_bytes(4, "big")
        signature = self.key.sign(data + sha256(client), ec.ECDSA(hashes.SHA256()))
        return {"authenticator_data": b64u(data), "client_data": b64u(client), "signature": b64u(signature)}


def challenge(document: bytes) -> bytes:
    """What a passkey is asked to sign for a document, 32 bytes."""
    return sha256(SEPARATOR + sha256(document))
