"""The sandbox phone against a gateway that follows the protocol, and against one that lies."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from sandbox_phone import phone as phone_module
from sandbox_phone.errors import BadPassword, GatewayRefused, GatewayUnreachable, TimedOut, Untrusted
from sandbox_phone.gateway import fetch_trust
from sandbox_phone.phone import SandboxPhone
from sandbox_phone.storage import FileStorage
from tests.sandbox_phone.gateway_double import PASSWORD, PhoneGateway
from tests.sandbox_phone.roots import Roots


@pytest.fixture
async def gateway() -> AsyncIterator[PhoneGateway]:
    double = PhoneGateway(Roots())
    server = TestServer(double.app())
    await server.start_server()
    double.roots.app = double.roots.gateway = str(server.make_url("")).rstrip("/")
    yield double
    await server.close()


@pytest.fixture
async def phone(gateway: PhoneGateway) -> AsyncIterator[SandboxPhone]:
    async with await SandboxPhone.open(gateway.roots.app) as phone:
        yield phone


async def paired(phone: SandboxPhone) -> str:
    await phone.ask_code("+55 11 98765-4321")
    (credential,) = await phone.give_code("123456")
    await phone.bind(credential["id"], PASSWORD, "Celular da Maria")
    await phone.approve_test()
    return str(credential["id"])


async def test_pairing_ends_with_an_active_binding(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """Number, code, nickname, password and the test ring make the binding active."""
    await paired(phone)

    assert gateway.binding_state == "active"
    assert gateway.nickname == "Celular da Maria"
    assert phone.device == gateway.device


async def test_wrong_code_is_the_gateways_refusal(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """A wrong SMS code surfaces as a refusal with its data, and leaves no token behind."""
    await phone.ask_code("+55 11 98765-4321")

    with pytest.raises(GatewayRefused) as refused:
        await phone.give_code("000000")

    assert refused.value.reason == "code_wrong"
    assert refused.value.data["tries_left"] == 4
    assert phone.device is None


async def test_wrong_password_binds_nothing(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """A wrong usage password is told by the SAM, not guessed here."""
    await phone.ask_code("1")
    (credential,) = await phone.give_code("123456")

    with pytest.raises(GatewayRefused, match="password_wrong"):
        await phone.bind(credential["id"], "errada1234")

    assert gateway.binding_state == "none"


async def test_a_password_of_wrong_form_never_leaves(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """What cannot be a usage password is refused before anything is sent."""
    await phone.ask_code("1")
    (credential,) = await phone.give_code("123456")

    with pytest.raises(BadPassword):
        await phone.bind(credential["id"], "curta")

    assert gateway.decisions == {}


async def test_a_request_that_rings_is_approved_with_the_password(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """The doorbell brings the request, the approval carries a proof that opens."""
    credential = await paired(phone)
    waiting = asyncio.create_task(phone.wait_for("sign", 5))
    await asyncio.sleep(0)
    request = gateway.add("sign", gateway.roots.proof("sign"), credential=credential, documents=[])
    gateway.ring()

    statement = await waiting
    answer = await phone.approve(statement, PASSWORD)

    assert (statement.id, answer["state"], gateway.decisions[request]) == (request, "approved", "approve")


async def test_a_refusal_carries_its_reason_and_no_proof(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """*Não fui eu* is signed like a yes."""
    await paired(phone)
    request = gateway.add("sign", gateway.roots.proof("sign"))

    await phone.refuse(await phone.fetch(request), "not-me")

    assert gateway.decisions[request] == "refuse:not-me"


async def test_a_scan_opens_the_association(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """A frame leads to the association document; its approval answers the check code."""
    await paired(phone)
    document = gateway.add("associate", computer={"name": "Notebook"})

    statement = await phone.scan(f"{gateway.roots.app}/l#1.token.1.{document}")
    answer = await phone.approve(statement)

    assert statement.content["computer"]["name"] == "Notebook"
    assert answer["next"]["check_code"] == "042"


async def test_a_frame_leads_to_the_computer_whose_key_is_in_it(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """Whatever the gateway answers: another computer's association, or a page's identification, is not taken for it."""
    await paired(phone)
    document = gateway.add("associate", computer={"name": "Notebook", "key": "k" * 43})
    frame = f"{gateway.roots.app}/l#1.token.1.{document}"

    assert (await phone.scan(f"{frame}.{'k' * 43}")).id == document
    with pytest.raises(Untrusted):
        await phone.scan(f"{frame}.{'o' * 43}")


async def test_a_retired_transport_key_is_replaced_once(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """The statement is fetched again and the same bytes are approved."""
    await paired(phone)
    request = gateway.add("sign", gateway.roots.proof("sign"))
    statement = await phone.fetch(request)
    gateway.retired_once = True

    assert (await phone.approve(statement, PASSWORD))["state"] == "approved"


async def test_other_bytes_after_the_screen_are_never_approved(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """A gateway that swaps the document behind a retired key gets no signature over it."""
    await paired(phone)
    request = gateway.add("sign", gateway.roots.proof("sign"))
    statement = await phone.fetch(request)
    gateway.retired_once = gateway.swap_document = True

    with pytest.raises(Untrusted, match="changed"):
        await phone.approve(statement, PASSWORD)

    assert request not in gateway.decisions


async def test_the_live_channel_is_opened_again(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """A channel that ends is opened again, and what rang in between is still found."""
    await paired(phone)
    gateway.cut_live = 2
    request = gateway.add("sign", gateway.roots.proof("sign"))
    already = gateway.live_opened

    bells = phone.rings()
    seen = [await anext(bells) for _ in range(3)]
    await bells.aclose()

    assert seen == ["hello"] * 3
    assert gateway.live_opened == already + 3
    assert (await phone.wait_for("sign", 5)).id == request


async def test_a_gateway_without_room_is_asked_again_when_it_said(
    gateway: PhoneGateway, phone: SandboxPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent away, the phone comes back by itself, and never stays away for as long as a gateway may say."""
    await paired(phone)
    monkeypatch.setattr(phone_module, "MAX_AWAY_SECONDS", 0.01)
    monkeypatch.setattr("random.random", lambda: 0.0)
    gateway.live_away, already = 2, gateway.live_opened

    bells = phone.rings()
    assert await anext(bells) == "hello"
    await bells.aclose()
    assert (gateway.live_away, gateway.live_opened) == (0, already + 1)


async def test_waiting_in_vain_is_told(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """Nothing of the kind in time raises TimedOut."""
    await paired(phone)

    with pytest.raises(TimedOut):
        await phone.wait_for("sign", 0.05)


async def test_state_survives_and_trust_stays_pinned(gateway: PhoneGateway, tmp_path: Path) -> None:
    """The second run has the same key and device, and does not ask anybody for trust again."""
    storage = FileStorage(tmp_path / "phone.json")
    async with await SandboxPhone.open(gateway.roots.app, storage=storage) as phone:
        await paired(phone)
        jkt = phone.jkt

    async with await SandboxPhone.open(storage=FileStorage(tmp_path / "phone.json")) as phone:
        assert (phone.jkt, phone.device) == (jkt, gateway.device)
        assert (await phone.about())["nickname"] == "Celular da Maria"
    assert stat.S_IMODE((tmp_path / "phone.json").stat().st_mode) == 0o600


async def test_computers_can_be_removed(gateway: PhoneGateway, phone: SandboxPhone) -> None:
    """A computer listed is a computer that can be ended."""
    await paired(phone)
    gateway.computers = [{"id": "cmp_1", "name": "Notebook"}, {"id": "cmp_2", "name": "Torre"}]

    await phone.remove_computer("cmp_1")

    assert [item["id"] for item in await phone.computers()] == ["cmp_2"]


async def test_trust_of_another_app_is_refused(gateway: PhoneGateway) -> None:
    """An app host that serves somebody else's trust is not believed."""
    asked, gateway.roots.app = gateway.roots.app, "http://localhost:9"

    with pytest.raises(Untrusted):
        await fetch_trust(asked)


async def test_plain_http_beyond_loopback_is_refused() -> None:
    """Trust never travels in the clear."""
    with pytest.raises(Untrusted):
        await fetch_trust("http://example.org")


async def test_nobody_there_is_said() -> None:
    """A dead gateway is one of our errors."""
    with pytest.raises(GatewayUnreachable):
        await fetch_trust("http://127.0.0.1:1")
