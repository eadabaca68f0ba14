"""Which phones to ring for a credential: pairing knows the phones, push knows how to reach them."""

from datetime import timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Connection, Database
from pairing.ports import Doorbell
from pairing.store import DeviceStore

RING_LIFE: Final = timedelta(minutes=3)
"""No request lives longer (docs/protocol.md section 15), so no bell need ring longer."""


class BellService:
    """What signing asks for when a request waits."""

    def __init__(self, database: Database, clock: Clock, doorbell: Doorbell) -> None:
        """The gateway's database."""
        self._clock = clock
        self._doorbell = doorbell
        self._devices = DeviceStore(database)

    async def ring(self, connection: Connection, *, document: str, credential: str) -> None:
        """Ring every active phone of a credential, if the caller's transaction commits."""
        devices = await self._devices.to_ring(connection, credential, self._clock.now())
        if devices:
            await self._doorbell.ring(connection, devices, document, self._clock.now() + RING_LIFE)

    async def settle(self, connection: Connection, *, document: str) -> None:
        """Nobody waits for it any more: no phone is rung for it again."""
        await self._doorbell.settle(connection, document)
