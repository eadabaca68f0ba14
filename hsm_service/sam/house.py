"""The keys to the house, as the SAM's side of the ceremony: orders carried out, audited, noted; tokens recognised.

The steps are those of docs/walkthroughs/keys-to-the-house.md: K3 two operators' order · K4 it fits this token ·
K5 the intention is audited, with both names · K6 the key is made (or destroyed) alone in the token · K7 it is examined,
and the house statement says what there is now · K8 the outcome is audited · K9 SAMs learn of it (``versions``) ·
K10 passwords bind by it (``decisions``) · K11 nobody needs the old one, and it goes.

A break between two steps leaves a token that works. The same order finishes what it began, as long as the statement
does not name the new key.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from foundation.audit import AuditChain, write_durably
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import b64u
from foundation.errors import Conflict, LinkIdError
from foundation.logs import get_logger
from hsm_service.hsm import house as token_house
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmLoginRefused, SlotDamaged
from hsm_service.hsm.house import Found, HousePermit, OrderDoesNotFit
from hsm_service.hsm.settings import HsmSettings
from hsm_service.sam.credentials.store import CredentialStore, Uses
from hsm_service.sam.generators.store import queries as generator_queries
from hsm_service.sam.rows import Alarm, RowSeals
from hsm_service.sam.settings import SamSettings
from hsm_service.sam.versions import KeyVersions
from protocol import pins
from protocol.errors import SignatureInvalid
from protocol.house import Act, Agreed, House, HouseKey, Probe, open_house, open_house_order, version_of
from protocol.keys import P256Key
from protocol.statements import assemble, signing_input

RETIRE_AFTER: Final = timedelta(hours=1)
"""After the successor was made: by then every SAM has heard of it long ago (``versions``), and what was being bound by
the older version is committed or gone."""

_log = get_logger(__name__)


class StillNeeded(Conflict):
    """A version that living credentials need, or may need in a moment."""

    code = "house_key_still_needed"


class NotOurToken(SlotDamaged):
    """A token whose keys are not those that the house statement names."""

    code = "house_not_our_token"


class HouseFile:
    """Where the house statement lies, beside the pins."""

    def __init__(self, path: Path, roots: Mapping[str, P256Key], clock: Clock) -> None:
        """``roots``: whose signature it must bear."""
        self.path, self._roots, self._clock = path, roots, clock

    def read(self) -> House | None:
        """None when there is none yet. Raises NotOurToken for one that no root of ours signed."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return open_house(data.decode("ascii"), self._roots, now=self._clock.now())
        except (SignatureInvalid, UnicodeDecodeError) as cause:
            raise NotOurToken(f"{self.path.name} is not signed by a SAM root that is pinned here") from cause

    async def write(self, hsm: Hsm, house: House) -> None:
        """Signed by the root of this token, whole or not at all."""
        root = await hsm.root()
        signed = signing_input(house.payload(), kid=root.jkt)
        signature = await hsm.sign_root(signed)
        root.verify(signature, signed)
        await asyncio.to_thread(write_durably, self.path, assemble(signed, signature))


def pinned_house(path: Path, trust: Path, clock: Clock) -> HouseFile:
    """Under the signature of a root that ``trust`` (trust.json) pins. Raises OSError, BadEncoding, BadKey."""
    return HouseFile(path, pins.roots(trust.read_bytes(), "sam"), clock)


async def note(hsm: Hsm, file: HouseFile, clock: Clock, *, made: str = "", gone: str = "", adopted: str = "") -> House:
    """K7: the statement names what it named, and ``made`` (a label), without ``gone``; when there was none, all that
    the token has. Each key is examined, each KEK has a probe. ``adopted``: a further token's serial.

    A key that nobody ordered is in no statement, so ``status`` shows it. Raises SlotDamaged for a weak key, NotOurToken
    for a token that lacks something.
    """
    before = file.read()
    found = {one.label: one for one in await inventory(hsm)}
    labels = set(found) if before is None else {key.label for key in before.keys} - {gone} | ({made} if made else set())
    missing = sorted(labels - set(found))
    if missing:
        raise NotOurToken(f"the token has lost {', '.join(missing)}; restore it from its backup")
    weak = next((found[label] for label in sorted(labels) if found[label].weakness), None)
    if weak is not None:
        raise SlotDamaged(weak.weakness or weak.label)
    serial = await hsm.run(lambda: token_house.serial_of(hsm.token))
    tokens = list(before.tokens) if before else [serial]
    tokens += [adopted] if adopted and adopted not in tokens else []
    kept = {probe.kek: probe for probe in before.probes} if before else {}
    keks = sorted(version for name, version in map(version_of, labels) if name == "kek")
    probes = [kept.get(kek) or await _probe(hsm, kek) for kek in keks]
    keys = tuple(one.key() for label, one in found.items() if label in labels)
    noted = House(tuple(tokens), keys, tuple(probes), int(clock.now().timestamp()))
    if before is None or replace(noted, created=before.created) != before:
        await file.write(hsm, noted)
    return noted


async def _probe(hsm: Hsm, kek: int) -> Probe:
    return await hsm.in_room(lambda room: token_house.make_probe(room, kek))


async def inventory(hsm: Hsm) -> list[Found]:
    """Every key of the SAM's slot."""
    return await hsm.in_room(lambda room: token_house.inventory(room, "sam"))


async def demand_ours(hsm: Hsm, house: House, *, adopted: bool = True) -> None:
    """K12: this token has the very keys that the statement names, and can work with them. Raises NotOurToken.

    ``adopted``: its serial must be named too.
    """
    serial = await hsm.run(lambda: token_house.serial_of(hsm.token))
    if adopted and serial not in house.tokens:
        raise NotOurToken(f"the token {serial} was never adopted; see: linkid hsm backup-check --help")
    problems = await token_problems(hsm, house.keys, house.probes)
    if problems:
        raise NotOurToken(f"the token {serial}: {'; '.join(problems)}")


async def token_problems(hsm: Hsm, keys: tuple[HouseKey, ...], probes: tuple[Probe, ...]) -> list[str]:
    """What is missing or different; when nothing is, what does not work."""
    different = await hsm.in_room(lambda room: token_house.differences(room, keys))
    return different or await hsm.in_room(lambda room: token_house.failures(room, keys, probes))


@dataclass(frozen=True)
class Done:
    """What became of an order."""

    label: str
    agreed: Agreed


class HouseRoom:
    """Carries orders out. SAMs may be running."""

    def __init__(
        self, hsm: Hsm, database: Database, audit: AuditChain, clock: Clock, file: HouseFile, operators: Path
    ) -> None:
        """``operators``: operators.json. ``audit``: a chain of its own, ``sam-house``."""
        self._hsm, self._database, self._audit, self._clock = hsm, database, audit, clock
        self._file, self._operators = file, operators

    async def rotate(self, act: Act, text: str) -> Done:
        """``rotate-kek``, ``rotate-pepper``. Raises OrderInvalid, OrderDoesNotFit, SlotDamaged, HsmUnavailable."""
        given = await self._permit(act, text)
        await self._say("house.ordered", given)  # K5
        now = self._clock.now()
        label = await self._hsm.run(lambda: token_house.add_version(self._hsm.token, given, now))  # K6
        noted = await note(self._hsm, self._file, self._clock, made=label)  # K7
        check = next(key.check for key in noted.keys if key.label == label)
        await self._say("house.done", given, label=label, check=check)  # K8
        return Done(label, given.agreed)

    async def retire(self, act: Act, text: str, version: int | None = None) -> Done:
        """``retire-kek``, ``retire-pepper``. ``version``: what whoever runs it expects.

        Raises as ``rotate``; StillNeeded, RowForged.
        """
        given = await self._permit(act, text)
        if version not in (None, given.agreed.order.version):
            raise OrderDoesNotFit(f"the order says: {given.agreed.order.about()}")
        await self._demand_unneeded(act.removeprefix("retire-"), given.agreed.order.version)  # K11
        await self._say("house.ordered", given)  # K5
        # K7 before K6: a statement that named a key which is gone would stop every SAM that starts
        gone = f"{act.removeprefix('retire-')}.{given.agreed.order.version}"
        await note(self._hsm, self._file, self._clock, gone=gone)
        label = await self._hsm.run(lambda: token_house.destroy_version(self._hsm.token, given))
        await self._say("house.done", given, label=label)  # K8
        return Done(label, given.agreed)

    async def adopt(self, text: str) -> Done:
        """``adopt-backup``: SAMs may work with this token from now on. The order names it by its serial.

        Raises OrderInvalid, OrderDoesNotFit, NotOurToken.
        """
        house = self._file.read()
        if house is None:
            raise NotOurToken("there is no house statement to compare with; run: linkid hsm init sam")
        given = await self._permit("adopt-backup", text)
        given.spend()
        await demand_ours(self._hsm, house, adopted=False)  # K12
        await self._say("house.ordered", given)  # K5
        serial = given.agreed.order.serial
        await note(self._hsm, self._file, self._clock, adopted=serial)  # K7
        await self._say("house.done", given)  # K8
        return Done(serial, given.agreed)

    async def serial(self) -> str:
        """Of the token."""
        return await self._hsm.run(lambda: token_house.serial_of(self._hsm.token))

    async def next_version(self, act: Act) -> int:
        """Which one ``rotate-…`` would make."""
        name = act.partition("-")[2]
        return (await self._hsm.newest_versions([name]))[name] + 1

    async def uses(self) -> list[Uses]:
        """How many credentials need which versions."""
        return await CredentialStore(await self._seals()).uses(self._database, self._clock.now())

    async def _permit(self, act: Act, text: str) -> HousePermit:
        """K3, K4: before the token is touched."""
        agreed = agreed_by_two(text, self._operators, self._clock)
        house = self._file.read()
        noted = [key.label for key in house.keys] if house else []
        return await self._hsm.run(lambda: token_house.permit(self._hsm.token, agreed, act, "sam", noted))

    async def _demand_unneeded(self, name: str, version: int) -> None:
        """K11: old enough, and no living credential opens by it. Raises StillNeeded, RowForged."""
        now = self._clock.now()
        found = {one.label: one.made for one in await inventory(self._hsm)}
        successor = max(made for label, made in found.items() if version_of(label)[0] == name)
        if now.timestamp() < successor + RETIRE_AFTER.total_seconds():
            raise StillNeeded(
                f"the newest {name} is younger than an hour: a SAM may be binding by the old one just now"
            )
        store, alive = CredentialStore(await self._seals()), 0
        async with self._database.transaction(isolation="repeatable_read", readonly=True) as connection:
            async for one in store.every(connection):
                if (one.kek if name == "kek" else one.pepper) == version and one.lives(now):
                    alive += 1
        if alive:
            raise StillNeeded(f"{alive} living credentials need {name}.{version}")
        generators = await self._database.fetchval(generator_queries.needing_pepper, version) if name == "pepper" else 0
        if generators:
            raise StillNeeded(f"{generators} generators of codes need {name}.{version}: SAMs renew them by themselves")

    async def _seals(self) -> RowSeals:
        newest = await KeyVersions(self._hsm).newest()
        return RowSeals(self._hsm, Alarm(self._database, self._audit), newest.rowmac)

    async def _say(self, event: str, given: HousePermit, **more: str) -> None:
        await say(self._database, self._audit, event, given.agreed, **more)


def agreed_by_two(text: str, operators: Path, clock: Clock) -> Agreed:
    """K3: two operators signed it whom ``operators`` (operators.json) names now. Raises OrderInvalid."""
    try:
        known = pins.named_operators(operators.read_bytes())
    except FileNotFoundError:
        known = {}
    return open_house_order(text, known, now=clock.now())


async def say(database: Database, audit: AuditChain, event: str, agreed: Agreed, **more: str) -> None:
    """K5, K8: a line that names order, token (by the digest of its serial) and both operators."""
    order = agreed.order
    async with database.transaction() as connection:
        audit.note(
            connection, event, act=order.act, slot=order.slot, token=serial_digest(order.serial),
            version=order.version, order=order.id, first=agreed.first, second=agreed.second, **more,
        )  # fmt: skip
    _log.warning(event, act=order.act, serial=order.serial, version=order.version)


def serial_digest(serial: str) -> str:
    """How the audit names a token: vendors' serials look like telephone numbers."""
    return b64u(hashlib.sha256(serial.encode("utf-8")).digest())


# --- which token a SAM works with ------------------------------------------------------------------------------------


async def open_token(settings: SamSettings, clock: Clock) -> Hsm:
    """K12: the SAM's token, opened; when it does not open, or is not ours, its spare. Each only as the statement says.

    Where there is no statement yet (a slot of an earlier version) the first is taken as before, and no spare. Nor where
    the first refuses its PIN: a process that worked with the spare ends one day, and its successor would try that PIN
    again, until the token locks or wipes itself. That one waits for an operator (docs/faults.md).

    Raises HsmUnavailable, HsmLoginRefused, NotOurToken: of the first when there is no spare, else of the spare.
    """
    house = None
    if settings.house is not None:
        house = pinned_house(settings.house, settings.trust, clock).read()
    try:
        return await _open(settings.hsm, house)
    except HsmLoginRefused:
        raise
    except LinkIdError as error:
        if settings.hsm_spare is None or house is None:
            raise
        _log.error("hsm_first_not_used", error_code=error.code, detail=error.detail)
    spare = await _open(settings.hsm_spare, house)
    _log.warning("hsm_spare_used", token=settings.hsm_spare.token_label)
    return spare


async def _open(settings: HsmSettings, house: House | None) -> Hsm:
    hsm = Hsm(settings)
    try:
        await hsm.open()
        if house is not None:
            await demand_ours(hsm, house)
    except BaseException:
        await hsm.close()
        raise
    return hsm
