"""The asking side of a link: whoever shows the frames, be it a desktop agent or OAuth's authorize page.

It knows the link's id and proves its key. The other side, the phone, is in ``scans.py``; the steps are those of
docs/walkthroughs/one-association.md.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database, on_violation
from foundation.encoding import JsonObject, b64u
from foundation.errors import Conflict, LinkIdError
from foundation.ids import Random, new_id, same
from foundation.network import network
from pairing.domain import frames
from pairing.domain.codes import CHECK_DIGITS, read_digits
from pairing.domain.letters import computer_associated
from pairing.domain.limits import CALLS, CALLS_OF_ONE, LINKS, Limit
from pairing.domain.link import LINK, LINK_LIFE, MAX_CHECKS, Link, LinkEvent, Purpose, state_at
from pairing.domain.names import read_computer_name, read_system
from pairing.errors import CheckSpent, CheckTooEarly, CheckWrong, LinkNotFound, LinkOver, TooManyLinks
from pairing.ports import AskingIntegrator, CredentialFacts, Holders, Letters
from pairing.service.link_life import LinkLife
from pairing.service.meter import Meter
from pairing.store import ComputerStore, LinkRow, LinkStore

_LOCATOR_ATTEMPTS: Final = 4
"""Five characters, some hundred open links: a second attempt is needed once in a hundred thousand times."""


@dataclass(frozen=True)
class Begun:
    """A link began."""

    link: str
    expires_in: int


@dataclass(frozen=True)
class LinkView:
    """What the asking side sees, once a second. ``frame`` and ``code`` while waiting, ``phone`` once claimed.

    ``ended_by`` says why a dead link died: ``second_scan``, ``checks_spent``, ``give_up``, ``not_asked``; None when its
    time was over.
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
        life: LinkLife,
        holders: Holders,
        letters: Letters,
        app: str,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``app``: the app host's origin, with which every frame begins."""
        self._database = database
        self._clock = clock
        self._audit = audit
        self._life = life
        self._holders = holders
        self._letters = letters
        self._app = app
        self._random = random
        self._meter = Meter(database)
        self._links = LinkStore(database)
        self._computers = ComputerStore(database)

    async def begin(self, jkt: str, key: JsonObject, *, name: str, os: str, version: str, address: str) -> Begun:
        """A computer asks to be associated. What its key had open before ends. Raises TooManyLinks."""
        return await self._begin(
            replace(
                self._blank(Purpose.ASSOCIATE, jkt, address),
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
            replace(
                self._blank(Purpose.IDENTIFY, session_jkt, address),
                integrator=integrator.id,
                name=read_computer_name(integrator.name),
                scope=scope,
            )
        )

    async def begin_call(
        self,
        session_jkt: str,
        integrator: AskingIntegrator,
        *,
        scope: str,
        address: str,
        credential: str,
        numbered: str | None = None,
        until: datetime | None = None,
    ) -> str:
        """A link for a phone that is rung (``calls.py``): the limits are the holder's, not a network's.

        ``numbered``: what the number follows from that the application shows; ``until``: when it ends, if sooner than
        usual. Raises TooManyLinks.
        """
        row = self._called(session_jkt, integrator, scope, address, numbered, until)
        limits = [(limit, credential) for limit in CALLS]
        limits += [(limit, f"{integrator.id}|{credential}") for limit in CALLS_OF_ONE]
        return (await self._begin(row, limits)).link

    async def begin_still(
        self,
        session_jkt: str,
        integrator: AskingIntegrator,
        *,
        scope: str,
        address: str,
        numbered: str,
        until: datetime,
    ) -> tuple[str, str]:
        """A link whose code stays the same, and its text: for applications that draw it. They have limits of theirs."""
        row = replace(self._called(session_jkt, integrator, scope, address, numbered, until), still=True)
        link = (await self._begin(row, [])).link
        return link, frames.still_code(self._app, self._life.shown(await self._own(link, session_jkt)))

    async def look(self, link: str, jkt: str) -> LinkView:
        """How the link stands, with this second's frame while it waits. Raises LinkNotFound."""
        now = self._clock.now()
        row = await self._own(link, jkt)
        left = _seconds(row.expires_at - now)
        state = state_at(row.state, row.expires_at, now)
        if state is not Link.WAITING:
            return LinkView(state, left, phone=row.phone, ended_by=row.ended_by)
        shown = self._life.shown(row)
        return LinkView(
            state,
            left,
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
        if checks is None or row.device is None:
            raise _why_no_check(row, now)
        # 6b. Compare.
        if not same(code, self._life.check_code(row)):
            raise await self._wrong(row, checks)
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
        # 6d. The holder is told by another way than the one just used.
        if row.purpose is Purpose.ASSOCIATE:
            await self._letters.to_holders(row.credentials, computer_associated(row.name, now))
        return Completed(row.id, row.computer, row.device, await self._holders.facts(row.credentials))

    async def own_call(self, link: str, jkt: str) -> LinkRow:
        """A link whose phone was rung, and no other: those are answered by a check code. Raises LinkNotFound."""
        row = await self._own(link, jkt)
        if not row.called:
            raise LinkNotFound()
        return row

    async def give_up(self, link: str, jkt: str) -> None:
        """Whoever asked does not want to any more. A link that is over stays as it is. Raises LinkNotFound."""
        await self._life.kill(await self._own(link, jkt), LinkEvent.GIVE_UP)

    async def _begin(self, row: LinkRow, limits: Sequence[tuple[Limit, str]] | None = None) -> Begun:
        if limits is None:
            limits = [(limit, network(row.address)) for limit in LINKS]
        # 1. One open link per key: the newest counts, and what an older one led to is taken back.
        for forsaken in await self._add(row, limits, _LOCATOR_ATTEMPTS):
            await self._life.take_back(await self._own(forsaken, row.jkt))
        return Begun(row.id, _seconds(row.expires_at - row.created_at))

    async def _add(self, row: LinkRow, limits: Sequence[tuple[Limit, str]], attempts: int) -> list[str]:
        """Write the link down; the links that ended by it."""
        row = replace(row, locator=frames.new_locator(self._random(frames.LOCATOR_BYTES)))
        try:
            async with self._database.transaction() as connection:
                await self._meter.spend(connection, limits, row.created_at, TooManyLinks)
                forsaken = await self._links.end_open(connection, row.jkt)
                with on_violation({"one_open_link_per_locator": LocatorTaken}):
                    await self._links.add(connection, row)
                self._audit.note(connection, "link.begun", link=row.id, purpose=row.purpose, asker_key=row.jkt)
            return forsaken
        except LocatorTaken:
            if attempts == 1:
                raise
            return await self._add(row, limits, attempts - 1)

    def _called(
        self,
        session_jkt: str,
        integrator: AskingIntegrator,
        scope: str,
        address: str,
        numbered: str | None,
        until: datetime | None,
    ) -> LinkRow:
        row = self._blank(Purpose.IDENTIFY, session_jkt, address)
        return replace(
            row,
            integrator=integrator.id,
            name=read_computer_name(integrator.name),
            scope=scope,
            called=True,
            numbered=numbered,
            expires_at=row.expires_at if until is None else min(row.expires_at, until),
        )

    def _blank(self, purpose: Purpose, jkt: str, address: str) -> LinkRow:
        now = self._clock.now()
        return LinkRow(
            id=new_id("lnk", self._random),
            purpose=purpose,
            state=LINK.start,
            ended_by=None,
            jkt=jkt,
            key=None,
            token=b64u(self._random(frames.TOKEN_BYTES)),
            locator="",
            computer=None,
            name="",
            os="",
            version="",
            integrator=None,
            scope=None,
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

    async def _own(self, link: str, jkt: str) -> LinkRow:
        row = await self._links.find(link, jkt)
        if row is None:
            raise LinkNotFound()
        return row

    async def _wrong(self, row: LinkRow, checks: int) -> LinkIdError:
        """Write down that a check code was wrong, and end the link if it was the last try."""
        left = MAX_CHECKS - checks
        async with self._database.transaction() as connection:
            self._audit.note(connection, "link.check_wrong", link=row.id, tries_left=left)
        if left:
            return CheckWrong(data={"tries_left": left})
        await self._life.kill(row, LinkEvent.CHECKS_SPENT)
        return CheckSpent()


def _why_no_check(row: LinkRow, now: datetime) -> LinkIdError:
    state = state_at(row.state, row.expires_at, now)
    if state in (Link.WAITING, Link.CLAIMED):
        return CheckTooEarly()
    return LinkOver(data={"state": state})


def _seconds(span: timedelta) -> int:
    """Whole seconds, rounded up, never negative."""
    return max(0, -(-span // timedelta(seconds=1)))
