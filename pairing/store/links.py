"""Links."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from foundation.database import Connection, Database, Record
from foundation.encoding import JsonObject
from pairing.domain.link import LINK, Link, LinkEvent, Purpose
from pairing.store.statements import queries


@dataclass(frozen=True)
class LinkRow:
    """A link. ``phone`` and ``device_jkt`` are the nickname and the key of the phone that claimed it."""

    id: str
    purpose: Purpose
    state: Link
    ended_by: str | None
    jkt: str
    key: JsonObject | None
    token: str
    locator: str
    computer: str | None
    name: str
    os: str
    version: str
    integrator: str | None
    scope: str | None
    address: str
    device: str | None
    credentials: tuple[str, ...]
    document: str | None
    checks: int
    created_at: datetime
    expires_at: datetime
    phone: str | None
    device_jkt: str | None
    called: bool = False
    """An application without a page of ours asks: there are no frames, and it is answered without a check code."""
    numbered: str | None = None
    """What the number follows from that the application shows; None: it shows none."""
    number_typed: bool = False
    """Whether that number was typed on the phone."""
    still: bool = False
    """Its phone is not rung: the application shows a code that stays the same."""


@dataclass(frozen=True)
class RungDocument:
    """What a phone is asked by an application without a page. ``still``: it read that application's code."""

    wants_number: bool
    still: bool


class LinkStore:
    """Links."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def end_open(self, connection: Connection, jkt: str) -> list[str]:
        """End what this key has open, expired or not; the links that ended."""
        steps = LINK.steps(LinkEvent.GIVE_UP)
        rows = await connection.fetch(queries.end_open_link, jkt, *steps, LinkEvent.GIVE_UP)
        return [row["id"] for row in rows]

    async def add(self, connection: Connection, row: LinkRow) -> None:
        """A new link. Violates ``one_open_link_per_locator`` once in some hundred thousand times."""
        await connection.execute(
            queries.add_link,
            row.id,
            row.purpose,
            row.state,
            row.jkt,
            None if row.key is None else json.dumps(row.key),
            row.token,
            row.locator,
            row.computer,
            row.name,
            row.os,
            row.version,
            row.integrator,
            row.scope,
            row.address,
            row.created_at,
            row.expires_at,
            row.called,
            row.numbered,
            row.still,
        )

    async def find(self, link: str, jkt: str) -> LinkRow | None:
        """The key's own, or None."""
        return _link(await self._database.fetchrow(queries.link, link, jkt))

    async def by_token(self, token: str) -> LinkRow | None:
        """The link of a frame."""
        return _link(await self._database.fetchrow(queries.link_by_token, token))

    async def by_locator(self, locator: str) -> LinkRow | None:
        """The open link of a typed code."""
        return _link(await self._database.fetchrow(queries.link_by_locator, locator))

    async def by_document(self, document: str) -> LinkRow | None:
        """The link that a document belongs to."""
        return _link(await self._database.fetchrow(queries.link_by_document, document))

    async def claim(
        self, connection: Connection, link: str, device: str, credentials: Sequence[str], now: datetime
    ) -> bool:
        """Whether this phone, and no other, claimed it, for these credentials of its."""
        steps = LINK.steps(LinkEvent.SCAN)
        claimed = await connection.fetchval(queries.claim_link, link, *steps, device, now, list(credentials))
        return claimed is not None

    async def fixed(self, connection: Connection, link: str, device: str, document: str, now: datetime) -> bool:
        """Whether this became the document of the claimed link."""
        return await connection.fetchval(queries.document_of_link, link, device, document, now) is not None

    async def approve(self, connection: Connection, document: str, now: datetime) -> bool:
        """Whether the link of a document is approved by this; once."""
        steps = LINK.steps(LinkEvent.APPROVE)
        return await connection.fetchval(queries.approve_link, document, *steps, now) is not None

    async def step(self, connection: Connection, link: str, event: LinkEvent, now: datetime) -> bool:
        """Whether the event happened to the link."""
        sources, targets = LINK.steps(event)
        ends = event if all(LINK.is_final(Link(target)) for target in targets) else None
        return await connection.fetchval(queries.step_link, link, sources, targets, now, ends) is not None

    async def taken_back(self, link: str, now: datetime) -> None:
        """Nothing of what it led to is left at the SAM."""
        await self._database.execute(queries.taken_back, link, now)

    async def to_take_back(self, now: datetime, count: int) -> list[LinkRow]:
        """Links that are over and left something at the SAM."""
        rows = await self._database.fetch(queries.links_to_take_back, now, count)
        return [row for row in map(_link, rows) if row is not None]

    async def reserve_check(self, link: str, jkt: str, now: datetime) -> int | None:
        """How many check codes were typed with this one; None when no more are taken."""
        checks: int | None = await self._database.fetchval(queries.reserve_check, link, jkt, now)
        return checks

    async def reserve_number(self, link: str, device: str, now: datetime) -> int | None:
        """How many numbers were typed on the phone with this one; None when no more are taken."""
        tries: int | None = await self._database.fetchval(queries.reserve_number, link, device, now)
        return tries

    async def number_right(self, link: str, now: datetime) -> bool:
        """The number was the one shown. False when the link is over."""
        return await self._database.fetchval(queries.number_right, link, now) is not None

    async def rung(self, device: str, documents: Sequence[str]) -> dict[str, RungDocument]:
        """Those of these documents by which an application asks this phone who is there."""
        rows = await self._database.fetch(queries.rung_documents, device, list(documents))
        return {row["document"]: RungDocument(row["wants_number"], row["still"]) for row in rows}


def _link(row: Record | None) -> LinkRow | None:
    if row is None:
        return None
    return LinkRow(
        id=row["id"],
        purpose=Purpose(row["purpose"]),
        state=Link(row["state"]),
        ended_by=row["ended_by"],
        jkt=row["jkt"],
        key=None if row["key"] is None else json.loads(row["key"]),
        token=row["token"],
        locator=row["locator"],
        computer=row["computer"],
        name=row["name"],
        os=row["os"],
        version=row["version"],
        integrator=row["integrator"],
        scope=row["scope"],
        address=row["address"],
        device=row["device"],
        credentials=tuple(row["credentials"] or ()),
        document=row["document"],
        checks=row["checks"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        phone=row["phone"],
        device_jkt=row["device_jkt"],
        called=row["called"],
        numbered=row["numbered"],
        number_typed=row["number_typed"],
        still=row["still"],
    )
