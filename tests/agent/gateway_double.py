"""The gateway of sections 9.3 to 9.5 in memory, with a phone that answers as told; and every way to lie about it.

It checks what a real gateway checks of a computer (assertion, proof of possession, bodies) with joserfc, and asserts on
what a correct agent never does. Lies and faults are attributes.
"""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from joserfc import jws, jwt
from joserfc.jwk import ECKey

from tests.agent.pki import Authority, Holder, der
from tests.sandbox_phone.roots import Roots, b64u, jkt, new_id, unb64u

SHA2 = {f"2.16.840.1.101.3.4.2.{last}": f"SHA-{bits}" for last, bits in ((1, 256), (2, 384), (3, 512))}
PSS = "1.2.840.113549.1.1.10"
Fault: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def drop(request: web.Request) -> web.StreamResponse:
    """The connection dies without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def elsewhere(request: web.Request) -> web.StreamResponse:
    """A redirect to somebody else."""
    return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/steal"})


async def endless(request: web.Request) -> web.StreamResponse:
    """An answer that never stops."""
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    try:
        await answer.write(b'{"x":"')
        while True:
            await answer.write(b"A" * 65536)
    except (ConnectionError, asyncio.CancelledError):
        return answer


async def page_of_a_portal(request: web.Request) -> web.StreamResponse:
    """A hotel's network wants a password first."""
    return web.Response(text="<html>Bem-vindo ao Wi-Fi</html>", content_type="text/html")


async def out_of_order(request: web.Request) -> web.StreamResponse:
    """A proxy says that the service behind it is gone."""
    return web.Response(status=502, text="<html>Bad gateway</html>", content_type="text/html")


async def nested(request: web.Request) -> web.StreamResponse:
    """JSON deeper than any parser likes."""
    return web.Response(text='{"a":' * 50_000, content_type="application/json")


class AgentGateway:
    """One association to be, one holder with credentials."""

    def __init__(self, roots: Roots, authority: Authority, *holders: Holder) -> None:
        self.roots = roots
        self.authority = authority
        self.credentials = {new_id("cred"): holder for holder in holders}
        self.key_status: dict[str, str] = {}
        self.batch = 100
        self.computer = new_id("cmp")
        self.key: ECKey | None = None  # the association's, once there is one
        self.ended = False
        self.seen: set[str] = set()
        self.tolerance = 30
        self.calls: list[str] = []
        self.faults: dict[str, list[Fault]] = {}

        self.link: dict[str, Any] = {"state": "waiting"}
        self.link_id, self.link_key = new_id("lnk"), ""
        self.frames = 0
        self.given_up = False
        self.check_code, self.tries = "042", 3
        self.started_as: dict[str, Any] = {}

        self.answer = "approve"  # or refuse, never, expire
        self.checks_before_answer = 0
        self.life = 180
        self.requests: list[dict[str, Any]] = []
        self.withdrawn: list[str] = []
        self.prefers: list[str | None] = []
        self.stored: dict[str, list[str]] = {}
        self.token = "at_" + "x" * 40

        self.document_lie: Mapping[str, Any] = {}
        self.statement_by: ECKey | None = None
        self.statement_replaced: object = ...
        self.chain_lie: list[bytes] | None = None
        self.signatures_lie: Callable[[list[bytes]], list[bytes]] | None = None

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._middleware])
        app.router.add_get("/trust.json", self.trust)
        app.router.add_post("/links/v1", self.start_link)
        app.router.add_delete("/links/v1/computers/{cmp}", self.end_association)
        app.router.add_get("/links/v1/{lnk}", self.look)
        app.router.add_delete("/links/v1/{lnk}", self.give_up)
        app.router.add_post("/links/v1/{lnk}/check", self.check)
        app.router.add_post("/oauth2/token", self.issue_token)
        csc = "/csc/v2/"
        app.router.add_get(csc + "info", self.trust)
        app.router.add_post(csc + "credentials/list", self.list)
        app.router.add_post(csc + "credentials/info", self.info)
        app.router.add_post(csc + "credentials/authorize", self.authorize)
        app.router.add_post(csc + "credentials/authorizeCheck", self.authorize_check)
        app.router.add_post(csc + "signatures/signHash", self.sign_hash)
        app.router.add_post(csc + "linkid/withdraw", self.withdraw)
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path}")
        faults = self.faults.get(request.path) or self.faults.get("*") or []
        if faults:
            fault = faults[0] if len(faults) == 1 and fault_for_ever in faults else faults.pop(0)
            return await fault(request)
        if request.path.startswith("/csc/") and request.method == "POST":
            if request.headers.get("Authorization") != f"DPoP {self.token}" or self.ended:
                return web.json_response({"error": "invalid_token", "error_description": "x"}, status=401)
            self._possession(request, token=self.token)
        answer: web.StreamResponse = await handler(request)
        return answer

    def _possession(self, request: web.Request, token: str | None = None) -> ECKey:
        """RFC 9449 section 4.3."""
        header = json.loads(unb64u(request.headers["DPoP"].split(".")[0]))
        assert header["typ"] == "dpop+jwt"
        assert set(header["jwk"]) == {"kty", "crv", "x", "y"}
        key = ECKey.import_key(header["jwk"])
        claims = json.loads(jws.deserialize_compact(request.headers["DPoP"], key, algorithms=["ES256"]).payload)
        assert (claims["htm"], claims["htu"]) == (request.method, f"{self.roots.gateway}{request.path}")
        assert abs(claims["iat"] - time.time()) < self.tolerance
        assert claims["jti"] not in self.seen
        self.seen.add(claims["jti"])
        assert claims.get("ath") == (b64u(hashlib.sha256(token.encode()).digest()) if token else None)
        linking = request.path.startswith("/links/v1") and "/computers/" not in request.path
        if self.key is not None and not linking:  # who associates again comes with another key
            assert jkt(key) == jkt(self.key)
        return key

    async def trust(self, request: web.Request) -> web.Response:
        return web.Response(body=self.roots.trust(), content_type="application/json")

    # --- links --------------------------------------------------------------------------------------------------------

    async def start_link(self, request: web.Request) -> web.Response:
        self.link_key = jkt(self._possession(request))
        self.started_as = await request.json()
        return web.json_response({"link": self.link_id, "expires_in": 300})

    async def look(self, request: web.Request) -> web.Response:
        assert jkt(self._possession(request)) == self.link_key
        self.frames += 1
        answer = {"expires_in": 300 - self.frames} | self.link
        if answer["state"] == "waiting":
            token = f"{self.roots.app}/l#1.{'t' * 22}.{self.frames}.{'m' * 22}"
            answer = {"frame": token, "code": "7KQ2M-9XA4T"} | answer
        return web.json_response(answer)

    async def give_up(self, request: web.Request) -> web.Response:
        self._possession(request)
        self.given_up = True
        return web.Response(status=204)

    async def check(self, request: web.Request) -> web.Response:
        key = self._possession(request)
        if (await request.json())["code"] != self.check_code:
            self.tries -= 1
            if self.tries == 0:
                self.link = {"state": "dead"}
            body = {"code": "check_code_wrong", "message": "…", "tries_left": self.tries}
            return web.json_response(body, status=403)
        self.key = key
        self.link = {"state": "associated"}
        return web.json_response({"computer": self.computer, "credentials": list(self.credentials)})

    async def end_association(self, request: web.Request) -> web.Response:
        self._possession(request)
        assert request.match_info["cmp"] == self.computer
        self.ended = True
        return web.Response(status=204)

    # --- OAuth and CSC ------------------------------------------------------------------------------------------------

    async def issue_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if self.ended or self.key is None:
            return web.json_response({"error": "invalid_client"}, status=401)
        self._possession(request)
        assert form["grant_type"] == "client_credentials"
        assert form["client_id"] == self.computer
        token = jwt.decode(str(form["client_assertion"]), self.key, algorithms=["ES256"])
        assert (token.claims["iss"], token.claims["sub"]) == (self.computer, self.computer)
        assert token.claims["aud"] == f"{self.roots.gateway}/oauth2/token"
        assert token.claims["jti"] not in self.seen
        assert token.claims["exp"] - token.claims["iat"] <= 300
        self.seen.add(token.claims["jti"])
        return web.json_response({"access_token": self.token, "token_type": "DPoP", "expires_in": 300})

    async def list(self, request: web.Request) -> web.Response:
        return web.json_response({"credentialIDs": list(self.credentials)})

    async def info(self, request: web.Request) -> web.Response:
        body = await request.json()
        chain = self.chain_lie or self.credentials[body["credentialID"]].chain
        return web.json_response(
            {
                "key": {"status": self.key_status.get(body["credentialID"], "enabled"), "algo": [], "len": 2048},
                "cert": {"status": "valid", "certificates": [base64.b64encode(item).decode() for item in chain]},
                "multisign": self.batch,
                "SCAL": "2",
            }
        )

    async def authorize(self, request: web.Request) -> web.Response:
        body = await request.json()
        hash_name = SHA2[body["hashAlgorithmOID"]]
        assert body["numSignatures"] == len(body["hashes"]) <= self.batch
        said = json.loads(body["clientData"])
        labels = said["documents"]
        holder = self.credentials[body["credentialID"]]
        listed = [
            {"label": item["label"], "size": item["size"], "hash": b64u(base64.b64decode(digest))}
            for item, digest in zip(labels, body["hashes"], strict=True)
        ]
        self._asked(said["ask"], body["credentialID"], listed, hash_name)
        document = self.roots.document(
            "sign",
            now=int(time.time()),
            credential=body["credentialID"],
            certificate=b64u(hashlib.sha256(der(holder.certificate)).digest()),
            subject="MARIA DA SILVA",
            caller={"kind": "computer", "id": self.computer, "name": "Notebook"},
            scope="single" if len(listed) == 1 else "multi",
            count=len(listed),
            documents=listed,
            hash_algorithm=hash_name,
            sign_algorithm=f"{_family(holder, body)}-{hash_name.replace('-', '')}",
            verification_code="27",
            activation_key=b64u(bytes(32)),
        )
        document["expires"] = document["created"] + self.life
        document |= self.document_lie
        statement: object = self.roots.statement(document, self.roots.proof("sign"), by=self.statement_by)
        if self.statement_replaced is not ...:
            statement = self.statement_replaced
        self.requests.append(
            {"document": document, "hashes": body["hashes"], "checks": 0, "signAlgo": body["signAlgo"]}
        )
        ours = {"request": document["id"], "verification_code": "99", "expires_in": 180, "qr": "http://evil/r#1"}
        return web.json_response({"handle": "hdl_1_0", "linkid": ours | {"statement": statement}}, status=202)

    def _asked(
        self, ask: Mapping[str, Any], credential: str, documents: Sequence[Mapping[str, Any]], hash_name: str
    ) -> None:
        """Section 9.5: the computer signed exactly this, now, and never before."""
        assert set(ask) == {"nonce", "created", "signature"}
        assert len(unb64u(ask["nonce"])) == 16
        assert ask["nonce"] not in self.seen
        self.seen.add(ask["nonce"])
        assert abs(ask["created"] - time.time()) < self.tolerance
        signed = {"v": 1, "computer": self.computer, "credential": credential, "hash_algorithm": hash_name,
                  "documents": documents, "nonce": ask["nonce"], "created": ask["created"]}  # fmt: skip
        canonical = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        signature = unb64u(ask["signature"])
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        assert len(signature) == 64
        assert self.key is not None
        self.key.public_key.verify(
            utils.encode_dss_signature(r, s),
            b"linkid-ask-v1\0" + hashlib.sha256(canonical).digest(),
            ec.ECDSA(hashes.SHA256()),
        )

    async def authorize_check(self, request: web.Request) -> web.Response:
        self.prefers.append(request.headers.get("Prefer"))
        asked = self.requests[-1]
        asked["checks"] += 1
        handle = (await request.json())["handle"]
        assert handle == f"hdl_1_{asked['checks'] - 1}"
        if self.answer == "never" or asked["checks"] <= self.checks_before_answer:
            return web.json_response({"handle": f"hdl_1_{asked['checks']}"}, status=202)
        if self.answer == "approve":
            return web.json_response({"SAD": "sad_1_s", "expiresIn": 300})
        code = {"refuse": "access_denied", "expire": "expired_token"}[self.answer]
        return web.json_response({"error": code, "error_description": "…"}, status=400)

    async def sign_hash(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert body["SAD"] == "sad_1_s"
        assert body["hashes"] == self.requests[-1]["hashes"]
        assert body["hashAlgorithmOID"] in SHA2
        assert body["signAlgo"] == self.requests[-1]["signAlgo"]
        holder = self.credentials[body["credentialID"]]
        pss = body["signAlgo"] == PSS
        signatures = [holder.sign(base64.b64decode(item), pss=pss) for item in body["hashes"]]
        if self.signatures_lie is not None:
            signatures = self.signatures_lie(signatures)
        return web.json_response({"signatures": [base64.b64encode(item).decode() for item in signatures]})

    async def withdraw(self, request: web.Request) -> web.Response:
        self.withdrawn.append((await request.json())["handle"])
        return web.Response(status=204)


def _family(holder: Holder, body: Mapping[str, Any]) -> str:
    if not isinstance(holder.key, rsa.RSAPrivateKey):
        return "ECDSA"
    return "RSA-PSS" if body["signAlgo"] == PSS else "RSA-PKCS1"


async def fault_for_ever(request: web.Request) -> web.StreamResponse:
    """Placed alone in a list of faults, it stays: the service is gone."""
    return await drop(request)
