"""The emission ceremony, headless, against the calls of section 9.1."""

import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import altcha
import pytest
import rfc8785
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwe

from sandbox_phone.domain.trust import read_trust
from sandbox_phone.emission import SandboxEmission
from sandbox_phone.errors import GatewayRefused, Untrusted, WeakPassword
from tests.sandbox_phone.roots import Roots, b64u, jkt, new_id, unb64u

CPF, PROTOCOL, CAPTCHA_SECRET = "12345678909", "1234567890", "s"


class EmissionGateway:
    """One emission, step by step. ``lie`` replaces members of the term; ``busy`` answers 503 that many times."""

    def __init__(self, roots: Roots) -> None:
        self.roots, self.emission = roots, new_id("ems")
        self.key = ""
        self.now = int(time.time())
        self.lie: dict[str, Any] = {}
        self.busy = 0
        self.passwords: list[dict[str, Any]] = []
        self.documents: dict[str, bytes] = {}

    def app(self) -> web.Application:
        app = web.Application()
        prefix = "/emission/v1"
        app.router.add_get(f"{prefix}/captcha", self.captcha)
        app.router.add_post(f"{prefix}/start", self.start)
        for step in (self.identify, self.agree, self.password):
            app.router.add_post(f"{prefix}/{self.emission}/{step.__name__}", step)
        return app

    def statement(self, kind: str, proof: dict[str, Any] | None, *, ac: bool, **members: Any) -> web.Response:
        document = self.roots.document(kind, now=self.now, key=self.key, **members)
        self.documents[kind] = rfc8785.dumps(document)
        token = self.roots.statement(document, proof, by=self.roots.ac if ac else self.roots.sam)
        return web.json_response({"emission": self.emission, "statement": token})

    def plaintext(self, kind: str, body: dict[str, Any], *, ac: bool) -> dict[str, Any]:
        key = self.roots.ac_transport if ac else self.roots.sam_transport
        opened = jwe.decrypt_compact(body["proof"], key, algorithms=["ECDH-ES", "A256GCM"]).plaintext
        assert opened is not None
        plain: dict[str, Any] = json.loads(opened)
        assert plain["hash"] == b64u(hashlib.sha256(self.documents[kind]).digest())
        assert plain["device"] == self.key
        return plain

    async def captcha(self, request: web.Request) -> web.Response:
        challenge = altcha.create_challenge("PBKDF2/SHA-256", cost=10, hmac_secret=CAPTCHA_SECRET)
        return web.json_response(challenge.to_dict())

    async def start(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert altcha.verify_solution(body["captcha"], CAPTCHA_SECRET).verified
        self.key = _caller(request)
        proof = self.roots.proof("install", ac=True)
        return self.statement("emission-identify", proof, ac=True, id=self.emission, protocol=body["protocol"])

    async def identify(self, request: web.Request) -> web.Response:
        plain = self.plaintext("emission-identify", await request.json(), ac=True)
        assert plain["purpose"] == "install"
        if plain["cpf"] != CPF:
            return web.json_response({"code": "emission_refused", "message": "…"}, status=403)
        members = {"emission": self.emission, "protocol": PROTOCOL, "cpf": CPF} | self.lie
        return self.statement("emission-term", None, ac=True, **members)

    async def agree(self, request: web.Request) -> web.Response:
        assert (await request.json())["decision"] == "approve"
        proof = self.roots.proof("emit")
        return self.statement("emission-key", proof, ac=False, emission=self.emission, key_algorithm="RSA-2048")

    async def password(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.passwords.append(body)
        if self.busy:
            self.busy -= 1
            return web.json_response({"code": "unavailable", "message": "…"}, status=503)
        assert self.plaintext("emission-key", body, ac=False)["purpose"] == "emit"
        return web.json_response({"state": "emitted", "certificate": {"subject": "MARIA", "serial": "01"}})


def _caller(request: web.Request) -> str:
    from joserfc.jwk import ECKey

    return jkt(ECKey.import_key(json.loads(unb64u(request.headers["DPoP"].split(".")[0]))["jwk"]))


@pytest.fixture
async def gateway() -> AsyncIterator[EmissionGateway]:
    double = EmissionGateway(Roots())
    server = TestServer(double.app())
    await server.start_server()
    double.roots.gateway = str(server.make_url("")).rstrip("/")
    yield double
    await server.close()


async def emit(gateway: EmissionGateway, cpf: str = CPF, password: str = "bambu4trilho6") -> dict[str, Any]:
    async with SandboxEmission(read_trust(gateway.roots.trust())) as emission:
        return await emission.emit(protocol=PROTOCOL, cpf=cpf, install_password="instala123", usage_password=password)


async def test_a_visit_ends_with_a_certificate(gateway: EmissionGateway) -> None:
    """Captcha, identification, term and password: each statement checked, each decision bound to its bytes."""
    assert (await emit(gateway))["certificate"]["subject"] == "MARIA"


async def test_a_wrong_cpf_is_refused(gateway: EmissionGateway) -> None:
    """The one error for wrong protocol, CPF or password arrives as it is."""
    with pytest.raises(GatewayRefused, match="emission_refused"):
        await emit(gateway, cpf="00000000000")


@pytest.mark.parametrize("lie", [{"emission": "ems_other"}, {"protocol": "9999999999"}, {"cpf": "98765432100"}])
async def test_a_term_about_somebody_else_is_not_agreed_to(gateway: EmissionGateway, lie: dict[str, str]) -> None:
    """Even a genuine statement is refused when it speaks of another emission, protocol or person."""
    gateway.lie = lie

    with pytest.raises(Untrusted):
        await emit(gateway)


@pytest.mark.parametrize(("password", "why"), [("senha1234", "common"), ("07121990", "date"), (CPF, "personal")])
async def test_a_weak_password_is_refused_as_the_page_refuses_it(
    gateway: EmissionGateway, password: str, why: str
) -> None:
    """By what the term says of the holder; nothing is sent."""
    with pytest.raises(WeakPassword, match=why):
        await emit(gateway, password=password)
    assert gateway.passwords == []


async def test_the_password_is_sent_again_unchanged(gateway: EmissionGateway) -> None:
    """While the service is away the same body is repeated: one key, one certificate."""
    gateway.busy = 1

    await emit(gateway)

    first, second = gateway.passwords
    assert first == second
