"""Rows that vouch for themselves (docs/protocol.md section 7): a row whose MAC does not hold does not exist.

The MAC says that the HSM of this SAM once agreed to exactly this meaning. It does not say that the row is the newest
one with a MAC: turning a row back is noticed by guarded states, by the SAM's memory and by the audit, as far as each
goes.
"""

import hmac
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from foundation.audit import AuditChain
from foundation.database import Database
from foundation.encoding import JsonObject
from foundation.errors import LinkIdError
from foundation.logs import get_logger
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmKeyMissing
from protocol import rowmac

MAC_BYTES: Final = 33
_REMEMBERED: Final = 10_000

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

    def meaning(self) -> JsonObject:
        """Everything that anybody acts on."""
        ...


R = TypeVar("R", bound=Row)


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

    async def seal(self, table: str, meaning: JsonObject) -> bytes:
        """The MAC to be stored with a row of this meaning."""
        return (await self.seals(table, [meaning]))[0]

    async def seals(self, table: str, meanings: Sequence[JsonObject]) -> list[bytes]:
        """Several at once."""
        macs = await self._macs(self._version, table, meanings)
        return [bytes([self._version]) + mac for mac in macs]

    async def genuine(self, table: str, rows: Sequence[R]) -> list[R]:
        """Those of the rows whose MAC holds; each other one does not exist, and is an audit line."""
        if not rows:
            return []
        good: list[R] = []
        for row in rows:
            if await self._holds(table, row):
                good.append(row)
            else:
                await self._alarm.raise_("row.forged", table, row.id)
        return good

    async def genuine_one(self, table: str, row: R | None) -> R | None:
        """The row, if there is one and its MAC holds."""
        return next(iter(await self.genuine(table, [] if row is None else [row])), None)

    async def _holds(self, table: str, row: Row) -> bool:
        if len(row.mac) != MAC_BYTES:
            return False
        try:
            wanted = (await self._macs(row.mac[0], table, [row.meaning()]))[0]
        except HsmKeyMissing:  # a version that never was
            return False
        return hmac.compare_digest(row.mac[1:], wanted)

    async def _macs(self, version: int, table: str, meanings: Sequence[JsonObject]) -> list[bytes]:
        messages = [rowmac.message(table, meaning) for meaning in meanings]
        return await self._hsm.hmacs(f"rowmac.{version}", messages)
