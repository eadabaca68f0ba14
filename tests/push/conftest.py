"""Push on a real PostgreSQL, with a carrier that does what a test tells it."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from foundation.clock import FixedClock
from foundation.database import Database, open_pool
from foundation.errors import LinkIdError, NotAuthenticated
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.ports import Listener, Parcel
from push.service.numbers import PushNumbers
from push.service.outbox import OutboxService, OutboxWorker
from tests.support.emptied import empty_tables
from tests.support.postgres import TestDatabase

KEY = bytes(range(32))


class NamedDevices:
    """`push.ports.Devices`: whoever says which phone it is, is it, with the token that it says."""

    def __init__(self) -> None:
        self.void: set[str] = set()
        """Tokens that are good no more."""

    async def listener(self, request: web.Request) -> Listener:
        device = await self.device_id(request)
        return Listener(device, request.headers.get("Test-Token", f"dvt_of_{device}"))

    async def standing(self, listeners: Sequence[Listener]) -> set[str]:
        return {one.token for one in listeners} - self.void

    async def device_id(self, request: web.Request) -> str:
        device = request.headers.get("Test-Device")
        if device is None:
            raise NotAuthenticated()
        return device


def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adapters honour the environment's proxies; the doubles are here."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class ScriptedCarrier:
    """Raises what stands in its script, one entry per call, and accepts when the script is at its end."""

    def __init__(self, *script: LinkIdError | None) -> None:
        self._script = list(script)
        self.carried: list[Parcel] = []
        self.calls = 0

    async def carry(self, parcel: Parcel) -> None:
        self.calls += 1
        error = self._script.pop(0) if self._script else None
        if error is not None:
            raise error
        self.carried.append(parcel)


class Post:
    """An outbox, its worker, and the carrier of SMS."""

    def __init__(self, database: Database, clock: FixedClock, *script: LinkIdError | None) -> None:
        self.database = database
        self.clock = clock
        self.carrier = ScriptedCarrier(*script)
        seal = Seal(KEY)
        self.registry = CollectorRegistry()
        self.worker = OutboxWorker(
            database, clock, seal, {Kind.SMS: self.carrier}, numbers=PushNumbers(self.registry), random=bytes
        )
        self.outbox = OutboxService(database, clock, seal, self.worker)

    async def queue(self, text: str = "oi", to: str | None = "+5531987654321", life: float = 600) -> None:
        """One SMS."""
        async with self.database.transaction() as connection:
            expires = datetime.fromtimestamp(self.clock.now().timestamp() + life, UTC)
            await self.outbox.send(connection, to, text, expires)

    async def states(self) -> list[str]:
        """Of every message, in order."""
        return [row["state"] for row in await self.database.fetch("SELECT state FROM push.outbox ORDER BY id")]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 23, 12, 0, tzinfo=UTC))


@pytest.fixture
async def gateway_database(shared_database: TestDatabase) -> AsyncIterator[Database]:
    """As the gateway's role sees it: what it may not do fails here. Empty."""
    await empty_tables(shared_database, "push")
    opened = Database(await open_pool(shared_database.dsn("linkid_gateway"), max_size=20))
    yield opened
    await opened.close()


@pytest.fixture
def post(gateway_database: Database, clock: FixedClock) -> Post:
    """With a carrier that accepts everything."""
    return Post(gateway_database, clock)
