"""Applications of every vendor's dialect sign through a running Link ID: gateway, SAM and SoftHSM, with a phone.

The applications are in `integrators`, written from the vendors' published shapes; openssl says what the signatures are
worth.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509

from demo.stack import Stack
from demo.world import World, settled
from linkid.platform import program
from sandbox_phone.loopback import connector
from tests.documents import strangers
from tests.psc.integrators.birdid import BirdIdApplication
from tests.psc.integrators.neoid import NeoIdApplication
from tests.psc.integrators.norm import Application, Begun, Refused
from tests.psc.integrators.vidaas import VidaasApplication
from tests.support.oauth_requests import page_token

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

CALLBACK = "https://contratos.example/callback"
CONTRACT = ("contrato.pdf", b"contrato")
A = TypeVar("A", bound=Application)


@dataclass
class Journey:
    """A running Link ID with a settled holder, and a browser."""

    world: World
    session: aiohttp.ClientSession
    folder: Path

    async def application(self, kind: type[A], prefix: str) -> A:
        """Registered by the operator's command."""
        words = ["integrator", "new", "--name", "Contratos SA", "--redirect", CALLBACK, "--json"]
        said: dict[str, Any] = json.loads(await self.world.stack.linkid(*words))
        base = self.world.stack.gateway + prefix
        return kind(self.session, base, said["client_id"], said["client_secret"], CALLBACK)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """One of a page's own calls."""
        async with self.session.post(self.world.stack.gateway + path, json=body) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == 200, answer
            return answer

    async def identify(self, begun: Begun) -> aiohttp.ClientResponse:
        """The browser shows the page; the phone scans its code and approves; the check code is typed."""
        async with self.session.get(begun.address) as response:
            assert response.status == 200
            page = {"page": page_token(await response.text())}
        shown = await self.post("/oauth2/authorize/state", page)
        statement = await self.world.phone.scan(shown["code"])
        assert statement.content["integrator"]["name"] == "Contratos SA"
        decided = await self.world.phone.approve(statement)
        done = await self.post("/oauth2/authorize/check", {**page, "code": decided["next"]["check_code"]})
        return await self.session.get(done["redirect"], allow_redirects=False)

    async def log_in(self, app: Application, scope: str) -> None:
        """By QR, to a token."""
        begun = app.begin(scope)
        async with await self.identify(begun) as response:
            await app.finish(begun, response.headers["Location"])
        assert app.token["authorized_identification"] == self.world.holder.cpf

    async def approve(self, *labels: str) -> None:
        """The phone rings; its holder reads exactly these names, and approves with the usage password."""
        statement = await self.world.phone.wait_for("sign")
        assert [one["label"] for one in statement.content["documents"]] == list(labels)
        assert statement.content["caller"]["name"] == "Contratos SA"
        await self.world.phone.approve(statement, self.world.holder.password)

    def verified(self, certificate: str, content: bytes, signature: bytes) -> None:
        """By openssl, with the certificate that the application was told."""
        for name, data in (("c.pem", certificate.encode()), ("content", content), ("signature", signature)):
            (self.folder / name).write_bytes(data)
        openssl = program("openssl")
        key = subprocess.run(
            [openssl, "x509", "-in", "c.pem", "-pubkey", "-noout"], cwd=self.folder, capture_output=True
        )
        (self.folder / "key.pem").write_bytes(key.stdout)
        check = [str(openssl), "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "content"]
        done = subprocess.run(check, cwd=self.folder, capture_output=True, text=True)
        assert (done.returncode, done.stdout.strip()) == (0, "Verified OK"), done.stderr


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def journey(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Journey]:
    """Starting one takes ten seconds: one for all of them."""
    folder = tmp_path_factory.mktemp("psc")
    async with Stack(folder / "linkid") as stack, settled(stack) as world:
        async with aiohttp.ClientSession(connector=connector()) as session:
            yield Journey(world, session, folder)


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [
        (Application, "/psc/safeid"),
        (BirdIdApplication, "/psc/birdid"),
        (NeoIdApplication, "/psc/neoid"),
    ],
    ids=["safeid", "birdid", "neoid"],
)
async def test_signs_by_qr(journey: Journey, kind: type[Application], prefix: str) -> None:
    """QR, token, certificate; then the call waits until the holder approved, and openssl verifies what it returns."""
    app = await journey.application(kind, prefix)
    assert (await app.known(journey.world.holder.cpf))["status"] == "S"
    await journey.log_in(app, "multi_signature")
    (listed,) = await app.certificates()
    signing = asyncio.create_task(app.sign([CONTRACT, ("anexo.pdf", b"anexo")]))
    await journey.approve("contrato.pdf", "anexo.pdf")
    for content, signature in zip((b"contrato", b"anexo"), await signing, strict=True):
        journey.verified(listed["certificate"], content, signature)


async def test_signs_by_session(journey: Journey) -> None:
    """One express approval of a session for this application; then it signs and nothing rings, until it is ended."""
    app = await journey.application(BirdIdApplication, "/psc/birdid")
    begun = app.begin("signature_session", lifetime="3600")
    async with await journey.identify(begun) as response:
        page = {"page": (await response.text()).split('data-token="')[1].split('"')[0]}
    wait = urlsplit(app.base).path + "/v0/oauth/authorize/wait"
    assert (await journey.post(wait, page))["state"] == "waiting"
    statement = await journey.world.phone.wait_for("session")
    assert (statement.content["maximum"], statement.content["session_key"]) == (1000, [])
    decided = await journey.world.phone.approve(statement, journey.world.holder.password, without_key=True)
    assert decided["state"] == "approved"
    told = await journey.post(wait, page)
    await app.finish(begun, told["redirect"])
    (listed,) = await app.certificates()
    for content in (b"um", b"dois"):
        (signature,) = await app.sign([("nota.xml", content)])
        journey.verified(listed["certificate"], content, signature)
    (around,) = await app.sign([("nota.xml", b"tres")], form="CMS")
    root = x509.load_pem_x509_certificate(journey.world.stack.settings.places.root_certificate.read_bytes())
    assert "successful" in strangers.openssl_cms(around, root, b"tres").lower()
    assert await journey.world.phone.waiting() == []
    (open_session,) = await journey.world.phone.sessions()
    await journey.world.phone.end_session(open_session["activation"])
    with pytest.raises(Refused) as refused:
        await app.sign([("nota.xml", b"quatro")])
    assert (refused.value.status, refused.value.body["error"]) == (401, "invalid_token")


async def test_a_refusal_on_the_phone(journey: Journey) -> None:
    """The waiting call is answered at once with the norm's word."""
    app = await journey.application(Application, "")
    await journey.log_in(app, "single_signature")
    signing = asyncio.create_task(app.sign([CONTRACT]))
    await journey.world.phone.refuse(await journey.world.phone.wait_for("sign"))
    with pytest.raises(Refused) as refused:
        await signing
    assert (refused.value.status, refused.value.body["error"]) == (400, "user_denied")


async def test_signs_by_push(journey: Journey) -> None:
    """VIDaaS: the phone rings and says who; the poll gives the code; the signature rings by itself."""
    world = journey.world
    app = await journey.application(VidaasApplication, "/psc/vidaas")
    code, verifier = await app.ring(world.holder.cpf)
    statement = await world.phone.wait_for("identify")
    assert (statement.content["integrator"]["name"], statement.content["scope"]) == ("Contratos SA", "single_signature")
    assert await app.poll(code) is None
    decided = await world.phone.approve(statement)
    assert "check_code" not in (decided.get("next") or {}), "there is nowhere to type one"
    told = await app.poll(code)
    assert told is not None
    token = await app.redeem(told["authorizationToken"], verifier)
    assert token["authorized_identification"] == world.holder.cpf
    (listed,) = await app.certificates()
    signing = asyncio.create_task(app.sign([CONTRACT]))
    await journey.approve("contrato.pdf")
    (signature,) = await signing
    journey.verified(listed["certificate"], b"contrato", signature)


async def test_signs_asynchronously(journey: Journey) -> None:
    """BirdID: asked with a message, approved on the phone, collected afterwards."""
    app = await journey.application(BirdIdApplication, "/psc/birdid")
    token = await app.ask(journey.world.holder.cpf, "Contrato de aluguel", [b"contrato"])
    await journey.approve("Contrato de aluguel")
    made = await app.collect(token)
    assert made is not None
    await journey.log_in(app, "authentication_session")
    (listed,) = await app.certificates()
    journey.verified(listed["certificate"], b"contrato", made[0])
