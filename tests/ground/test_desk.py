"""The operator's page: this machine's, one browser's, one operator's; and what stands there opens nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar

from foundation.audit import AuditChain
from foundation.channel import private_app, serve_private
from foundation.ids import new_id
from issuance.operator import OperatorContext, OperatorMistake
from linkid.desk.pages import Pages
from linkid.desk.server import IDLE_SECONDS, Desk
from linkid.operators import demand_case, pinned_operator
from pairing.service.pauses import PauseService
from protocol import pins
from protocol.orders import HolderOrder, open_order
from tests.ground.test_operator_view import COMPUTER, CREDENTIAL, FID, NAME, NUMBER, SECRETS, Town, town
from tests.issuance.test_operator_holders import SamEar

__all__ = ["town"]

Answer = tuple[int, str]


@dataclass
class Office:
    """A desk that is open, the operator's browser, and what the SAM heard."""

    desk: Desk
    town: Town
    ear: SamEar
    context: OperatorContext
    browser: ClientSession

    async def get(self, path: str, browser: ClientSession | None = None, **headers: str) -> Answer:
        async with (browser or self.browser).get(f"{self.desk.origin}{path}", headers=headers) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        sent = {"Origin": self.desk.origin, **headers}
        async with self.browser.post(f"{self.desk.origin}{path}", data=form, headers=sent) as answer:
            return answer.status, await answer.text()

    async def sign_in(self) -> None:
        assert (await self.get(self.desk.url.removeprefix(self.desk.origin)))[0] == 200

    def orders(self) -> list[HolderOrder]:
        """What the SAM was told, by the pinned operator."""
        known = pins.operators(self.context.operators_file.read_bytes())
        opened = [open_order(jws, known)[0] for jws in self.ear.heard]
        return [order for order in opened if isinstance(order, HolderOrder)]


@asynccontextmanager
async def open_office(town: Town) -> AsyncIterator[Office]:
    """A desk in a town, with a pinned operator and a SAM that hears."""
    ear = SamEar()
    with TemporaryDirectory(prefix="desk") as name:
        folder = Path(name)
        context = OperatorContext(
            key_file=folder / "operator.key",
            operators_file=folder / "operators.json",
            trust_file=folder / "trust.json",
            ac="unix:/nowhere",
            sams=[f"unix:{folder}/sam.sock"],
            emission_page="x",
            clock=town.clock,
        )
        context.new_key("Ana")
        calls = {"credentials/standing": ear.standing, "credentials/order": ear.order}
        audit = AuditChain(town.database, "gateway-operator", town.clock)
        pages = Pages(town.view, PauseService(town.database, audit), context, pinned_operator(context))
        async with (
            await serve_private(private_app(calls), f"unix:{folder}/sam.sock"),
            Desk(pages, town.clock) as desk,
            ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser,
        ):
            yield Office(desk, town, ear, context, browser)


@pytest.fixture
async def office(town: Town) -> AsyncIterator[Office]:
    async with open_office(town) as office:
        yield office


async def test_a_holder_is_found_and_nothing_secret_is_shown(office: Office) -> None:
    """By search, whole page and messages: masked, without key, token, code, number or address; each look is a line."""
    await office.sign_in()
    status, found = await office.post("/find", {"text": NUMBER})
    assert (status, NAME in found, f"/holder/{office.town.holder}" in found) == (200, True, True)
    texts = [found]
    for path in (f"/holder/{office.town.holder}", "/messages", "/"):
        status, text = await office.get(path)
        assert status == 200, path
        texts.append(text)
    assert "Celular da Maria" in texts[1]
    assert "+553198765" in texts[2]
    assert "25 %" in texts[2]  # one code of four was typed
    for text in texts:
        assert [secret for secret in (*SECRETS, FID, "123456") if secret in text.replace("+553198765", "")] == []
    events = [line["event"] for line in (await office.town.audited())[-3:]]
    assert events == ["operator.searched", "operator.looked", "operator.counted"]


async def test_strangers_get_nothing(office: Office) -> None:
    """Without the address that opens it, a second time, from another browser, by another name, from another site, by a
    proxy: refused, nothing looked up, nothing ordered."""
    before = len(await office.town.audited())
    opening = office.desk.url.removeprefix(office.desk.origin)
    path = f"/holder/{office.town.holder}"
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as other:
        for asked in ("/", path, "/messages", "/?t=wrong", "/?t="):
            assert (await office.get(asked, other))[0] == 403, asked
        await office.sign_in()
        assert (await office.get(opening, other))[0] == 403
        assert (await office.get(path, other))[0] == 403
    lies: list[dict[str, str]] = [
        {"Host": "localhost"}, {"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"}, {"Via": "1.1 proxy"},
    ]  # fmt: skip
    form = {"act": "block", "credential": CREDENTIAL, "reason": "by-law", "case": "1"}
    for lie in lies:
        assert (await office.get(path, None, **lie))[0] == 403, lie
        assert (await office.post(path, form, **lie))[0] == 403, lie
    async with office.browser.post(f"{office.desk.origin}{path}", data=form) as answer:  # says not where from
        assert answer.status == 403
    assert office.ear.heard == []
    assert len(await office.town.audited()) == before


async def test_it_runs_nothing_and_is_framed_by_nobody(office: Office) -> None:
    """Every answer has the policy, refusals too; the cookie is for this page alone; there is no script to run."""
    await office.sign_in()
    for path in ("/", "/messages", "/desk.css", "/nowhere", "/?t=again"):
        async with office.browser.get(f"{office.desk.origin}{path}") as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'self'; form-action 'self'")
            assert (answer.headers["X-Frame-Options"], answer.headers["Cache-Control"]) == ("DENY", "no-store")
            assert "<script" not in await answer.text()
    [cookie] = list(office.browser.cookie_jar)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")


async def test_an_act_is_an_order(office: Office) -> None:
    """Signed by the operator who signed in, for what the SAM said; the page says what became of it in its own words."""
    await office.sign_in()
    path = f"/holder/{office.town.holder}"
    form = {"act": "unblock", "credential": CREDENTIAL, "reason": "by-video", "case": "2026-17"}
    status, text = await office.post(path, form)
    assert (status, "Certificado desbloqueado." in text) == (200, True)
    assert "Nada mudou" in (await office.post(path, form))[1]
    office.ear.frozen.append({"caller": COMPUTER, "since": 1_790_000_000})
    _, text = await office.get(path)
    assert f"<code>{COMPUTER}</code> (Notebook)" in text
    office.ear.waiting.append({"binding": new_id("bnd"), "device": new_id("dev"), "nickname": "<b>iPhone</b>"})
    _, text = await office.get(path)
    assert "Celular em espera: &lt;b&gt;iPhone&lt;/b&gt;" in text
    admit = {**form, "act": "admit", "phone": office.ear.waiting[0]["device"], "reason": "in-person"}
    assert "Celular liberado." in (await office.post(path, admit))[1]
    assert [(one.act, one.reason, one.case) for one in office.orders()] == [
        ("unblock", "by-video", "2026-17"), ("unblock", "by-video", "2026-17"), ("admit", "in-person", "2026-17"),
    ]  # fmt: skip
    assert "Certificado bloqueado." not in (await office.get(f"{path}?done=<b>x</b>"))[1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"act": "delete"}, {"act": ""}, {"act": "admit"}, {"credential": new_id("cred")}, {"credential": "' OR 1=1"},
        {"reason": "holder-asked"}, {"reason": ""}, {"case": ""}, {"case": "Maria da Silva"},
        {"case": "529.982.247-25"},
    ],
)  # fmt: skip
async def test_forms_that_are_not_ours(office: Office, wrong: dict[str, str]) -> None:
    """Another act, another holder's certificate, a reason that identifies nobody, a person in the place of a case."""
    await office.sign_in()
    form = {"act": "unblock", "credential": CREDENTIAL, "reason": "by-video", "case": "2026-17", **wrong}
    status, text = await office.post(f"/holder/{office.town.holder}", form)
    assert (status, "Não deu certo" in text) == (400, True)
    assert office.ear.heard == []


async def test_what_is_too_much_or_not_there(office: Office) -> None:
    """A long body, another method, another holder, another address: our own words, and no trace of the program."""
    await office.sign_in()
    assert (await office.post("/find", {"text": "x" * 5000}))[0] == 413
    for path in (f"/holder/{new_id('hld')}", "/holder/x", "/admin", "/holder/"):
        status, text = await office.get(path)
        assert (status, "Não deu certo" in text, "Traceback" in text) == (404, True, False), path
    assert (await office.post("/find", {}))[0] == 400


async def test_silence_and_leaving_end_it(office: Office) -> None:
    """A quarter of an hour without a call, or "Sair": the same cookie opens nothing more."""
    await office.sign_in()
    office.town.clock.advance(timedelta(seconds=IDLE_SECONDS - 1))
    assert (await office.get("/"))[0] == 200
    office.town.clock.advance(timedelta(seconds=IDLE_SECONDS + 1))
    assert (await office.get("/"))[0] == 403
    assert (await office.get("/"))[0] == 403


async def test_whoever_leaves_is_out(office: Office) -> None:
    """And so is everybody who copied the cookie."""
    await office.sign_in()
    assert (await office.post("/leave", {}))[0] == 200
    assert (await office.get("/"))[0] == 403


async def test_paused_messages_go_on_by_an_operator(office: Office) -> None:
    """What is paused stands first; letting it go on names the case, and is a line of the audit."""
    await office.town.owner.execute(
        "INSERT INTO pairing.pauses VALUES ('neighbourhood', '+553198765', $1, 20, 0, NULL)", office.town.clock.now()
    )
    await office.sign_in()
    assert "Envio pausado: +553198765" in (await office.get("/messages"))[1]
    assert (await office.post("/messages", {"prefix": "+553198765", "case": "5531987654321"}))[0] == 400
    assert "continua" in (await office.post("/messages", {"prefix": "+553198765", "case": "2026-18"}))[1]
    lines: list[dict[str, Any]] = await office.town.audited()
    line = [line for line in lines if line["event"] == "messages.resumed"][-1]
    assert (line["case"], line["operator"]) == ("2026-18", pinned_operator(office.context))


async def test_only_a_pinned_key_signs_in(office: Office) -> None:
    """A key file that nobody pinned opens no desk."""
    office.context.operators_file.unlink()
    with pytest.raises(OperatorMistake, match="linkid operator init"):
        pinned_operator(office.context)
    for case in ("x" * 41, "1234567890", "-1", "a b", ""):
        with pytest.raises(OperatorMistake):
            demand_case(case)
