"""The gateway of section 9.2 in memory, with one holder: enough for a phone to live its life against it.

It checks what a real gateway and SAM check of a phone (proof of possession, decision signature, password proof) with
joserfc and cryptography, never with the phone's own code. Faults are set as attributes.
"""

import asyncio
import hashlib
import json
import time
from typing import Any

import rfc8785
from aiohttp import web
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwe, jws
from joserfc.jwk import ECKey

from tests.sandbox_phone.roots import Roots, b64u, decision_message, jkt, new_id, unb64u

PASSWORD = "bambu4trilho6"
CALLER = web.RequestKey("caller", ECKey)


class Refusal(Exception):
    def __init__(self, status: int, code: str, **data: Any) -> None:
        super().__init__(code)
        self.status, self.body = status, {"code": code, "message": "…", "request_id": "r", **data}


class PhoneGateway:
    """State, faults and routes."""

    def __init__(self, roots: Roots) -> None:
        self.roots = roots
        self.credential = new_id("cred")
        self.documents: dict[str, tuple[bytes, dict[str, Any] | None]] = {}
        self.decisions: dict[str, str] = {}
        self.binding_state = "none"
        self.nickname: str | None = None
        self.device, self.token = new_id("dev"), "dvt_" + "a" * 16 + "_" + "b" * 32
        self.key: ECKey | None = None
        self.seen_jti: set[str] = set()
        self.bells: asyncio.Queue[str] = asyncio.Queue()
        self.live_opened = 0
        self.retired_once = False  # the next approval with a proof is told that the transport key retired
        self.swap_document = False  # after that, the document's bytes differ
        self.cut_live = 0  # how many live channels break right after hello
        self.live_away = 0  # how many calls for a live channel are told to come back in an hour
        self.computers: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._middleware])
        app.router.add_get("/trust.json", self.trust)
        app.router.add_post("/phone/v1/pairings", self.pairings)
        app.router.add_post("/phone/v1/pairings/{par}/resend", self.pairings)
        app.router.add_post("/phone/v1/pairings/{par}/code", self.code)
        app.router.add_put("/phone/v1/device", self.put_device)
        app.router.add_get("/phone/v1/device", self.get_device)
        app.router.add_delete("/phone/v1/device", self.delete_device)
        app.router.add_delete("/phone/v1/computers/{cmp}", self.delete_computer)
        app.router.add_post("/phone/v1/bindings", self.bindings)
        app.router.add_get("/phone/v1/waiting", self.waiting)
        app.router.add_get("/phone/v1/documents/{id}", self.get_document)
        app.router.add_post("/phone/v1/documents/{id}/decision", self.decide)
        app.router.add_post("/phone/v1/scan", self.scan)
        app.router.add_get("/phone/v1/live", self.live)
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            if request.path.startswith("/phone/"):
                self._demand_possession(request)
            answer: web.StreamResponse = await handler(request)
        except Refusal as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        return answer

    def _demand_possession(self, request: web.Request) -> None:
        """RFC 9449 section 4.3, and the device token once there is one."""
        header = json.loads(unb64u(request.headers["DPoP"].split(".")[0]))
        key = ECKey.import_key(header["jwk"])
        claims = json.loads(jws.deserialize_compact(request.headers["DPoP"], key, algorithms=["ES256"]).payload)
        assert header["typ"] == "dpop+jwt"
        assert claims["htm"] == request.method
        assert claims["htu"] == f"{self.roots.gateway}{request.path}"
        assert abs(claims["iat"] - time.time()) < 30
        assert claims["jti"] not in self.seen_jti
        self.seen_jti.add(claims["jti"])
        if self.key is not None:
            assert request.headers["Authorization"] == f"DPoP {self.token}"
            assert claims["ath"] == b64u(hashlib.sha256(self.token.encode()).digest())
            assert jkt(key) == jkt(self.key)
        else:
            assert "Authorization" not in request.headers
        request[CALLER] = key

    async def trust(self, request: web.Request) -> web.Response:
        return web.Response(body=self.roots.trust(), content_type="application/json")

    async def pairings(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "pairing": new_id("par"),
                "number": "+55 11 9****-4321",
                "expires_in": 600,
                "resend_in": 30,
                "sends_left": 2,
            }
        )

    async def code(self, request: web.Request) -> web.Response:
        if (await request.json())["code"] != "123456":
            raise Refusal(401, "code_wrong", tries_left=4)
        self.key = request[CALLER]
        credential = {"id": self.credential, "subject": "MARIA", "kind": "e-cpf-a3", "valid_to": "2029-01-01T00:00:00Z"}
        return web.json_response(
            {"device": self.device, "token": self.token, "credentials": [credential | {"state": "active"}]}
        )

    async def put_device(self, request: web.Request) -> web.Response:
        self.nickname = (await request.json())["nickname"]
        return await self.get_device(request)

    async def get_device(self, request: web.Request) -> web.Response:
        binding = {"credential": self.credential, "subject": "MARIA", "state": self.binding_state}
        return web.json_response(
            {"device": self.device, "nickname": self.nickname, "bindings": [binding], "computers": self.computers}
        )

    async def delete_device(self, request: web.Request) -> web.Response:
        self.key = None
        return web.Response(status=204)

    async def delete_computer(self, request: web.Request) -> web.Response:
        self.computers = [item for item in self.computers if item["id"] != request.match_info["cmp"]]
        return web.Response(status=204)

    async def bindings(self, request: web.Request) -> web.Response:
        body = await request.json()
        id = self.add("pair", self.roots.proof("pair"), nickname=self.nickname, credential=body["credential"])
        return web.json_response({"statement": self.statement(id)})

    def add(self, kind: str, proof: dict[str, Any] | None = None, **members: Any) -> str:
        """A document that waits for this phone."""
        assert self.key is not None
        document = self.roots.document(
            kind, now=int(time.time()), device=self.device, device_key=jkt(self.key), **members
        )
        self.documents[document["id"]] = (rfc8785.dumps(document), proof)
        return str(document["id"])

    def ring(self) -> None:
        self.bells.put_nowait(new_id("not"))

    def statement(self, id: str) -> str:
        data, proof = self.documents[id]
        return self.roots.statement(data, proof)

    async def waiting(self, request: web.Request) -> web.Response:
        items = [
            {"id": id, "type": "?", "statement": self.statement(id), "expires": 0}
            for id in self.documents
            if id not in self.decisions
        ]
        return web.json_response({"items": items})

    async def get_document(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        if id not in self.documents:
            raise Refusal(404, "not_found")
        return web.json_response({"statement": self.statement(id)})

    async def scan(self, request: web.Request) -> web.Response:
        text = (await request.json())["text"]
        if not text.startswith(self.roots.app):
            raise Refusal(400, "code_not_ours")
        document = next(part for part in text.split(".") if part in self.documents)
        return web.json_response({"statement": self.statement(document)})

    async def decide(self, request: web.Request) -> web.Response:
        id, body = request.match_info["id"], await request.json()
        data, wanted = self.documents[id]
        self._demand_decision(data, body)
        if id in self.decisions:
            raise Refusal(409, "document_decided")
        if wanted is not None and body["decision"] == "approve":
            if self.retired_once:
                self.retired_once = False
                if self.swap_document:
                    self.documents[id] = (rfc8785.dumps(json.loads(data) | {"nickname": "outro"}), wanted)
                raise Refusal(409, "transport_key_retired")
            self._demand_password(data, wanted, body["proof"])
        else:
            assert body["proof"] is None
        self.decisions[id] = body["decision"]
        return web.json_response(self._effect(json.loads(data), body["decision"]))

    def _effect(self, document: dict[str, Any], decision: str) -> dict[str, Any]:
        if decision != "approve":
            return {"state": "refused"}
        answer: dict[str, Any] = {"state": "approved"}
        if document["type"] == "pair":
            self.binding_state = "trial"
            answer["next"] = {"document": self.add("test", credential=self.credential, subject="MARIA")}
            self.ring()
        elif document["type"] == "test":
            self.binding_state = "active"
        elif document["type"] == "associate":
            answer["next"] = {"check_code": "042"}
        return answer

    def _demand_decision(self, data: bytes, body: dict[str, Any]) -> None:
        assert self.key is not None
        raw = unb64u(body["signature"])
        assert len(raw) == 64
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        public = self.key.public_key
        message = decision_message(data, body["decision"], body["proof"])
        public.verify(der, message, ec.ECDSA(hashes.SHA256()))

    def _demand_password(self, data: bytes, wanted: dict[str, Any], proof: str) -> None:
        assert self.key is not None
        document = json.loads(data)
        header = json.loads(unb64u(proof.split(".")[0]))
        assert set(header) == {"alg", "enc", "epk", "kid"}
        assert header["kid"] == jkt(self.roots.sam_transport)
        assert set(header["epk"]) == {"kty", "crv", "x", "y"}
        opened = jwe.decrypt_compact(proof, self.roots.sam_transport, algorithms=["ECDH-ES", "A256GCM"]).plaintext
        assert opened is not None
        plain = json.loads(opened)
        assert opened == rfc8785.dumps(plain)
        stretched = plain.pop("stretched")
        assert plain == {
            "v": 1,
            "purpose": wanted["purpose"],
            "document": document["id"],
            "hash": b64u(hashlib.sha256(data).digest()),
            "device": jkt(self.key),
            "nonce": document["nonce"],
        }
        argon2 = wanted["argon2"]
        expected = hash_secret_raw(
            PASSWORD.encode(), self.roots.salt, argon2["t"], argon2["m"], argon2["p"], 32, Type.ID, 19
        )
        if unb64u(stretched) != expected:
            raise Refusal(403, "password_wrong", tries_left=2)

    async def live(self, request: web.Request) -> web.StreamResponse:
        if self.live_away:
            self.live_away -= 1
            raise Refusal(503, "streams_busy", retry_after=3600)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        self.live_opened += 1
        await answer.write(b"event: hello\ndata: {}\n\n")
        if self.cut_live:
            self.cut_live -= 1
            return answer
        while True:
            bell = await self.bells.get()
            await answer.write(b": heartbeat\n\n")
            await answer.write(f'event: doorbell\ndata: {{"id":"{bell}"}}\n\n'.encode())
