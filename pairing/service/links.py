"""Links: a QR code on a screen, the phone that claims it, the check code that closes the circle.

Two sides meet here and neither trusts the other: whoever *asks* (a desktop agent, or OAuth's authorize page) knows the
link's id and proves its key; whoever *scans* is a paired phone and knows a frame. Steps as in
docs/walkthroughs/one-association.md.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database, on_violation
from foundation.encoding import JsonObject, b64u
from foundation.errors import Conflict, LinkIdError, NotFound
from foundation.ids import Random, new_id, same
from pairing.domain import frames
from pairing.domain.codes import CHECK_DIGITS, CodeKey, read_digits
from pairing.domain.frames import Frame, RequestCode, Shown, TypedCode
from pairing.domain.limits import LINKS, MISSES, Scope, network
from pairing.domain.link import LINK, LINK_LIFE, MAX_CHECKS, Link, LinkEvent, Purpose, state_at
from pairing.domain.names import read_computer_name, read_system
from pairing.errors import (
    BindingNotActive,
    CheckSpent,
    CheckTooEarly,
    CheckWrong,
    CodeNotOurs,
    LinkNotFound,
    LinkOver,
    LinkTaken,
    NotForYou,
    TooManyGuesses,
    TooManyLinks,
)
from pairing.ports import AskingComputer, AskingIntegrator, CredentialFacts, FixedDocument, Holders, Sam
from pairing.service.meter import Meter
from pairing.store import ComputerStore, DeviceRow, LinkRow, LinkStore

_LOCATOR_ATTEMPTS = 4
"""Five characters, some hundred open links: a second attempt is needed once in a hundred thousand times."""


@dataclass(frozen=True)
class Begun:
    """A link began."""

    link: str
    expires_in: int


@dataclass(frozen=True)
class LinkView:
    """What the asking side sees, once a second. ``frame`` and ``code`` while waiting, ``phone`` once claimed.

    ``ended_by`` says why a dead link died: ``second_scan``, ``checks_spent``, ``give_up``; None when it expired.
    """

    state: Link
    expires_in: int
    frame: str | None = None
    code: str | None = None
    phone: str | None = None
    ended_by: str | None = None


@dataclass(frozen=True)
class Completed:
    """The check code was right. ``computer`` for an association, None where a page identified a holder."""

    link: str
    computer: str | None
    device: str
    credentials: Sequence[CredentialFacts]


class LocatorTaken(Conflict):
    """Another open link has this locator; never leaves this module."""

    code = "locator_taken"
    summary = "Try again."
    message = "Tente de novo."


class LinkService:
    """One per gateway. OAuth's authorize page uses ``begin_identify``, ``look``, ``check`` and ``give_up``."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        code_key: CodeKey,
        sam: Sam,
        holders: Holders,
        app: str,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``app``: the app host's origin, with which every frame begins."""
        self._database = database
        self._clock = clock
        self._audit = audit
        self._code_key = code_key
        self._sam = sam
        self._holders = holders
        self._app = app
        self._random = random
        self._meter = Meter(database)
        self._links = LinkStore(database)
        self._computers = ComputerStore(database)

    # ---- the asking side ---------------------------------------------------------------------------------------------

    async def begin(self, jkt: str, key: JsonObject, *, name: str, os: str, version: str, address: str) -> Begun:
        """A computer asks to be associated. What its key had open before ends. Raises TooManyLinks."""
        return await self._begin(
            self._new(
                Purpose.ASSOCIATE,
                jkt,
                address,
                key=key,
                computer=new_id("cmp", self._random),
                name=read_computer_name(name),
                os=read_system(os),
                version=read_system(version),
            )
        )

    async def begin_identify(
        self, session_jkt: str, integrator: AskingIntegrator, *, scope: str, address: str
    ) -> Begun:
        """An authorize page asks which holder is sitting in front of it.

        ``session_jkt``: 43 base64url characters that only this page's session has; every later call must bring them.
        Raises TooManyLinks.
        """
        return await self._begin(
            self._new(
                Purpose.IDENTIFY,
                session_jkt,
                address,
                integrator=integrator.id,
                name=read_computer_name(integrator.name),
                scope=scope,
            )
        )

    async def look(self, link: str, jkt: str) -> LinkView:
        """How the link stands, with this second's frame while it waits. Raises LinkNotFound."""
        now = self._clock.now()
        row = await self._own(link, jkt)
        state = state_at(row.state, row.expires_at, now)
        if state is not Link.WAITING:
            return LinkView(state, _seconds(row.expires_at - now), phone=row.phone, ended_by=row.ended_by)
        shown = self._shown(row)
        return LinkView(
            state,
            _seconds(row.expires_at - now),
            frame=frames.frame(self._app, shown, now),
            code=frames.typed_code(shown, row.locator, now),
        )

    async def check(self, link: str, jkt: str, typed: str) -> Completed:
        """The check code that the phone shows, typed where the frames were shown.

        Raises LinkNotFound, LinkOver, CheckTooEarly, CodeMalformed, CheckWrong, CheckSpent.
        """
        code = read_digits(typed, CHECK_DIGITS)
        now = self._clock.now()
        # 6a. Count the try, committed, before anything is compared.
        checks = await self._links.reserve_check(link, jkt, now)
        row = await self._own(link, jkt)
        if checks is None or row.device is None or row.device_jkt is None:
            raise _why_no_check(row, now)
        # 6b. Compare.
        if not same(code, self._code_key.check_code(row.id, row.device_jkt, row.jkt)):
            raise await self._check_wrong(row, checks, now)
        # 6c. The circle is closed: the computer becomes one of the holder's.
        async with self._database.transaction() as connection:
            if not await self._links.step(connection, row.id, LinkEvent.CHECK_RIGHT, now):
                raise LinkOver(data={"state": Link.DEAD})
            if row.purpose is Purpose.ASSOCIATE:
                await self._computers.associate(connection, row, now)
            self._audit.note(
                connection,
                "link.associated",
                link=row.id,
                device=row.device,
                computer=row.computer,
                document=row.document,
            )
        return Completed(row.id, row.computer, row.device, await self._holders.facts(row.credentials))

    async def give_up(self, link: str, jkt: str) -> None:
        """Whoever asked does not want to any more. A link that is over stays as it is. Raises LinkNotFound."""
        row = await self._own(link, jkt)
        await self._kill(row, LinkEvent.GIVE_UP, self._clock.now())

    # ---- the scanning side -------------------------------------------------------------------------------------------

    async def scan(self, device: DeviceRow, text: str) -> FixedDocument:
        """What a phone scanned or typed: a frame, a code, or the QR code of a signature request.

        Raises CodeNotOurs, FrameExpired, LinkTaken, LinkOver, BindingNotActive, NotForYou, TooManyGuesses.
        """
        now = self._clock.now()
        await self._meter.demand([(limit, device.id) for limit in MISSES], now, TooManyGuesses)
        try:
            # 2a. What is it? 2b. Which link, and did we show this, now?
            scanned = frames.read_scan(text, self._app)
            if isinstance(scanned, RequestCode):
                return await self._request(device, scanned.request)
            row = await self._believed(scanned, now)
        except CodeNotOurs as miss:
            await self._note_miss(device, miss, now)
            raise
        return await self._claim(device, row, now)

    async def approve(self, device: DeviceRow, document: str) -> str:
        """The SAM says that the phone approved: the check code to show. Raises LinkOver when nobody waits any more."""
        now = self._clock.now()
        row = await self._links.by_document(document)
        if row is None or row.device_jkt is None:
            raise LinkOver(data={"state": Link.DEAD})
        async with self._database.transaction() as connection:
            approved = await self._links.step(connection, row.id, LinkEvent.APPROVE, now)
            if approved:
                self._audit.note(connection, "link.approved", link=row.id, device=device.id, document=document)
        if not approved:
            # The link died while the holder was reading. What the SAM granted is taken back.
            await self._take_back(row)
            raise LinkOver(data={"state": state_at(row.state, row.expires_at, now)})
        return self._code_key.check_code(row.id, row.device_jkt, row.jkt)

    async def approved_before(self, device: DeviceRow, document: str) -> str | None:
        """The check code again, for the phone that approved this document and did not hear our answer; else None."""
        row = await self._links.by_document(document)
        if row is None or row.device != device.id or row.device_jkt is None:
            return None
        state = state_at(row.state, row.expires_at, self._clock.now())
        if state is Link.CLAIMED and await self._sam.state(document) == "approved":
            return await self.approve(device, document)
        return self._code_key.check_code(row.id, row.device_jkt, row.jkt) if state is Link.APPROVED else None

    async def refuse(self, document: str) -> None:
        """The SAM says that the phone refused."""
        row = await self._links.by_document(document)
        if row is None:
            return
        async with self._database.transaction() as connection:
            if await self._links.step(connection, row.id, LinkEvent.REFUSE, self._clock.now()):
                self._audit.note(connection, "link.refused", link=row.id, device=row.device, document=document)

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _new(
        self,
        purpose: Purpose,
        jkt: str,
        address: str,
        *,
        name: str,
        key: JsonObject | None = None,
        computer: str | None = None,
        os: str = "",
        version: str = "",
        integrator: str | None = None,
        scope: str | None = None,
    ) -> LinkRow:
        now = self._clock.now()
        return LinkRow(
            id=new_id("lnk", self._random),
            purpose=purpose,
            state=LINK.start,
            ended_by=None,
            jkt=jkt,
            key=key,
            token=b64u(self._random(frames.TOKEN_BYTES)),
            locator=frames.new_locator(self._random(5)),
            computer=computer,
            name=name,
            os=os,
            version=version,
            integrator=integrator,
            scope=scope,
            address=address,
            device=None,
            credentials=(),
            document=None,
            checks=0,
            created_at=now,
            expires_at=now + LINK_LIFE,
            phone=None,
            device_jkt=None,
        )

    async def _begin(self, row: LinkRow) -> Begun:
        # 1. One open link per key; the newest counts.
        for attempt in range(1, _LOCATOR_ATTEMPTS + 1):
            try:
                async with self._database.transaction() as connection:
                    await self._meter.spend(
                        connection, [(limit, network(row.address)) for limit in LINKS], row.created_at, TooManyLinks
                    )
                    forsaken = await self._links.end_open(connection, row.jkt)
                    with on_violation({"one_open_link_per_locator": LocatorTaken}):
                        await self._links.add(connection, row)
                    self._audit.note(connection, "link.begun", link=row.id, purpose=row.purpose, asker_key=row.jkt)
                break
            except LocatorTaken:
                if attempt == _LOCATOR_ATTEMPTS:
                    raise
                row = self._again(row)
        for document in forsaken:
            await self._sam.withdraw(document)
        return Begun(row.id, _seconds(LINK_LIFE))

    def _again(self, row: LinkRow) -> LinkRow:
        """The same link with another locator."""
        return replace(row, locator=frames.new_locator(self._random(5)))

    async def _own(self, link: str, jkt: str) -> LinkRow:
        row = await self._links.find(link, jkt)
        if row is None:
            raise LinkNotFound()
        return row

    def _shown(self, row: LinkRow) -> Shown:
        return Shown(self._code_key.link_secret(row.id), row.token, row.jkt, row.name, row.created_at)

    async def _believed(self, scanned: Frame | TypedCode, now: datetime) -> LinkRow:
        """The link that a frame or typed code was really shown for, about now. Raises CodeNotOurs, FrameExpired."""
        if isinstance(scanned, Frame):
            row = await self._links.by_token(scanned.token)
            if row is None:
                raise CodeNotOurs("no link has this token")
            frames.check_frame(scanned, self._shown(row), now)
        else:
            row = await self._links.by_locator(scanned.locator)
            if row is None:
                raise CodeNotOurs("no open link has this locator")
            frames.check_typed(scanned, self._shown(row), now)
        return row

    async def _claim(self, device: DeviceRow, row: LinkRow, now: datetime) -> FixedDocument:
        """Steps 3 and 4: the phone claims the link, the SAM fixes what its holder is asked."""
        credentials = [one.credential for one in await self._sam.bindings(device.id) if one.state == "active"]
        if not credentials:
            raise BindingNotActive()
        # 3. The first phone wins; a second one, while the first is busy, means that somebody else sees the screen.
        async with self._database.transaction() as connection:
            if await self._links.claim(connection, row.id, device.id, now):
                self._audit.note(connection, "link.claimed", link=row.id, device=device.id)
                row = replace(row, state=Link.CLAIMED, device=device.id, device_jkt=device.jkt, document=None)
            else:
                row = await self._links.by_token(row.token) or row
        if row.device != device.id or state_at(row.state, row.expires_at, now) is not Link.CLAIMED:
            raise await self._too_late(device, row, now)
        if row.document is not None:
            return await self._sam.statement(row.document, device.id)  # the same phone scanned it again
        # 4. The SAM fixes the document. If it will not, the link is free again.
        try:
            fixed = await self._fix(device, row, credentials)
        except LinkIdError:
            async with self._database.transaction() as connection:
                await self._links.unclaim(connection, row.id, device.id)
            raise
        async with self._database.transaction() as connection:
            kept = await self._links.fixed(connection, row.id, device.id, fixed.document, credentials, now)
        if not kept:
            await self._sam.withdraw(fixed.document)
            raise LinkOver(data={"state": Link.DEAD})
        return fixed

    async def _fix(self, device: DeviceRow, row: LinkRow, credentials: Sequence[str]) -> FixedDocument:
        if row.purpose is Purpose.IDENTIFY:
            assert row.integrator is not None, "the table's CHECK"
            assert row.scope is not None, "the table's CHECK"
            integrator = AskingIntegrator(row.integrator, row.name)
            return await self._sam.fix_identify(device.id, integrator, row.scope, row.address)
        assert row.computer is not None, "the table's CHECK"
        assert row.key is not None, "the table's CHECK"
        computer = AskingComputer(row.computer, row.name, row.os, row.key, row.address)
        return await self._sam.fix_associate(device.id, credentials, computer)

    async def _too_late(self, device: DeviceRow, row: LinkRow, now: datetime) -> LinkIdError:
        """Why this phone cannot claim; if another phone is at it, the link dies for both."""
        state = state_at(row.state, row.expires_at, now)
        if row.device != device.id and LINK.allows(state, LinkEvent.SECOND_SCAN):
            await self._kill(row, LinkEvent.SECOND_SCAN, now)
            return LinkTaken()
        return LinkOver(data={"state": state})

    async def _request(self, device: DeviceRow, request: str) -> FixedDocument:
        """A signature request that the doorbell did not bring. Raises NotForYou."""
        try:
            return await self._sam.statement(request, device.id)
        except NotFound as cause:
            raise NotForYou(request) from cause

    async def _note_miss(self, device: DeviceRow, miss: CodeNotOurs, now: datetime) -> None:
        async with self._database.transaction() as connection:
            await self._meter.note(connection, Scope.MISS, device.id, now)
            self._audit.note(connection, "link.code_refused", device=device.id)

    async def _check_wrong(self, row: LinkRow, checks: int, now: datetime) -> LinkIdError:
        left = MAX_CHECKS - checks
        async with self._database.transaction() as connection:
            self._audit.note(connection, "link.check_wrong", link=row.id, tries_left=left)
        if left:
            return CheckWrong(data={"tries_left": left})
        await self._kill(row, LinkEvent.CHECKS_SPENT, now)
        return CheckSpent()

    async def _kill(self, row: LinkRow, event: LinkEvent, now: datetime) -> None:
        """End a link by ``event``, if it can still end so, and take back what it led to."""
        async with self._database.transaction() as connection:
            ended = await self._links.step(connection, row.id, event, now)
            if ended:
                self._audit.note(connection, f"link.{event}", link=row.id, device=row.device, document=row.document)
        if ended:
            await self._take_back(row)

    async def _take_back(self, row: LinkRow) -> None:
        """Withdraw the document; and if the holder had approved it already, end what the SAM granted."""
        if row.document is None:
            return
        await self._sam.withdraw(row.document)
        if row.purpose is Purpose.ASSOCIATE and await self._sam.state(row.document) == "approved":
            assert row.computer is not None, "the table's CHECK"
            await self._sam.end_association(row.computer, row.device)


def _why_no_check(row: LinkRow, now: datetime) -> LinkIdError:
    state = state_at(row.state, row.expires_at, now)
    if state in (Link.WAITING, Link.CLAIMED):
        return CheckTooEarly()
    return LinkOver(data={"state": state})


def _seconds(span: timedelta) -> int:
    """Whole seconds, rounded up, never negative."""
    return max(0, -(-span // timedelta(seconds=1)))
