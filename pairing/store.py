"""Every row of this slice, and rows as domain objects."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from foundation.database import Connection, Database, Record
from foundation.encoding import JsonObject
from foundation.queries import Queries
from pairing.domain.ceremony import DEVICE, NUMBER_PROOF, Device, DeviceEvent, NumberProof, ProofEvent
from pairing.domain.limits import Limit
from pairing.domain.link import LINK, Link, LinkEvent, Purpose

queries = Queries.load("pairing")


@dataclass(frozen=True)
class PairingRow:
    """A number being proved. ``known``: whether any credential has it, which nobody outside may learn from us."""

    id: str
    jkt: str
    key: JsonObject
    number: str
    known: bool
    state: NumberProof
    sends: int
    tries: int
    sent_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class DeviceRow:
    """A phone."""

    id: str
    jkt: str
    key: JsonObject
    nickname: str | None
    state: Device
    token_digest: bytes = field(default=b"", repr=False)


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


@dataclass(frozen=True)
class ComputerRow:
    """An associated computer as its OAuth client. ``credentials``: those it may use, by all phones together."""

    id: str
    jkt: str
    key: JsonObject
    name: str
    os: str
    credentials: tuple[str, ...]


@dataclass(frozen=True)
class AssociatedRow:
    """A computer in a phone's list."""

    id: str
    name: str
    os: str
    since: datetime
    last_used_at: datetime
    credentials: tuple[str, ...]


class PairingStore:
    """The proof of a number."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def add(self, connection: Connection, row: PairingRow) -> None:
        """A new proof; an open one of the same key ends."""
        await connection.execute(queries.end_open_pairing, row.jkt, *NUMBER_PROOF.steps(ProofEvent.STARTED_AGAIN))
        await connection.execute(
            queries.add_pairing,
            row.id,
            row.jkt,
            json.dumps(row.key),
            row.number,
            row.known,
            row.state,
            row.sent_at,
            row.expires_at,
        )

    async def find(self, pairing: str, jkt: str) -> PairingRow | None:
        """The key's own, or None."""
        return _pairing(await self._database.fetchrow(queries.pairing, pairing, jkt))

    async def send_again(
        self, connection: Connection, row: PairingRow, now: datetime, expires_at: datetime
    ) -> int | None:
        """The number of the message that may be sent now; None when a rival sent it."""
        steps = NUMBER_PROOF.steps(ProofEvent.RESEND)
        sent: int | None = await connection.fetchval(
            queries.send_again, row.id, row.jkt, row.sends, *steps, now, expires_at
        )
        return sent

    async def reserve_try(self, pairing: str, jkt: str, now: datetime) -> PairingRow | None:
        """The pairing with one more try counted; None when it takes no more tries."""
        return _pairing(await self._database.fetchrow(queries.reserve_try, pairing, jkt, now))

    async def take_code(self, connection: Connection, row: PairingRow, now: datetime) -> bool:
        """Whether we, and no rival, consumed the code of the row's last message."""
        steps = NUMBER_PROOF.steps(ProofEvent.CODE_RIGHT)
        return await connection.fetchval(queries.take_code, row.id, row.sends, *steps, now) is not None

    async def spend_tries(self, connection: Connection, pairing: str) -> bool:
        """Whether this ended it: the last try was wrong."""
        steps = NUMBER_PROOF.steps(ProofEvent.TRIES_SPENT)
        return await connection.fetchval(queries.spend_tries, pairing, *steps) is not None


class DeviceStore:
    """Phones."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def add(
        self, connection: Connection, device: str, proof: PairingRow, *, token: str, digest: bytes, now: datetime
    ) -> DeviceRow:
        """The phone with the proof's key, new or known, with a new token and the number it proved."""
        row = await connection.fetchrow(
            queries.add_device, device, proof.jkt, json.dumps(proof.key), DEVICE.start, token, digest, now
        )
        assert row is not None, "INSERT … ON CONFLICT DO UPDATE always returns"
        await connection.execute(queries.prove_number, row["id"], proof.number, now)
        return _device(row)

    async def by_token(self, token: str) -> DeviceRow | None:
        """The phone of a token's public half."""
        row = await self._database.fetchrow(queries.device_by_token, token)
        return None if row is None else _device(row, row["token_digest"])

    async def find(self, device: str) -> DeviceRow | None:
        """A phone, removed ones included."""
        row = await self._database.fetchrow(queries.device, device)
        return None if row is None else _device(row)

    async def numbers_since(self, device: str, since: datetime) -> list[str]:
        """The numbers it proved since then."""
        return [row["number"] for row in await self._database.fetch(queries.numbers, device, since)]

    async def name(self, connection: Connection, device: str, nickname: str) -> DeviceRow | None:
        """The phone by its new name; None when it cannot take one."""
        steps = DEVICE.steps(DeviceEvent.NAME)
        row = await connection.fetchrow(queries.name_device, device, nickname, *steps)
        return None if row is None else _device(row)

    async def step(self, connection: Connection, device: str, event: DeviceEvent) -> DeviceRow | None:
        """The phone after an event; None when the event could not happen."""
        row = await connection.fetchrow(queries.step_device, device, *DEVICE.steps(event))
        return None if row is None else _device(row)

    async def remove(self, connection: Connection, device: str, now: datetime) -> bool:
        """Whether it was there. Its rings and associations end with it."""
        steps = DEVICE.steps(DeviceEvent.REMOVE)
        if await connection.fetchval(queries.remove_device, device, *steps, now) is None:
            return False
        await connection.execute(queries.end_rings, device)
        await connection.execute(queries.end_associations, device, now)
        return True

    async def ring_for(self, connection: Connection, device: str, credential: str, now: datetime) -> bool:
        """Ring this phone for this credential from now on; whether that is new."""
        return await connection.fetchval(queries.add_ring, device, credential, now) is not None

    async def rung_elsewhere(self, credentials: Sequence[str], device: str) -> list[str]:
        """Those of these credentials that another active phone is rung for."""
        rows = await self._database.fetch(queries.rung_elsewhere, list(credentials), device)
        return [row["credential"] for row in rows]

    async def to_ring(self, connection: Connection, credential: str) -> list[str]:
        """Which phones to ring for a credential."""
        return [row["device"] for row in await connection.fetch(queries.devices_to_ring, credential)]


class LinkStore:
    """Links."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def end_open(self, connection: Connection, jkt: str) -> list[str]:
        """End what this key has open; the documents that wait in vain now."""
        steps = LINK.steps(LinkEvent.GIVE_UP)
        rows = await connection.fetch(queries.end_open_link, jkt, *steps, LinkEvent.GIVE_UP)
        return [row["document"] for row in rows if row["document"]]

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

    async def reserve_check(self, link: str, jkt: str, now: datetime) -> int | None:
        """How many check codes were typed with this one; None when no more are taken."""
        checks: int | None = await self._database.fetchval(queries.reserve_check, link, jkt, now)
        return checks


class ComputerStore:
    """Associated computers."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def associate(self, connection: Connection, link: LinkRow, now: datetime) -> None:
        """What the link led to."""
        await connection.execute(
            queries.add_computer, link.computer, link.jkt, json.dumps(link.key), link.name, link.os, link.version, now
        )
        await connection.execute(queries.add_association, link.computer, link.device, list(link.credentials), now)

    async def of_device(self, device: str) -> list[AssociatedRow]:
        """What a phone associated."""
        rows = await self._database.fetch(queries.computers_of_device, device)
        return [
            AssociatedRow(
                row["id"], row["name"], row["os"], row["since"], row["last_used_at"], tuple(row["credentials"])
            )
            for row in rows
        ]

    async def find(self, computer: str) -> ComputerRow | None:
        """A computer that is associated by some phone."""
        row = await self._database.fetchrow(queries.computer, computer)
        if row is None:
            return None
        return ComputerRow(
            row["id"], row["jkt"], json.loads(row["key"]), row["name"], row["os"], tuple(row["credentials"])
        )

    async def touch(self, computer: str, now: datetime) -> None:
        """It was used."""
        await self._database.execute(queries.touch_computer, computer, now)

    async def end(self, connection: Connection, computer: str, device: str, now: datetime) -> bool:
        """Whether there was an association of this phone and this computer."""
        return await connection.fetchval(queries.end_association, computer, device, now) is not None

    async def end_all(self, connection: Connection, computer: str, now: datetime) -> bool:
        """Whether the computer had any association."""
        return bool(await connection.fetch(queries.end_associations_of_computer, computer, now))

    async def is_key_of(self, computer: str, jkt: str) -> bool:
        """Whether this computer, associated now or before, has that key."""
        return await self._database.fetchval(queries.computer_key, computer, jkt) is not None


class UseStore:
    """Uses that are limited."""

    async def queue_for(self, connection: Connection, subjects: Sequence[str]) -> None:
        """From here to the end of the transaction nobody else counts these."""
        await connection.fetch(queries.queue_for, list(subjects))

    async def blocking(self, connection: Connection, limit: Limit, subject: str, now: datetime) -> datetime | None:
        """When the use happened that must leave the window first; None when there may be another now."""
        at: datetime | None = await connection.fetchval(
            queries.blocking_use, limit.scope, subject, now - limit.window, limit.count - 1
        )
        return at

    async def add(self, connection: Connection, scope: str, subject: str, now: datetime) -> None:
        """One more."""
        await connection.execute(queries.add_use, scope, subject, now)


async def forget(database: Database, before: datetime) -> None:
    """Remove what nothing refers to any more. To be called now and then, with an instant a day ago or more."""
    for query in (queries.forget_uses, queries.forget_pairings, queries.forget_links):
        await database.execute(query, before)


def _pairing(row: Record | None) -> PairingRow | None:
    if row is None:
        return None
    return PairingRow(
        id=row["id"],
        jkt=row["jkt"],
        key=json.loads(row["key"]),
        number=row["number"],
        known=row["known"],
        state=NumberProof(row["state"]),
        sends=row["sends"],
        tries=row["tries"],
        sent_at=row["sent_at"],
        expires_at=row["expires_at"],
    )


def _device(row: Record, token_digest: bytes = b"") -> DeviceRow:
    return DeviceRow(row["id"], row["jkt"], json.loads(row["key"]), row["nickname"], Device(row["state"]), token_digest)


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
    )
