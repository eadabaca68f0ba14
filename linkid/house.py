"""What `linkid hsm` does to the tokens, assembled from the settings (docs/walkthroughs/keys-to-the-house.md).

Everything that loads the PKCS#11 binding is imported where it is used, so that `linkid --help` never does.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr

from foundation.audit import AuditChain
from foundation.clock import Clock, SystemClock
from foundation.database import Database, open_pool
from foundation.errors import BadInput
from hsm_service.hsm.settings import HsmSettings
from linkid.activation import sam_settings
from linkid.platform import program
from linkid.settings import Settings
from linkid.trust import note_root
from protocol.house import Act, Agreed
from softhsm_config.tokens import LABELS, configuration, ensure_token

if TYPE_CHECKING:
    from hsm_service.hsm.facade import Hsm
    from hsm_service.hsm.house import Found
    from hsm_service.sam.credentials.store import Uses
    from hsm_service.sam.settings import SamSettings

Process = Literal["sam", "ac"]
Say = Callable[[str], None]

_MAKING_SECONDS: Final = 120.0
"""RSA-4096 is found by luck, twice."""
_MAX_ORDER: Final = 16_384
_FIRST_KEYS: Final = "no operators signed for the first keys: that is for development only"


class NoOrder(BadInput):
    """An act for which two operators must sign, and no order was given. ``detail`` says how to get one."""

    code = "house_order_missing"


def order_text(file: Path | None, act: str, serial: str, slot: Process = "sam", version: int | None = None) -> str:
    """The order's file. Raises NoOrder, OSError."""
    if file is None:
        which = "" if version is None else f" --version {version}"
        raise NoOrder(
            f"two operators must sign for this. One makes the order:\n"
            f"  linkid operator order {act} --slot {slot} --serial {serial}{which} --file FILE\n"
            f"another countersigns it, on their own machine; then run this again with --order FILE"
        )
    with file.open("rb") as stream:
        return stream.read(_MAX_ORDER).decode("ascii", "replace")


@contextmanager
def database_there(settings: Settings) -> Iterator[None]:
    """The embedded database, started when nobody runs it. Raises FileNotFoundError when there is none yet."""
    if settings.database.embedded and not (settings.places.var / "postgres").exists():
        raise FileNotFoundError("there is no database yet; run: linkid migrate")
    with settings.places.postgres().available() if settings.database.embedded else nullcontext():
        yield


def point_at(settings: Settings, process: Process) -> None:
    """SoftHSM finds its configuration by the environment, before the module is loaded, which reads it once."""
    os.environ.setdefault("SOFTHSM2_CONF", str(settings.places.tokens / process / "softhsm2.conf"))


# --- init ------------------------------------------------------------------------------------------------------------


def initialise(settings: Settings, process: Process, order: Path | None, say: Say) -> None:
    """Make the token (SoftHSM) and its first keys, where they are not there yet. Raises LinkIdError, OSError."""
    outside = settings.sam_hsm if process == "sam" else settings.ac_hsm
    settings.places.make_folders()
    if outside is None:
        places = settings.places
        token = ensure_token(process, places.tokens, places.secrets, program("softhsm-module"))
        os.environ["SOFTHSM2_CONF"] = str(token.conf)
    asyncio.run(_make_keys(settings, process, order, say))


async def _make_keys(settings: Settings, process: Process, order: Path | None, say: Say) -> None:
    from hsm_service.hsm.facade import Hsm
    from hsm_service.hsm.house import is_empty
    from hsm_service.hsm.slots import initialise_ac_slot, initialise_sam_slot

    clock = SystemClock()
    hsm = Hsm(settings.hsm(process))
    await hsm.open()
    try:
        empty = await hsm.in_room(is_empty)
        agreed = await _allowed(settings, process, hsm, order, clock) if empty else None
        make = initialise_sam_slot if process == "sam" else initialise_ac_slot
        root = await hsm.run(lambda: make(hsm.token, clock.now()), deadline=_MAKING_SECONDS)
        if agreed is not None:
            await _audit(settings, process, "house.done", agreed)
        elif empty:
            say(_FIRST_KEYS)
        complete = note_root(settings, process, root)
        if process == "ac":
            await hsm.demand_strong_authority()
            await _make_certificates(settings, hsm, clock)
    finally:
        await hsm.close()
    if process == "sam":
        await _note(settings)
    say(f"the keys of {process} are there, its root is {root.jkt}")
    if complete:
        say(f"clients trust what {settings.places.trust.name} names")


async def _allowed(settings: Settings, process: Process, hsm: Hsm, order: Path | None, clock: Clock) -> Agreed | None:
    """K3 to K5 for an empty token: two operators' order; in development also without."""
    from hsm_service.hsm.house import permit, serial_of
    from hsm_service.sam.house import agreed_by_two

    if order is None and settings.environment == "development":
        return None
    serial = await hsm.run(lambda: serial_of(hsm.token))
    agreed = agreed_by_two(order_text(order, "init", serial, process), settings.places.operators, clock)
    given = await hsm.run(lambda: permit(hsm.token, agreed, "init", process))
    await _audit(settings, process, "house.ordered", agreed)
    given.spend()
    return agreed


async def _audit(settings: Settings, process: Process, event: str, agreed: Agreed) -> None:
    from hsm_service.sam.house import say

    database = Database(await open_pool(settings.dsn(process), max_size=2, application_name="linkid-house"))
    try:
        await say(database, AuditChain(database, f"{process}-house", SystemClock()), event, agreed)
    finally:
        await database.close()


async def _note(settings: Settings) -> None:
    from hsm_service.sam.commands import run_note

    await run_note(settings.hsm("sam"), settings.places.house)


async def _make_certificates(settings: Settings, hsm: Hsm, clock: Clock) -> None:
    """The authority's own certificates: the SAM pins the root, so it must be there before a SAM starts."""
    from issuance.ac.adapters.hsm import HsmAuthorityKeys
    from issuance.ac.service.founding import found
    from linkid.authority import authority

    chain = await found(HsmAuthorityKeys(hsm, clock), settings.places.pki, authority(settings), clock.now())
    settings.places.root_certificate.write_bytes(chain.root.public_bytes(Encoding.PEM))


# --- what there is ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SlotReport:
    """One slot, for people and programs. ``unnoted``: keys that no order made; ``uses``: None when not asked."""

    slot: Process
    label: str
    vendor: str
    serial: str
    keys: Sequence[Found]
    problems: Sequence[str]
    unnoted: Sequence[str]
    noted: bool
    uses: Sequence[Uses] | None = None

    @property
    def good(self) -> bool:
        """Nothing weak, missing, different, or made by nobody's order."""
        return not self.problems and not self.unnoted and not any(key.weakness for key in self.keys)


async def slot_report(settings: Settings, slot: Process) -> SlotReport:
    """Reads a slot, and changes nothing. Raises LinkIdError, FileNotFoundError: there is no token."""
    from hsm_service.sam.commands import run_status

    try:
        found = settings.hsm(slot)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no token of {slot} yet; run: linkid hsm init {slot}") from None
    status = await run_status(found, slot, settings.places.house if slot == "sam" else None)
    return SlotReport(
        slot, found.token_label, found.vendor, status.serial, status.keys, status.problems, status.unnoted,
        status.house is not None,
    )  # fmt: skip


async def uses(settings: Settings) -> list[Uses]:
    """How many credentials need which versions; the database is there."""
    from hsm_service.sam.commands import open_house

    async with open_house(sam_settings(settings, 0)) as room:
        return await room.uses()


# --- orders ----------------------------------------------------------------------------------------------------------


async def carry_out(settings: Settings, act: Act, order: Path | None, version: int | None) -> str:
    """``rotate-…`` and ``retire-…``: the label of the key that was made or destroyed. The database is there.

    Raises NoOrder, and what ``HouseRoom`` raises.
    """
    from hsm_service.sam.commands import open_house

    async with open_house(sam_settings(settings, 0)) as room:
        text = order_text(order, act, await room.serial(), version=version or await room.next_version(act))
        done = await (room.rotate(act, text) if act.startswith("rotate") else room.retire(act, text, version))
    return done.label


# --- a backup --------------------------------------------------------------------------------------------------------


@contextmanager
def backup_settings(settings: Settings, folder: Path | None, pin_file: Path | None) -> Iterator[HsmSettings]:
    """The second token: of the settings, or a copy of SoftHSM's folder (``var/tokens/sam``), opened where it lies.

    Raises BadInput when there is none; FileNotFoundError.
    """
    if folder is None:
        if settings.sam_hsm_spare is None:
            raise BadInput("no backup to check: give [sam_hsm_spare] in the settings, or --softhsm FOLDER")
        point_at(settings, "sam")
        yield settings.sam_hsm_spare
        return
    slot = folder / "slot"
    if not any(slot.glob("*/token.object")):
        raise FileNotFoundError(f"{slot} holds no SoftHSM token")
    pin = (pin_file or settings.places.secrets / "hsm-sam.pin").read_text(encoding="ascii").strip()
    with tempfile.TemporaryDirectory(prefix="linkid-backup-") as scratch:
        conf = Path(scratch) / "softhsm2.conf"  # the copy's own names the place it was copied from
        conf.write_text(configuration(slot.resolve()), encoding="utf-8")
        os.environ["SOFTHSM2_CONF"] = str(conf)
        yield HsmSettings(
            module=program("softhsm-module"), token_label=LABELS["sam"], pin=SecretStr(pin),
            quiet_lock=Path(scratch) / "quiet.lock",
        )  # fmt: skip


def backup_sam_settings(settings: Settings, backup: HsmSettings) -> SamSettings:
    """As for a SAM that works with the backup. No PIN of the first token is needed: it may be gone."""
    if settings.sam_hsm is None:
        settings = settings.model_copy(update={"sam_hsm": backup})
    return sam_settings(settings, 0).model_copy(update={"hsm": backup, "hsm_spare": None})


async def check_backup(settings: Settings, backup: HsmSettings) -> tuple[str, Sequence[str]]:
    """The backup's serial, and what it cannot do that the house statement says. Changes nothing."""
    from hsm_service.sam.commands import run_backup_check

    return await run_backup_check(backup, settings.places.house, settings.places.trust)


async def adopt_backup(settings: Settings, backup: HsmSettings, order: Path | None) -> str:
    """By two operators' order: SAMs may work with it. Its serial. The database is there."""
    from hsm_service.sam.commands import open_house

    async with open_house(backup_sam_settings(settings, backup)) as room:
        return (await room.adopt(order_text(order, "adopt-backup", await room.serial()))).label
