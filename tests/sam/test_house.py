"""The keys to the house, from the order to the audit: what two operators may do to a token, and what nobody may."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pkcs11 import KeyType, Mechanism, MechanismFlag, ObjectClass
from pydantic import SecretStr

from foundation.audit import AuditChain
from foundation.errors import LinkIdError
from hsm_service.hsm import house as token_house
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmLoginRefused, HsmUnavailable
from hsm_service.hsm.module import Module
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.slots import initialise_sam_slot
from hsm_service.hsm.templates import FOR_EVER
from hsm_service.hsm.token import Token
from hsm_service.sam import commands, house, housekeeping
from hsm_service.sam.house import HouseFile, HouseRoom, NotOurToken, StillNeeded, note, open_token
from hsm_service.sam.settings import SamSettings
from protocol.errors import OrderInvalid
from softhsm_config.tokens import Token as TokenFiles
from tests.sam.world import START, Signer, World
from tests.support.house import ANA, BIA, Person, order
from tests.support.softhsm import add_token

ECDSA = "ECDSA-SHA256"


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    """operators.json with Ana and Bia."""
    file = tmp_path / "operators.json"
    file.write_text(json.dumps({"v": 1, "operators": [ANA.pin, BIA.pin]}))
    return file


@pytest.fixture
async def room(own: World, pins: Path, tmp_path: Path) -> HouseRoom:
    """As the operators' command opens it, beside a SAM that goes on; the first statement is there."""
    hsm, file = own.sam.hsm, HouseFile(tmp_path / "house-sam.jws", own.roots, own.clock)
    await note(hsm, file, own.clock)
    audit = AuditChain(own.sam.database, "sam-house", own.clock)
    return HouseRoom(hsm, own.sam.database, audit, own.clock, file, pins)


async def signed(room: HouseRoom, act: str, version: int = 0, **changes: Any) -> str:
    said = {"serial": await room.serial(), "now": room._clock.now(), "version": version, **changes}
    return order(act, **said)


async def lines(world: World) -> list[dict[str, Any]]:
    rows = await world.sql("SELECT body FROM audit.lines WHERE chain = 'sam-house' ORDER BY seq")
    return [json.loads(row["body"]) for row in rows]


async def signs(world: World, credential: str, phone: Signer) -> None:
    request = await world.ask(credential, algorithm=ECDSA)
    activation = (await world.approve(phone, request))["activation"]
    world.verify(await world.certificate(credential), request, await world.sign(request, activation))


async def test_an_order_is_carried_out_and_audited(own: World, room: HouseRoom) -> None:
    """K3 to K8: intention before, outcome after, both with both names and the order's id; the statement names the new
    key with its check value, and a KEK's probe."""
    for name in ("kek", "pepper"):
        done = await room.rotate(f"rotate-{name}", await signed(room, f"rotate-{name}", 2))  # type: ignore[arg-type]
        assert done.label == f"{name}.2"
    said = await lines(own)
    assert [line["event"] for line in said] == ["house.ordered", "house.done"] * 2
    for line in said:
        assert (line["first"], line["second"]) == (ANA.public.jkt, BIA.public.jkt)
        assert line["order"].startswith("ord_")
    assert said[1]["label"] == "kek.2"
    stated = room._file.read()
    assert stated is not None
    assert [probe.kek for probe in stated.probes] == [1, 2]
    assert {"kek.1", "kek.2", "pepper.2", "rowmac.1", "root.1", "transport.1"} <= {key.label for key in stated.keys}
    assert said[1]["check"] == next(key.check for key in stated.keys if key.label == "kek.2")


@pytest.mark.parametrize(
    ("people", "code"),
    [((ANA,), "order_invalid"), ((ANA, ANA), "order_invalid"), ((ANA, Person("Caio")), "order_invalid")],
)
async def test_without_two_nothing_happens(own: World, room: HouseRoom, people: tuple[Person, ...], code: str) -> None:
    """One operator, one twice, one of them not pinned: refused before the token is touched, and not a line."""
    for act, version in (("rotate-kek", 2), ("retire-kek", 1), ("adopt-backup", 0)):
        text = await signed(room, act, version, people=people)
        with pytest.raises(LinkIdError) as refused:
            if act == "adopt-backup":
                await room.adopt(text)
            else:
                await (room.rotate if act == "rotate-kek" else room.retire)(act, text)  # type: ignore[arg-type]
        assert refused.value.code == code
    assert await lines(own) == []
    assert (await own.sam.hsm.newest_versions(["kek"])) == {"kek": 1}


async def test_who_is_no_operator_any_more(own: World, room: HouseRoom, pins: Path) -> None:
    """The pins are read at every order: Bia left this morning."""
    text = await signed(room, "rotate-kek", 2)
    pins.write_text(json.dumps({"v": 1, "operators": [ANA.pin]}))
    with pytest.raises(OrderInvalid, match="not pinned"):
        await room.rotate("rotate-kek", text)
    pins.unlink()
    with pytest.raises(OrderInvalid, match="not pinned"):
        await room.rotate("rotate-kek", text)


@pytest.mark.parametrize(
    ("act", "changes"),
    [
        ("rotate-kek", {"serial": "ffff"}), ("rotate-kek", {"slot": "ac"}), ("rotate-kek", {"version": 3}),
        ("rotate-pepper", {}),
    ],
)  # fmt: skip
async def test_an_order_for_something_else(own: World, room: HouseRoom, act: str, changes: dict[str, Any]) -> None:
    """Another token, slot or version; or an order for the pepper handed in for the KEK."""
    text = await signed(room, act, **{"version": 2, **changes})
    with pytest.raises(LinkIdError, match="house_order_does_not_fit"):
        await room.rotate("rotate-kek", text)
    assert await lines(own) == []


async def test_a_replayed_order(own: World, room: HouseRoom) -> None:
    """The same order a second time, at once or later, makes nothing."""
    text = await signed(room, "rotate-pepper", 2)
    await room.rotate("rotate-pepper", text)
    for later in (timedelta(), timedelta(hours=2)):
        own.clock.advance(later)
        with pytest.raises(LinkIdError, match="house_order_does_not_fit"):
            await room.rotate("rotate-pepper", text)
    assert (await own.sam.hsm.newest_versions(["pepper"])) == {"pepper": 2}
    assert len(await lines(own)) == 2


class _Dies(Exception):
    """Instead of the process."""


@pytest.mark.parametrize("at", ["K6", "K7", "K8"])
async def test_broken_off_and_finished(own: World, room: HouseRoom, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """Killed before the key is made, before it is noted, before the outcome is audited: the token works at each; the
    same order finishes the first two, and after the third nothing was left to do."""
    text = await signed(room, "rotate-kek", 2)

    def dies(*_given: Any, **_named: Any) -> None:
        raise _Dies

    with monkeypatch.context() as patched:
        match at:
            case "K6":
                patched.setattr(token_house, "make_kek", dies)
            case "K7":
                patched.setattr(house, "note", dies)
            case _:
                say = room._say

                async def says(event: str, *given: Any, **more: Any) -> None:
                    if event == "house.done":
                        raise _Dies
                    await say(event, *given, **more)

                patched.setattr(room, "_say", says)
        with pytest.raises(_Dies):
            await room.rotate("rotate-kek", text)
    credential = await own.credential("P-256")
    await signs(own, credential, await own.phone(credential))
    if at == "K8":
        with pytest.raises(LinkIdError, match="house_order_does_not_fit"):
            await room.rotate("rotate-kek", text)
    else:
        assert (await room.rotate("rotate-kek", text)).label == "kek.2"
    assert (await own.sam.hsm.newest_versions(["kek"])) == {"kek": 2}
    stated = room._file.read()
    assert stated is not None
    assert "kek.2" in {key.label for key in stated.keys}


# --- an old version goes -------------------------------------------------------------------------------------------


async def test_an_old_pepper_goes_when_nobody_needs_it(own: World, room: HouseRoom) -> None:
    """Refused at once after the rotation, and as long as one living credential is bound by it; then it is destroyed,
    and everybody signs."""
    holders = [(credential := await own.credential("P-256"), await own.phone(credential)) for _ in range(2)]
    await room.rotate("rotate-pepper", await signed(room, "rotate-pepper", 2))
    own.sam.versions.forget()
    with pytest.raises(StillNeeded, match="younger than an hour"):
        await room.retire("retire-pepper", await signed(room, "retire-pepper", 1), 1)
    own.clock.advance(timedelta(hours=1))
    await signs(own, *holders[0])
    assert [(one.pepper, one.living) for one in await room.uses()] == [(1, 1), (2, 1)]
    with pytest.raises(StillNeeded, match=r"1 living credentials need pepper\.1"):
        await room.retire("retire-pepper", await signed(room, "retire-pepper", 1), 1)
    await signs(own, *holders[1])
    with pytest.raises(LinkIdError, match="the order says"):
        await room.retire("retire-pepper", await signed(room, "retire-pepper", 1), 2)
    assert (await room.retire("retire-pepper", await signed(room, "retire-pepper", 1), 1)).label == "pepper.1"
    for holder in holders:
        await signs(own, *holder)
    assert [line["event"] for line in await lines(own)][-2:] == ["house.ordered", "house.done"]
    stated = room._file.read()
    assert stated is not None
    assert "pepper.1" not in {key.label for key in stated.keys}
    assert await house.token_problems(own.sam.hsm, stated.keys, stated.probes) == []


async def test_a_retirement_broken_off(
    own: World, room: HouseRoom, settings: SamSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed just before the key is destroyed: a SAM starts, and the same order finishes it."""
    await room.rotate("rotate-pepper", await signed(room, "rotate-pepper", 2))
    own.clock.advance(timedelta(hours=1))
    text = await signed(room, "retire-pepper", 1)

    def dies(*_given: Any) -> None:
        raise _Dies

    with monkeypatch.context() as patched:
        patched.setattr(token_house, "destroy_version", dies)
        with pytest.raises(_Dies):
            await room.retire("retire-pepper", text)
    started = await open_token(settings, own.clock)
    await started.close()
    assert (await room.retire("retire-pepper", text)).label == "pepper.1"
    started = await open_token(settings, own.clock)
    await started.close()
    with pytest.raises(LinkIdError, match="house_order_does_not_fit"):
        await room.retire("retire-pepper", text)


async def test_an_old_kek_goes_with_its_last_certificate(own: World, room: HouseRoom) -> None:
    """Signing does not free it; revocation and the end of the certificate do. A key that may still get its certificate
    counts, until no order is young enough for it."""
    credential = await own.credential("P-256")
    phone = await own.phone(credential)
    pending = await own.bound_key("P-256")
    await room.rotate("rotate-kek", await signed(room, "rotate-kek", 2))
    own.sam.versions.forget()
    own.clock.advance(timedelta(hours=2))
    await signs(own, credential, phone)
    with pytest.raises(StillNeeded, match=r"2 living credentials need kek\.1"):
        await room.retire("retire-kek", await signed(room, "retire-kek", 1))
    newer = await own.credential("P-256")
    assert [(one.kek, one.living, one.all) for one in await room.uses()] == [(1, 2, 2), (2, 1, 1)]
    own.clock.advance(timedelta(days=31))
    assert [(one.kek, one.living) for one in await room.uses()] == [(1, 1), (2, 1)]
    assert pending["credential"]
    own.clock.advance(timedelta(days=1000))
    assert [(one.kek, one.living) for one in await room.uses()] == [(1, 0), (2, 0)]
    assert (await room.retire("retire-kek", await signed(room, "retire-kek", 1))).label == "kek.1"
    assert newer != credential
    fresh = await own.bound_key("P-256")
    rows = await own.sql("SELECT kek FROM sam.credentials WHERE id = $1", fresh["credential"])
    assert rows[0]["kek"] == 2


@pytest.mark.parametrize(
    "lie", ["kek = 2", "state = 'revoked'", "valid_to = now() - interval '9 years'", "argon2_m = 1"]
)
async def test_a_forged_table_destroys_nothing(own: World, room: HouseRoom, lie: str) -> None:
    """Whoever writes the database makes it look as if nobody needed kek.1: the rows' MACs are asked first."""
    await own.credential("P-256")
    await room.rotate("rotate-kek", await signed(room, "rotate-kek", 2))
    own.clock.advance(timedelta(hours=2))
    await own.sql(f"UPDATE sam.credentials SET {lie}")
    with pytest.raises(LinkIdError, match="credential_row_forged"):
        await room.retire("retire-kek", await signed(room, "retire-kek", 1))
    assert await own.sam.hsm.in_room(lambda room: room.versions("kek", ObjectClass.SECRET_KEY)) == [1, 2]


# --- the statement, and what it is compared with -------------------------------------------------------------------


async def test_a_key_that_nobody_ordered_shows(own: World, room: HouseRoom, house_settings: HsmSettings) -> None:
    """Made with the PIN and none of our commands: in no statement, though as strong as ours; a weak one is refused."""
    file = room._file.path
    Token(house_settings).run(
        lambda room: room.session.generate_key(
            KeyType.GENERIC_SECRET, 256, store=True, label="pepper.2", capabilities=MechanismFlag.SIGN,
            mechanism=Mechanism.GENERIC_SECRET_KEY_GEN, template=FOR_EVER,
        )
    )  # fmt: skip
    status = await commands.run_status(house_settings, "sam", file)
    assert list(status.unnoted) == ["pepper.2"]
    await commands.run_note(house_settings, file)
    assert list((await commands.run_status(house_settings, "sam", file)).unnoted) == ["pepper.2"]


async def test_a_token_that_lost_a_key(own: World, room: HouseRoom, house_settings: HsmSettings) -> None:
    """It says which; a SAM does not start over it, and no statement is written that would hide it."""
    Token(house_settings).run(lambda room: room.private("transport.1").destroy())
    status = await commands.run_status(house_settings, "sam", room._file.path)
    assert list(status.problems) == ["transport.1 is missing"]
    with pytest.raises(NotOurToken, match=r"lost transport\.1"):
        await commands.run_note(house_settings, room._file.path)


async def test_a_statement_of_somebody_elses(own: World, room: HouseRoom, house_settings: HsmSettings) -> None:
    """Signed by another root, cut short, or no text: refused."""
    text = room._file.path.read_text()
    other = Person("root")
    for broken in (text[:-2], "x", "é", order("init", "1", START, people=(other,))):
        room._file.path.write_text(broken)
        with pytest.raises(NotOurToken, match="not signed by a SAM root"):
            room._file.read()


# --- a second token ------------------------------------------------------------------------------------------------


def copy_token(files: TokenFiles, label: str, copy: str, serial: str | None = None) -> str:
    """A token with the same keys under another label and serial number, as a second partition would be: its files are
    copied, and both names changed in place. Returns the serial."""
    slot = files.conf.parent / "slot"
    source = next(one for one in slot.iterdir() if label.ljust(32).encode() in (one / "token.object").read_bytes())
    target = slot / f"copy-{copy}"
    shutil.copytree(source, target)
    token = (target / "token.object").read_bytes().replace(label.ljust(32).encode(), copy.ljust(32).encode())
    old = Module.load(MODULE[0]).library.get_token(token_label=label).serial.decode()
    new = serial or old[::-1]
    assert old.encode() in token
    (target / "token.object").write_bytes(token.replace(old.encode(), new.encode()))
    loaded = Module.load(MODULE[0])
    loaded.renew(loaded.epoch)
    return new


MODULE: list[Path] = []


@pytest.fixture
def spare(house_settings: HsmSettings, sam_token: TokenFiles, room: HouseRoom) -> Iterator[tuple[HsmSettings, str]]:
    """The second token and its serial number."""
    MODULE[:] = [house_settings.module]
    label = f"{house_settings.token_label}-b"
    serial = copy_token(sam_token, house_settings.token_label, label)
    yield house_settings.model_copy(update={"token_label": label}), serial
    shutil.rmtree(sam_token.conf.parent / "slot" / f"copy-{label}")


@pytest.fixture
def settings(own: World, room: HouseRoom, house_settings: HsmSettings, pins: Path, tmp_path: Path) -> SamSettings:
    """Of a SAM that pins this root and has the statement."""
    trust = tmp_path / "trust.json"
    trust.write_text(json.dumps({"v": 1, "sam": [key.jwk for key in own.roots.values()], "ac": []}))
    return SamSettings.model_validate({
        "name": "sam-7", "environment": "development", "listen": "unix:/x", "database": own.database.dsn("linkid_sam"),
        "hsm": house_settings.model_dump() | {"pin": "1234"}, "head_file": tmp_path / "7.head", "trust": trust,
        "root_certificate": tmp_path / "root.pem", "operators": pins, "house": room._file.path,
    })  # fmt: skip


async def adopt(own: World, room: HouseRoom, second: HsmSettings) -> None:
    """By an order of both that names it; one that names the first does not do."""
    backup = Hsm(second)
    await backup.open()
    adopting = HouseRoom(backup, own.sam.database, room._audit, own.clock, room._file, room._operators)
    with pytest.raises(LinkIdError, match="house_order_does_not_fit"):
        await adopting.adopt(await signed(room, "adopt-backup"))
    await adopting.adopt(await signed(adopting, "adopt-backup"))
    await backup.close()


async def test_a_spare_is_used_when_two_adopted_it(
    own: World, settings: SamSettings, spare: tuple[HsmSettings, str], room: HouseRoom
) -> None:
    """The first does not open: the second is not used before it was adopted, by an order for its own serial number."""
    second, serial = spare
    gone = settings.hsm.model_copy(update={"token_label": "nowhere"})
    broken = settings.model_copy(update={"hsm": gone, "hsm_spare": second})
    with pytest.raises(NotOurToken, match="never adopted"):
        await open_token(broken, own.clock)
    assert (await commands.run_backup_check(second, room._file.path, settings.trust)) == (serial, [])
    await adopt(own, room, second)
    used = await open_token(broken, own.clock)
    assert used.token.settings == second
    await used.close()
    # the first one is taken again as soon as it opens
    first = await open_token(settings.model_copy(update={"hsm_spare": second}), own.clock)
    assert first.token.settings == settings.hsm
    await first.close()
    stated = room._file.read()
    assert stated is not None
    assert stated.tokens[1:] == (serial,)


async def test_a_foreign_spare_is_refused(
    own: World, settings: SamSettings, room: HouseRoom, hsm_module: Path, house_settings: HsmSettings
) -> None:
    """A good token, full of keys that are others: by the check of the backup, by adoption, by a SAM that starts."""
    label = f"{house_settings.token_label}-f"
    add_token(label, hsm_module)
    foreign = house_settings.model_copy(update={"token_label": label, "pin": SecretStr("1234")})
    initialise_sam_slot(Token(foreign), START)
    _, problems = await commands.run_backup_check(foreign, room._file.path, settings.trust)
    assert {problem.split(" ")[0] for problem in problems} == {
        "kek.1", "pepper.1", "rowmac.1", "root.1", "transport.1",
    }  # fmt: skip
    assert all(problem.endswith("is another key") for problem in problems)
    backup = Hsm(foreign)
    await backup.open()
    adopting = HouseRoom(backup, own.sam.database, room._audit, own.clock, room._file, room._operators)
    with pytest.raises(NotOurToken, match=r"kek\.1 is another key"):
        await adopting.adopt(await signed(adopting, "adopt-backup"))
    await backup.close()
    assert await lines(own) == []
    gone = settings.hsm.model_copy(update={"token_label": "nowhere"})
    for wrong in (settings.model_copy(update={"hsm": foreign}),
                  settings.model_copy(update={"hsm": gone, "hsm_spare": foreign})):  # fmt: skip
        with pytest.raises(NotOurToken):
            await open_token(wrong, own.clock)


async def test_a_backup_that_is_too_old(
    own: World, settings: SamSettings, spare: tuple[HsmSettings, str], room: HouseRoom
) -> None:
    """Copied before a rotation: it lacks the new key, which is said by name; and no SAM starts over it, which would
    find rows that it cannot open."""
    second, _ = spare
    await room.rotate("rotate-pepper", await signed(room, "rotate-pepper", 2))
    assert (await commands.run_backup_check(second, room._file.path, settings.trust))[1] == ["pepper.2 is missing"]
    with pytest.raises(NotOurToken):
        await open_token(settings.model_copy(update={"hsm": second}), own.clock)


async def test_without_a_statement_no_spare(
    own: World, settings: SamSettings, spare: tuple[HsmSettings, str], room: HouseRoom
) -> None:
    """A slot of an earlier version has none: its token is taken as before, and nothing in its place."""
    room._file.path.unlink()
    first = await open_token(settings, own.clock)
    await first.close()
    gone = settings.hsm.model_copy(update={"token_label": "nowhere"})
    with pytest.raises(LinkIdError):
        await open_token(settings.model_copy(update={"hsm": gone, "hsm_spare": spare[0]}), own.clock)


RESTORED = """
import asyncio, json, sys
from pathlib import Path
from pydantic import SecretStr
from hsm_service.hsm.settings import HsmSettings
from hsm_service.sam.commands import run_backup_check
found = HsmSettings(module=Path(sys.argv[1]), token_label=sys.argv[2], pin=SecretStr("1234"))
print(json.dumps(asyncio.run(run_backup_check(found, Path(sys.argv[3]), Path(sys.argv[4])))))
"""


async def test_a_restored_copy_does_the_work(
    own: World, settings: SamSettings, room: HouseRoom, sam_token: TokenFiles, tmp_path: Path
) -> None:
    """The token's folder copied elsewhere, as a backup would be, and opened there: same serial, every key, works."""
    copy = tmp_path / "restored"
    shutil.copytree(sam_token.conf.parent / "slot", copy / "slot")
    conf = copy / "softhsm2.conf"
    conf.write_text(sam_token.conf.read_text().replace(str(sam_token.conf.parent / "slot"), str(copy / "slot")))
    done = subprocess.run(
        [sys.executable, "-c", RESTORED, str(settings.hsm.module), settings.hsm.token_label, str(room._file.path),
         str(settings.trust)],
        env={**os.environ, "SOFTHSM2_CONF": str(conf)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [await room.serial(), []]


class Sick:
    """An HSM whose canary is as ``looks`` say, one after the other, each at its second."""

    def __init__(self, looks: list[tuple[float, LinkIdError | None]]) -> None:
        self.looks, self.now, self.done = iter(looks), 0.0, asyncio.Event()

    async def check(self) -> None:
        try:
            self.now, error = next(self.looks)
        except StopIteration:
            self.done.set()
            await asyncio.Event().wait()
        if error is not None:
            raise error

    def seconds_until_try(self) -> float:
        return 0.001


async def watched(looks: list[tuple[float, LinkIdError | None]]) -> bool:
    """Whether the process gave up after the last of these."""
    sick, given_up = Sick(looks), asyncio.Event()
    task = asyncio.create_task(housekeeping.watch_hsm(sick, given_up, lambda: sick.now))  # type: ignore[arg-type]
    await asyncio.wait_for(sick.done.wait(), 20)
    task.cancel()
    return given_up.is_set()


async def test_a_silent_hsm_makes_room_for_the_spare() -> None:
    """A minute without one good canary, however often it was asked: the process gives up, for one that opens the spare.
    Not after less, nor when a good one came between."""
    gone, often = HsmUnavailable("gone"), [(second / 2, HsmUnavailable("gone")) for second in range(2, 119)]
    assert not await watched([(0.0, None), *often])
    assert await watched([(0.0, None), *often, (60.0, gone)])
    assert not await watched([(0.0, None), (45.0, gone), (59.0, None), (61.0, gone), (118.0, gone)])


async def test_a_refused_pin_makes_no_room() -> None:
    """However long: the successor would try the same PIN again."""
    assert not await watched([(float(second), HsmLoginRefused("PinIncorrect")) for second in range(0, 600, 15)])


async def test_a_first_token_that_refuses_its_pin_is_not_passed_by(
    own: World, settings: SamSettings, spare: tuple[HsmSettings, str], room: HouseRoom, hsm_module: Path
) -> None:
    """A good, adopted spare beside it: it is not taken, nothing is tried twice, and an operator must act."""
    second, _ = spare
    await adopt(own, room, second)
    label = f"{settings.hsm.token_label}-pin"
    add_token(label, hsm_module)  # nobody is logged in there
    wrong = settings.hsm.model_copy(update={"token_label": label, "pin": SecretStr("4321")})
    with pytest.raises(HsmLoginRefused):
        await open_token(settings.model_copy(update={"hsm": wrong, "hsm_spare": second}), own.clock)


async def test_a_new_transport_key_is_noted(
    own: World, settings: SamSettings, room: HouseRoom, house_settings: HsmSettings
) -> None:
    """It needs no order, and is in the statement, so that a backup from before is told from one of after."""
    assert await commands.run_rotate_transport(settings) == "transport.2"
    status = await commands.run_status(house_settings, "sam", room._file.path)
    assert (list(status.unnoted), list(status.problems)) == ([], [])
    assert status.house is not None
    assert "transport.2" in {key.label for key in status.house.keys}


async def test_a_restored_database_finds_its_keys(own: World, settings: SamSettings, room: HouseRoom) -> None:
    """accept-restore works over a rotated token as before: what waited is void, and who is bound by the older pepper
    still signs."""
    credential = await own.credential("P-256")
    phone = await own.phone(credential)
    await own.ask(credential, algorithm=ECDSA, caller=await own.register())
    before = (await own.sql("SELECT pepper, bound, mac FROM sam.credentials WHERE id = $1", credential))[0]
    await room.rotate("rotate-pepper", await signed(room, "rotate-pepper", 2))
    own.sam.versions.forget()
    await signs(own, credential, phone)
    write = "UPDATE sam.credentials SET pepper = $2, bound = $3, mac = $4 WHERE id = $1"
    await own.sql(write, credential, before["pepper"], before["bound"], before["mac"])
    settings.root_certificate.write_bytes(own.authority.root.public_bytes(Encoding.PEM))
    voided = await commands.run_accept_restore(settings, operator=phone.public.jkt)
    assert voided["documents"] == 1
    await signs(own, credential, phone)
