"""The installed app: its worker, its notices, its updates."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from app_host import AppHostSettings, start_app_host
from tests.phone.conftest import World
from tests.phone.gateway_double import PASSWORD, SMS_CODE
from tests.sandbox_phone.roots import b64u
from tests.support.phone_screens import PhoneScreens

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def read_code() -> str:
    return SMS_CODE


async def registration(session: CDPSession) -> str:
    """The id of the page's service worker, as the developer tools know it."""
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def updated(event: dict[str, list[dict[str, str]]]) -> None:
        for one in event["registrations"]:
            if not found.done():
                found.set_result(one["registrationId"])

    session.on("ServiceWorker.workerRegistrationUpdated", updated)
    await session.send("ServiceWorker.enable")
    return await asyncio.wait_for(found, 10)


async def test_a_push_shows_a_notice_without_content_and_wakes_the_app(world: World) -> None:
    """Whatever the push carries, people read that a request came, and the open app asks what it is."""
    phone = await world.paired(permissions=["notifications"])
    await phone.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    session = await phone.page.context.new_cdp_session(phone.page)
    id = await registration(session)
    before = world.gateway.calls.count("GET /phone/v1/waiting")
    await session.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": world.app, "registrationId": id, "data": json.dumps({"title": "Clique aqui", "id": "not_x"})},
    )
    shown = await phone.page.evaluate(
        """async () => {
          const registration = await navigator.serviceWorker.ready;
          for (let turn = 0; turn < 100; turn += 1) {
            const notices = await registration.getNotifications();
            if (notices.length > 0) return notices.map(one => [one.title, one.body]);
            await new Promise(resolve => setTimeout(resolve, 50));
          }
          return [];
        }"""
    )
    assert shown == [["Link ID", "Há um pedido esperando."]]
    async with asyncio.timeout(5):
        while world.gateway.calls.count("GET /phone/v1/waiting") == before:
            await asyncio.sleep(0.02)


_PUSH_SERVICE = """
  const made = [];
  const subscription = (key) => ({
    options: { applicationServerKey: key },
    unsubscribe: async () => { made.length = 0; return true; },
    toJSON: () => ({
      endpoint: "https://fcm.googleapis.com/fcm/send/" + made.length,
      keys: { p256dh: "BPoint", auth: "secret" },
    }),
  });
  PushManager.prototype.getSubscription = async () => made.at(-1) ?? null;
  PushManager.prototype.subscribe = async (options) => {
    if (options.userVisibleOnly !== true) throw new Error("NotAllowedError");
    if (window.hangs) return new Promise(() => undefined);
    made.push(subscription(new Uint8Array(options.applicationServerKey).buffer));
    return made.at(-1);
  };
"""
"""Chromium without Google's push service: what `subscribe` would give. (Bare, it hangs.)"""


async def test_a_phone_that_may_show_notices_tells_where_it_is_reached(world: World) -> None:
    """While it is paired and at every start, never before; a push service that hangs is in nobody's way."""
    world.gateway.vapid = b64u(b"\x04" + bytes(64))
    context = await world.chromium.context(permissions=["notifications"])
    await context.add_init_script(_PUSH_SERVICE)
    phone = PhoneScreens(await context.new_page(), world.app)
    await phone.open()
    assert "GET /phone/v1/push" not in world.gateway.calls
    await phone.pair("(31) 99999-1234", read_code, "Celular da Maria", PASSWORD)

    async def told(count: int) -> None:
        async with asyncio.timeout(10):
            while len(world.gateway.addresses) < count:
                await asyncio.sleep(0.02)

    await told(1)
    await phone.page.reload()
    await phone.at("home")
    await told(2)
    assert world.gateway.addresses[-1] == {
        "kind": "webpush",
        "endpoint": "https://fcm.googleapis.com/fcm/send/1",
        "p256dh": "BPoint",
        "auth": "secret",
    }

    await phone.page.add_init_script("window.hangs = true")
    calls = world.gateway.calls.count("GET /phone/v1/push")
    await phone.page.reload()
    await phone.at("home")
    async with asyncio.timeout(10):
        while world.gateway.calls.count("GET /phone/v1/push") == calls:
            await asyncio.sleep(0.02)
    assert len(world.gateway.addresses) == 2


async def test_a_new_version_is_taken_when_nothing_is_being_decided(world: World, dist: Path, tmp_path: Path) -> None:
    """On the first screen the new worker takes over and the page is loaded anew, without a question."""
    newer = tmp_path / "dist"
    shutil.copytree(dist, newer)
    port = int(world.app.rpartition(":")[2])
    phone = await world.phone()
    await phone.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    for name in ("sw.js", "sw.js.br", "sw.js.gz"):
        (newer / name).unlink()
    worker = (dist / "sw.js").read_text(encoding="utf-8")
    (newer / "sw.js").write_text(worker.replace("linkid-${", "linkid-newer-${", 1), encoding="utf-8")
    await world.host.close()
    settings = AppHostSettings(port=port, dist=newer, trust_file=tmp_path / "trust.json")
    async with await start_app_host(settings):
        async with phone.page.expect_navigation():
            await phone.page.evaluate("navigator.serviceWorker.getRegistration().then(one => one.update())")
        await phone.at("welcome")
        caches = await phone.page.evaluate("caches.keys()")
        assert any(name.startswith("linkid-newer-") for name in caches)
        await world.chromium.close_contexts()


async def test_a_new_version_waits_for_a_decision(world: World, dist: Path, tmp_path: Path) -> None:
    """Offered while something is being decided, also when another window of the app takes it; that decision is made
    with the files that it began with, and then the new version is there."""
    newer = tmp_path / "dist"
    shutil.copytree(dist, newer)
    phone = await world.paired()
    await phone.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    asked = world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.page.evaluate("window.began = true")
    worker, stretcher = (dist / "sw.js").read_text(encoding="utf-8"), next(dist.glob("assets/argon2*.js")).name
    for name in ("sw.js", f"assets/{stretcher}"):
        for ending in ("", ".br", ".gz"):
            (newer / f"{name}{ending}").unlink(missing_ok=True)
    without = worker.replace(f'\\"/assets/{stretcher}\\",', "")  # not kept by the newer worker either
    assert without != worker
    changed = without.replace("linkid-${", "linkid-newer-${", 1)
    (newer / "sw.js").write_text(changed, encoding="utf-8")
    await world.host.close()
    settings = AppHostSettings(port=int(world.app.rpartition(":")[2]), dist=newer, trust_file=tmp_path / "trust.json")
    async with await start_app_host(settings):
        await phone.page.evaluate("navigator.serviceWorker.getRegistration().then(one => one.update())")
        await phone.expect_text("Há uma versão nova do Link ID.")
        # As another window of the app does that is at home:
        taken = "(one => (one.waiting?.postMessage('take-over'), one.waiting === null))"
        await true_in(phone, f"{taken}(await navigator.serviceWorker.getRegistration())")
        await true_in(phone, "(await caches.keys()).some(name => name.startsWith('linkid-newer-'))")
        await phone.approve(PASSWORD)
        assert world.gateway.documents[asked].decision == "approve"
        assert await phone.page.evaluate("window.began")
        await phone.press("Concluir")
        await true_in(phone, "window.began === undefined")
        await phone.at("home")
        await world.chromium.close_contexts()


async def true_in(phone: PhoneScreens, expression: str) -> None:
    """Wait for it to be so; the page may be loaded anew meanwhile."""
    async with asyncio.timeout(15):
        while True:
            with suppress(PlaywrightError):
                if await phone.page.evaluate(f"async () => {expression}"):
                    return
            await asyncio.sleep(0.02)


async def test_the_app_asks_nobody_but_its_own_origin_and_the_gateway(world: World) -> None:
    """No third party hears of anybody: every request of a whole pairing goes to one of the two."""
    asked: set[str] = set()
    context = await world.chromium.context()
    context.on("request", lambda request: asked.add("/".join(request.url.split("/")[:3])))
    page = await context.new_page()
    await page.goto(world.app + "/")
    await page.get_by_role("button", name="Vamos começar!").click()
    assert asked == {world.app}


async def test_the_manifest_makes_it_installable(world: World) -> None:
    """Chromium finds no fault with the manifest: name, icons, start, display."""
    phone = await world.phone()
    session = await phone.page.context.new_cdp_session(phone.page)
    manifest = await session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    found = await session.send("Page.getInstallabilityErrors")
    errors = [one["errorId"] for one in found["installabilityErrors"] if one["errorId"] != "in-incognito"]
    assert errors == []


async def test_only_our_own_scripts_can_be_started(world: World) -> None:
    """Trusted Types and the policy: no markup from text, no worker from elsewhere, no inline script."""
    world.chromium.expect_trouble("TrustedScript", "TrustedHTML", "Content Security", "Trusted ?Type")
    phone = await world.phone()
    refused = await phone.page.evaluate(
        """() => {
          const tries = [
            () => { document.body.innerHTML = '<b>x</b>'; },
            () => new Worker('data:text/javascript,1'),
            () => trustedTypes.createPolicy('linkid', {}),
            () => trustedTypes.createPolicy('other', {}),
            () => { const s = document.createElement('script'); s.text = 'window.bad = 1'; document.body.append(s); },
          ];
          const thrown = tries.map(attempt => { try { attempt(); return 'done'; } catch (e) { return e.name; } });
          return [thrown, 'bad' in window];
        }"""
    )
    assert refused == [["TypeError", "TypeError", "TypeError", "TypeError", "TypeError"], False]
