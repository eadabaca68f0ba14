"""Web Push (RFC 8030): to browsers' push services, encrypted for the browser (RFC 8291), signed as ours (RFC 8292).

The ``webpush`` library encrypts and signs; sending is ours: one POST, one deadline, no redirect (the address was
checked, where it points to was not), and the answer's status in our three words.
"""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from webpush import WebPush, WebPushSubscription
from webpush.types import WebPushKeys

from foundation.clock import Clock
from foundation.encoding import canonical_json
from push.domain.addresses import Address, WebPushAddress
from push.domain.waits import seconds_of
from push.errors import AddressDead, CarrierBusy, CarrierRefused

DEADLINE: Final = 10.0
"""Seconds from connecting to the answer; below the outbox's own 20 s."""
CONNECT_SECONDS: Final = 4.0
TOPIC: Final = "linkid-waiting"
"""RFC 8030 section 5.4: the service keeps one of a topic, the newest. The notice says "something waits" either way."""
_TOKEN_SECONDS: Final = 3600
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


class WebPushService:
    """See ports.PushService. Make it inside a running loop; ``close`` it."""

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        contact: str,
        clock: Clock,
        *,
        connector: aiohttp.BaseConnector | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        """``key``: ours (VAPID). ``contact``: an e-mail address at which push services may complain."""
        self._webpush = WebPush(
            private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            public_key=key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            subscriber=contact,
            expiration=_TOKEN_SECONDS,
        )
        self._clock = clock
        timeout = aiohttp.ClientTimeout(total=deadline, connect=min(CONNECT_SECONDS, deadline))
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=True, connector=connector)

    async def ring(self, address: Address, doorbell: str, life: timedelta) -> None:
        """See ports.PushService."""
        assert isinstance(address, WebPushAddress), "the carrier chose by kind"
        sealed, headers = self._sealed(address, doorbell)
        # The library's default life is none at all, which loses it for every phone that is not connected just now.
        headers |= {"TTL": str(max(1, int(life.total_seconds()))), "Urgency": "high", "Topic": TOPIC}
        try:
            async with self._session.post(
                address.endpoint, data=sealed, headers=headers, allow_redirects=False
            ) as response:
                self._judge(response.status, response.headers.get("Retry-After"))
        except (TimeoutError, aiohttp.ClientError) as cause:
            raise CarrierBusy(f"no answer: {type(cause).__name__}") from None  # its text repeats the address

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    def _sealed(self, address: WebPushAddress, doorbell: str) -> tuple[bytes, dict[str, str]]:
        subscription = WebPushSubscription.model_validate(
            {"endpoint": address.endpoint, "keys": WebPushKeys(auth=address.auth, p256dh=address.p256dh)}
        )
        message = self._webpush.get(canonical_json({"id": doorbell}), subscription)
        return message.encrypted, {
            "Content-Encoding": message.headers["content-encoding"],
            "Authorization": message.headers["authorization"],
            "Content-Type": "application/octet-stream",
        }

    def _judge(self, status: int, retry_after: str | None) -> None:
        """Nothing when the service took it (RFC 8030 section 5). Raises CarrierBusy, CarrierRefused, AddressDead."""
        if 200 <= status < 300:
            return
        if status in _GONE:
            raise AddressDead(f"status {status}")
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CarrierBusy(f"status {status}", retry_after=seconds_of(retry_after, self._clock.now()))
        # 401 and 403 are about our key, 413 about our payload, 3xx about nothing we follow: no fault of the phone's.
        raise CarrierRefused(f"status {status}")
