"""What both sides of a link share: its codes, and its end."""

from datetime import datetime

from foundation.audit import AuditChain
from foundation.database import Database
from pairing.domain.codes import CodeKey
from pairing.domain.frames import Shown
from pairing.domain.link import LinkEvent, Purpose
from pairing.ports import Sam
from pairing.store import LinkRow, LinkStore


class LinkLife:
    """Made once by the roof, for ``LinkService`` and ``ScanService``."""

    def __init__(self, database: Database, audit: AuditChain, code_key: CodeKey, sam: Sam) -> None:
        """The gateway's database."""
        self._database = database
        self._audit = audit
        self._code_key = code_key
        self._sam = sam
        self._links = LinkStore(database)

    def shown(self, row: LinkRow) -> Shown:
        """What the link's frames are made from."""
        return Shown(self._code_key.link_secret(row.id), row.token, row.jkt, row.name, row.created_at)

    def check_code(self, row: LinkRow) -> str:
        """The check code between the asker and the phone that claimed the link."""
        assert row.device_jkt is not None, "only claimed links have one"
        return self._code_key.check_code(row.id, row.device_jkt, row.jkt)

    async def kill(self, row: LinkRow, event: LinkEvent, now: datetime) -> None:
        """End a link by ``event``, if it can still end so, and take back what it led to."""
        async with self._database.transaction() as connection:
            ended = await self._links.step(connection, row.id, event, now)
            if ended:
                self._audit.note(connection, f"link.{event}", link=row.id, device=row.device, document=row.document)
        if ended:
            await self.take_back(row)

    async def take_back(self, row: LinkRow) -> None:
        """Withdraw the link's document; and if its holder had approved it already, end what the SAM granted."""
        if row.document is None:
            return
        await self._sam.withdraw(row.document)
        if row.purpose is Purpose.ASSOCIATE and await self._sam.state(row.document) == "approved":
            assert row.computer is not None, "the table's CHECK"
            await self._sam.end_association(row.computer, row.device)
