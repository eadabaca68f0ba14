"""What both sides of a link share: its codes, and its end."""

from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.logs import get_logger
from pairing.domain.codes import CodeKey
from pairing.domain.frames import Shown
from pairing.domain.link import LinkEvent, Purpose
from pairing.ports import Callers, Sam
from pairing.store import LinkRow, LinkStore

_SWEEP: Final = 100
"""Links looked at in one sweep; the next one takes the next."""

_log = get_logger(__name__)


class LinkLife:
    """Made once by the roof, for ``LinkService`` and ``ScanService``."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        code_key: CodeKey,
        sam: Sam,
        callers: Callers | None = None,
    ) -> None:
        """The gateway's database. ``sweep`` is to be called every few minutes; ``callers``: told of what ends."""
        self._database = database
        self._clock = clock
        self._audit = audit
        self._code_key = code_key
        self._sam = sam
        self._callers = callers
        self._links = LinkStore(database)

    def shown(self, row: LinkRow) -> Shown:
        """What the link's frames are made from."""
        return Shown(self._code_key.link_secret(row.id), row.token, row.jkt, row.name, row.created_at)

    def check_code(self, row: LinkRow) -> str:
        """The check code between the asker and the phone that claimed the link."""
        assert row.device_jkt is not None, "only claimed links have one"
        return self._code_key.check_code(row.id, row.device_jkt, row.jkt)

    def shown_number(self, row: LinkRow) -> str:
        """What the application shows."""
        assert row.numbered is not None, "only links of applications have one"
        return self._code_key.shown_number(row.numbered)

    def number(self, numbered: str) -> str:
        """The same, of links that will be made."""
        return self._code_key.shown_number(numbered)

    async def tell(self, row: LinkRow) -> None:
        """An application without a page hears that it has its answer."""
        if row.called and self._callers is not None:
            await self._callers.answered(row.id)

    async def kill(self, row: LinkRow, event: LinkEvent) -> None:
        """End a link by ``event``, if it can still end so, and take back what it led to."""
        async with self._database.transaction() as connection:
            ended = await self._links.step(connection, row.id, event, self._clock.now())
            if ended:
                self._audit.note(connection, f"link.{event}", link=row.id, device=row.device, document=row.document)
        if ended:
            # As it is now: the phone that held it may have had its document fixed since the row was read.
            row = await self._links.by_token(row.token) or row
            await self.take_back(row)
            await self.tell(row)

    async def take_back(self, row: LinkRow) -> None:
        """Withdraw the document of a link that is over; and end what the SAM granted, if it was approved already.

        A SAM that is away is no error here: ``sweep`` comes back to it.
        """
        if row.document is None:
            return
        try:
            await self._sam.withdraw(row.document)
            if row.purpose is Purpose.ASSOCIATE and await self._sam.state(row.document) == "approved":
                assert row.computer is not None, "the table's CHECK"
                await self._sam.end_association(row.computer, row.device)
        except Unavailable as error:
            _log.warning("link_not_taken_back", link=row.id, error_code=error.code)
            return
        await self._links.taken_back(row.id, self._clock.now())

    async def sweep(self) -> int:
        """Take back what links left that died unattended: their time ran out, or a process did. How many were seen."""
        rows = await self._links.to_take_back(self._clock.now(), _SWEEP)
        for row in rows:
            await self.take_back(row)
        return len(rows)
