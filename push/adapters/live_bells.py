"""Doorbells between gateways: PostgreSQL's NOTIFY as a wake-up, ids only.

``LiveBells`` is the carrier of the kind ``doorbell``; it gathers what rings within a moment into one notification.
``LiveListener`` hears them in every gateway, and whose tokens are void. Nothing depends on either: see
``service/live.py``.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import asyncpg

from foundation.database import Database
from foundation.logs import get_logger
from push.ports import Parcel
from push.store import DoorbellStore

CHANNEL: Final = "linkid_doorbells"
VOID_TOKENS: Final = "linkid_void_tokens"
"""Of a phone that was removed, or has another token: told by the table of phones (pairing/migrations)."""
_GATHER_SECONDS: Final = 0.01
_MAX_PAYLOAD: Final = 7900
"""PostgreSQL takes less than 8,000 bytes."""
_AGAIN_SECONDS: Final = 2.0

Tell: TypeAlias = Callable[[Iterable[str] | None], None]
"""``LiveHub.tell``."""
HangUp: TypeAlias = Callable[[str], None]
"""``LiveHub.hang_up``."""

_log = get_logger(__name__)


class LiveBells:
    """Carries doorbells to the hubs of all gateways."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._store = DoorbellStore(database)
        self._gathered: set[str] = set()
        self._flush: asyncio.Task[None] | None = None

    async def carry(self, parcel: Parcel) -> None:
        """See ports.Carrier."""
        self._gathered.add(str(parcel.content["device"]))
        if self._flush is None:
            self._flush = asyncio.create_task(self._announce())
        await asyncio.shield(self._flush)

    async def _announce(self) -> None:
        await asyncio.sleep(_GATHER_SECONDS)
        devices, self._gathered, self._flush = sorted(self._gathered), set(), None
        text = ",".join(devices)
        await self._store.announce(text if len(text) <= _MAX_PAYLOAD else "*")


class LiveListener:
    """Hears notifications and tells the hub, on a connection of its own (a pooled one forgets its listeners)."""

    def __init__(self, dsn: str, tell: Tell, hang_up: HangUp) -> None:
        """``dsn``: of the gateway's role. ``tell``: which phones may have something new, None: any of them;
        ``hang_up``: whose streams end.
        """
        self._dsn = dsn
        self._tell = tell
        self._hang_up = hang_up

    async def run(self) -> None:
        """Listen until cancelled; a broken connection is made again, and the hub then looks at everything."""
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as cause:
                _log.warning("live_listener_lost", reason=type(cause).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._dsn, server_settings={"application_name": "linkid-live"})
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        try:
            await connection.add_listener(CHANNEL, self._heard)
            await connection.add_listener(VOID_TOKENS, self._void)
            self._tell(None)  # whatever was notified while nobody listened
            await ended.wait()
        finally:
            connection.terminate()

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: Any) -> None:
        self._tell(None if payload == "*" else str(payload).split(","))

    def _void(self, _connection: Any, _pid: int, _channel: str, payload: Any) -> None:
        self._hang_up(str(payload))
