"""The phone's screen lock in front of its key: a real browser's WebAuthn, with an authenticator of Chromium's own.

What the browser signs here is also held against what the SAM verifies with (`protocol.passkeys`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from protocol.documents import Document
from protocol.keys import P256Key
from protocol.passkeys import Assertion, RelyingParty
from tests.phone.conftest import World
from tests.phone.gateway_double import PASSWORD
from tests.support.authenticator import Authenticator
from tests.support.phone_screens import PhoneScreens

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

TURN_ON = "Proteger com a tela de bloqueio"


class Lock:
    """A paired phone whose browser can ask for the screen lock."""

    def __init__(self, world: World, phone: PhoneScreens, authenticator: Authenticator) -> None:
        self.world, self.phone, self.tell, self.counted = world, phone, authenticator.tell, authenticator.counted

    async def open_device(self) -> None:
        await self.phone.page.get_by_role("button", name="Este celular").click()
        await self.phone.at("device")

    async def protect(self) -> None:
        await self.open_device()
        await self.phone.press(TURN_ON)
        await self.phone.at("protect")
        await self.phone.press("Continuar")
        await self.phone.at("confirm-protect")
        await self.phone.fill("Senha de uso", PASSWORD)
        await self.phone.press("Ligar a proteção")
        await self.phone.at("protected")
        await self.phone.finish()


@pytest_asyncio.fixture(loop_scope="module")
async def lock(world: World) -> AsyncIterator[Lock]:
    phone = await world.paired()
    yield Lock(world, phone, await Authenticator.of(phone.page))


async def test_on_used_and_off_again(lock: Lock) -> None:
    """Enrolled with the password and its own first word; then each yes asks for it, once for each request, and no no
    does; off by both again. What the browser says holds for the SAM."""
    world, phone = lock.world, lock.phone
    world.chromium.expect_trouble("403")
    await lock.protect()
    made = world.gateway.passkey
    assert made is not None
    assert await lock.counted() == len(world.gateway.spoken) + 1  # made, and spoken for the enrolment
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.fill("Senha de uso", "Errada999")
    await phone.press("Aprovar")
    await phone.expect_text("Senha incorreta")
    before = await lock.counted()
    await phone.approve(PASSWORD)
    await phone.finish()
    assert await lock.counted() == before  # the finger of before was for this very request
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.refuse()
    await phone.finish()
    assert await lock.counted() == before
    key, app = P256Key.from_jwk(made["key"]), RelyingParty.of(world.app)
    for document, said in world.gateway.spoken:
        Assertion.parse(said).verify(Document.parse(document), key, app)
    assert {Document.parse(document).type for document, _ in world.gateway.spoken} == {"passkey", "sign"}
    await lock.open_device()
    await phone.expect_text("Pedida a cada aprovação")
    await phone.press("Desligar esta proteção")
    await phone.at("confirm-unprotect")
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Desligar esta proteção")
    await phone.at("unprotected")
    assert world.gateway.passkey is None
    await phone.finish()
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.approve(PASSWORD)


async def test_whoever_does_not_unlock(lock: Lock) -> None:
    """Nothing is sent, what was typed stays; an authenticator that says nobody was verified is refused; with the finger
    it goes on. An app that does not know of its passkey any more is told, and asks."""
    world, phone = lock.world, lock.phone
    world.chromium.expect_trouble("403")
    await lock.protect()
    await lock.tell("setUserVerified", isUserVerified=False)
    request = world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Aprovar")
    await phone.expect_text("Você não confirmou com a tela de bloqueio")
    assert f"POST /phone/v1/documents/{request}/decision" not in world.gateway.calls
    await expect(phone.page.get_by_label("Senha de uso", exact=True)).to_have_value(PASSWORD)
    await lock.tell("setUserVerified", isUserVerified=True)
    await lock.tell("setResponseOverrideBits", isBadUV=True)
    await phone.press("Aprovar")
    await phone.expect_text("A confirmação com a tela de bloqueio não valeu")
    assert world.gateway.password_tries == 3
    await lock.tell("setResponseOverrideBits", isBadUV=False)
    await phone.approve(PASSWORD)
    await phone.finish()
    await phone.page.evaluate(
        """() => new Promise(done => {
          const opened = indexedDB.open("linkid");
          opened.onsuccess = () => {
            const store = opened.result.transaction("state", "readwrite").objectStore("state");
            const asked = store.get("profile");
            asked.onsuccess = () => {
              const { passkey, ...rest } = asked.result;
              store.put(rest, "profile").onsuccess = () => done(null);
            };
          };
        })"""
    )
    await phone.page.reload()
    await phone.at("home")
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Aprovar")
    await phone.expect_text("Toque de novo e confirme com ela")
    await phone.press("Aprovar")
    await phone.at("approved")


async def test_another_passkey_is_put_in_front_of_nothing(world: World) -> None:
    """A browser that cannot ask for the screen lock does not offer it. Where it can: a statement about another passkey
    than was made here, or that cannot be read, gets neither password nor finger."""
    phone = await world.paired()
    await phone.page.get_by_role("button", name="Este celular").click()
    await phone.at("device")
    assert not await phone.page.evaluate("PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable()")
    await expect(phone.button(TURN_ON)).to_have_count(0)
    await phone.page.go_back()
    authenticator = await Authenticator.of(phone.page)
    await authenticator.tell("setUserVerified", isUserVerified=False)
    await phone.page.get_by_role("button", name="Este celular").click()
    await phone.press(TURN_ON)
    await phone.press("Continuar")
    await phone.expect_text("Este celular não ligou a proteção")
    await phone.press("Cancelar")
    await phone.at("device")
    await phone.page.go_back()
    await authenticator.tell("setUserVerified", isUserVerified=True)
    lies: list[dict[str, Any]] = [{"id": "A" * 43}, {"key": "k" * 43}, {"id": 5}]
    for lie in lies:
        world.gateway.passkey_lies = lie
        await phone.page.get_by_role("button", name="Este celular").click()
        await phone.press(TURN_ON)
        await phone.press("Continuar")
        await expect(phone.page.get_by_role("alert")).to_contain_text("não foi assinado pelo Link ID")
        await expect(phone.page.get_by_label("Senha de uso", exact=True)).to_have_count(0)
        await phone.press("Cancelar")
        await phone.at("device")
        await phone.page.go_back()
        await phone.at("home")
    made = (await authenticator.tell("getCredentials"))["credentials"]
    assert [one["signCount"] for one in made] == [1] * len(lies)
