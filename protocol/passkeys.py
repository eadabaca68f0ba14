"""A passkey's word for an approval: the phone's screen lock, in front of its device key (docs/protocol.md section 6.2).

An *assertion* is what WebAuthn calls one (Level 3, section 7.2). Of those steps we take the ones that a verifier with
one origin, one algorithm, no accounts to find and no extensions has:

P1 the form of what came · P2 it was got, not created · P3 its challenge is this document's · P4 at our app's origin,
not in a frame of somebody else's · P5 for our app's name · P6 the person was there, and was verified · P7 signed by
this passkey · P8 its counter went on, if it counts (the SAM's: ``hsm_service.sam.passkeys``).

No attestation is asked for, so no CBOR is read: that the key is the phone's is shown by an assertion with it (P7) in
the very decision that enrols it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from foundation.encoding import BadEncoding, b64u, strict_json, unb64u
from foundation.ids import same
from protocol.documents import Document
from protocol.errors import PasskeyInvalid, SignatureInvalid
from protocol.keys import P256Key, signature_from_der

SEPARATOR: Final = b"linkid-passkey-v1\x00"
"""Nobody who gets an assertion for another purpose (signing in somewhere, one day) gets one for a document."""

MIN_HANDLE_BYTES: Final = 16
MAX_HANDLE_BYTES: Final = 1023
"""Of a passkey's credential id, as WebAuthn has it (section 4)."""
MAX_CLIENT_DATA_BYTES: Final = 2048
"""Browsers write some 200; origins are short, and we ask for no extension."""
MAX_AUTHENTICATOR_DATA_BYTES: Final = 512
_FIXED_BYTES: Final = 37
"""SHA-256 of the name, one byte of flags, four of the counter (section 6.1)."""
MAX_SIGNATURE_BYTES: Final = 72
"""DER of two integers of P-256."""
_PRESENT: Final = 0x01
_VERIFIED: Final = 0x04
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True)
class RelyingParty:
    """The app, as browsers name it: its origin, and its host (WebAuthn's RP ID)."""

    origin: str
    id: str

    @classmethod
    def of(cls, address: str) -> "RelyingParty":
        """Of the app host's address in trust.json, in a browser's spelling. An address that is none matches nobody."""
        try:
            parts = urlsplit(address)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            return cls("", "")
        if parts.scheme not in _PORTS or not host or not host.isascii():
            return cls("", "")
        where = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
        return cls(f"{parts.scheme}://{where}", host)


@dataclass(frozen=True)
class Assertion:
    """As received: form checked (P1), nothing verified."""

    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    @classmethod
    def parse(cls, value: object) -> "Assertion":
        """P1. Exactly ``authenticator_data``, ``client_data``, ``signature``, b64u. Raises PasskeyInvalid."""
        if not isinstance(value, Mapping) or set(value) != {"authenticator_data", "client_data", "signature"}:
            raise PasskeyInvalid("an assertion has exactly authenticator_data, client_data and signature")
        return cls(
            _bytes(value["authenticator_data"], MAX_AUTHENTICATOR_DATA_BYTES),
            _bytes(value["client_data"], MAX_CLIENT_DATA_BYTES),
            _bytes(value["signature"], MAX_SIGNATURE_BYTES),
        )

    def verify(self, document: Document, key: P256Key, app: RelyingParty) -> int:
        """P2 to P7: this passkey, at our app, with the person verified, for these bytes. Its counter.

        Raises PasskeyInvalid.
        """
        self._demand_client(document, app)
        if len(self.authenticator_data) < _FIXED_BYTES:
            raise PasskeyInvalid("authenticator data that ends early")
        name, flags = self.authenticator_data[:32], self.authenticator_data[32]
        if not app.id or not same(name, hashlib.sha256(app.id.encode("ascii")).digest()):  # P5
            raise PasskeyInvalid("for another name than our app's")
        if not flags & _PRESENT or not flags & _VERIFIED:  # P6
            raise PasskeyInvalid("nobody was verified")
        try:
            raw = signature_from_der(self.signature)
            key.verify(raw, self.authenticator_data + hashlib.sha256(self.client_data).digest())  # P7
        except (ValueError, OverflowError, SignatureInvalid) as cause:
            raise PasskeyInvalid("not signed by this passkey") from cause
        return int.from_bytes(self.authenticator_data[33:37], "big")

    def _demand_client(self, document: Document, app: RelyingParty) -> None:
        """P2 to P4. Members that we do not know are the browser's own (section 5.8.1.1 tells us to pass over them)."""
        try:
            said = strict_json(self.client_data, max_bytes=MAX_CLIENT_DATA_BYTES)
        except BadEncoding as cause:
            raise PasskeyInvalid("client data that is no JSON") from cause
        if not isinstance(said, dict) or said.get("type") != "webauthn.get":  # P2
            raise PasskeyInvalid("not an assertion")
        if said.get("challenge") != b64u(challenge(document.digest)):  # P3
            raise PasskeyInvalid("for another document")
        if not app.origin or said.get("origin") != app.origin or said.get("crossOrigin", False) is not False:  # P4
            raise PasskeyInvalid("at another origin than our app's")


def challenge(document_digest: bytes) -> bytes:
    """What the passkey is asked to sign for a document, 32 bytes."""
    return hashlib.sha256(SEPARATOR + document_digest).digest()


def read_handle(value: object) -> bytes:
    """A passkey's credential id. Raises PasskeyInvalid."""
    handle = _bytes(value, MAX_HANDLE_BYTES)
    if len(handle) < MIN_HANDLE_BYTES:
        raise PasskeyInvalid(f"a passkey's id has at least {MIN_HANDLE_BYTES} bytes")
    return handle


def _bytes(value: object, most: int) -> bytes:
    if not isinstance(value, str):
        raise PasskeyInvalid("base64url text")
    try:
        return unb64u(value, max_len=most)
    except BadEncoding as cause:
        raise PasskeyInvalid("base64url text") from cause
