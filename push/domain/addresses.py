"""Where a phone is reached while its app is closed: an address at a push service, checked and sealed.

An address comes from a phone, and we are going to send requests to it: a Web Push endpoint is therefore taken only at
push services that an operator listed, by HTTPS at the usual port, so that no phone can point us at a machine of ours.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from foundation.encoding import b64u, canonical_json, strict_json, unb64u
from foundation.errors import BadInput
from push.errors import AddressInvalid, SealDamaged

MAX_ENDPOINT: Final = 1024
"""Characters. Those of the four big services have 150 to 400."""
MAX_SEALED: Final = 4096
_NONCE_BYTES: Final = 12
_POINT_BYTES: Final = 65
_AUTH_BYTES: Final = 16
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_VISIBLE = re.compile(r"[!-~]+")
_INSTALLATION = re.compile(r"[A-Za-z0-9_:-]{16,512}")


class AddressKind(StrEnum):
    """Whose push service it is, and so who speaks to it."""

    WEBPUSH = "webpush"
    FCM = "fcm"


@dataclass(frozen=True)
class WebPushAddress:
    """A browser's subscription (RFC 8030, RFC 8291)."""

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    """b64u, 65 bytes: the point of the browser's key."""
    auth: str = field(repr=False)
    """b64u, 16 bytes."""

    kind = AddressKind.WEBPUSH


@dataclass(frozen=True)
class FcmAddress:
    """A native app's Firebase installation."""

    fid: str = field(repr=False)

    kind = AddressKind.FCM


Address: TypeAlias = WebPushAddress | FcmAddress


def read_webpush(endpoint: str, p256dh: str, auth: str, hosts: Iterable[str]) -> WebPushAddress:
    """A subscription as a browser gave it, if its push service is one of ``hosts``. Raises AddressInvalid."""
    _demand_known_host(endpoint, hosts)
    try:
        point, secret = unb64u(p256dh, max_len=_POINT_BYTES), unb64u(auth, max_len=_AUTH_BYTES)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (BadInput, ValueError) as cause:
        raise AddressInvalid("p256dh or auth: not a key, not 16 bytes") from cause
    if len(point) != _POINT_BYTES or len(secret) != _AUTH_BYTES:
        raise AddressInvalid("p256dh or auth: of another length")
    return WebPushAddress(endpoint, p256dh, auth)


def read_fcm(fid: str) -> FcmAddress:
    """A Firebase installation id. Raises AddressInvalid."""
    if not _INSTALLATION.fullmatch(fid):
        raise AddressInvalid("not a Firebase installation id")
    return FcmAddress(fid)


def _demand_known_host(endpoint: str, hosts: Iterable[str]) -> None:
    # Visible ASCII first: urlsplit forgives tabs and newlines, and hosts are compared as they are written.
    if len(endpoint) > MAX_ENDPOINT or not _VISIBLE.fullmatch(endpoint) or "\\" in endpoint:
        raise AddressInvalid("endpoint: not an address")
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError as cause:
        raise AddressInvalid("endpoint: not an address") from cause
    host = parts.hostname or ""
    if parts.scheme != "https" or parts.username is not None or port not in (None, 443) or parts.fragment:
        raise AddressInvalid("endpoint: https without user, port or fragment")
    if not _HOST.fullmatch(host) or not any(_matches(host, known) for known in hosts):
        raise AddressInvalid("endpoint: not a push service that we know")


def _matches(host: str, known: str) -> bool:
    return host.endswith(known[1:]) if known.startswith("*.") else host == known


class AddressBook:
    """Seals addresses, and names them."""

    def __init__(self, key: bytes) -> None:
        """``key``: 32 bytes that only gateways have."""
        self._cipher = AESGCM(_derived(key, b"seal", 32))
        self._naming = _derived(key, b"name", 32)

    def name(self, address: Address) -> bytes:
        """32 bytes, the same for the same address, which tell it to nobody without the key."""
        text = address.endpoint if isinstance(address, WebPushAddress) else address.fid
        return hmac.digest(self._naming, f"{address.kind}|{text}".encode(), "sha256")

    def close(self, address: Address, device: str, nonce: bytes) -> bytes:
        """Sealed for this phone: another's row would not open. ``nonce``: 12 random bytes."""
        if isinstance(address, WebPushAddress):
            content = {"endpoint": address.endpoint, "p256dh": address.p256dh, "auth": address.auth}
        else:
            content = {"fid": address.fid}
        return nonce + self._cipher.encrypt(nonce, canonical_json(content), _about(address.kind, device))

    def open(self, sealed: bytes, kind: AddressKind, device: str) -> Address:
        """Raises SealDamaged."""
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _about(kind, device))
        except (InvalidTag, ValueError) as cause:
            raise SealDamaged(f"a {kind} address does not open") from cause
        content = strict_json(plain, max_bytes=MAX_SEALED)
        assert isinstance(content, dict), "we sealed an object"
        if kind is AddressKind.FCM:
            return FcmAddress(str(content["fid"]))
        return WebPushAddress(str(content["endpoint"]), str(content["p256dh"]), str(content["auth"]))


def _about(kind: AddressKind, device: str) -> bytes:
    return f"linkid-push-address-v1|{kind}|{device}".encode()


def vapid_key(key: bytes) -> ec.EllipticCurvePrivateKey:
    """The P-256 key by which push services know us (RFC 8292), the same at every gateway: cut from a key they share.

    48 bytes modulo the order less one: no value is likelier than another by more than 2^-128 (FIPS 186-5 A.2.1).
    """
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    number = int.from_bytes(_derived(key, b"vapid", 48), "big") % (order - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def application_server_key(key: ec.EllipticCurvePrivateKey) -> str:
    """As ``pushManager.subscribe`` takes it: the point, b64u."""
    numbers = key.public_key().public_numbers()
    return b64u(b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt=None, info=b"linkid-push-" + purpose).derive(key)
