"""A SAM as a process of its own: opened from settings, asked over its socket, ended and killed, beside another one."""

import asyncio
import json
import signal
from pathlib import Path

import pytest
from pydantic import ValidationError

from foundation.clock import SystemClock
from foundation.errors import LinkIdError
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.house import add_version, permit, serial_of
from hsm_service.hsm.settings import HsmSettings
from hsm_service.sam import commands
from hsm_service.sam.emission.pool import LOOK_SECONDS
from hsm_service.sam.house import HouseFile, note
from hsm_service.sam.settings import SamSettings
from tests.sam.children import START_SECONDS, Child, over
from tests.sam.world import Authority
from tests.support.house import agreed
from tests.support.postgres import TestDatabase


@pytest.fixture
def authority() -> Authority:
    """Of today: these processes have the real clock."""
    return Authority(SystemClock().now())


async def test_a_process_lives_and_ends(
    children: list[Child], hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """It starts from settings, signs over its socket, survives kill -9 by being started again, and ends on SIGTERM."""
    first, _ = children
    await first.start()
    assert (await first.client.call("status"))["ready"] is True
    world = await over(first, hsm, database, authority, tmp_path / "unused.head")
    try:
        credential = await world.credential("P-256")
        phone = await world.phone(credential)
        request = await world.ask(credential, algorithm="ECDSA-SHA256")
        activation = (await world.approve(phone, request))["activation"]
        signatures = await world.sign(request, activation)
        world.verify(await world.certificate(credential), request, signatures)
        await first.end(signal.SIGKILL)
        await first.start()
        assert await world.sign(request, activation) == signatures
        assert await first.end(signal.SIGTERM) == 0
        assert not (tmp_path / "sam-0.sock").exists()
    finally:
        await world.close()


async def test_a_process_makes_keys_ahead(children: list[Child]) -> None:
    """What its settings want, while nobody needs it, and no more."""
    first, _ = children
    first.settings["key_pool"] = {"rsa_2048": 2, "rsa_3072": 0, "rsa_4096": 0}
    await first.start()
    async with asyncio.timeout(START_SECONDS):
        while first.log.read_text().count("key_made_ahead") < 2:
            await asyncio.sleep(0.1)
    await asyncio.sleep(2 * LOOK_SECONDS)
    assert await first.end(signal.SIGTERM) == 0
    made = [json.loads(line) for line in first.log.read_text().splitlines() if "key_made_ahead" in line]
    assert [(one["algorithm"], one["waiting"]) for one in made] == [("RSA-2048", 1), ("RSA-2048", 2)]


async def test_two_sams_sign_once(
    children: list[Child], hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """The same call to two processes at once: both answer, with the same signature, of which there is one."""
    await asyncio.gather(*(child.start() for child in children))
    first, second = children
    world = await over(first, hsm, database, authority, tmp_path / "unused.head")
    try:
        credential = await world.credential("P-256")
        phone = await world.phone(credential)
        for _ in range(5):
            request = await world.ask(credential, algorithm="ECDSA-SHA256")
            body = phone.decision(request.statement)
            decide = {"document": request.id, "device": phone.id, **body}
            decided = await asyncio.gather(
                *(child.client.call("documents/decide", decide) for child in children), return_exceptions=True
            )
            activation = next(one["activation"] for one in decided if isinstance(one, dict))
            call = request.call(activation)
            answers = await asyncio.gather(
                *(child.client.call("signatures/sign", call) for child in (first, second) * 4)
            )
            assert len({str(answer["signatures"]) for answer in answers}) == 1
        rows = await world.sql("SELECT count(*) AS n FROM sam.signatures")
        assert rows[0]["n"] == 5
        events = [event for event in await world.events() if event in ("signatures.made", "row.turned_back")]
        assert events == ["signatures.made"] * 5
    finally:
        await world.close()


async def test_operators_commands(
    children: list[Child], hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """A freeze lifted by a command reaches a running SAM; accept-restore voids what waits."""
    first, _ = children
    await first.start()
    world = await over(first, hsm, database, authority, tmp_path / "unused.head")
    try:
        credential = await world.credential("P-256")
        phone = await world.phone(credential)
        request = await world.ask(credential, algorithm="ECDSA-SHA256")
        body = phone.decision(request.statement, word="refuse:not-me")
        await world.call("documents/decide", document=request.id, device=phone.id, **body)
        with pytest.raises(LinkIdError):
            await world.ask(credential, algorithm="ECDSA-SHA256")
        operator = SamSettings.model_validate(
            {**first.settings, "name": "sam-99", "head_file": str(tmp_path / "sam-99.head")}
        )
        assert await commands.run_unfreeze(operator, credential, "integrator", world.integrator["id"]) == 1
        await world.ask(credential, algorithm="ECDSA-SHA256")
        assert await first.end(signal.SIGTERM) == 0
        settings = SamSettings.model_validate(first.settings)
        assert await commands.run_accept_restore(settings, operator=phone.public.jkt) == {
            "documents": 1, "activations": 0, "consents": 0,
        }  # fmt: skip
        assert (await commands.run_rotate_transport(settings)).startswith("transport.")
    finally:
        await world.close()


async def test_a_process_starts_over_its_spare(
    children: list[Child], hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """Its first token is not there: it works with the one that the house statement names, and the audit says so; with
    a statement that another root signed it does not start."""
    first, _ = children
    root, clock = await hsm.root(), SystemClock()
    trust = {"v": 1, "sam": [root.jwk], "ac": [authority.public.jwk]}
    (tmp_path / "trust.json").write_text(json.dumps(trust))
    statement = tmp_path / "house-sam.jws"
    await note(hsm, HouseFile(statement, {root.jkt: root}, clock), clock)
    good = first.settings["hsm"]
    first.settings |= {"hsm": {**good, "token_label": "nowhere"}, "hsm_spare": good, "house": str(statement)}
    first.file.write_text(json.dumps(first.settings), encoding="utf-8")
    await first.start()
    world = await over(first, hsm, database, authority, tmp_path / "unused.head")
    try:
        credential = await world.credential("P-256")
        phone = await world.phone(credential)
        request = await world.ask(credential, algorithm="ECDSA-SHA256")
        signatures = await world.sign(request, (await world.approve(phone, request))["activation"])
        world.verify(await world.certificate(credential), request, signatures)
        assert (await world.events())[0] == "house.spare_used"
        await first.end(signal.SIGKILL)
        (tmp_path / "trust.json").write_text(json.dumps({**trust, "sam": [authority.public.jwk]}))
        with pytest.raises(AssertionError, match="the SAM ended"):
            await first.start()
        assert "not signed by a SAM root" in first.log.read_text(encoding="utf-8")
    finally:
        await world.close()


@pytest.mark.parametrize("point", ["7f-before-commit", "7f-after-commit"])
async def test_killed_while_it_binds_anew(
    children: list[Child], house_settings: HsmSettings, database: TestDatabase, authority: Authority, tmp_path: Path,
    point: str,
) -> None:  # fmt: skip
    """A process that dies around the commit which moves a key to the next pepper: its successor takes the same decision
    again, signs, and the key is bound by the new pepper."""
    first, _ = children
    faults = tmp_path / "faults"
    faults.mkdir()
    token = {name: str(getattr(house_settings, name)) for name in ("module", "token_label", "quiet_lock")}
    first.settings |= {"hsm": {**token, "pin": "1234"}, "fault_points": str(faults)}
    first.file.write_text(json.dumps(first.settings), encoding="utf-8")
    hsm = Hsm(house_settings)
    await hsm.open()
    await first.start()
    world = await over(first, hsm, database, authority, tmp_path / "unused.head")
    try:
        credential = await world.credential("P-256")
        phone = await world.phone(credential)
        await first.end(signal.SIGTERM)
        order = agreed("rotate-pepper", serial_of(hsm.token), SystemClock().now(), 2)
        given = permit(hsm.token, order, "rotate-pepper", "sam")
        assert add_version(hsm.token, given, SystemClock().now()) == "pepper.2"
        await first.start()
        request = await world.ask(credential, algorithm="ECDSA-SHA256")
        body = {"document": request.id, "device": phone.id, **phone.decision(request.statement)}
        (faults / f"{point}.die").touch()
        with pytest.raises(LinkIdError):
            await world.call("documents/decide", **body)
        assert first.process is not None
        assert await first.process.wait() == 137
        (faults / f"{point}.die").unlink()
        pepper = "SELECT pepper FROM sam.credentials WHERE id = $1"
        after = (await world.sql(pepper, credential))[0]["pepper"]
        assert after == (2 if point == "7f-after-commit" else 1)
        await first.start()
        answer = await world.call("documents/decide", **body)
        world.verify(await world.certificate(credential), request, await world.sign(request, answer["activation"]))
        assert (await world.sql(pepper, credential))[0]["pepper"] == 2
        assert (await world.events()).count("credential.rebound") == 1
    finally:
        await world.close()
        await hsm.close()


def test_fault_points_are_for_development(tmp_path: Path) -> None:
    """In production the settings refuse them."""
    settings = {
        "environment": "production", "listen": "unix:/x", "database": "x", "head_file": "/x", "trust": "/x",
        "root_certificate": "/x", "operators": "/x", "hsm": {"module": "/x", "token_label": "x", "pin": "x"},
    }  # fmt: skip
    SamSettings.model_validate(settings)
    with pytest.raises(ValidationError, match="fault_points exist for tests"):
        SamSettings.model_validate({**settings, "fault_points": str(tmp_path)})
