"""Documents signed on everything real: sent whole to the API, from the window, and as a newcomer types it."""

from __future__ import annotations

import asyncio
import base64
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from demo.paper import contract
from demo.proof import Authority, by_pyhanko
from demo.stack import Stack
from demo.world import World
from desktop_agent.domain.site import NEW
from desktop_agent.profiles import Profiles
from foundation.clock import SystemClock
from sandbox_phone.loopback import connector
from tests.agent.window.conftest import app, opened
from tests.documents import strangers
from tests.documents.test_xml import NFE
from tests.journeys import newcomer

if TYPE_CHECKING:  # its libraries are found by tests/support/qt.py, which the window's conftest calls first
    from PySide6.QtWidgets import QApplication

__all__ = ["app"]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

RSA = "1.2.840.113549.1.1.11"


async def test_one_approval_signs_each_family(world: World, stack: Stack, tmp_path: Path) -> None:
    """The phone shows the digests that ``authorize`` told; strangers and the gateway's own page call all valid."""
    issuing, root = [await published(stack, name) for name in ("issuing.crt", "root.crt")]
    pdf = contract(tmp_path / "contrato.pdf", "Contrato").read_bytes()
    documents = [
        whole(pdf, "P", "AdES-B-LTA", linkid={"stamp": {}}),
        whole(b"conteudo\n", "C", "AdES-B-LT"),
        whole(NFE, "X", "AdES-B-T", linkid={"element": "NFe31"}),
    ]
    application = await Application.registered(stack, world.credential)
    ask = {"credentialID": world.credential, "numSignatures": 3, "documents": documents}
    asked = await application.call("credentials/authorize", ask)
    shown = await world.phone.fetch(asked["linkid"]["request"])
    assert [standard(one["hash"]) for one in shown.content["documents"]] == asked["linkid"]["to_sign"]
    assert [one["size"] for one in shown.content["documents"]] == [len(pdf), 9, len(NFE)]
    await world.phone.approve(shown, world.holder.password)
    sad = (await application.call("credentials/authorizeCheck", {"handle": asked["handle"]}))["SAD"]
    signing = {"credentialID": world.credential, "SAD": sad, "documents": documents, "returnValidationInfo": True}
    answer = await application.call("signatures/signDoc", signing)
    assert all(answer["validationInfo"][name] for name in ("ocsp", "crl", "certificates"))
    made = [base64.b64decode(each) for each in answer["DocumentWithSignature"]]
    assert "Signature is Valid." in strangers.pdfsig(made[0])
    assert await strangers.pyhanko_long_term(made[0], root, SystemClock().now()) == "PASSED"
    assert "/verificar" in strangers.text_of_page(made[0])
    assert "successful" in strangers.openssl_cms(made[1], root, None)
    issuer = issuing.public_bytes(Encoding.DER)
    assert "OK" in strangers.xmlsec(made[2], root, issuers=[issuer])
    cpf = world.holder.cpf
    for document, kind in zip(made, ("pdf", "pkcs7-signature", "xml"), strict=True):
        report = await verified(stack, document, kind)
        assert report["verdict"] == "valid", report
        assert report["signatures"][0]["number"] == f"***.{cpf[3:6]}.{cpf[6:9]}-**"
    assert await application.call("signatures/signDoc", signing) == answer


async def test_the_window_signs(world: World, app: QApplication, tmp_path: Path) -> None:
    """Associated by the code that it shows, the digits typed; a PDF approved under the code on its card, an XML and a
    text with one approval more: strangers call all three valid."""
    authority = Authority(world.stack.settings.places.root_certificate, world.stack.settings.url("pki"))
    async with opened(app, Profiles(tmp_path / "home"), tmp_path) as desk:
        associate, sign, waiting = desk.frame.associate, desk.frame.sign, desk.frame.waiting
        associate.server.setText(world.stack.app)
        associate.begin()
        await desk.until(lambda: "-" in associate.by_hand.text())
        decided = await desk.also(asyncio.ensure_future(_approved(world, associate.by_hand.text())))
        await desk.until(lambda: associate.stages.currentIndex() == 2)
        associate.digits.setText(decided["next"]["check_code"])
        associate.finish_button.click()
        await desk.until(lambda: desk.frame.page is sign and "MARIA" in sign.which.itemText(0).upper())
        contract(tmp_path / "contrato.pdf", "Contrato")
        (tmp_path / "nota.xml").write_bytes(b"<nota><valor>10</valor></nota>")
        (tmp_path / "carta.txt").write_bytes(b"Prezados,\n")
        for names in (["contrato.pdf"], ["nota.xml", "carta.txt"]):
            sign.add([tmp_path / name for name in names])
            sign.sign()
            await desk.until(lambda: waiting.cards and waiting.cards[0].code.text())
            statement = await desk.also(asyncio.ensure_future(world.phone.wait_for("sign")))
            assert [one["label"] for one in statement.content["documents"]] == names
            assert waiting.cards[0].code.text().replace(" ", "") == statement.content["verification_code"]
            await desk.also(asyncio.ensure_future(world.phone.approve(statement, world.holder.password)))
            await desk.until(lambda: "ssinado" in sign.state.text())
    root = x509.load_pem_x509_certificate(authority.root.read_bytes())
    issuer = (await published(world.stack, "issuing.crt")).public_bytes(Encoding.DER)
    assert await by_pyhanko(tmp_path / "contrato-assinado.pdf", authority)
    assert "OK" in strangers.xmlsec((tmp_path / "nota-assinado.xml").read_bytes(), root, issuers=[issuer])
    made = (tmp_path / "carta.txt.p7s").read_bytes()
    assert "successful" in strangers.openssl_cms(made, root, b"Prezados,\n")


async def _approved(world: World, code: str) -> dict[str, Any]:
    return await world.phone.approve(await world.phone.scan(code))


@pytest.mark.browser
async def test_the_newcomers_path(world: World) -> None:
    """Every line of docs/desktop.md, from nothing to a page that knows who is there; a site is new once, an origin
    cannot be forged, a frame gets nothing."""
    authority = Authority(world.stack.settings.places.root_certificate, world.stack.settings.url("pki"))
    associate, setup, sign, verify, doctor, *programs = newcomer.lines_of_the_document()
    assert [line.split()[0] for line in programs] == ["pkcs11-tool"], "tests/agent/daemon/test_programs.py types it"
    async with newcomer.computer(world) as computer:
        await computer.type(associate, partial(_associate, world))
        said = await computer.type(setup, _agree)
        assert "linkid-desktop daemon" in said, "what to do without systemd"
        contract(computer.home / "contrato.pdf", "Contrato")
        await computer.type(sign, partial(_compare, world))
        assert await by_pyhanko(computer.home / "contrato-assinado.pdf", authority)
        assert "✓" in await computer.type(verify)
        async with computer.daemon(), computer.browser() as page:
            assert "os programas veem" in await computer.type(f"{doctor} || true")
            await page.goto(f"{newcomer.SITE}/")
            first, second = newcomer.nonce(), newcomer.nonce()
            framed = page.frame(url=f"{newcomer.FRAMED}/frame")
            inside = asyncio.ensure_future(newcomer.ask(framed, {"do": "certificates"}))
            forged = {"do": "login", "nonce": first, "origin": "https://banco.example"}
            login = asyncio.ensure_future(newcomer.ask(page, forged))
            assert await _answered(world) == [f"{newcomer.SITE}: {NEW}"]
            assert await _answered(world) == [f"{newcomer.SITE}: entrar na página"]
            assert newcomer.logged_in((await login)["ok"], newcomer.SITE, first) == world.certificate
            login = asyncio.ensure_future(newcomer.ask(page, {"do": "login", "nonce": second}))
            assert await _answered(world) == [f"{newcomer.SITE}: entrar na página"]
            newcomer.logged_in((await login)["ok"], newcomer.SITE, second)
            assert (await newcomer.ask(page, {"do": "sign", "documents": "x" * 9000}))["code"] == "invalid"
            closing = asyncio.ensure_future(page.evaluate("void ask({ do: 'login', nonce: 'n'.repeat(44) })"))
            asked = await world.phone.wait_for("sign")
            await closing
            assert (await inside)["code"] == "no_extension"
            await page.close()
            await _withdrawn(world, asked.id)
            assert newcomer.SITE in await computer.type(f"linkid-desktop sites --forget {newcomer.SITE}")


async def _associate(world: World, typing: newcomer.Typing) -> None:
    code = await typing.until(r"\b([0-9A-Z]{5}-[0-9A-Z]{5})\b")
    typing.type((await _approved(world, code))["next"]["check_code"])


async def _agree(typing: newcomer.Typing) -> None:
    await typing.until(r"(\[s/N\])")
    typing.type("s")


async def _compare(world: World, typing: newcomer.Typing) -> None:
    shown = "".join((await typing.until(r"Código de verificação:\s+([0-9 ]+)\n")).split())
    statement = await world.phone.wait_for("sign")
    assert statement.content["verification_code"] == shown
    await world.phone.approve(statement, world.holder.password)


async def _answered(world: World) -> list[str]:
    """The holder approves what waits; what the phone showed of it."""
    statement = await world.phone.wait_for("sign")
    await world.phone.approve(statement, world.holder.password)
    return [one["label"] for one in statement.content["documents"]]


async def _withdrawn(world: World, request: str) -> None:
    async with asyncio.timeout(60):
        while any(one.id == request for one in await world.phone.waiting()):
            await asyncio.sleep(0.1)


def whole(document: bytes, format_: str, level: str, **more: Any) -> dict[str, Any]:
    """As signDoc has it."""
    told = {"document": base64.b64encode(document).decode(), "signature_format": format_, "signAlgo": RSA}
    return {**told, "conformance_level": level, **more}


def standard(text: str) -> str:
    """Base64url as Base64."""
    return base64.b64encode(base64.urlsafe_b64decode(text + "==")).decode()


class Application:
    """An integrator by client credentials."""

    def __init__(self, stack: Stack, token: str) -> None:
        self._stack = stack
        self._headers = {"Authorization": f"Bearer {token}"}

    @classmethod
    async def registered(cls, stack: Stack, credential: str) -> Application:
        """By the operator's commands."""
        said = json.loads(await stack.linkid("integrator", "new", "--json", "--by-itself", "--name", "Cartório"))
        await stack.linkid("integrator", "allow", said["client_id"], credential)
        form = {
            "grant_type": "client_credentials",
            "client_id": said["client_id"],
            "client_secret": said["client_secret"],
        }
        async with (
            aiohttp.ClientSession(connector=connector()) as session,
            session.post(f"{stack.gateway}/oauth2/token", data=form) as answer,
        ):
            return cls(stack, (await answer.json())["access_token"])

    async def call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Of CSC v2."""
        async with (
            aiohttp.ClientSession(connector=connector(), headers=self._headers) as session,
            session.post(f"{self._stack.gateway}/csc/v2/{method}", json=body) as answer,
        ):
            told: dict[str, Any] = await answer.json()
            assert answer.status in (200, 202), told
            return told


async def published(stack: Stack, name: str) -> x509.Certificate:
    async with (
        aiohttp.ClientSession(connector=connector()) as session,
        session.get(f"{stack.gateway}/pki/{name}") as answer,
    ):
        return x509.load_der_x509_certificate(await answer.read())


async def verified(stack: Stack, document: bytes, kind: str) -> Any:
    headers = {"Content-Type": f"application/{kind}"}
    async with (
        aiohttp.ClientSession(connector=connector()) as session,
        session.post(f"{stack.gateway}/verificar", data=document, headers=headers) as answer,
    ):
        return await answer.json()
