"""What a webhook's receiver checks, and where one may be sent. Pure.

The form is Standard Webhooks' (headers ``webhook-id``, ``webhook-timestamp``, ``webhook-signature``), with its
asymmetric signatures (``v1a``, Ed25519): a receiver holds nothing with which it could pose as us, and we keep no secret
for each of them.
"""

import base64
import ipaddress
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from foundation.encoding import JsonObject, b64u

USER_AGENT: Final = "LinkID-Webhooks/1"
_KID: Final = "webhooks-1"


class WebhookSigner:
    """Made of 32 bytes that all gateways share."""

    def __init__(self, seed: bytes) -> None:
        """Raises ValueError unless there are 32."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def keys(self) -> JsonObject:
        """The public half as a JWK set."""
        one = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": b64u(self._public),
            "kid": "webhooks-1",
            "use": "sig",
            "alg": "EdDSA",
        }
        return {"keys": [one]}

    def headers(self, id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
        """``timestamp``: seconds since 1970, of this attempt; what is signed is id, timestamp and body."""
        signature = self._key.sign(b".".join((id.encode("ascii"), str(timestamp).encode("ascii"), body)))
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "webhook-id": id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": "v1a," + base64.b64encode(signature).decode("ascii"),
        }


def is_public(address: str) -> bool:
    """Whether this is an address of the internet: not of this machine, a network inside, a link, or a cloud's metadata.

    IPv6 addresses that carry an IPv4 one (mapped, 6to4, Teredo, NAT64) are judged by both. Of the others only global
    unicast is the internet's: what is assigned to nothing yet, or was site-local once, may be routed inside.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner: list[ipaddress.IPv4Address] = []
    if isinstance(found, ipaddress.IPv6Address):
        inner += [one for one in (found.ipv4_mapped, found.sixtofour) if one is not None]
        inner += list(found.teredo or ())
        if found in _NAT64:
            inner.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
        if found.ipv4_mapped is not None:
            return all(_global(one) for one in inner)
        if found not in _UNICAST and found not in _NAT64:
            return False
    return _global(found) and all(_global(one) for one in inner)


_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def _global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified
