"""Attacker 5 of docs/threats.md: the operator gave him the victim's number, so the SMS comes to his phone."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from demo.stack import Stack
from demo.world import Holder, World, settled
from sandbox_phone.domain import decision as decisions
from sandbox_phone.errors import GatewayRefused
from sandbox_phone.phone import SandboxPhone
from tests.attacks.hostile import HostileGateway

pytestmark = pytest.mark.asyncio(loop_scope="session")

JOANA = Holder(name="Joana Prado", cpf="11144477735", number="+5531966665555", password="Bz7quintal4", key="P-256")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def joana(stack: Stack) -> AsyncIterator[World]:
    """A victim of this file alone: her pairing will be locked for an hour."""
    async with settled(stack, JOANA) as everything:
        yield everything


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stolen(stack: Stack, joana: World) -> AsyncIterator[tuple[SandboxPhone, list[dict[str, Any]]]]:
    """His phone, after the code that was sent to her number; and what it was told."""
    before = max(message["number"] for message in await stack.messages())
    async with await SandboxPhone.open(stack.app) as phone:
        await phone.ask_code(JOANA.number)
        told = await phone.give_code(await stack.sms_code(JOANA.number, after=before))
        await phone.set_nickname("iPhone de Joana")
        yield phone, told


Stolen = tuple[SandboxPhone, list[dict[str, Any]]]


def rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def refused(work: Any) -> GatewayRefused:
    with pytest.raises(GatewayRefused) as caught:
        await work
    return caught.value


async def test_he_learns_names_and_nothing_else(stolen: Stolen, joana: World) -> None:
    """Which certificates there are, and whose; no CPF, no e-mail, no computers, nothing that waits."""
    phone, told = stolen
    assert [(one["id"], one["subject"]) for one in told] == [(joana.credential, "JOANA PRADO")]
    assert set(told[0]) == {"id", "subject", "kind", "valid_to", "state"}
    about = await phone.about()
    assert about["bindings"] == []
    assert about["computers"] == []
    ask = await joana.computer.ask(joana.credential)
    assert await phone.waiting() == []
    assert (await refused(phone.fetch(ask.request))).status == 404
    assert (await refused(phone.scan(f"{joana.stack.app}/r#1.{ask.request}"))).reason == "not_for_you"
    await refused(phone.remove_computer(joana.computer.id))
    assert len(await joana.phone.computers()) == 1
    # Her request, as her phone may see it, decided by his key with the right password even:
    body = decisions.decide(phone._key, await joana.phone.fetch(ask.request), "approve", password=JOANA.password)
    path = f"/phone/v1/documents/{ask.request}/decision"
    assert (await refused(phone._gateway.call("POST", path, body))).status == 404
    assert len(await joana.phone.waiting()) == 1
    await joana.computer.call("linkid/withdraw", {"handle": ask.handle})


async def test_the_holder_is_told(stolen: Stolen, stack: Stack, joana: World) -> None:
    """By e-mail, which the thief of a number has not: another phone received a code for your number."""
    assert stolen
    letters = [message for message in await stack.messages() if message["to"] == "joana@example.com"]
    assert any("confirmado em outro celular" in str(letter) for letter in letters)


async def test_with_the_password_too_he_waits(stolen: Stolen, stack: Stack, joana: World) -> None:
    """Number and usage password in his hands: his phone is bound, and for a day it sees and decides nothing; hers is
    told at once, on the screen and by letter, and goes on."""
    phone, _ = stolen
    await phone.bind(joana.credential, JOANA.password)
    await phone.approve_test()
    [binding] = (await phone.about())["bindings"]
    assert (binding["state"], binding["until"] > rfc3339(time.time() + 86_000)) == ("waiting", True)
    [warning] = (await joana.phone._gateway.call("GET", "/phone/v1/warnings"))["items"]
    assert (warning["kind"], warning["phone"], warning["device"]) == ("phone_waiting", "iPhone de Joana", phone.device)
    async with asyncio.timeout(30):  # a letter is on its way for a moment
        while not any(
            "celular espera" in str(one) for one in await stack.messages() if one["to"] == "joana@example.com"
        ):
            await asyncio.sleep(0.05)
    ask = await joana.computer.ask(joana.credential)
    assert await phone.waiting() == []
    assert (await refused(phone.fetch(ask.request))).status == 404
    body = decisions.decide(phone._key, await joana.phone.fetch(ask.request), "approve", password=JOANA.password)
    path = f"/phone/v1/documents/{ask.request}/decision"
    assert (await refused(phone._gateway.call("POST", path, body))).status == 404
    await refused(phone.block())
    assert joana.phone.device is not None
    await refused(phone.remove_phone(joana.phone.device))
    await refused(phone.admit(str(phone.device), joana.credential))
    sad = await joana.approved(ask)
    assert len(await joana.computer.sign(joana.credential, sad, ask.hashes, "1.2.840.10045.4.3.2")) == 1


async def test_five_guesses_an_hour_and_the_holder_goes_on(stolen: Stolen, joana: World) -> None:
    """After five wrong passwords not even the right one pairs, for an hour; her own phone signs all the while."""
    phone, _ = stolen
    for left in (4, 3, 2, 1, 0):
        wrong = await refused(phone.bind(joana.credential, "Chutando1"))
        assert (wrong.reason, wrong.data["tries_left"]) == ("password_wrong", left)
    locked = await refused(phone.bind(joana.credential, JOANA.password))
    assert locked.reason == "credential_locked"
    assert 3500 < locked.data["retry_after"] <= 3600
    assert [one["state"] for one in (await phone.about())["bindings"]] == ["waiting"]
    ask = await joana.computer.ask(joana.credential)
    sad = await joana.approved(ask)
    (signature,) = await joana.computer.sign(joana.credential, sad, ask.hashes, "1.2.840.10045.4.3.2")
    joana.verify(ask.hashes[0], signature)


async def test_another_phone_of_his_shares_the_same_guesses(
    stolen: Stolen, stack: Stack, joana: World, hostile: HostileGateway
) -> None:
    """A second stolen phone, with a key and a token of its own, finds pairing closed before it types anything."""
    before = max(message["number"] for message in await stack.messages())
    async with await SandboxPhone.open(stack.app) as second:
        await second.ask_code(JOANA.number)
        await second.give_code(await stack.sms_code(JOANA.number, after=before))
        sent = len(hostile.bodies("/decision"))
        assert (await refused(second.bind(joana.credential, JOANA.password, "Outro"))).reason == "credential_locked"
        assert len(hostile.bodies("/decision")) == sent


async def test_the_holder_sends_him_away(stolen: Stolen, joana: World) -> None:
    """*Não fui eu*, without a password: his phone is gone, its token too."""
    phone, _ = stolen
    assert phone.device is not None
    assert (await joana.phone.turn_away(phone.device, joana.credential))["state"] == "refused"
    assert (await refused(phone.about())).status == 401
    assert [one["here"] for one in await joana.phone.phones()] == [True]
