"""From zero to a signed PDF, word for word as the tutorial has it; and the people of the sandbox."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import stat
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from demo.stack import free_ports
from linkid.platform import ROOT
from linkid.sandbox.kit import REDIRECT
from tests.sandbox.fuzz import IN_SUITE, Fuzzing
from tests.sandbox.newcomer import CALL_SECONDS, Sandbox

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

SHA256 = "2.16.840.1.101.3.4.2.1"
_BLOCK = re.compile(r"^```(?:sh)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    """Every block of a tutorial."""
    return _BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


async def test_the_tutorial_is_short_and_the_same_in_both_languages() -> None:
    """At most ten commands, one a block, and the same ones in English and Portuguese."""
    english = commands("tutorial.md")
    assert english == commands("tutorial.pt.md")
    assert english[0] == "make sandbox\n"
    assert all(len(block.splitlines()) == 1 for block in english)
    assert 5 < len(english) <= 10


async def test_every_command_of_the_tutorial_works(sandbox: Sandbox) -> None:
    """The first one is the fixture's; the others in one shell, as a person types them, stopping at the first error."""
    code, said = await sandbox.run("bash", "-euo", "pipefail", "-c", "".join(commands("tutorial.md")[1:]))
    assert code == 0, said
    assert '"access_token": "at_' in said
    assert "signed: var/contract.signed.pdf" in said
    assert re.search(r"^valid: .*ANA APROVA TESTE:70010020110", said, re.MULTILINE)
    assert "refuse:changed-mind" in said
    assert "refused, as it should be" in said
    assert not (sandbox.folder / "var" / "refused.signed.pdf").exists()
    assert "Verified OK" in said
    assert "signed and verified: var/contract.pdf.sig" in said


async def test_a_changed_document_is_not_valid(sandbox: Sandbox) -> None:
    """The tutorial's verifier can say no: one byte of the signed PDF changed."""
    signed = sandbox.folder / "var" / "contract.signed.pdf"
    bent = bytearray(signed.read_bytes())
    bent[bent.index(b"Tj ET") - 3] ^= 1
    (sandbox.folder / "var" / "bent.pdf").write_bytes(bytes(bent))
    words = (".venv/bin/python", "examples/python/verify_pdf.py", "var/bent.pdf", sandbox.variables["LINKID_ROOT"])
    code, said = await sandbox.run(*words)
    assert (code, said.partition(":")[0]) == (1, "NOT valid")


async def test_the_holder_who_ignores_is_waited_for(sandbox: Sandbox) -> None:
    """202 with a newer handle, until somebody gives up; the other holders are not in its way."""
    digest = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    asked: dict[str, Any] = {
        "credentialID": sandbox.variables["HOLDER_IGNORES"],
        "numSignatures": 1,
        "hashes": [digest],
    }
    status, answer = await sandbox.csc("credentials/authorize", **asked, hashAlgorithmOID=SHA256)
    assert status == 202, answer
    status, answer = await sandbox.csc("credentials/authorizeCheck", handle=answer["handle"])
    assert status == 202
    assert (await sandbox.csc("credentials/authorize", **asked, hashAlgorithmOID=SHA256))[0] == 429
    assert (await sandbox.csc("linkid/withdraw", handle=answer["handle"]))[0] == 204  # the next test may ask him


async def test_the_one_who_mistypes_was_wrong_once(sandbox: Sandbox) -> None:
    """Her phone's words tell both attempts; the right one let the document be signed."""
    decided = re.findall(r"^mistypes \| req_\w+: (\w+)", sandbox.said.decode(), re.MULTILINE)
    assert decided == ["password_wrong", "approved"]


async def test_its_certificates_cannot_be_taken_for_real_ones(sandbox: Sandbox) -> None:
    """Root, issuer and holder each say that they are for development or a test."""
    _, answer = await sandbox.csc(
        "credentials/info", credentialID=sandbox.variables["HOLDER_APPROVES"], certificates="chain"
    )
    chain = [x509.load_der_x509_certificate(base64.b64decode(der)) for der in answer["cert"]["certificates"]]
    assert "TESTE" in chain[0].subject.rfc4514_string()
    assert len(chain) > 1
    assert all("Desenvolvimento" in one.subject.rfc4514_string() for one in chain[1:])


async def test_a_second_run_finds_the_same_people(sandbox: Sandbox) -> None:
    """While one runs, another shows its card; making everything again makes nothing, and files stay private."""
    before = dict(sandbox.variables)
    code, said = await sandbox.run(".venv/bin/python", "-m", "linkid", "sandbox")
    assert code == 0
    assert all(value in said for name, value in before.items() if name.startswith(("CLIENT", "HOLDER")))
    code, said = await sandbox.run(".venv/bin/python", "-m", "linkid", "sandbox", "--make")
    assert (code, said) == (0, "")
    await sandbox.read_kit()
    assert sandbox.variables == before
    for name in ("env", "kit.json", "phone-approves.json"):
        assert stat.S_IMODE(os.stat(sandbox.folder / "var" / "sandbox" / name).st_mode) == 0o600


async def test_an_application_is_told(sandbox: Sandbox) -> None:
    """What was decided on the phone arrives at the example's receiver without a poll, and verifies; the end of a
    session too; what we did not sign is refused. The receiver in Node takes over at the same address."""
    (port,) = free_ports(1)
    address, client = f"http://127.0.0.1:{port}/", sandbox.variables["CLIENT_ID"]
    linkid = (".venv/bin/python", "-m", "linkid", "integrator", "webhook")
    async with sandbox.started(".venv/bin/python", "examples/python/receive_webhook.py", str(port)) as receiver:
        assert await receiver.line() == f"listening: {address}"
        code, said = await sandbox.run(*linkid, client, "https://169.254.169.254/latest")
        assert (code, "https to a name on the internet" in said) == (1, True)
        assert await sandbox.run(*linkid, client, address) == (0, "set: it is told there from now on\n")

        asked = [await sandbox.ask("HOLDER_APPROVES")]
        while await receiver.line(1.0) is None:  # gateways look every two seconds who listens
            asked.append(await sandbox.ask("HOLDER_APPROVES"))
        late = {f"request.approved {one}" for one in asked}
        refused = await sandbox.ask("HOLDER_REFUSES")
        assert await receiver.line_but(late) == f"request.refused {refused} refuse:changed-mind"
        session = await sandbox.ask("HOLDER_APPROVES", session={"seconds": 120, "purpose": "Lote"})
        assert await receiver.line_but(late) == f"request.approved {session}"
        await sandbox.end_sessions("approves")
        assert await receiver.line() == f"session.ended {session} holder"
        for headers in ({}, {"webhook-id": "evt_x", "webhook-timestamp": "1", "webhook-signature": "v1a,AAAA"}):
            async with (
                aiohttp.ClientSession() as stranger,
                stranger.post(address, data=b"{}", headers=headers) as answer,
            ):
                assert answer.status == 400
            assert await receiver.line() == "refused: not signed by the service"
    async with sandbox.started("node", "examples/node/receive_webhook.mjs", str(port)) as receiver:
        assert await receiver.line() == f"listening: {address}"
        asked = [await sandbox.ask("HOLDER_APPROVES")]
        assert await receiver.line() == f"request.approved {asked[0]}"
        async with aiohttp.ClientSession() as stranger, stranger.post(address, data=b"{}") as answer:
            assert answer.status == 400


async def test_the_description_is_served_and_shown(sandbox: Sandbox) -> None:
    """OpenAPI for programs of any origin; pages under a policy that runs nothing; wrong methods and names refused."""
    async with aiohttp.ClientSession(base_url=sandbox.url) as session:
        async with session.get("/openapi.json") as answer:
            told = await answer.json()
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
        assert told["openapi"] == "3.1.0"
        assert "/csc/v2/signatures/signHash" in told["paths"]
        for path, language in (("/docs/api/", "pt-BR"), ("/docs/api/en/", "en")):
            async with session.get(path) as answer:
                html = await answer.text()
                policy = answer.headers["Content-Security-Policy"]
            assert f'<html lang="{language}">' in html
            assert "default-src 'none'" in policy
            assert "script-src" not in policy
            async with session.get(re.findall(r'href="(/docs/api/assets/[^"]+)"', html)[0]) as answer:
                assert (answer.status, answer.content_type) == (200, "text/css")
        for method, path, status in (
            ("POST", "/openapi.json", 405),
            ("DELETE", "/docs/api/", 405),
            ("GET", "/docs/api/assets/0000000000000000/api.css", 404),
            ("GET", "/docs/api/assets/..%2f..%2fapi.html/api.css", 404),
            ("GET", "/docs/api/fr/", 404),
        ):
            async with session.request(method, path) as answer:
                assert answer.status == status, (method, path)


async def test_an_application_of_ones_own_in_a_minute(sandbox: Sandbox) -> None:
    """On the page: in as Ana, registered, let in by the test operator, and it may ask for a test holder's signature."""
    origin = sandbox.url.replace("127.0.0.1", "localhost")
    headers = {"Host": origin.partition("://")[2], "Origin": origin}
    async with aiohttp.ClientSession(sandbox.url, headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as browser:

        async def see(verb: str, path: str, /, **form: str) -> str:
            async with browser.request(verb, path, data=form or None, allow_redirects=False) as answer:
                if given := answer.cookies.get("linkid-integradores"):
                    browser.headers["Cookie"] = f"linkid-integradores={given.value}"
                return answer.headers.get("Location") or await answer.text()

        def found(pattern: str, text: str) -> str:
            match = re.search(pattern, text)
            assert match is not None, text
            return match[1]

        page = await see("GET", "/integradores/entrar")
        code, said = await sandbox.run("linkid", "sandbox", "--identify", found(r'<code id="code">([^<]+)<', page))
        assert code == 0, said
        check = found(r"Type this on the computer: (\d{3})", said)
        token = found(r'data-token="([^"]+)"', page)
        async with browser.post("/oauth2/authorize/check", json={"page": token, "code": check}) as answer:
            back = str((await answer.json())["redirect"])
        assert await see("GET", back.removeprefix(origin)) == "/integradores"
        form = found(r'name="form" value="([^"]+)"', await see("GET", "/integradores/nova"))
        wish = {"form": form, "name": "Meu aplicativo", "itself": "1", "method": "secret"}
        page = await see("POST", "/integradores/nova", **wish)
        secret, client = found(r'id="secret">([^<]+)<', page), found(r"(cli_[0-9a-z]{26})", page)
        async with asyncio.timeout(CALL_SECONDS):
            while not all(word in page for word in ("Liberada", sandbox.variables["HOLDER_APPROVES"])):
                await asyncio.sleep(0.2)
                page = await see("GET", f"/integradores/{client}")
        (port,) = free_ports(1)
        mine = {"form": form, "webhook": f"http://127.0.0.1:{port}/"}
        own_id = {**sandbox.variables, "CLIENT_ID": client}
        python = (".venv/bin/python", "examples/python/receive_webhook.py")
        for program in (python, ("node", "examples/node/receive_webhook.mjs")):
            async with Sandbox(sandbox.folder, sandbox.environment, own_id).started(*program, str(port)) as receiver:
                assert await receiver.line() == f"listening: http://127.0.0.1:{port}/"
                version = found(r'name="version" value="(\d+)"', page)
                page = await see("POST", f"/integradores/{client}/avisos", version=version, **mine)
                await see("POST", f"/integradores/{client}/avisos/teste", version=version, **mine)
                assert await receiver.line() == "test"
    own = Sandbox(sandbox.folder, sandbox.environment, {**sandbox.variables})
    own.variables |= {"CLIENT_ID": client, "CLIENT_SECRET": secret}
    basic = aiohttp.encode_basic_auth(client, secret)
    async with aiohttp.ClientSession(headers={"Authorization": basic}) as session:
        async with session.post(f"{own.url}/oauth2/token", data={"grant_type": "client_credentials"}) as answer:
            own.token = (await answer.json())["access_token"]
    assert (await own.ask("HOLDER_APPROVES")).startswith("req_")


async def test_ana_types_the_number_of_an_application(sandbox: Sandbox) -> None:
    """An application of BirdID's rings and shows a number: her program, which says yes to everything, does not know it;
    a person tells it, once, and then there is a code."""
    who = {"client_id": sandbox.variables["CLIENT_ID"], "client_secret": sandbox.variables["CLIENT_SECRET"]}
    wish = {**who, "callback_url": REDIRECT, "username": "70010020110", "scope": "single_signature"}
    basic = {"Authorization": aiohttp.encode_basic_auth(*who.values())}
    path = "/psc/birdid/oauth/start"
    async with aiohttp.ClientSession(sandbox.url) as session:
        async with session.post(path, json=wish) as answer:
            started = await answer.json()
            assert answer.status == 200, started
        wrong = f"{(int(started['challenge']) + 1) % 10_000:04}"
        for number, code in ((wrong, 1), (started["challenge"], 0)):
            ended, said = await sandbox.run("linkid", "sandbox", "--number", number)
            assert ended == code, said
        async with session.get(path, params={"short_token": started["short_token"]}, headers=basic) as answer:
            assert (answer.status, set(await answer.json())) == (200, {"code", "short_token"})


async def test_nothing_undescribed_comes_back(sandbox: Sandbox) -> None:
    """schemathesis, unmodified, on every operation and along every link to success; `make fuzz` is the long run.

    The last one here: so many pages are opened that the gateway asks for a minute's patience.
    """
    fuzzing = await Fuzzing.begin(sandbox)
    assert len(fuzzing.links) >= 29
    assert len(fuzzing.shared) == 4
    assert await fuzzing.in_suite() >= IN_SUITE
    assert fuzzing.missed() == []
