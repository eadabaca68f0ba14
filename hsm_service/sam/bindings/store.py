"""Rows of ``sam.bindings``; only those whose MAC holds come out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from foundation.database import Connection, Record
from foundation.queries import Queries
from hsm_service.sam.bindings.domain import Binding, State
from hsm_service.sam.rows import Reader, RowSeals
from protocol.keys import P256Key

queries = Queries.load("hsm_service.sam.bindings")
TABLE = "bindings"


class BindingStore:
    """Finds, adds and changes bindings."""

    def __init__(self, seals: RowSeals) -> None:
        self._seals = seals

    async def find(self, reader: Reader, id_: str) -> Binding | None:
        """By its id, unless it has ended."""
        return await self._seals.fetch_one(TABLE, _read, reader, queries.by_id, id_)

    async def made_by(self, reader: Reader, document: str) -> Binding | None:
        """The binding that a pairing's document made."""
        return await self._seals.fetch_one(TABLE, _read, reader, queries.by_document, document)

    async def of(self, reader: Reader, device: str, credential: str) -> Binding | None:
        """The binding of a phone to a credential."""
        return await self._seals.fetch_one(TABLE, _read, reader, queries.of_device_and_credential, device, credential)

    async def read(self, record: Record | None, since: int) -> Binding | None:
        """Of a record that was fetched with more; ``since``: ``RowSeals.now()`` from before that."""
        return None if record is None else await self._seals.believed(TABLE, _read, record, since)

    async def of_device(self, reader: Reader, device: str, *, active: bool) -> list[Binding]:
        """All of a phone's; ``active``: only those that may decide."""
        good = await self._seals.fetch(TABLE, _read, reader, queries.of_device, device)
        return [binding for binding in good if not active or binding.state is State.ACTIVE]

    async def of_credentials(self, reader: Reader, credentials: Sequence[str]) -> list[Binding]:
        """Every phone's, on trial or active."""
        return await self._seals.fetch(TABLE, _read, reader, queries.of_credentials, list(credentials))

    async def hold(self, connection: Connection, binding: Binding, *, however_guarded: bool = False) -> bool:
        """Whether it is active still, and the same passkey, or none, in front of it; whoever would end or change it
        waits until this transaction is over."""
        turns = None if however_guarded else binding.turns
        return await connection.fetchval(queries.hold, binding.id, turns) is not None

    async def add(self, connection: Connection, binding: Binding) -> None:
        """Raises a unique violation when the phone has a binding that has not ended."""
        mac = await self._seals.seal(TABLE, binding.meaning())
        await connection.execute(
            queries.add, binding.id, binding.credential, binding.device, binding.key.point, binding.nickname,
            binding.state.value, binding.document, binding.created, mac, binding.until, binding.passkey, binding.turns,
        )  # fmt: skip

    async def confirm(self, connection: Connection, binding: Binding, now: datetime, wait: timedelta) -> Binding | None:
        """Out of its trial: to decide, or to wait. None when somebody was faster."""
        await connection.execute(queries.queue_for, binding.credential)
        first = not await connection.fetchval(queries.another_was_first, binding.credential, binding.id)
        changed = binding.confirmed(now, wait, first=first)
        mac = await self._seals.seal(TABLE, changed.meaning())
        row = await connection.fetchval(
            queries.confirm, binding.id, binding.turns, changed.state.value, changed.until, first, mac
        )
        if row is None:
            return None
        self._seals.advanced(connection, TABLE, changed)
        return changed

    async def all_of_phone(self, connection: Connection, device: str) -> list[Binding]:
        """All of a phone's, and there will be no other one, nor another passkey, before this transaction is over."""
        await connection.execute(queries.queue_for_phone, device)
        return await self.of_device(connection, device, active=False)

    async def waited(self, reader: Reader, now: datetime) -> list[Binding]:
        """Those whose wait is over."""
        return await self._seals.fetch(TABLE, _read, reader, queries.waited, now)

    async def change(self, connection: Connection, binding: Binding, state: State) -> bool:
        """False when somebody was faster."""
        changed = binding.to(state)
        mac = await self._seals.seal(TABLE, changed.meaning())
        row = await connection.fetchval(
            queries.change, binding.id, binding.state.value, binding.turns, state.value, mac
        )
        if row is not None:
            self._seals.advanced(connection, TABLE, changed)
        return row is not None

    async def guard(self, connection: Connection, binding: Binding, passkey: str | None) -> bool:
        """False when somebody was faster."""
        changed = binding.guarded(passkey)
        mac = await self._seals.seal(TABLE, changed.meaning())
        row = await connection.fetchval(
            queries.guard, binding.id, binding.state.value, binding.turns, passkey, changed.turns, mac
        )
        if row is not None:
            self._seals.advanced(connection, TABLE, changed)
        return row is not None


def _read(row: Record) -> Binding:
    key = P256Key.from_point(row["device_key"])
    return Binding(
        row["id"], row["credential"], row["device"], key, row["nickname"], State(row["state"]), row["document"],
        row["created_at"], row["until"], row["passkey"], row["turns"], row["mac"],
    )  # fmt: skip
