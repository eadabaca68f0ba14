"""Rows that vouch for themselves (docs/protocol.md section 7): a row whose MAC does not hold does not exist.

The MAC says that the HSM of this SAM once agreed to exactly this meaning. It does not say that the row is the newest
one with a MAC. So each row has a *rank* that only grows (active, then revoked), and this process remembers the highest
rank it has seen or written: a row of a lower one was turned back, and does not exist either. Across restarts only the
audit remembers (``recall``).

The HSM is asked about a row once: what it agreed to (``_agreed``: this MAC over this message) it would agree to again,
and a record that is equal, column by column, to one that held (``_read_before``) means the same again. Both memories
are bounded; what fell out of them is asked again. A forged row is in neither.
"""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar, cast

from foundation.audit import AuditChain
from foundation.database import Connection, Database, Record
from foundation.encoding import JsonObject
from foundation.errors import LinkIdError
from foundation.logs import get_logger
from hsm_service.hsm.facade import Hsm
from protocol import rowmac

MAC_BYTES: Final = 33
_REMEMBERED: Final = 200_000
"""Entries of some 200 bytes: the rows of the busiest days, not all that there are."""
_AGREED: Final = 50_000
"""MACs whose message is known, 200 bytes each: the documents, ladders and activations of some minutes."""
_READ_BEFORE: Final = 2_048
"""Whole records with what was read in them; a credential with its chain takes 6 kB, so 12 MB at most."""

_log = get_logger(__name__)


class Row(Protocol):
    """What is stored with a MAC."""

    @property
    def id(self) -> str:
        """Names the row in the audit."""
        ...

    @property
    def mac(self) -> bytes:
        """Version byte and HMAC."""
        ...

    @property
    def rank(self) -> int:
        """How far its life has gone; never goes back."""
        ...

    def meaning(self) -> JsonObject:
        """Everything that anybody acts on."""
        ...


R = TypeVar("R", bound=Row)


class Reader(Protocol):
    """A connection, or a database: whatever fetches rows."""

    async def fetch(self, query: str, *args: object) -> Sequence[Record]:
        """All rows."""
        ...


@dataclass(frozen=True, slots=True)
class _Rank:
    """The highest seen, and a number that says when it was raised, counted in raises."""

    rank: int
    raised: int


class Alarm:
    """Tells the audit about what should not be possible, once for each thing."""

    def __init__(self, database: Database, audit: AuditChain) -> None:
        self._database, self._audit = database, audit
        self._told: set[tuple[str, str, str]] = set()

    async def raise_(self, event: str, table: str, row: str) -> None:
        """Write the line ``event`` about a row. A failure to write is logged; the row stays refused either way."""
        key = (event, table, row)
        if key in self._told or len(self._told) > _REMEMBERED:
            return
        self._told.add(key)
        _log.error("alarm", alarm=event, table=table, row=row)
        try:
            async with self._database.transaction() as connection:
                self._audit.note(connection, event, table=table, row=row)
        except LinkIdError as error:
            self._told.discard(key)
            _log.error("alarm_not_audited", error_code=error.code)


class RowSeals:
    """Makes and checks the MACs."""

    def __init__(self, hsm: Hsm, alarm: Alarm, version: int) -> None:
        """``version``: the newest ``rowmac.N``, which new MACs are made with; older ones still verify."""
        self._hsm, self._alarm, self._version = hsm, alarm, version
        self._ranks: OrderedDict[tuple[str, str], _Rank] = OrderedDict()
        self._raises = 0
        self._agreed: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()
        self._read_before: OrderedDict[tuple[str, bytes, int], tuple[Record, Row]] = OrderedDict()
        """By table, MAC and number of columns: statements fetch more or fewer of them."""

    async def seal(self, table: str, meaning: JsonObject) -> bytes:
        """The MAC to be stored with a row of this meaning."""
        return (await self.seal_all([(table, meaning)]))[0]

    async def seal_all(self, rows: Sequence[tuple[str, JsonObject]]) -> list[bytes]:
        """Several rows, each of its table, at once."""
        messages = [rowmac.message(table, meaning) for table, meaning in rows]
        version = self._version
        made = [bytes([version]) + mac for mac in await self._hsm.hmacs(f"rowmac.{version}", messages)]
        for (table, _), mac, message in zip(rows, made, messages, strict=True):
            self._agree(table, mac, message)
        return made

    async def fetch(
        self, table: str, read: "Callable[[Record], R | None]", reader: Reader, query: str, *args: object
    ) -> list[R]:
        """Those of the rows whose MAC holds and that were not turned back; each other one does not exist.

        ``read`` makes a row of a record, or None of one that we cannot have written.
        """
        since = self._raises  # before the statement: what was committed by now, it must see
        good: list[R] = []
        for record in await reader.fetch(query, *args):
            row = await self.believed(table, read, record, since)
            if row is not None:
                good.append(row)
        return good

    def now(self) -> int:
        """A mark to be taken before a statement, for ``believed``: what was committed by now, it must see."""
        return self._raises

    async def believed(self, table: str, read: "Callable[[Record], R | None]", record: Record, since: int) -> R | None:
        """The row that a record means, unless its MAC does not hold or it was turned back: then it does not exist.

        ``since``: ``now()`` from before the statement that fetched it.
        """
        key = (table, bytes(record["mac"]), len(record))
        known = self._read_before.get(key)
        if known is not None and known[0] == record:
            row = cast("R", known[1])
            return row if await self._newest(table, row, since) else None
        found = _read_or_none(read, record)
        if found is None:
            await self._alarm.raise_("row.forged", table, str(record.get("id", "unreadable")))
            return None
        if not await self.genuine(table, found) or not await self._newest(table, found, since):
            return None
        self._read_before[key] = (record, found)
        if len(self._read_before) > _READ_BEFORE:
            self._read_before.popitem(last=False)
        return found

    async def fetch_one(
        self, table: str, read: "Callable[[Record], R | None]", reader: Reader, query: str, *args: object
    ) -> R | None:
        """The first of them, or None."""
        return next(iter(await self.fetch(table, read, reader, query, *args)), None)

    async def genuine(self, table: str, row: Row) -> bool:
        """Whether a row's MAC holds, for rows whose age somebody else watches."""
        if await self._holds(table, row):
            return True
        await self._alarm.raise_("row.forged", table, row.id)
        return False

    async def _newest(self, table: str, row: Row, since: int) -> bool:
        known = self._ranks.get((table, row.id))
        if known is not None and row.rank < known.rank and known.raised <= since:
            await self._alarm.raise_("row.turned_back", table, row.id)
            return False
        self.remember(table, row.id, row.rank)
        return True

    async def forged(self, table: str, row: str) -> None:
        """A row whose proof is not a MAC of ours does not hold: tell the audit."""
        await self._alarm.raise_("row.forged", table, row)

    async def vanished(self, table: str, row: str) -> bool:
        """Whether this process knows of a row that its caller did not find: an audit line, if so.

        For rows that are only ever added. The caller holds whatever keeps a rival from adding it just now.
        """
        if (table, row) not in self._ranks:
            return False
        await self._alarm.raise_("row.turned_back", table, row)
        return True

    def advanced(self, connection: Connection, table: str, row: Row) -> None:
        """This transaction writes the row in this state: remember its rank once it is committed."""

        async def remember() -> None:
            self.remember(table, row.id, row.rank)

        connection.after_commit(remember)

    def remember(self, table: str, row: str, rank: int) -> None:
        """A row has come this far, as somebody trustworthy says."""
        key = (table, row)
        known = self._ranks.get(key)
        if known is None or rank > known.rank:
            self._raises += 1
            self._ranks[key] = _Rank(rank, self._raises)
        self._ranks.move_to_end(key)
        if len(self._ranks) > _REMEMBERED:
            self._ranks.popitem(last=False)

    def highest(self, table: str, row: str) -> int | None:
        """The highest rank that this process remembers of a row, whether or not the row is there still."""
        known = self._ranks.get((table, row))
        return None if known is None else known.rank

    async def _holds(self, table: str, row: Row) -> bool:
        if len(row.mac) != MAC_BYTES or not 1 <= row.mac[0] <= self._version:
            return False
        message = rowmac.message(table, row.meaning())
        if self._agreed.get((table, row.mac)) == hashlib.sha256(message).digest():
            return True
        wanted = (await self._hsm.hmacs(f"rowmac.{row.mac[0]}", [message]))[0]
        if not hmac.compare_digest(row.mac[1:], wanted):
            return False
        self._agree(table, row.mac, message)
        return True

    def _agree(self, table: str, mac: bytes, message: bytes) -> None:
        self._agreed[table, mac] = hashlib.sha256(message).digest()
        if len(self._agreed) > _AGREED:
            self._agreed.popitem(last=False)


def _read_or_none(read: "Callable[[Record], R | None]", record: Record) -> R | None:
    """A record that we cannot have written (a state nobody knows, parameters below the floor) reads as None."""
    try:
        return read(record)
    except (LinkIdError, ValueError, TypeError):
        return None
