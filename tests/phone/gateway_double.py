"""The gateway of docs/protocol.md sections 9.1 and 9.2 in memory, for one holder, as a browser sees it: with CORS.

It checks what a real gateway, SAM and AC check of a phone with joserfc and cryptography, never with the app's own code.
What it finds wrong gathers in ``complaints``, which the fixture demands to be empty. Its lies are attributes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import rfc8785
from aiohttp import web
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwe, jws
from joserfc.jwk import ECKey

from tests.sandbox_phone.roots import Roots, b64u, decision_message, jkt, new_id, unb64u

PASSWORD = "Cacto8Vidro2"
SMS_CODE = "135790"
SUBJECT = "MARIA DA SILVA:12345678909"
CALLER = web.RequestKey("caller", ECKey)
_HEADERS = "authorization, content-type, dpop"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def rfc3339(seconds: int) -> str:
    """As section 9 has times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Refusal(Exception):
    """An error answer of section 12."""

    def __init__(self, status: int, code: str, **data: Any) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"code": code, "message": "<b>Ligue para 0800</b>", "request_id": "req-1", **data}


class Wanted:
    """A document of the SAM's or the AC's, and who may decide it with what proof."""

    def __init__(self, data: bytes, proof: dict[str, Any] | None) -> None:
        self.data, self.proof = data, proof
        self.document: dict[str, Any] = json.loads(data)
        self.decision: str | None = None
        self.passkey: dict[str, Any] | None = None


class GatewayDouble:
    """State, faults and the phone's routes. ``app_origin`` and ``roots.gateway`` are set once ports are known."""

    def __init__(self, roots: Roots) -> None:
        self.roots = roots
        self.complaints: list[str] = []
        self.calls: list[str] = []
        self.documents: dict[str, Wanted] = {}
        self.credentials = [
            {
                "id": new_id("cred"),
                "subject": SUBJECT,
                "kind": "person",
                "valid_to": "2029-11-23T12:00:00Z",
                "state": "active",
            }
        ]
        self.notebook, self.hospital = new_id("cmp"), new_id("cli")
        """Who asks when a test does not say: `World.paired` has phones know them already."""
        self.vapid: str | None = None
        self.addresses: list[dict[str, str]] = []
        self.suggestions: dict[str, str] = {}
        """Numbers that are none, and what is offered instead."""
        self.bindings: dict[str, str] = {}
        self.nickname: str | None = None
        self.device, self.token = new_id("dev"), f"dvt_{'0' * 26}_{secrets.token_hex(16)}"
        self.key: ECKey | None = None
        self.seen_jti: set[str] = set()
        self.listeners: set[asyncio.Queue[str]] = set()
        self.computers: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []
        self.explicit = False
        self.consents: list[dict[str, Any]] = []
        self.secret = secrets.token_bytes(32)
        self.deliveries: dict[str, ECKey] = {}
        self.delivery: ECKey | None = None
        """Where a generator's secret is sent instead of to whoever asks for it."""
        self.code_tries = 5
        self.password_tries = 3
        self.scans: dict[str, str] = {}
        self.rung: dict[str, str | None] = {}
        """By document: what the application shows that rang; None: nothing."""
        self.scanned: list[str] = []
        self.scan_errors: list[Refusal] = []
        self.locked: Refusal | None = None
        self.warnings: list[dict[str, Any]] = []
        self.blocks: dict[str, dict[str, Any]] = {}
        self.others: list[dict[str, Any]] = []
        self.past: list[dict[str, Any]] = []
        self.evidence_by: ECKey | None = None
        self.waits_until: str | None = None
        self.admission_lies: dict[str, Any] = {}
        self.passkey: dict[str, Any] | None = None
        """What stands in front of the phone's key: {id, key}."""
        self.passkey_lies: dict[str, Any] = {}
        self.spoken: list[tuple[bytes, dict[str, str]]] = []
        """Words of passkeys that were taken, with the documents that they are about."""
        self.live_fails = False
        self.rogue: dict[str, Any] | None = None
        self.retire_once = False
        self.leeway = 30
        self.refuses_clocks = False
        """As the gateway does; otherwise a proof of another time is the app's fault."""

    # --- plumbing -----------------------------------------------------------------------------------------------------

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._middleware])
        phone = "/phone/v1"
        app.router.add_post(f"{phone}/pairings", self.pairings)
        app.router.add_post(phone + "/pairings/{par}/resend", self.pairings)
        app.router.add_post(phone + "/pairings/{par}/code", self.code)
        app.router.add_put(f"{phone}/device", self.put_device)
        app.router.add_get(f"{phone}/device", self.get_device)
        app.router.add_delete(f"{phone}/device", self.delete_device)
        app.router.add_delete(phone + "/computers/{cmp}", self.delete_computer)
        app.router.add_post(f"{phone}/bindings", self.bind)
        app.router.add_get(f"{phone}/waiting", self.waiting)
        app.router.add_get(f"{phone}/sessions", self.get_sessions)
        app.router.add_post(phone + "/sessions/{act}/end", self.end_session)
        app.router.add_get(f"{phone}/consents", self.get_consents)
        app.router.add_post(phone + "/consents/{req}/end", self.end_consent)
        app.router.add_post(f"{phone}/passkeys", self.fix_passkey)
        app.router.add_post(f"{phone}/passkeys/end", self.fix_passkey_end)
        app.router.add_post(f"{phone}/generators", self.fix_generator)
        app.router.add_get(phone + "/documents/{id}", self.get_document)
        app.router.add_post(phone + "/documents/{id}/decision", self.decide)
        app.router.add_post(f"{phone}/scan", self.scan)
        app.router.add_get(f"{phone}/devices", self.get_devices)
        app.router.add_delete(phone + "/devices/{dev}", self.remove_other)
        app.router.add_post(phone + "/devices/{dev}/admission", self.admission)
        app.router.add_get(f"{phone}/history", self.get_history)
        app.router.add_get(phone + "/documents/{id}/evidence", self.get_evidence)
        app.router.add_post(f"{phone}/block", self.block)
        app.router.add_post(f"{phone}/unblock", self.unblock)
        app.router.add_get(f"{phone}/warnings", self.get_warnings)
        app.router.add_delete(phone + "/warnings/{wrn}", self.dismiss)
        app.router.add_get(f"{phone}/push", self.get_push)
        app.router.add_put(f"{phone}/push", self.put_push)
        app.router.add_get(f"{phone}/live", self.live)
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        cors = {
            "Access-Control-Allow-Origin": self.roots.app,
            "Access-Control-Allow-Headers": _HEADERS,
            "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
            "Access-Control-Expose-Headers": "date, retry-after, dpop-nonce, x-request-id",
        }
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=cors)
        self.calls.append(f"{request.method} {request.path}")
        try:
            self._demand_possession(request)
            answer = await handler(request)
        except Refusal as refusal:
            answer = web.json_response(refusal.body, status=refusal.status)
        except (AssertionError, LookupError, ValueError) as error:
            self.complaints.append(f"{request.method} {request.path}: {type(error).__name__}: {error}")
            answer = web.json_response({"code": "internal_error"}, status=500)
        if not answer.prepared:
            answer.headers.update(cors)
        return answer

    def _demand_possession(self, request: web.Request) -> None:
        """RFC 9449 section 4.3, and the device token once there is one."""
        assert "Cookie" not in request.headers
        header = json.loads(unb64u(request.headers["DPoP"].split(".")[0]))
        assert set(header) == {"typ", "alg", "jwk"}
        assert header["typ"] == "dpop+jwt"
        assert set(header["jwk"]) == {"kty", "crv", "x", "y"}
        key = ECKey.import_key(header["jwk"])
        claims = json.loads(jws.deserialize_compact(request.headers["DPoP"], key, algorithms=["ES256"]).payload)
        assert claims["htm"] == request.method
        assert claims["htu"] == f"{self.roots.gateway}{request.path}"
        if self.refuses_clocks and abs(claims["iat"] - time.time()) >= self.leeway:
            raise Refusal(401, "invalid_dpop_proof")
        assert abs(claims["iat"] - time.time()) < self.leeway
        assert claims["jti"] not in self.seen_jti
        self.seen_jti.add(claims["jti"])
        request[CALLER] = key
        if not request.path.startswith("/phone/") or "/pairings" in request.path:
            return
        if self.key is None:
            raise Refusal(401, "not_authenticated")
        assert request.headers["Authorization"] == f"DPoP {self.token}"
        assert claims["ath"] == b64u(hashlib.sha256(self.token.encode()).digest())
        assert jkt(key) == jkt(self.key)

    # --- pairing ------------------------------------------------------------------------------------------------------

    async def pairings(self, request: web.Request) -> web.Response:
        if request.path.endswith("/pairings"):
            number = (await request.json())["number"]
            if number in self.suggestions:
                raise Refusal(400, "number_invalid", suggestion=self.suggestions[number])
            assert number == "+5531999991234", number
        return web.json_response(
            {
                "pairing": new_id("par"),
                "number": "+55 31 9****-1234",
                "expires_in": 600,
                "resend_in": 30,
                "sends_left": 2,
            }
        )

    async def code(self, request: web.Request) -> web.Response:
        if (await request.json())["code"] != SMS_CODE:
            self.code_tries -= 1
            if self.code_tries == 0:
                raise Refusal(410, "too_many_tries")
            raise Refusal(403, "code_wrong", tries_left=self.code_tries)
        self.key = request[CALLER]
        return web.json_response({"device": self.device, "token": self.token, "credentials": self.credentials})

    async def put_device(self, request: web.Request) -> web.Response:
        self.nickname = (await request.json())["nickname"]
        return await self.get_device(request)

    async def get_device(self, _request: web.Request) -> web.Response:
        bindings = [
            {
                "credential": one["id"],
                **{name: one[name] for name in ("subject", "kind", "valid_to")},
                "state": state,
                "until": self.waits_until if state == "waiting" else None,
                "tries_left": self.password_tries,
                "blocked": self.blocks.get(one["id"]),
            }
            for one in self.credentials
            if (state := self.bindings.get(one["id"]))
        ]
        return web.json_response(
            {"device": self.device, "nickname": self.nickname, "bindings": bindings, "computers": self.computers}
        )

    async def delete_device(self, _request: web.Request) -> web.Response:
        self.key = None
        return web.Response(status=204)

    async def delete_computer(self, request: web.Request) -> web.Response:
        self.computers = [one for one in self.computers if one["id"] != request.match_info["cmp"]]
        return web.Response(status=204)

    def other_phone(self, nickname: str = "Celular antigo", **changes: Any) -> str:
        """One more phone of the holder's; its id."""
        made = {
            "device": new_id("dev"), "nickname": nickname, "here": False, "state": "active",
            "since": "2026-02-03T12:00:00Z", "last_used": "2026-11-20T15:00:00Z", "credentials": list(self.bindings),
        }  # fmt: skip
        self.others.append(made | changes)
        return str(made["device"])

    async def get_devices(self, _request: web.Request) -> web.Response:
        here = {
            "device": self.device, "nickname": self.nickname, "here": True, "state": "active",
            "since": "2026-11-01T12:00:00Z", "last_used": rfc3339(int(time.time())),
            "credentials": list(self.bindings),
        }  # fmt: skip
        return web.json_response({"devices": [*self.others, here]})

    async def remove_other(self, request: web.Request) -> web.Response:
        before = len(self.others)
        self.others = [one for one in self.others if one["device"] != request.match_info["dev"]]
        if len(self.others) == before:
            raise Refusal(404, "device_not_found")
        return web.Response(status=204)

    def new_phone(self, nickname: str = "iPhone", hours: int = 24) -> str:
        """Somebody paired a phone by the holder's number and password; it waits, and this phone is told. Its id."""
        phone = self.other_phone(nickname, state="waiting", last_used=None)
        self.warn(hours=hours, phone=nickname, kind="phone_waiting")
        self.warnings[0]["device"] = phone
        self.others[-1]["waits"] = [{"credential": self.credentials[0]["id"], "until": self.warnings[0]["until"]}]
        return phone

    async def admission(self, request: web.Request) -> web.Response:
        found = [one for one in self.others if one["device"] == request.match_info["dev"]]
        if not found:
            raise Refusal(404, "device_not_found")
        shown = {
            "device": found[0]["device"],
            "nickname": found[0]["nickname"],
            "key": "k" * 43,
            "since": int(time.time()),
        }
        id = (await request.json())["credential"]
        made = self.add("admit", credential=id, subject=SUBJECT, phone={**shown, **self.admission_lies})
        return web.json_response({"statement": self.statement(made)}, status=201)

    def was_asked(self, *labels: str, state: str = "approved", ago: int = 60, **changes: Any) -> str:
        """A request of the past, at the end of the list; its id."""
        created = int(time.time()) - ago
        decision = {"approved": "approve", "refused": "refuse:not-me"}.get(state)
        files = [{"label": one, "size": 48_213} for one in labels or ("Contrato de locação.pdf",)]
        made = {
            "request": new_id("req"), "type": "sign", "credential": self.credentials[0]["id"], "state": state,
            "decision": decision, "caller": {"kind": "computer", "name": "Notebook da Maria"},
            "created": rfc3339(created), "decided": rfc3339(created + 20) if decision else None,
            "here": decision is not None, "phone": "Celular da Maria" if decision else None,
            "documents": files[:5], "count": len(files), "signed": len(files) if state == "approved" else 0,
        }  # fmt: skip
        self.past.append(made | changes)
        return str(made["request"])

    async def get_history(self, request: web.Request) -> web.Response:
        ids = [one["request"] for one in self.past]
        start = ids.index(request.query["before"]) + 1 if "before" in request.query else 0
        return web.json_response({"requests": self.past[start : start + 3], "more": len(ids) > start + 3})

    async def get_evidence(self, request: web.Request) -> web.Response:
        payload = {"v": 1, "type": "evidence", "document": request.match_info["id"]}
        return web.json_response({"evidence": self.roots.sign(payload, by=self.evidence_by)})

    async def block(self, _request: web.Request) -> web.Response:
        now = int(time.time())
        for one in self.bindings:
            self.blocks.setdefault(one, {"since": rfc3339(now), "here": True, "from": rfc3339(now + 3600)})
        self.sessions.clear()
        self.documents.clear()
        return web.json_response({"blocked": [{"credential": one, **block} for one, block in self.blocks.items()]})

    async def unblock(self, request: web.Request) -> web.Response:
        id = (await request.json())["credential"]
        block = self.blocks[id]
        assert block["here"], "the app offers it where it cannot work"
        if block["from"] > rfc3339(int(time.time())):
            raise Refusal(429, "unblock_too_early", retry_after=100)
        since = int(datetime.fromisoformat(block["since"]).timestamp())
        made = self.add("unblock", proof="unblock", credential=id, subject=SUBJECT, blocked=since)
        return web.json_response({"statement": self.statement(made)}, status=201)

    def warn(
        self, *, hours: int | None = 3, phone: str | None = "Celular antigo", here: bool = False,
        kind: str = "credential_locked",
    ) -> str:  # fmt: skip
        """Wrong passwords locked the certificate just now (or what ``kind`` says), and the doorbell rings."""
        now = int(time.time())
        until = None if hours is None else rfc3339(now + hours * 3600)
        made = {
            "id": new_id("wrn"), "kind": kind, "credential": self.credentials[0]["id"],
            "phone": phone, "here": here, "since": rfc3339(now), "until": until,
        }  # fmt: skip
        self.warnings.insert(0, made)
        self.ring()
        return str(made["id"])

    async def get_warnings(self, _request: web.Request) -> web.Response:
        return web.json_response({"items": self.warnings})

    async def dismiss(self, request: web.Request) -> web.Response:
        self.warnings = [one for one in self.warnings if one["id"] != request.match_info["wrn"]]
        return web.Response(status=204)

    async def get_push(self, request: web.Request) -> web.Response:
        return web.json_response({"webpush": self.vapid, "fcm": False, "registered": None})

    async def put_push(self, request: web.Request) -> web.Response:
        self.addresses.append(await request.json())
        return web.Response(status=204)

    async def bind(self, request: web.Request) -> web.Response:
        id = (await request.json())["credential"]
        subject = next(one["subject"] for one in self.credentials if one["id"] == id)
        made = self.add("pair", proof="pair", nickname=self.nickname, credential=id, subject=subject)
        return web.json_response({"statement": self.statement(made)})

    # --- documents ----------------------------------------------------------------------------------------------------

    def add(self, kind: str, *, proof: str | None = None, **members: Any) -> str:
        """A document for this phone; its id."""
        bound = (
            {}
            if kind in ("sign", "session", "consent")
            else {"device": self.device, "device_key": jkt(self.key or ECKey.generate_key())}
        )
        document = self.roots.document(kind, now=int(time.time()), **(bound | members))
        self.documents[document["id"]] = Wanted(rfc8785.dumps(document), self.roots.proof(proof) if proof else None)
        return str(document["id"])

    def ask_signature(self, *labels: str, **members: Any) -> str:
        """A request for signatures waits, and the doorbell rings."""
        files = [
            {"label": label, "size": 48_213, "hash": b64u(hashlib.sha256(label.encode()).digest())}
            for label in labels or ("Contrato de locação.pdf",)
        ]
        common = {
            "credential": self.credentials[0]["id"],
            "certificate": b64u(bytes(32)),
            "subject": SUBJECT,
            "caller": {"kind": "computer", "id": self.notebook, "name": "Notebook da Maria"},
            "scope": "single" if len(files) == 1 else "multi",
            "count": len(files),
            "documents": files,
            "hash_algorithm": "SHA-256",
            "sign_algorithm": "RSA-PKCS1-SHA256",
            "verification_code": "27",
            "activation_key": b64u(secrets.token_bytes(32)),
        }
        made = self.add("sign", proof="sign", **(common | members))
        self.ring()
        return made

    def ask_session(self, **members: Any) -> str:
        """A request for a session waits, and the doorbell rings."""
        common = {
            "credential": self.credentials[0]["id"],
            "certificate": b64u(bytes(32)),
            "subject": SUBJECT,
            "caller": {"kind": "computer", "id": self.notebook, "name": "Notebook da Maria"},
            "purpose": "Prontuários do plantão",
            "until": int(time.time()) + 8 * 3600 + 30,
            "maximum": 2500,
            "session_key": [jkt(ECKey.generate_key("P-256"))],
            "hash_algorithm": "SHA-256",
            "sign_algorithm": "RSA-PKCS1-SHA256",
            "verification_code": "27",
            "activation_key": b64u(secrets.token_bytes(32)),
        }
        made = self.add("session", proof="sign", **(common | members))
        self.ring()
        return made

    def open_session(self, name: str = "Notebook da Maria", **members: Any) -> dict[str, Any]:
        """One that is open already."""
        now = time.time()
        times = {"until": now + 3 * 3600 + 30, "created": now - 3600, "last_used": now - 60}
        made = {
            "activation": new_id("act"),
            "request": new_id("req"),
            "credential": self.credentials[0]["id"],
            "caller": {"kind": "computer", "name": name},
            "purpose": "Prontuários do plantão",
            "maximum": 2500,
            "used": 17,
            "with_key": True,
            **{one: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for one, at in times.items()},
            **members,
        }
        self.sessions.append(made)
        return made

    async def get_sessions(self, _request: web.Request) -> web.Response:
        return web.json_response({"sessions": self.sessions})

    async def end_session(self, request: web.Request) -> web.Response:
        if all(one["activation"] != request.match_info["act"] for one in self.sessions):
            raise Refusal(404, "session_not_found")
        self.sessions = [one for one in self.sessions if one["activation"] != request.match_info["act"]]
        return web.Response(status=204)

    def ask_consent(self, **members: Any) -> str:
        """An application's request for a consent waits, and the doorbell rings."""
        common = {
            "credential": self.credentials[0]["id"],
            "certificate": b64u(bytes(32)),
            "subject": SUBJECT,
            "caller": {"kind": "integrator", "id": self.hospital, "name": "Hospital Exemplo"},
            "purpose": "Prontuários do plantão",
            "until": int(time.time()) + 30 * 86_400 + 30,
            "maximum": 500,
            "verification_code": "27",
        }
        made = self.add("consent", proof="sign", **(common | members))
        self.ring()
        return made

    def give_consent(self, name: str = "Hospital Exemplo", **members: Any) -> dict[str, Any]:
        """One that stands already."""
        now = int(time.time())
        made = {
            "consent": new_id("req"), "credential": self.credentials[0]["id"],
            "caller": {"kind": "integrator", "name": name}, "purpose": "Prontuários do plantão",
            "maximum": 500, "used": 17, "until": rfc3339(now + 12 * 86_400 + 30), "created": rfc3339(now - 3600),
            "last_used": rfc3339(now - 60),
        }  # fmt: skip
        self.consents.append(made | members)
        return made | members

    async def get_consents(self, _request: web.Request) -> web.Response:
        return web.json_response({"offered": self.explicit, "consents": self.consents})

    async def end_consent(self, request: web.Request) -> web.Response:
        if all(one["consent"] != request.match_info["req"] for one in self.consents):
            raise Refusal(404, "consent_not_found")
        self.consents = [one for one in self.consents if one["consent"] != request.match_info["req"]]
        return web.Response(status=204)

    async def fix_generator(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert set(body["delivery_key"]) == {"kty", "crv", "x", "y"}
        delivery = self.delivery or ECKey.import_key(body["delivery_key"])
        key = jkt(delivery)
        made = self.add(
            "generator", proof="generator", credential=body["credential"], subject=SUBJECT, delivery_key=key
        )
        self.deliveries[made] = delivery
        return web.json_response({"statement": self.statement(made)}, status=201)

    async def fix_passkey(self, request: web.Request) -> web.Response:
        if self.passkey is not None:
            raise Refusal(409, "passkey_stands")
        body = await request.json()
        assert set(body["passkey"]["key"]) == {"kty", "crv", "x", "y"}
        shown = {"id": body["passkey"]["id"], "key": jkt(ECKey.import_key(body["passkey"]["key"])), **self.passkey_lies}
        made = self.add("passkey", proof="passkey", credential=body["credential"], subject=SUBJECT, passkey=shown)
        self.documents[made].passkey = body["passkey"]
        return web.json_response({"statement": self.statement(made)}, status=201)

    async def fix_passkey_end(self, request: web.Request) -> web.Response:
        if self.passkey is None:
            raise Refusal(409, "no_passkey")
        shown = {"id": self.passkey["id"], "key": jkt(ECKey.import_key(self.passkey["key"]))}
        about = {"credential": (await request.json())["credential"], "subject": SUBJECT}
        made = self.add("passkey-end", proof="passkey", passkey=shown, **about)
        return web.json_response({"statement": self.statement(made)}, status=201)

    def show_link(self, text: str, kind: str = "associate", **members: Any) -> str:
        """Text that, scanned or typed, asks for an association (or an identification)."""
        credentials = [{"id": one["id"], "subject": one["subject"]} for one in self.credentials]
        computer = {
            "id": new_id("cmp"),
            "name": "Notebook da Maria",
            "os": "Debian GNU/Linux 12",
            "key": jkt(ECKey.generate_key("P-256")),
            "address": "192.168.0.17",
        }
        integrator = {"id": new_id("cli"), "name": "Cartório Digital"}
        own = (
            {"computer": computer}
            if kind == "associate"
            else {"integrator": integrator, "scope": "service", "address": "203.0.113.9"}
        )
        made = self.add(kind, credentials=credentials, **(own | members))
        self.scans[text] = made
        return made

    def ask_who(self, number: str | None = None, **members: Any) -> str:
        """An application without a page rings to ask who is there; `number`: what it shows on a page of its own."""
        made = self.show_link("", "identify", **members)
        del self.scans[""]
        self.rung[made] = number
        return made

    def ring(self) -> None:
        for queue in self.listeners:
            queue.put_nowait(new_id("not"))

    def statement(self, id: str) -> str:
        wanted = self.documents[id]
        if self.rogue is not None:
            return self.roots.statement(wanted.data, wanted.proof, **self.rogue)
        return self.roots.statement(wanted.data, wanted.proof)

    async def waiting(self, _request: web.Request) -> web.Response:
        items = [
            {
                "id": id,
                "type": one.document["type"],
                "statement": self.statement(id),
                "expires": "2029-01-01T00:00:00Z",
                **({"rung": True} if id in self.rung else {}),
                **({"shown_number": 4} if self.rung.get(id) else {}),
            }
            for id, one in self.documents.items()
            if one.decision is None
            and (one.document["type"] in ("sign", "session", "consent", "test") or id in self.rung)
            and id not in self.scans.values()
        ]
        return web.json_response({"items": items})

    async def get_document(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self.documents:
            raise Refusal(404, "not_found")
        return web.json_response({"statement": self.statement(request.match_info["id"])})

    async def scan(self, request: web.Request) -> web.Response:
        text = (await request.json())["text"]
        self.scanned.append(text)
        if self.scan_errors:
            raise self.scan_errors.pop(0)
        if text not in self.scans:
            raise Refusal(400, "code_not_ours")
        return web.json_response({"statement": self.statement(self.scans[text])})

    async def decide(self, request: web.Request) -> web.Response:
        wanted, body = self.documents[request.match_info["id"]], await request.json()
        shown = body.pop("shown_number", None)
        said = body.pop("passkey", None)
        assert set(body) == {"decision", "proof", "signature"}
        assert self.key is not None
        demand_decision(self.key, wanted.data, body)
        if wanted.decision is not None:
            raise Refusal(409, "document_decided")
        number = self.rung.get(wanted.document["id"]) if body["decision"] == "approve" else None
        if shown != number:
            raise Refusal(400, "shown_number_wrong", tries_left=2)
        if body["decision"].startswith("approve"):
            self._demand_passkey(wanted, said)
        else:
            assert said is None
        without_key = wanted.document.get("session_key") == []
        if body["decision"].startswith("approve"):
            assert body["decision"] == ("approve:without-key" if without_key else "approve")
        if wanted.proof is not None and body["decision"].startswith("approve"):
            if self.retire_once:
                self.retire_once = False
                self.roots.sam_transport = ECKey.generate_key("P-256")
                wanted.proof = self.roots.proof(wanted.proof["purpose"])
                raise Refusal(409, "transport_key_retired")
            self._demand_password(wanted, body["proof"])
        else:
            assert body["proof"] is None
        wanted.decision = body["decision"]
        return web.json_response(self._effect(wanted.document, body["decision"]))

    def _demand_passkey(self, wanted: Wanted, said: dict[str, str] | None) -> None:
        """What the SAM demands of it, before any password is tried."""
        passkey = wanted.passkey or self.passkey
        if passkey is None or wanted.document["type"] in ("pair", "test"):
            assert said is None
            return
        if said is None:
            raise Refusal(403, "passkey_needed", passkey=passkey["id"])
        data, client = unb64u(said["authenticator_data"]), unb64u(said["client_data"])
        digest = hashlib.sha256(b"linkid-passkey-v1\0" + hashlib.sha256(wanted.data).digest()).digest()
        client_said = json.loads(client)
        assert {name: client_said[name] for name in ("type", "challenge", "origin")} == {
            "type": "webauthn.get", "challenge": b64u(digest), "origin": self.roots.app,
        }  # fmt: skip
        assert data[:32] == hashlib.sha256((urlsplit(self.roots.app).hostname or "").encode()).digest()
        public: Any = ECKey.import_key(passkey["key"]).public_key
        public.verify(unb64u(said["signature"]), data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        if data[32] & 5 != 5:
            raise Refusal(403, "passkey_invalid")
        self.spoken.append((wanted.data, said))

    def _demand_password(self, wanted: Wanted, proof: str) -> None:
        assert self.key is not None
        plain = open_proof(proof, self.roots.sam_transport, wanted, jkt(self.key))
        if self.locked is not None:
            raise self.locked
        if plain != stretch(PASSWORD, wanted.proof or {}):
            self.password_tries -= 1
            if self.password_tries == 0:
                now = int(time.time())
                lock = {"credential": wanted.document["credential"], "since": now, "until": now + 10_800}
                raise Refusal(403, "password_wrong", tries_left=0, lock=lock)
            raise Refusal(403, "password_wrong", tries_left=self.password_tries)

    def _effect(self, document: dict[str, Any], decision: str) -> dict[str, Any]:
        if not decision.startswith("approve"):
            if document["type"] == "admit":
                self.others = [one for one in self.others if one["device"] != document["phone"]["device"]]
                self.warnings = [one for one in self.warnings if one["kind"] != "phone_waiting"]
            return {"state": "refused"}
        if document["type"] == "pair":
            self.bindings[document["credential"]] = "trial"
            test = self.add("test", credential=document["credential"], subject=document["subject"])
            self.ring()
            return {"state": "approved", "next": {"document": test}}
        if document["type"] in ("passkey", "passkey-end"):
            self.passkey = self.documents[document["id"]].passkey
        if document["type"] == "test":
            self.bindings[document["credential"]] = "active"
        if document["type"] == "generator":
            told = {
                "v": 1, "type": "generator", "id": new_id("gen"), "credential": document["credential"],
                "secret": b64u(self.secret), "algorithm": "SHA-256", "digits": 6, "period": 30,
            }  # fmt: skip
            delivery = self.deliveries[document["id"]]
            head = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": jkt(delivery)}
            sealed = jwe.encrypt_compact(head, rfc8785.dumps(told), delivery, algorithms=["ECDH-ES", "A256GCM"])
            return {"state": "approved", "next": {"generator": {"id": told["id"], "sealed": sealed}}}
        if document["type"] == "admit":
            self.warnings = [one for one in self.warnings if one["kind"] != "phone_waiting"]
        if document["type"] == "unblock":
            del self.blocks[document["credential"]]
        if document["id"] in self.rung:
            return {"state": "approved"}
        if document["type"] in ("associate", "identify"):
            return {"state": "approved", "next": {"check_code": "042"}}
        return {"state": "approved"}

    async def live(self, request: web.Request) -> web.StreamResponse:
        if self.live_fails:
            raise Refusal(503, "unavailable")
        answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Access-Control-Allow-Origin": self.roots.app}
        )
        await answer.prepare(request)
        await answer.write(b"event: hello\ndata: {}\n\n")
        queue: asyncio.Queue[str] = asyncio.Queue()
        self.listeners.add(queue)
        try:
            while True:
                bell = await queue.get()
                if bell == "":
                    return answer
                await answer.write(f': heartbeat\n\nevent: doorbell\ndata: {{"id":"{bell}"}}\n\n'.encode())
        finally:
            self.listeners.discard(queue)

    def hang_up(self) -> None:
        """End every live channel, as each ends after some time."""
        for queue in self.listeners:
            queue.put_nowait("")


# --- what the other side checks, for phone and emission alike ---------------------------------------------------------


def demand_decision(key: ECKey, data: bytes, body: dict[str, Any]) -> None:
    """The signature of section 3 holds."""
    raw = unb64u(body["signature"])
    assert len(raw) == 64
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    message = decision_message(data, body["decision"], body["proof"])
    public: Any = key.public_key
    public.verify(der, message, ec.ECDSA(hashes.SHA256()))


def open_proof(proof: str, transport: ECKey, wanted: Wanted, device: str, **more: str) -> bytes:
    """The stretched password in a proof whose every other member is as section 4 wants it."""
    assert len(proof) <= 2048
    header = json.loads(unb64u(proof.split(".")[0]))
    assert set(header) == {"alg", "enc", "epk", "kid"}, header
    assert set(header["epk"]) == {"kty", "crv", "x", "y"}
    assert header["kid"] == jkt(transport)
    opened = jwe.decrypt_compact(proof, transport, algorithms=["ECDH-ES", "A256GCM"]).plaintext
    assert opened is not None
    plain = json.loads(opened)
    assert opened == rfc8785.dumps(plain)
    stretched = unb64u(plain.pop("stretched"))
    assert wanted.proof is not None
    expected = {
        "v": 1,
        "purpose": wanted.proof["purpose"],
        "document": wanted.document["id"],
        "hash": b64u(hashlib.sha256(wanted.data).digest()),
        "device": device,
        "nonce": wanted.document["nonce"],
    }
    assert plain == expected | more, plain
    return stretched


def stretch(password: str, proof: dict[str, Any]) -> bytes:
    """Argon2id of section 4."""
    argon2 = proof["argon2"]
    return hash_secret_raw(
        password.encode(), unb64u(proof["salt"]), argon2["t"], argon2["m"], argon2["p"], 32, Type.ID, 19
    )
