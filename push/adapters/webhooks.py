"""Events to applications' addresses: one POST, to an address of the internet and to no other.

Whoever registers an address could point it at a machine inside ours (SSRF), also by a name that leads elsewhere the
second time it is asked. So the name is resolved here, every address that it leads to must be public, and the connection
goes to those very addresses. Redirects are not followed, no proxy of the environment is used, an answer's body is not
read, cookies are not kept. One that keeps silent is left alone for a while (``domain/silence.py``).
"""

import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from foundation.clock import Clock
from foundation.encoding import canonical_json
from push.domain.silence import Silence
from push.domain.webhooks import WebhookSigner, is_public
from push.errors import CarrierBusy, CarrierRefused
from push.ports import Parcel

DEADLINE: Final = 10.0
"""Seconds from resolving to the answer's head; below the outbox's own 20 s."""
CONNECT_SECONDS: Final = 4.0
LONGEST_WISH: Final = timedelta(hours=1)
"""Of ``Retry-After``: a receiver does not keep our rows for days."""


class NotPublic(OSError):
    """A name that leads to a machine that is not the internet's."""


class PublicResolver(AbstractResolver):
    """Asks *inner*, and lets through nothing but public addresses: all of them are, or none is used."""

    def __init__(self, inner: AbstractResolver, *, loopback: bool = False) -> None:
        """``loopback``: this machine is let through too (development)."""
        self._inner = inner
        self._loopback = loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises NotPublic, OSError."""
        found = await self._inner.resolve(host, port, family)
        if not all(self._lets_through(one["host"]) for one in found):
            raise NotPublic("leads to an address that is not public")
        return found

    async def close(self) -> None:
        """The inner one's."""
        await self._inner.close()

    def _lets_through(self, address: str) -> bool:
        return is_public(address) or (self._loopback and address in ("127.0.0.1", "::1"))


class WebhookCarrier:
    """See ports.Carrier. Make it inside a running loop; ``close`` it."""

    def __init__(
        self,
        signer: WebhookSigner,
        clock: Clock,
        *,
        development: bool = False,
        resolver: AbstractResolver | None = None,
        tls: object = True,
        deadline: float = DEADLINE,
    ) -> None:
        """``development``: plain HTTP, and this machine. ``resolver``, ``tls``: for a stand-in of the internet."""
        self._signer = signer
        self._clock = clock
        self._development = development
        self._silence = Silence()
        inner = resolver or aiohttp.ThreadedResolver()
        self._connector = aiohttp.TCPConnector(
            resolver=PublicResolver(inner, loopback=development), use_dns_cache=False, limit=50, limit_per_host=5,
            ssl=tls,  # type: ignore[arg-type]
        )  # fmt: skip
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            timeout=aiohttp.ClientTimeout(total=deadline, sock_connect=min(CONNECT_SECONDS, deadline)),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    async def carry(self, parcel: Parcel) -> None:
        """One POST. 2xx is taken; 410 and an address inside are the end; anything else is tried again."""
        event, url = parcel.content["event"], str(parcel.content["to"])
        assert isinstance(event, dict), "webhooks queues objects"
        body = canonical_json(event)
        name = str(parcel.content.get("id") or event["id"])  # queued before ids stood beside events
        headers = self._signer.headers(name, int(self._clock.now().timestamp()), body)
        self._demand_safe(url)
        receiver = URL(url).authority
        wait = self._silence.wait(receiver, self._clock.now())
        if wait:
            raise CarrierBusy("it kept silent", retry_after=wait)
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                status, wish = answer.status, answer.headers.getall("Retry-After", [])
        except aiohttp.ClientConnectorError as cause:
            if isinstance(cause.os_error, NotPublic):
                raise CarrierRefused("the address is not public") from None
            raise CarrierBusy(type(cause).__name__) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as cause:
            if isinstance(cause, TimeoutError):
                self._silence.silent(receiver, self._clock.now())
            raise CarrierBusy(type(cause).__name__) from None
        self._silence.answered(receiver)
        if 200 <= status < 300:
            return
        if status == 410:
            raise CarrierRefused("gone, says the receiver")
        raise CarrierBusy(f"status {status}", retry_after=_seconds(wish))

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    def _demand_safe(self, url: str) -> None:
        """A number in the address is never resolved, so it is judged here. Raises CarrierRefused."""
        scheme, _, rest = url.partition("://")
        host = URL(url).host or ""
        if self._development and scheme in ("http", "https") and host in ("localhost", "127.0.0.1", "::1"):
            return
        if scheme != "https" or not rest:
            raise CarrierRefused("not https")
        if _is_number(host) and not is_public(host):
            raise CarrierRefused("the address is not public")


def _is_number(host: str) -> bool:
    """Whether connecting takes it as it is: everything that the system's own parser reads as an address, 0x7f.1 too."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def _seconds(values: Sequence[str]) -> int | None:
    """``Retry-After`` in seconds, cut to what we would wait."""
    if not values or not values[0].isascii() or not values[0].isdigit() or len(values[0]) > 9:
        return None
    return min(int(values[0]), int(LONGEST_WISH.total_seconds()))
