"""Asking which holder is there, for a program that has no page of ours to show a code on.

The same link, document and answer as behind an authorize page; but nobody types a check code. What the code proves
there (that whoever approved sits in front of that page) is shown here by nothing, or by a number:

* a program without any page (``call`` alone): a caller who names a holder learns, if the holder says yes, that it is
  they, and no more. Each signature is asked for by itself;
* an application that draws a page of its own shows a *number*, which the holder types on the phone before the yes. It
  names the holder, and phones are rung (``call`` with ``Numbered``); or it draws a code that stays the same (``show``),
  and the first phone that reads it is asked.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import b64u
from foundation.errors import LinkIdError
from foundation.logs import get_logger
from pairing.domain.link import Link, LinkEvent, state_at
from pairing.ports import AskingIntegrator, Doorbell
from pairing.service.link_life import LinkLife
from pairing.service.links import LinkService
from pairing.service.scans import ScanService
from pairing.store import DeviceStore, LinkRow, LinkStore

MOST: Final = 5
"""Phones of one certificate that are rung."""
_SAID_NO: Final = (LinkEvent.SECOND_SCAN, LinkEvent.NUMBER_SPENT)
"""Ends of a link that somebody's hands made: for whoever asks they are a no."""

_log = get_logger(__name__)


@dataclass(frozen=True)
class CallAnswer:
    """How a call stands: ``waiting``, ``approved`` (then with the phone's credentials), ``refused`` or ``dead``."""

    state: str
    credentials: Sequence[str] = ()


@dataclass(frozen=True)
class Numbered:
    """Of an application that shows a number: when that ends, and how many links there are under its secret already."""

    until: datetime
    links: int = 0


class CallService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        life: LinkLife,
        links: LinkService,
        scans: ScanService,
        doorbell: Doorbell,
    ) -> None:
        """The roof brings the partners together."""
        self._database = database
        self._clock = clock
        self._life = life
        self._links = links
        self._scans = scans
        self._doorbell = doorbell
        self._devices = DeviceStore(database)
        self._rows = LinkStore(database)

    def number(self, secret: str) -> str:
        """What an application shows whose calls have this secret. It is there before anybody is looked for."""
        return self._life.number(_numbered(secret))

    async def show(
        self, secret: str, integrator: AskingIntegrator, *, scope: str, address: str, numbered: Numbered
    ) -> tuple[str, str]:
        """A link whose code stays the same, and the code's text, for the application to draw."""
        return await self._links.begin_still(
            call_key(secret, numbered.links),
            integrator,
            scope=scope,
            address=address,
            numbered=_numbered(secret),
            until=numbered.until,
        )

    async def call(
        self,
        secret: str,
        integrator: AskingIntegrator,
        *,
        scope: str,
        address: str,
        credential: str,
        numbered: Numbered | None = None,
    ) -> list[str]:
        """Ring every phone of a credential; a link for each, to ask ``answer`` with. Raises TooManyLinks."""
        async with self._database.transaction() as connection:
            devices = await self._devices.to_ring(connection, credential, self._clock.now())
        links = []
        first = 0 if numbered is None else numbered.links
        for number, name in enumerate(devices[:MOST]):
            key = call_key(secret, first + number)
            link = await self._links.begin_call(
                key,
                integrator,
                scope=scope,
                address=address,
                credential=f"{credential}|{number}",
                numbered=None if numbered is None else _numbered(secret),
                until=None if numbered is None else numbered.until,
            )
            links.append(link)
            try:
                await self._ring(name, link, key)
            except LinkIdError as error:
                _log.warning("phone_not_called", link=link, error_code=error.code)
        return links

    async def answer(self, links: Sequence[str], secret: str) -> CallAnswer:
        """The first yes or no of any phone; the others then need not answer any more."""
        rows = [await self._links.own_call(link, call_key(secret, number)) for number, link in enumerate(links)]
        now = self._clock.now()
        states = {row.id: state_at(row.state, row.expires_at, now) for row in rows}
        states |= {row.id: Link.REFUSED for row in rows if row.ended_by in _SAID_NO}
        for wanted in (Link.APPROVED, Link.REFUSED):
            for row in rows:
                if states[row.id] is wanted:
                    await self._let_go([other for other in rows if other is not row])
                    return CallAnswer(wanted.value, row.credentials if wanted is Link.APPROVED else ())
        if all(state is Link.DEAD for state in states.values()):
            return CallAnswer(Link.DEAD.value)
        return CallAnswer(Link.WAITING.value)

    async def _ring(self, name: str, link: str, key: str) -> None:
        device, row = await self._devices.find(name), await self._rows.find(link, key)
        if device is None or row is None:
            return
        fixed = await self._scans.call(device, row)
        async with self._database.transaction() as connection:
            await self._doorbell.ring(connection, [device.id], fixed.document, fixed.expires)

    async def _let_go(self, rows: Sequence[LinkRow]) -> None:
        for row in rows:
            await self._links.give_up(row.id, row.jkt)


def call_key(secret: str, number: int) -> str:
    """What stands where a computer's key thumbprint would: only the caller's secret makes it, the database lacks it."""
    return b64u(hashlib.sha256(f"linkid-call-v1\0{number}\0{secret}".encode("ascii")).digest())


def _numbered(secret: str) -> str:
    """What all links of a secret have in common, and the number follows from."""
    return b64u(hashlib.sha256(f"linkid-call-number-v1\0{secret}".encode("ascii")).digest())
