"""The emission page through the gateway: a page that is a program, a real AC, a SAM at a distance."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from foundation.channel import PrivateClient, serve_private
from foundation.database import Database, open_pool
from foundation.dpop import DatabaseReplayCache, DpopVerifier
from foundation.encoding import unb64u
from foundation.web import Server, new_app, serve
from issuance.adapters.altcha import AltchaCaptcha
from issuance.adapters.channels import AcOverChannel, SamOverChannel
from issuance.service import EmissionRelay
from issuance.web import EmissionRoutes, PkiRoutes
from sandbox_phone.domain.jws import dpop
from sandbox_phone.domain.trust import Trust, read_trust
from sandbox_phone.emission import SandboxEmission, solve_captcha
from sandbox_phone.errors import GatewayRefused
from sandbox_phone.gateway import wall_clock
from tests.issuance.conftest import World
from tests.issuance.gateways import RecordedHolders, SamAtDistance
from tests.issuance.people import CPF, INSTALL_PASSWORD, PROTOCOL, USAGE_PASSWORD, new_p256, public_of


@dataclass
class Gateway:
    """The relay, and both of its ends."""

    world: World
    url: str
    sam: SamAtDistance
    holders: RecordedHolders
    trust: Trust

    def page(self) -> SandboxEmission:
        return SandboxEmission(self.trust)

    async def refusal(self, work: Any) -> GatewayRefused:
        with pytest.raises(GatewayRefused) as caught:
            await work
        return caught.value


@pytest.fixture
async def gateway(world: World, short_folder: Path) -> AsyncIterator[Gateway]:
    sam, holders = SamAtDistance(world.clock, world.sam.root), RecordedHolders()
    database = Database(await open_pool(world.database.dsn("linkid_gateway")))
    sam_address = f"unix:{short_folder}/sam.sock"
    async with (
        await serve_private(sam.app(), sam_address),
        PrivateClient(world.settings.listen) as to_ac,
        PrivateClient(sam_address) as to_sam,
    ):
        replays = DatabaseReplayCache(database)
        relay = EmissionRelay(
            database,
            AcOverChannel(to_ac),
            SamOverChannel(to_sam),
            AltchaCaptcha(bytes(32), world.clock, cost=10),
            replays,
            holders,
            world.clock,
        )
        server = await _serve(relay, replays, world)
        origin = server.url
        roots = {"sam": [public_of(sam.root).jwk], "ac": [world.operator.ac_root.jwk]}
        trust = read_trust(
            json.dumps({"v": 1, "environment": "test", "gateway": origin, "app": "http://app.test", **roots}).encode()
        )
        yield Gateway(world, origin, sam, holders, trust)
        await server.close()
    await database.close()


async def _serve(relay: EmissionRelay, replays: DatabaseReplayCache, world: World) -> Server:
    """Proofs name the address, which is known once it listens: so a free port is found first."""
    probe = await serve(new_app(), "127.0.0.1", 0)
    url = probe.url
    await probe.close()
    app = new_app()
    app.add_routes(EmissionRoutes(relay, DpopVerifier(world.clock, replays), url).routes())
    app.add_routes(PkiRoutes(AcOverChannel(world.client), world.clock).routes())
    return await serve(app, "127.0.0.1", int(url.rpartition(":")[2]))


async def emit(page: SandboxEmission) -> dict[str, Any]:
    return await page.emit(protocol=PROTOCOL, cpf=CPF, install_password=INSTALL_PASSWORD, usage_password=USAGE_PASSWORD)


async def test_the_whole_page(gateway: Gateway) -> None:
    """Protocol, captcha, CPF, password, term, usage password: the certificate, activated, its holder recorded."""
    await gateway.world.operator.place(gateway.world.now)
    async with gateway.page() as page:
        result = await emit(page)
    certificate = x509.load_pem_x509_certificate(result["certificate"]["pem"].encode())
    assert result["state"] == "emitted"
    assert result["certificate"]["subject"].endswith(f":{CPF}")
    ((credential, chain),) = gateway.sam.activated.items()
    assert x509.load_der_x509_certificate(unb64u(chain[0], max_len=8192)) == certificate
    (holder,) = gateway.holders.recorded
    assert holder == {
        "credential": credential,
        "name": "Maria da Conceição D'Ávila",
        "phone": "+5531999998888",
        "email": "maria@example.com",
        "kind": "person",
    }
    assert len(gateway.sam.stretched) == 1


@pytest.mark.parametrize(
    "fault",
    ["keys before", "activate before", "activate after", "holders"],
)
async def test_a_lost_answer_is_asked_for_again(gateway: Gateway, fault: str) -> None:
    """Whatever fails behind `password`, the same call made again goes on, and gives the one certificate."""
    await gateway.world.operator.place(gateway.world.now)
    match fault.split():
        case ["keys", "before"]:
            gateway.sam.away_before = "emission/keys"
        case ["activate", "before"]:
            gateway.sam.away_before = "credentials/activate"
        case ["activate", "after"]:
            gateway.sam.away_after = "credentials/activate"
        case _:
            gateway.holders.away = True
    async with gateway.page() as page:
        first = await emit(page)  # repeats once by itself after a 503
        again = await page._gateway.call(
            "POST",
            f"/emission/v1/{page._emission}/password",
            {"decision": "approve", "proof": None, "signature": "AA"},
        )
    assert again == first
    assert len(gateway.sam.made) == 1
    listed = await gateway.world.client.call("certificates/list", {})
    assert isinstance(listed["certificates"], list)
    assert len(listed["certificates"]) == 1


async def test_wrong_protocol_cpf_and_password_look_alike(gateway: Gateway) -> None:
    """One code, one message, one status for the three; and the tries left."""
    await gateway.world.operator.place(gateway.world.now)
    seen = []
    for protocol, cpf, password in (
        ("1999999999", CPF, INSTALL_PASSWORD),
        (PROTOCOL, "11144477735", INSTALL_PASSWORD),
        (PROTOCOL, CPF, "Instala124"),
    ):
        async with gateway.page() as page:
            statement = await page.start(protocol)
            refused = await gateway.refusal(page.identify(statement, cpf=cpf, install_password=password))
        seen.append((refused.status, refused.reason, refused.data.get("message")))
    assert len(set(seen)) == 1
    assert seen[0][:2] == (403, "emission_refused")


async def test_five_wrong_answers_lock_the_protocol_number(gateway: Gateway) -> None:
    """The fifth says so, the sixth is not looked at even when right, and an hour later it opens again."""
    await gateway.world.operator.place(gateway.world.now)
    async with gateway.page() as page:
        statement = await page.start(PROTOCOL)
        for left in (4, 3, 2, 1):
            refused = await gateway.refusal(page.identify(statement, cpf=CPF, install_password="Instala124"))
            assert refused.data["tries_left"] == left
        locked = await gateway.refusal(page.identify(statement, cpf=CPF, install_password="Instala124"))
        assert (locked.status, locked.reason, locked.data["retry_after"]) == (423, "emission_locked", 3600)
        still = await gateway.refusal(page.identify(statement, cpf=CPF, install_password=INSTALL_PASSWORD))
        assert still.reason == "emission_locked"


async def test_a_captcha_is_good_once(gateway: Gateway) -> None:
    """The same answer a second time is refused, and so are nonsense and an answer that is too late."""
    page = gateway.page()
    challenge = await page._gateway.call("GET", "/emission/v1/captcha")
    answer = await asyncio.to_thread(solve_captcha, challenge)
    body = {"protocol": PROTOCOL, "captcha": answer}
    await page._gateway.call("POST", "/emission/v1/start", body)
    padded = json.loads(base64.b64decode(answer))
    padded["challenge"]["signature"] = padded["challenge"]["signature"].upper()
    for captcha in (answer, base64.b64encode(json.dumps(padded).encode()).decode(), "", "nonsense", "e30="):
        refused = await gateway.refusal(
            page._gateway.call("POST", "/emission/v1/start", {"protocol": PROTOCOL, "captcha": captcha})
        )
        assert (refused.status, refused.reason) == (403, "captcha_invalid")
    challenge = await page._gateway.call("GET", "/emission/v1/captcha")
    answer = await asyncio.to_thread(solve_captcha, challenge)
    gateway.world.clock.advance(timedelta(minutes=5))
    with pytest.raises(GatewayRefused):
        await page._gateway.call("POST", "/emission/v1/start", {"protocol": PROTOCOL, "captcha": answer})
    await page.close()


async def test_another_key_sees_nothing(gateway: Gateway) -> None:
    """A visit belongs to the key that began it; for another key it does not exist."""
    await gateway.world.operator.place(gateway.world.now)
    async with gateway.page() as page, gateway.page() as other:
        await page.start(PROTOCOL)
        body = {"decision": "approve", "proof": None, "signature": "AA"}
        for step in ("identify", "agree", "password"):
            path = f"/emission/v1/{page._emission}/{step}"
            refused = await gateway.refusal(other._gateway.call("POST", path, body))
            assert (refused.status, refused.reason) == (404, "emission_unknown")


async def test_the_public_files(gateway: Gateway) -> None:
    """Certificates, lists and OCSP come with their types, may be kept, and cost nothing when unchanged."""
    async with aiohttp.ClientSession() as session:
        for name, kind in (
            ("root.crt", "application/pkix-cert"),
            ("issuing.crt", "application/pkix-cert"),
            ("chain.p7b", "application/pkcs7-mime"),
            ("root.crl", "application/pkix-crl"),
            ("issuing.crl", "application/pkix-crl"),
            ("dpc.txt", "text/plain"),
        ):
            async with session.get(f"{gateway.url}/pki/{name}") as answer:
                assert answer.status == 200
                assert answer.content_type == kind
                assert "max-age" in answer.headers["Cache-Control"]
                etag = answer.headers.get("ETag")
            if etag:
                async with session.get(f"{gateway.url}/pki/{name}", headers={"If-None-Match": etag}) as answer:
                    assert answer.status == 304
        async with session.post(f"{gateway.url}/pki/ocsp", data=b"x", headers={"Content-Type": "text/plain"}) as answer:
            assert answer.status == 415
        async with session.get(f"{gateway.url}/pki/ocsp/%25%25nonsense") as answer:
            assert answer.status == 200
            assert answer.content_type == "application/ocsp-response"


# --- the entry points, by whoever likes -------------------------------------------------------------------------------


async def test_every_call_proves_the_pages_key(gateway: Gateway) -> None:
    """No proof, two proofs, a proof for another address or method, or one used before: not authenticated."""
    key = new_p256()
    path = "/emission/v1/start"

    def proof(url: str = gateway.url + path, method: str = "POST") -> str:
        return dpop(key, method, url, token=None, jti=secrets.token_urlsafe(16), now=wall_clock())

    good = proof()
    async with aiohttp.ClientSession() as session:

        async def post(*proofs: str) -> int:
            headers = [("DPoP", one) for one in proofs] + [("Content-Type", "application/json")]
            async with session.post(gateway.url + path, data=b"{}", headers=headers) as answer:
                return answer.status

        assert await post(good) == 400  # proved; the body is nothing
        assert await post(good) == 401
        assert await post() == 401
        assert await post(proof(), proof()) == 401
        assert await post(proof("http://elsewhere.test" + path)) == 401
        assert await post(proof(method="GET")) == 401
        assert await post("nonsense") == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 415),
        (b"[]", 400),
        (b"{", 400),
        (b'{"protocol": 1, "captcha": "x"}', 400),
        (b'{"protocol": "1000556194", "captcha": "x", "cpf": "1"}', 400),
        (b'{"protocol": "1000556194", "protocol": "1000556195", "captcha": "x"}', 400),
        (b'{"protocol": "' + b"1" * 100_000 + b'"}', 413),
        (b"[" * 50_000, 400),
    ],
    ids=["nothing", "list", "broken", "number", "foreign", "twice", "huge", "deep"],
)
async def test_bodies_that_are_none(gateway: Gateway, body: bytes, status: int) -> None:
    """Refused by their form, in the API's own dialect, before anything is asked of the AC."""
    path = "/emission/v1/start"
    headers = {
        "DPoP": dpop(new_p256(), "POST", gateway.url + path, token=None, jti="x" * 20, now=wall_clock()),
        **({"Content-Type": "application/json"} if body else {}),
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(gateway.url + path, data=body, headers=headers) as answer,
    ):
        assert answer.status == status
        assert {"code", "message", "request_id"} <= set(await answer.json())


async def test_an_address_that_asks_too_often(gateway: Gateway) -> None:
    """Ten beginnings a minute from one address; the eleventh is told when to come back."""
    async with gateway.page() as page:
        outcomes = []
        for _ in range(12):
            refused = await gateway.refusal(
                page._gateway.call("POST", "/emission/v1/start", {"protocol": PROTOCOL, "captcha": "nonsense"})
            )
            outcomes.append((refused.status, refused.reason))
        assert outcomes == [(403, "captcha_invalid")] * 10 + [(429, "too_many")] * 2
        assert refused.data["retry_after"] >= 1


async def test_the_ac_is_away(gateway: Gateway) -> None:
    """The page is told to try again, and nothing is lost: the visit goes on when the AC is back."""
    world = gateway.world
    await world.operator.place(world.now)
    async with gateway.page() as page:
        statement = await page.start(PROTOCOL)
        term = await page.identify(statement, cpf=CPF, install_password=INSTALL_PASSWORD)
        wanted = await page.agree(term)
        await world.ac.server.close()
        refused = await gateway.refusal(page.set_password(wanted, USAGE_PASSWORD))
        assert refused.status == 503
        assert len(gateway.sam.made) == 1
