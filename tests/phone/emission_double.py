"""The gateway of docs/protocol.md section 9.1 in memory, with an AC and a SAM behind it, for one protocol number.

As the phone's double it checks with other libraries than the page's, and gathers what it finds wrong in ``complaints``.
"""

from __future__ import annotations

import time
from typing import Any

import altcha
import rfc8785
from aiohttp import web
from joserfc.jwk import ECKey

from tests.phone.gateway_double import CALLER, GatewayDouble, Refusal, Wanted, demand_decision, open_proof, stretch
from tests.sandbox_phone.roots import Roots, jkt, new_id

PROTOCOL = "1000556194"
CPF = "12345678909"
INSTALL_PASSWORD = "Instala2026"
CAPTCHA_SECRET = "a secret of the test's own, thirty-two bytes"
TERM = {
    "version": "2026-11",
    "title": "Termo de Titularidade do Certificado Digital Link ID",
    "paragraphs": [
        f"{number}. Declaro que sou a pessoa identificada acima, que os dados apresentados nesta tela são meus, estão "
        "corretos e atualizados, e que os documentos que entreguei à Autoridade de Registro são verdadeiros."
        for number in range(1, 9)
    ],
}
CERTIFICATE = {
    "subject": "CN=MARIA DA SILVA:12345678909,OU=e-CPF A3,O=ICP-Brasil,C=BR",
    "serial": "5f3a9c0e77d1b2a4",
    "valid_from": "2026-11-23T15:00:00Z",
    "valid_to": "2029-11-22T15:00:00Z",
    "issuer": "CN=AC Link ID Desenvolvimento,O=ICP-Brasil,C=BR",
    "pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
}


class EmissionDouble(GatewayDouble):
    """Emission routes beside the phone's. Faults are attributes."""

    def __init__(self, roots: Roots) -> None:
        super().__init__(roots)
        self.term_cpf = CPF
        self.tries = 5
        self.starts = 0
        self.captchas_spent: set[str] = set()
        self.emitted: dict[str, Any] | None = None
        self.usage_stretched: bytes | None = None
        self.lose_answers = 0
        self.password_bodies: list[Any] = []
        self.emission_key: ECKey | None = None
        self.term_by: ECKey | None = None
        self.key_by: ECKey | None = None

    def app(self) -> web.Application:
        app = super().app()
        app.router.add_get("/emission/v1/captcha", self.captcha)
        app.router.add_post("/emission/v1/start", self.start)
        app.router.add_post("/emission/v1/{ems}/identify", self.identify)
        app.router.add_post("/emission/v1/{ems}/agree", self.agree)
        app.router.add_post("/emission/v1/{ems}/password", self.password)
        return app

    async def captcha(self, _request: web.Request) -> web.Response:
        made = altcha.create_challenge(
            "PBKDF2/SHA-256",
            500,
            counter=40,
            expires_at=int(time.time()) + 300,
            hmac_secret=CAPTCHA_SECRET,
            hmac_key_secret="another",
        )
        return web.json_response(made.to_dict())

    async def start(self, request: web.Request) -> web.Response:
        body = await request.json()
        solved = altcha.verify_solution(body["captcha"], CAPTCHA_SECRET, hmac_key_secret="another").verified
        if not solved or body["captcha"] in self.captchas_spent:
            raise Refusal(403, "captcha_invalid")
        self.captchas_spent.add(body["captcha"])
        self.starts += 1
        self.emission_key = request[CALLER]
        id = self._fix("emission-identify", self.roots.proof("install", ac=True), protocol=body["protocol"])
        return web.json_response({"emission": id, "statement": self._state(id, self.roots.ac)}, status=201)

    async def identify(self, request: web.Request) -> web.Response:
        wanted, body = await self._decided(request, request.match_info["ems"])
        assert wanted.proof is not None
        assert self.emission_key is not None
        cpf = CPF
        try:
            plain = open_proof(body["proof"], self.roots.ac_transport, wanted, jkt(self.emission_key), cpf=CPF)
        except AssertionError:
            plain, cpf = b"", ""
        good = cpf == CPF and wanted.document["protocol"] == PROTOCOL
        if not good or plain != stretch(INSTALL_PASSWORD, wanted.proof):
            self.tries -= 1
            if self.tries == 0:
                raise Refusal(423, "emission_locked", retry_after=3600)
            raise Refusal(403, "emission_refused", tries_left=self.tries)
        id = self._fix(
            "emission-term",
            None,
            emission=wanted.document["id"],
            protocol=PROTOCOL,
            name="MARIA DA SILVA",
            cpf=self.term_cpf,
            email="ma***@exemplo.com.br",
            phone="(31) *****-1234",
            product="e-CPF A3 Link ID",
            valid_days=1095,
            term=TERM,
        )
        self.term = id
        return web.json_response({"statement": self._state(id, self.term_by or self.roots.ac)})

    async def agree(self, request: web.Request) -> web.Response:
        await self._decided(request, self.term)
        id = self._fix(
            "emission-key",
            self.roots.proof("emit"),
            emission=request.match_info["ems"],
            credential=new_id("cred"),
            key_algorithm="RSA-2048",
        )
        self.key_document = id
        return web.json_response({"statement": self._state(id, self.key_by or self.roots.sam)})

    async def password(self, request: web.Request) -> web.Response:
        wanted, body = await self._decided(request, self.key_document)
        assert wanted.proof is not None
        assert self.emission_key is not None
        self.password_bodies.append(body)
        self.usage_stretched = open_proof(body["proof"], self.roots.sam_transport, wanted, jkt(self.emission_key))
        self.emitted = CERTIFICATE
        if self.lose_answers:
            self.lose_answers -= 1
            raise Refusal(503, "unavailable")
        return web.json_response({"state": "emitted", "certificate": CERTIFICATE})

    def usage_password_is(self, password: str) -> bool:
        """Whether that password, stretched as asked, is the one that was set."""
        return self.usage_stretched == stretch(password, self.documents[self.key_document].proof or {})

    async def _decided(self, request: web.Request, id: str) -> tuple[Wanted, dict[str, Any]]:
        wanted, body = self.documents[id], await request.json()
        assert set(body) == {"decision", "proof", "signature"}
        assert body["decision"] == "approve"
        assert self.emission_key is not None
        assert jkt(request[CALLER]) == jkt(self.emission_key)
        demand_decision(self.emission_key, wanted.data, body)
        return wanted, body

    def _fix(self, kind: str, proof: dict[str, Any] | None, **members: Any) -> str:
        assert self.emission_key is not None
        document = self.roots.document(kind, now=int(time.time()), key=jkt(self.emission_key), **members)
        self.documents[document["id"]] = Wanted(rfc8785.dumps(document), proof)
        return str(document["id"])

    def _state(self, id: str, root: ECKey) -> str:
        wanted = self.documents[id]
        return self.roots.statement(wanted.data, wanted.proof, by=root)
