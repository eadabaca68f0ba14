"""Computers after their association: OAuth clients with a key, until the holder or the computer itself ends it."""

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import is_id
from pairing.errors import ComputerNotFound
from pairing.ports import Sam
from pairing.store import ComputerRow, ComputerStore, DeviceRow


class ComputerService:
    """One per gateway. OAuth uses ``find`` to know a client, and ``used`` to note that it came."""

    def __init__(self, database: Database, clock: Clock, audit: AuditChain, sam: Sam) -> None:
        """The gateway's database."""
        self._database = database
        self._clock = clock
        self._audit = audit
        self._sam = sam
        self._computers = ComputerStore(database)

    async def find(self, computer: str) -> ComputerRow | None:
        """A computer that is associated by at least one phone, with the credentials it may use; None otherwise."""
        return await self._computers.find(computer) if is_id(computer, "cmp") else None

    async def used(self, computer: str) -> None:
        """It came with a good proof of its key."""
        await self._computers.touch(computer, self._clock.now())

    async def end(self, device: DeviceRow, computer: str) -> None:
        """A phone takes back what it, or another phone of the same certificates, gave.

        First the right (the SAM's), then our rows. Raises ComputerNotFound.
        """
        known = any(one.id == computer for one in await self._sam.computers(device.id))
        if not known and not any(one.id == computer for one in await self._computers.of_device(device.id)):
            raise ComputerNotFound()
        await self._sam.end_association(computer, device.id)
        bound = [one.credential for one in await self._sam.bindings(device.id) if one.state == "active"]
        async with self._database.transaction() as connection:
            if await self._computers.end(connection, computer, device.id, self._clock.now(), bound):
                self._audit.note(connection, "computer.ended", computer=computer, device=device.id)

    async def leave(self, computer: str, jkt: str) -> None:
        """A computer ends its own associations, all of them; again is the same. Raises ComputerNotFound."""
        if not await self._computers.is_key_of(computer, jkt):
            raise ComputerNotFound()
        await self._sam.end_association(computer, None)
        async with self._database.transaction() as connection:
            if await self._computers.end_all(connection, computer, self._clock.now()):
                self._audit.note(connection, "computer.left", computer=computer)
