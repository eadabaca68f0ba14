"""The scanning side of a link: a paired phone that saw a frame, and what its holder then decided.

The numbers are those of docs/walkthroughs/one-association.md.
"""

from collections.abc import Sequence
from datetime import datetime

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import LinkIdError, NotFound
from foundation.ids import same
from pairing.domain import frames
from pairing.domain.codes import NUMBER_DIGITS, read_digits
from pairing.domain.frames import Frame, RequestCode, StillCode, TypedCode
from pairing.domain.limits import MISSES, Scope
from pairing.domain.link import LINK, MAX_CHECKS, Link, LinkEvent, Purpose, state_at
from pairing.errors import (
    BindingNotActive,
    CodeNotOurs,
    LinkOver,
    LinkTaken,
    NotForYou,
    ShownNumberNeeded,
    ShownNumberSpent,
    ShownNumberWrong,
    TooManyGuesses,
)
from pairing.ports import AskingComputer, AskingIntegrator, FixedDocument, Sam
from pairing.service.link_life import LinkLife
from pairing.service.meter import Meter
from pairing.store import DeviceRow, LinkRow, LinkStore, RungDocument
from protocol.errors import DocumentDecided


class ScanService:
    """One per gateway."""

    def __init__(
        self, database: Database, clock: Clock, audit: AuditChain, *, life: LinkLife, sam: Sam, app: str
    ) -> None:
        """``app``: the app host's origin, with which every code of ours begins."""
        self._database = database
        self._clock = clock
        self._audit = audit
        self._life = life
        self._sam = sam
        self._app = app
        self._meter = Meter(database)
        self._links = LinkStore(database)

    async def scan(self, device: DeviceRow, text: str) -> FixedDocument:
        """What a phone scanned or typed: a frame, a code, or the QR code of a signature request.

        Raises CodeNotOurs, FrameExpired, LinkTaken, LinkOver, BindingNotActive, NotForYou, TooManyGuesses.
        """
        now = self._clock.now()
        await self._meter.demand([(limit, device.id) for limit in MISSES], now, TooManyGuesses)
        try:
            # 2a. What is it? 2b. Of which link, and did we show this, now?
            scanned = frames.read_scan(text, self._app)
            if isinstance(scanned, RequestCode):
                return await self._request(device, scanned.request)
            row = await self._believed(scanned, now)
        except CodeNotOurs:
            await self._note_miss(device, now)
            raise
        # 3. The first phone claims the link. 4. The SAM fixes what its holder is asked.
        row = await self._claim(device, row, now)
        return await self._document(device, row, now)

    async def call(self, device: DeviceRow, row: LinkRow) -> FixedDocument:
        """3 and 4 for a phone that was rung (``calls.py``). Raises BindingNotActive, LinkOver, what the SAM refuses."""
        now = self._clock.now()
        return await self._document(device, await self._claim(device, row, now), now)

    async def rung(self, device: DeviceRow, documents: Sequence[str]) -> dict[str, RungDocument]:
        """Which of these an application without a page asks of this phone, and whether a number must be typed."""
        return await self._links.rung(device.id, documents) if documents else {}

    async def demand_number(self, device: DeviceRow, document: str, typed: str | None) -> None:
        """N1 to N3, before the yes of a phone is carried anywhere: the number that the application shows.

        Nothing for a document without one, and once it was right. Raises ShownNumberNeeded, CodeMalformed,
        ShownNumberWrong, ShownNumberSpent, LinkOver.
        """
        row = await self._links.by_document(document)
        if row is None or row.numbered is None or row.number_typed or row.device != device.id:
            return
        if typed is None:
            raise ShownNumberNeeded()
        number, now = read_digits(typed, NUMBER_DIGITS), self._clock.now()
        # N1. Count the try, committed, before anything is compared.
        tries = await self._links.reserve_number(row.id, device.id, now)
        if tries is None:
            state = state_at(row.state, row.expires_at, now)
            if state is not Link.CLAIMED:
                raise LinkOver(data={"state": state})
            tries, number = MAX_CHECKS, ""  # who made the last try did not live to end it
        # N2. Compare.
        if not same(number, self._life.shown_number(row)):
            raise await self._wrong_number(row, MAX_CHECKS - tries)
        # N3. From now on this phone's yes counts; the database refuses it before.
        if not await self._links.number_right(row.id, now):
            raise LinkOver(data={"state": Link.DEAD})

    async def approve(self, device: DeviceRow, document: str) -> str | None:
        """5. The SAM says that the phone approved: the check code to show. Repeated, it is the same one.

        None where an application without a page asks: there is nowhere to type it.

        Raises DocumentDecided when the circle is closed already, LinkOver when nobody waits any more; what the SAM
        granted is then taken back.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            approved = await self._links.approve(connection, document, now)
            if approved:
                self._audit.note(connection, "link.approved", device=device.id, document=document)
        row = await self._links.by_document(document)
        if row is None:
            raise LinkOver(data={"state": Link.DEAD})
        if approved:
            await self._life.tell(row)
        match state_at(row.state, row.expires_at, now):
            case Link.APPROVED:
                return None if row.called else self._life.check_code(row)
            case Link.ASSOCIATED:
                raise DocumentDecided()
            case over:
                await self._life.take_back(row)
                raise LinkOver(data={"state": over})

    async def refuse(self, document: str) -> None:
        """5. The SAM says that the phone refused."""
        row = await self._links.by_document(document)
        if row is not None:
            await self._life.kill(row, LinkEvent.REFUSE)

    async def _believed(self, scanned: Frame | StillCode | TypedCode, now: datetime) -> LinkRow:
        """The link that a code was really shown for, about now. Raises CodeNotOurs, FrameExpired."""
        if isinstance(scanned, StillCode):
            row = await self._links.by_token(scanned.token)
            if row is None or not row.still:
                raise CodeNotOurs("no link with a still code has this token")
            frames.check_still(scanned, self._life.shown(row))
        elif isinstance(scanned, Frame):
            row = await self._links.by_token(scanned.token)
            if row is None or row.called:
                raise CodeNotOurs("no link has frames with this token")
            frames.check_frame(scanned, self._life.shown(row), now)
        else:
            row = await self._links.by_locator(scanned.locator)
            if row is None:
                raise CodeNotOurs("no open link has this locator")
            frames.check_typed(scanned, self._life.shown(row), now)
        return row

    async def _claim(self, device: DeviceRow, row: LinkRow, now: datetime) -> LinkRow:
        """Step 3: the link, held by this phone. Raises BindingNotActive, LinkTaken, LinkOver.

        A second phone, while a first is at it, ends the link for both: somebody else sees the screen.
        """
        credentials = [one.credential for one in await self._sam.bindings(device.id) if one.state == "active"]
        if not credentials:
            raise BindingNotActive()
        async with self._database.transaction() as connection:
            if await self._links.claim(connection, row.id, device.id, credentials, now):
                self._audit.note(connection, "link.claimed", link=row.id, device=device.id)
        row = await self._links.by_token(row.token) or row
        state = state_at(row.state, row.expires_at, now)
        if row.device == device.id and state is Link.CLAIMED:
            return row
        if row.device != device.id and LINK.allows(state, LinkEvent.SECOND_SCAN):
            await self._life.kill(row, LinkEvent.SECOND_SCAN)
            raise LinkTaken()
        raise LinkOver(data={"state": state})

    async def _document(self, device: DeviceRow, row: LinkRow, now: datetime) -> FixedDocument:
        """Step 4: what the phone's holder is asked about the link that the phone holds. Raises LinkOver."""
        if row.document is not None:
            return await self._sam.statement(row.document, device.id)  # the same phone scanned it again
        try:
            fixed = await self._fix(device, row)
        except LinkIdError:
            await self._life.kill(row, LinkEvent.NOT_ASKED)
            raise
        async with self._database.transaction() as connection:
            kept = await self._links.fixed(connection, row.id, device.id, fixed.document, now)
        if kept:
            return fixed
        # The link died meanwhile, or the same phone's camera read it twice at once and the other reading was faster.
        await self._sam.withdraw(fixed.document)
        row = await self._links.by_token(row.token) or row
        state = state_at(row.state, row.expires_at, now)
        if row.document is None or state is not Link.CLAIMED:
            raise LinkOver(data={"state": state})
        return await self._sam.statement(row.document, device.id)

    async def _fix(self, device: DeviceRow, row: LinkRow) -> FixedDocument:
        if row.purpose is Purpose.IDENTIFY:
            integrator = AskingIntegrator(_given(row.integrator), row.name)
            return await self._sam.fix_identify(device.id, integrator, _given(row.scope), row.address)
        assert row.key is not None, "the table's CHECK"
        computer = AskingComputer(_given(row.computer), row.name, row.os, row.key, row.address)
        return await self._sam.fix_associate(device.id, row.credentials, computer)

    async def _request(self, device: DeviceRow, request: str) -> FixedDocument:
        """A signature request that the doorbell did not bring. Raises NotForYou."""
        try:
            return await self._sam.statement(request, device.id)
        except NotFound as cause:
            raise NotForYou(request) from cause

    async def _wrong_number(self, row: LinkRow, left: int) -> LinkIdError:
        """Write down that a number was wrong, and end the link if it was the last try."""
        async with self._database.transaction() as connection:
            self._audit.note(connection, "link.number_wrong", link=row.id, device=row.device, tries_left=left)
        if left:
            return ShownNumberWrong(data={"tries_left": left})
        await self._life.kill(row, LinkEvent.NUMBER_SPENT)
        return ShownNumberSpent()

    async def _note_miss(self, device: DeviceRow, now: datetime) -> None:
        async with self._database.transaction() as connection:
            await self._meter.note(connection, Scope.MISS, device.id, now)
            self._audit.note(connection, "link.code_refused", device=device.id)


def _given(value: str | None) -> str:
    """A column that the table's CHECKs demand for this purpose."""
    assert value is not None
    return value
