"""Applications of every vendor's dialect sign through a running Link ID, each by QR, by push and in a session: gateway,
SAM and SoftHSM, with a phone.

The applications are in `integrators`, written from the vendors' published shapes; openssl says what the signatures are
worth. What each vendor's ways are: published.toml, and docs/psc-vendors.md.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from asn1crypto import cms, core
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader

from demo.stack import Stack
from demo.world import World, settled
from linkid.platform import program
from sandbox_phone.errors import GatewayRefused
from sandbox_phone.loopback import connector
from tests.agent.pdfs import blank
from tests.documents import strangers
from tests.documents.policy_files import policy_file
from tests.psc.integrators.birdid import BirdIdApplication
from tests.psc.integrators.neoid import NeoIdApplication
from tests.psc.integrators.norm import Application, Begun, Refused
from tests.psc.integrators.vidaas import VidaasApplication
from tests.support.oauth_requests import page_token

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

CALLBACK = "https://contratos.example/callback"
POLICY = "2.16.76.1.7.1.2.2.999"
CONTRACT = ("contrato.pdf", b"contrato")
JOURNEYS: Final[Mapping[str, tuple[type[Application], str]]] = {
    "SafeID": (Application, "/psc/safeid"),
    "BirdID": (BirdIdApplication, "/psc/birdid"),
    "VIDaaS": (VidaasApplication, "/psc/vidaas"),
    "NeoID": (NeoIdApplication, "/psc/neoid"),
}
every_vendor = pytest.mark.parametrize("vendor", JOURNEYS)


@dataclass
class Journey:
    """A running Link ID with a settled holder, a browser, and an application that the operator's command registered."""

    world: World
    session: aiohttp.ClientSession
    folder: Path
    registered: Mapping[str, str]
    callback: str
    """An address of the application's at which somebody listens."""
    posted: asyncio.Queue[dict[str, Any]]

    def starting(self) -> BirdIdApplication:
        """BirdID's, with a page of its own."""
        app = self.application("BirdID")
        assert isinstance(app, BirdIdApplication)
        app.redirect_uri = self.callback
        return app

    async def called_back(self, app: BirdIdApplication) -> None:
        """What was posted becomes a token."""
        async with asyncio.timeout(60):
            token = await app.called_back(await self.posted.get())
        assert token["authorized_identification"] == self.world.holder.cpf

    def application(self, vendor: str | None = None) -> Application:
        """As that vendor's makers wrote it; the norm's for None. It is one application, whatever it speaks."""
        kind, prefix = JOURNEYS[vendor] if vendor else (Application, "")
        base = self.world.stack.gateway + prefix
        return kind(self.session, base, self.registered["client_id"], self.registered["client_secret"], CALLBACK)

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

    async def log_in(self, app: Application, scope: str, **more: str) -> None:
        """By QR, to a token."""
        begun = app.begin(scope, **more)
        async with await self.identify(begun) as response:
            await app.finish(begun, response.headers["Location"])
        assert app.token["authorized_identification"] == self.world.holder.cpf

    async def approve(self, *labels: str) -> None:
        """The phone rings; its holder reads exactly these names, and approves with the usage password."""
        statement = await self.world.phone.wait_for("sign")
        assert [one["label"] for one in statement.content["documents"]] == list(labels)
        assert statement.content["caller"]["name"] == "Contratos SA"
        await self.world.phone.approve(statement, self.world.holder.password)

    async def approve_session(self) -> None:
        """The phone rings for a session; its holder gives the express yes that one without keys needs."""
        statement = await self.world.phone.wait_for("session")
        assert (statement.content["maximum"], statement.content["session_key"]) == (1000, [])
        decided = await self.world.phone.approve(statement, self.world.holder.password, without_key=True)
        assert decided["state"] == "approved"

    @property
    def root(self) -> x509.Certificate:
        """Of the test AC."""
        return x509.load_pem_x509_certificate(self.world.stack.settings.places.root_certificate.read_bytes())

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
    """Starting one takes ten seconds: one for all of them. An operator gave it a policy of AD-RT."""
    folder = tmp_path_factory.mktemp("psc")
    policy = folder / "policy.der"
    policy.write_bytes(policy_file(POLICY))
    given = json.dumps({"file": str(policy), "uri": "http://politicas.example/PA.der"})
    stack = Stack(
        folder / "linkid", {f"LINKID__DOCUMENTS__POLICIES__{form}_AD_RT": given for form in ("CADES", "PADES")}
    )
    posted: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        posted.put_nowait(await request.json())
        return web.Response(status=204)

    application = web.Application()
    application.router.add_post("/callback", take)
    async with TestServer(application, host="127.0.0.1") as server, stack, settled(stack) as world:
        callback = f"http://127.0.0.1:{server.port}/callback"
        words = [
            "integrator",
            "new",
            "--name",
            "Contratos SA",
            "--redirect",
            CALLBACK,
            "--redirect",
            callback,
            "--json",
        ]
        registered = json.loads(await stack.linkid(*words))
        async with aiohttp.ClientSession(connector=connector()) as session:
            yield Journey(world, session, folder, registered, callback, posted)


@every_vendor
async def test_signs_by_qr(journey: Journey, vendor: str) -> None:
    """QR, token, certificate; then the call waits until the holder approved, and openssl verifies what it returns."""
    app = journey.application(vendor)
    assert (await app.known(journey.world.holder.cpf))["status"] == "S"
    await journey.log_in(app, "multi_signature")
    (listed,) = await app.certificates()
    signing = asyncio.create_task(app.sign([CONTRACT, ("anexo.pdf", b"anexo")]))
    await journey.approve("contrato.pdf", "anexo.pdf")
    for content, signature in zip((b"contrato", b"anexo"), await signing, strict=True):
        journey.verified(listed["certificate"], content, signature)


async def push_of_vidaas(journey: Journey, app: VidaasApplication) -> tuple[str, bytes]:
    """The phone rings and says who; the poll gives the code; the signature rings by itself."""
    world = journey.world
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
    return await rung_signature(journey, app)


async def push_of_birdid(journey: Journey, app: BirdIdApplication) -> tuple[str, bytes]:
    """Asked with a message, approved on the phone, collected afterwards."""
    token = await app.ask(journey.world.holder.cpf, "contrato.pdf", [b"contrato"])
    await journey.approve("contrato.pdf")
    made = await app.collect(token)
    assert made is not None
    await journey.log_in(app, "authentication_session")
    (listed,) = await app.certificates()
    return listed["certificate"], made[0]


async def push_of_the_norm(journey: Journey, app: Application) -> tuple[str, bytes]:
    """The page says whose it must be; the signature rings."""
    await journey.log_in(app, "single_signature", login_hint=journey.world.holder.cpf)
    return await rung_signature(journey, app)


async def rung_signature(journey: Journey, app: Application) -> tuple[str, bytes]:
    """The call waits while the phone rings."""
    (listed,) = await app.certificates()
    signing = asyncio.create_task(app.sign([CONTRACT]))
    await journey.approve("contrato.pdf")
    return listed["certificate"], (await signing)[0]


@every_vendor
async def test_signs_by_push(journey: Journey, vendor: str) -> None:
    """As the vendor publishes it; openssl verifies the signature with the certificate that was told."""
    app = journey.application(vendor)
    match app:
        case VidaasApplication():
            certificate, signature = await push_of_vidaas(journey, app)
        case BirdIdApplication():
            certificate, signature = await push_of_birdid(journey, app)
        case _:
            certificate, signature = await push_of_the_norm(journey, app)
    journey.verified(certificate, b"contrato", signature)


async def test_birdid_starts_by_push(journey: Journey) -> None:
    """The phone rings and wants the number of the application's page; the code comes to its address; then the signature
    rings, and openssl verifies it."""
    app, phone = journey.starting(), journey.world.phone
    started = await app.start("single_signature", journey.callback, username=journey.world.holder.cpf)
    statement = await phone.wait_for("identify")
    assert (statement.content["integrator"]["name"], statement.content["scope"]) == ("Contratos SA", "single_signature")
    assert await phone.wants_number(statement.id)
    for typed, reason in ((None, "shown_number_needed"), (wrong_number(started["challenge"]), "shown_number_wrong")):
        with pytest.raises(GatewayRefused) as told:
            await phone.approve(statement, shown_number=typed)
        assert told.value.reason == reason
    assert journey.posted.empty()
    await phone.approve(statement, shown_number=started["challenge"])
    await journey.called_back(app)
    certificate, signature = await rung_signature(journey, app)
    journey.verified(certificate, b"contrato", signature)


async def test_birdid_starts_by_a_code_that_it_draws(journey: Journey) -> None:
    """Where an operator lets it: the phone reads the application's code and wants its number, then is asked for the
    session expressly; then nothing rings."""
    app, phone = journey.starting(), journey.world.phone
    assert (await app.start("signature_session", journey.callback))["qr_code"] is None
    await journey.world.stack.linkid("integrator", "show-codes", app.client_id)
    started = await app.start("signature_session", journey.callback, lifetime=3600)
    statement = await phone.scan(started["qr_code"])
    assert statement.type == "identify"
    decided = await phone.approve(statement, shown_number=started["challenge"])
    assert "check_code" not in (decided.get("next") or {})
    await journey.approve_session()
    await journey.called_back(app)
    (listed,) = await app.certificates()
    for content in (b"um", b"dois"):
        (signature,) = await app.sign([("nota.xml", content)])
        journey.verified(listed["certificate"], content, signature)
    assert await phone.waiting() == []
    await app.revoke()


def wrong_number(number: str) -> str:
    """Another one."""
    return f"{(int(number) + 1) % 10_000:04}"


async def open_session(journey: Journey, app: Application) -> None:
    """By the page and then by ring; VIDaaS's applications by one ring."""
    if isinstance(app, VidaasApplication):
        code, verifier = await app.ring(journey.world.holder.cpf, "signature_session", lifetime="3600")
        await journey.approve_session()
        told = await app.poll(code)
        assert told is not None
        await app.redeem(told["authorizationToken"], verifier)
        return
    begun = app.begin("signature_session", lifetime="3600")
    async with await journey.identify(begun) as response:
        page = {"page": (await response.text()).split('data-token="')[1].split('"')[0]}
    wait = urlsplit(app.base).path + "/v0/oauth/authorize/wait"
    assert (await journey.post(wait, page))["state"] == "waiting"
    await journey.approve_session()
    await app.finish(begun, (await journey.post(wait, page))["redirect"])


@every_vendor
async def test_signs_in_a_session(journey: Journey, vendor: str) -> None:
    """One express approval of a session for this application; then it signs and nothing rings, until it is ended: on
    the phone, or by giving the token back, which takes it off the phone's list."""
    app, phone = journey.application(vendor), journey.world.phone
    await open_session(journey, app)
    (listed,) = await app.certificates()
    for content in (b"um", b"dois"):
        (signature,) = await app.sign([("nota.xml", content)])
        journey.verified(listed["certificate"], content, signature)
    form = "CAdES_AD_RT" if vendor == "VIDaaS" else "CMS"
    (around,) = await app.sign([("nota.xml", b"tres")], form=form)
    (again,) = await app.sign([("nota.xml", b"tres")], form=form)
    assert signer_info(again)["signature"].native == signer_info(around)["signature"].native, "the same signature"
    assert "successful" in strangers.openssl_cms(around, journey.root, b"tres").lower()
    if isinstance(app, VidaasApplication):
        stamped(journey, around)
        pdf = await app.sign_pdf("contrato.pdf", blank(journey.folder / "contrato.pdf").read_bytes(), "PAdES_AD_RT")
        assert "Signature is Valid." in strangers.pdfsig(pdf)
        stamped(journey, PdfFileReader(BytesIO(pdf)).embedded_regular_signatures[0].pkcs7_content.rstrip(b"\0"))
    assert await phone.waiting() == []
    (open_one,) = await phone.sessions()
    assert open_one["used"] == (4 if isinstance(app, VidaasApplication) else 3)
    if vendor == "BirdID":
        await phone.end_session(open_one["activation"])
    else:
        await app.revoke()
    assert await phone.sessions() == []
    with pytest.raises(Refused) as refused:
        await app.sign([("nota.xml", b"quatro")])
    assert (refused.value.status, refused.value.body["error"]) == (401, "invalid_token")


def signer_info(around: bytes) -> cms.SignerInfo:
    """Of the one signer."""
    (info,) = cms.ContentInfo.load(around)["content"]["signer_infos"]
    return info


def stamped(journey: Journey, around: bytes) -> None:
    """AD-RT: under the policy that the operator gave, and stamped by the test authority, as openssl ts says."""
    info = signer_info(around)
    assert core.ObjectIdentifier(POLICY).dump() in info["signed_attrs"].dump()
    (token,) = info["unsigned_attrs"][0]["values"]
    assert "Verification: OK" in strangers.openssl_ts(token.dump(), info["signature"].native, journey.root)


async def test_a_refusal_on_the_phone(journey: Journey) -> None:
    """The waiting call is answered at once with the norm's word."""
    app = journey.application()
    await journey.log_in(app, "single_signature")
    signing = asyncio.create_task(app.sign([CONTRACT]))
    await journey.world.phone.refuse(await journey.world.phone.wait_for("sign"))
    with pytest.raises(Refused) as refused:
        await signing
    assert (refused.value.status, refused.value.body["error"]) == (400, "user_denied")
