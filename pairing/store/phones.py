"""Numbers being proved, and phones."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from foundation.database import Connection, Database, Record
from foundation.encoding import JsonObject
from pairing.domain.ceremony import DEVICE, NUMBER_PROOF, Device, DeviceEvent, NumberProof, ProofEvent
from pairing.store.statements import queries


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
    token: str = ""
    """The public half."""
    token_digest: bytes = field(default=b"", repr=False)
    last_seen_at: datetime | None = None


@dataclass(frozen=True)
class SeenRow:
    """A phone's name, and when it was last heard of."""

    id: str
    nickname: str | None
    last_seen_at: datetime | None


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

    async def by_tokens(self, tokens: Sequence[str]) -> dict[str, DeviceRow]:
        """The phones of these tokens' public halves."""
        return {
            row["token"]: replace(
                _device(row), token=row["token"], token_digest=row["token_digest"], last_seen_at=row["last_seen_at"]
            )
            for row in await self._database.fetch(queries.devices_by_token, list(tokens))
        }

    async def standing(self, tokens: Sequence[str]) -> frozenset[str]:
        """Those of these tokens that are a phone's which was not removed."""
        return frozenset(row["token"] for row in await self._database.fetch(queries.standing_tokens, list(tokens)))

    async def touch(self, devices: Sequence[str], now: datetime, stale: datetime) -> None:
        """They were heard of just now; nothing is written of those that were after ``stale`` already."""
        await self._database.execute(queries.seen_devices, list(devices), now, stale)

    async def seen(self, devices: Sequence[str]) -> list[SeenRow]:
        """Names, and when each was last heard of."""
        rows = await self._database.fetch(queries.devices_seen, list(devices))
        return [SeenRow(row["id"], row["nickname"], row["last_seen_at"]) for row in rows]

    async def rings_of_both(self, device: str, other: str, now: datetime) -> list[str]:
        """Credentials that a phone is rung for now, and another one too."""
        return [row["credential"] for row in await self._database.fetch(queries.rings_of_both, device, other, now)]

    async def end_rings(self, connection: Connection, device: str, credentials: Sequence[str]) -> None:
        """It is rung for these no more."""
        await connection.execute(queries.end_rings_for, device, list(credentials))

    async def find(self, device: str) -> DeviceRow | None:
        """A phone, removed ones included."""
        row = await self._database.fetchrow(queries.device, device)
        return None if row is None else _device(row)

    async def numbers_since(self, device: str, since: datetime) -> list[str]:
        """The numbers it proved since then."""
        return [row["number"] for row in await self._database.fetch(queries.numbers, device, since)]

    async def last_number(self, connection: Connection, device: str) -> str | None:
        """The number it proved last."""
        found: str | None = await connection.fetchval(queries.last_number, device)
        return found

    async def name(self, connection: Connection, device: str, nickname: str) -> DeviceRow | None:
        """The phone by its new name; None when it cannot take one."""
        steps = DEVICE.steps(DeviceEvent.NAME)
        row = await connection.fetchrow(queries.name_device, device, nickname, *steps)
        return None if row is None else _device(row)

    async def step(self, connection: Connection, device: str, event: DeviceEvent) -> DeviceRow | None:
        """The phone after an event; None when the event could not happen."""
        row = await connection.fetchrow(queries.step_device, device, *DEVICE.steps(event))
        return None if row is None else _device(row)

    async def remove(self, connection: Connection, device: str, now: datetime, kept: Sequence[str] = ()) -> bool:
        """Whether it was there. Its rings end with it, and its associations, but those of ``kept`` credentials only."""
        if not await self.retire(connection, device, now):
            return False
        await connection.execute(queries.end_associations, device, now, list(kept))
        return True

    async def retire(self, connection: Connection, device: str, now: datetime) -> bool:
        """Whether it was there. Its rings end with it; the computers that it introduced go on."""
        steps = DEVICE.steps(DeviceEvent.REMOVE)
        if await connection.fetchval(queries.remove_device, device, *steps, now) is None:
            return False
        await connection.execute(queries.end_rings, device)
        return True

    async def ring_for(self, connection: Connection, device: str, credential: str, since: datetime) -> bool:
        """Ring this phone for this credential from then on; whether that is new."""
        return await connection.fetchval(queries.add_ring, device, credential, since) is not None

    async def rung_elsewhere(self, connection: Connection, credentials: Sequence[str], device: str) -> list[str]:
        """Those of these credentials that another active phone is rung for."""
        rows = await connection.fetch(queries.rung_elsewhere, list(credentials), device)
        return [row["credential"] for row in rows]

    async def ring_now(self, connection: Connection, device: str, credential: str, now: datetime) -> None:
        """A phone that was to be rung later is rung from now on."""
        await connection.execute(queries.ring_now, device, credential, now)

    async def to_ring(self, connection: Connection, credential: str, now: datetime) -> list[str]:
        """Which phones to ring for a credential: those that may decide."""
        return [row["device"] for row in await connection.fetch(queries.devices_to_ring, credential, now)]


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


def _device(row: Record) -> DeviceRow:
    return DeviceRow(row["id"], row["jkt"], json.loads(row["key"]), row["nickname"], Device(row["state"]))
