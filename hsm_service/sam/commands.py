"""What an operator does to a SAM from outside; ``linkid`` gives them names on the command line.

Each opens what it needs from the SAM's settings, under a name (and so an audit chain) that no running SAM has.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock, SystemClock
from foundation.database import Database, open_pool
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.house import Found, inventory, serial_of
from hsm_service.hsm.settings import HsmSettings
from hsm_service.sam.house import HouseFile, HouseRoom, NotOurToken, note, pinned_house, token_problems
from hsm_service.sam.process import open_sam
from hsm_service.sam.restore import accept_restore
from hsm_service.sam.settings import SamSettings
from protocol.house import House, Slot

HOUSE_CHAIN: Final = "sam-house"
"""The audit chain of what was done to the SAM's token."""


async def run_accept_restore(settings: SamSettings, *, operator: str) -> dict[str, int]:
    """After the database was restored on purpose: void what waited, let this SAM's chain follow. No SAM may be running.

    ``settings`` are those of the SAM whose chain it is, one after the other. Returns how much was voided.
    """
    async with open_sam(settings) as sam:
        # What was signed about lines that are gone can be followed by nothing; the line that is now written says why.
        settings.signed_heads_file.unlink(missing_ok=True)
        return await accept_restore(sam.database, sam.audit, SystemClock(), operator=operator)


async def run_unfreeze(settings: SamSettings, credential: str, kind: str, caller: str) -> int:
    """The holder asked to let a caller ask again, whom they had called "not me". SAMs may be running.

    ``settings`` with a name of its own, such as ``sam-99``. How many freezes were lifted.
    """
    async with open_sam(settings) as sam:
        await sam.watch.look()
        return await sam.rooms.documents.lift_freeze(credential, kind, caller)


async def run_rotate_transport(settings: SamSettings) -> str:
    """A new transport key; SAMs name it within a minute, the old one answers ten minutes more. On a SoftHSM without a
    ``quiet_lock`` no SAM may be running. Returns the label."""
    async with _opened(settings.hsm) as hsm:
        clock = SystemClock()
        label = await hsm.add_transport_key(clock.now())
        if settings.house is not None and settings.house.exists():
            await note(hsm, await _file(settings.house, hsm, clock), clock, made=label)
        return label


async def _file(path: Path, hsm: Hsm, clock: Clock) -> HouseFile:
    """The house statement, under the signature of the root in this very token: it may be the first that there is."""
    root = await hsm.root()
    return HouseFile(path, {root.jkt: root}, clock)


@asynccontextmanager
async def open_house(settings: SamSettings) -> AsyncIterator[HouseRoom]:
    """For orders about the keys of the token that ``settings.hsm`` names; SAMs may be running."""
    if settings.house is None:
        raise ValueError("the settings name no place for the house statement")
    clock = SystemClock()
    async with _opened(settings.hsm) as hsm:
        pool = await open_pool(settings.database.get_secret_value(), max_size=4, application_name="linkid-house")
        database = Database(pool)
        try:
            audit = AuditChain(database, HOUSE_CHAIN, clock)
            file = pinned_house(settings.house, settings.trust, clock)
            yield HouseRoom(hsm, database, audit, clock, file, settings.operators)
        finally:
            await database.close()


async def run_note(found: HsmSettings, path: Path) -> House:
    """After `init`: the first house statement; a later run finds that the token still has what it names."""
    async with _opened(found) as hsm:
        clock = SystemClock()
        return await note(hsm, await _file(path, hsm, clock), clock)


@dataclass(frozen=True)
class SlotStatus:
    """What a slot has. ``unnoted``: keys that the house statement does not name."""

    serial: str
    keys: Sequence[Found]
    house: House | None
    problems: Sequence[str]
    unnoted: Sequence[str]


async def run_status(found: HsmSettings, slot: Slot, path: Path | None) -> SlotStatus:
    """A slot, also an empty one. ``path``: of its house statement.

    Raises HsmUnavailable, HsmLoginRefused, NotOurToken.
    """
    async with _opened(found) as hsm:
        serial = await hsm.run(lambda: serial_of(hsm.token))
        keys = await hsm.in_room(lambda room: inventory(room, slot))
        house = None
        if path is not None and any(key.label == "root.1" for key in keys):
            house = (await _file(path, hsm, SystemClock())).read()
        if house is None:
            return SlotStatus(serial, keys, None, [], [])
        noted = {key.label for key in house.keys}
        problems = await token_problems(hsm, house.keys, house.probes)
        return SlotStatus(serial, keys, house, problems, [key.label for key in keys if key.label not in noted])


async def run_backup_check(backup: HsmSettings, path: Path, trust: Path) -> tuple[str, Sequence[str]]:
    """The serial of a token, and why it cannot take the first one's place; it changes nothing.

    The statement must be signed by the root that ``trust`` pins: not by the token that is being checked.
    Raises NotOurToken: there is no good statement.
    """
    house = pinned_house(path, trust, SystemClock()).read()
    if house is None:
        raise NotOurToken("there is no house statement to compare with; run: linkid hsm init sam")
    async with _opened(backup) as hsm:
        serial = await hsm.run(lambda: serial_of(hsm.token))
        return serial, await token_problems(hsm, house.keys, house.probes)


@asynccontextmanager
async def _opened(found: HsmSettings) -> AsyncIterator[Hsm]:
    hsm = Hsm(found)
    try:
        await hsm.open()
        yield hsm
    finally:
        await hsm.close()
