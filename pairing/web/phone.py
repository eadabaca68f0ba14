"""``/phone/v1``: what a phone asks for (docs/protocol.md 9.2). Parse, call, answer."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from pydantic import Field

from foundation.encoding import JsonObject
from foundation.web import WireModel, answer, read_json
from pairing.domain.codes import NUMBER_DIGITS
from pairing.ports import Blocked, CredentialFacts, GivenConsent, OpenSession, PastRequest
from pairing.service.admissions import AdmissionService
from pairing.service.blocks import BlockService
from pairing.service.computers import ComputerService
from pairing.service.consents import ConsentService
from pairing.service.decisions import DecisionService
from pairing.service.passkeys import PasskeyService
from pairing.service.phones import CodeOnItsWay, PhoneService, Portrait
from pairing.service.possessions import ListedPhone, PossessionService
from pairing.service.scans import ScanService
from pairing.service.warnings import WarningService
from pairing.store import RungDocument, WarningRow
from pairing.web.doorkeeper import Doorkeeper
from protocol.decisions import MAX_PROOF_CHARACTERS

_PREFIX = "/phone/v1"

Line = Annotated[str, Field(max_length=300)]
"""Text that a person typed or scanned; the domain says what is too long for what it is."""


class NumberBody(WireModel):
    """``POST pairings``."""

    number: Line


class CodeBody(WireModel):
    """``POST pairings/{par}/code``."""

    code: Line


class NicknameBody(WireModel):
    """``PUT device``."""

    nickname: Line


class CredentialBody(WireModel):
    """``POST bindings``, ``unblock``, ``devices/{dev}/admission``, ``passkeys/end``."""

    credential: Annotated[str, Field(max_length=40)]


class PublicKeyBody(WireModel):
    """A P-256 public key as JWK; whether it is one, the SAM says."""

    kty: Annotated[str, Field(max_length=8)]
    crv: Annotated[str, Field(max_length=8)]
    x: Annotated[str, Field(max_length=64)]
    y: Annotated[str, Field(max_length=64)]


class GeneratorBody(WireModel):
    """``POST generators``."""

    credential: Annotated[str, Field(max_length=40)]
    delivery_key: PublicKeyBody


class NewPasskeyBody(WireModel):
    """What a phone's authenticator made: WebAuthn's credential id, and the public key."""

    id: Annotated[str, Field(max_length=1400)]
    key: PublicKeyBody


class PasskeyBody(WireModel):
    """``POST passkeys``."""

    credential: Annotated[str, Field(max_length=40)]
    passkey: NewPasskeyBody


class AssertionBody(WireModel):
    """A passkey's word; whether it holds, the SAM says."""

    authenticator_data: Annotated[str, Field(max_length=700)]
    client_data: Annotated[str, Field(max_length=2800)]
    signature: Annotated[str, Field(max_length=100)]


class DecisionBody(WireModel):
    """``POST documents/{id}/decision``. What is in it is for the SAM to judge; here only its size."""

    decision: Annotated[str, Field(max_length=32)]
    proof: Annotated[str, Field(max_length=MAX_PROOF_CHARACTERS)] | None
    signature: Annotated[str, Field(max_length=100)]
    shown_number: Annotated[str, Field(max_length=16)] | None = None
    passkey: AssertionBody | None = None


class ScanBody(WireModel):
    """``POST scan``."""

    text: Annotated[str, Field(max_length=2048)]


class PhoneRoutes:
    """Handlers, one per line of the table in 9.2."""

    def __init__(
        self,
        doorkeeper: Doorkeeper,
        phones: PhoneService,
        decisions: DecisionService,
        scans: ScanService,
        computers: ComputerService,
        warnings: WarningService,
        blocks: BlockService,
        possessions: PossessionService,
        consents: ConsentService,
        admissions: AdmissionService,
        passkeys: PasskeyService,
    ) -> None:
        """Made by ``pairing_routes``."""
        self._doorkeeper = doorkeeper
        self._phones = phones
        self._decisions = decisions
        self._scans = scans
        self._computers = computers
        self._warnings = warnings
        self._blocks = blocks
        self._possessions = possessions
        self._consents = consents
        self._admissions = admissions
        self._passkeys = passkeys

    def routes(self) -> list[web.RouteDef]:
        """The table."""
        return [
            web.post(f"{_PREFIX}/pairings", self.start),
            web.post(f"{_PREFIX}/pairings/{{pairing}}/resend", self.resend),
            web.post(f"{_PREFIX}/pairings/{{pairing}}/code", self.code),
            web.put(f"{_PREFIX}/device", self.name),
            web.get(f"{_PREFIX}/device", self.device),
            web.delete(f"{_PREFIX}/device", self.remove),
            web.get(f"{_PREFIX}/devices", self.devices),
            web.delete(f"{_PREFIX}/devices/{{device}}", self.remove_other),
            web.post(f"{_PREFIX}/devices/{{device}}/admission", self.admission),
            web.get(f"{_PREFIX}/history", self.history),
            web.delete(f"{_PREFIX}/computers/{{computer}}", self.end_computer),
            web.post(f"{_PREFIX}/bindings", self.bind),
            web.get(f"{_PREFIX}/waiting", self.waiting),
            web.get(f"{_PREFIX}/documents/{{document}}", self.document),
            web.post(f"{_PREFIX}/documents/{{document}}/decision", self.decide),
            web.get(f"{_PREFIX}/documents/{{document}}/evidence", self.evidence),
            web.get(f"{_PREFIX}/sessions", self.sessions),
            web.post(f"{_PREFIX}/sessions/{{activation}}/end", self.end_session),
            web.get(f"{_PREFIX}/consents", self.consents),
            web.post(f"{_PREFIX}/consents/{{consent}}/end", self.end_consent),
            web.post(f"{_PREFIX}/generators", self.generator),
            web.post(f"{_PREFIX}/passkeys", self.passkey),
            web.post(f"{_PREFIX}/passkeys/end", self.end_passkey),
            web.post(f"{_PREFIX}/block", self.block),
            web.post(f"{_PREFIX}/unblock", self.unblock),
            web.get(f"{_PREFIX}/warnings", self.warnings),
            web.delete(f"{_PREFIX}/warnings/{{warning}}", self.dismiss),
            web.post(f"{_PREFIX}/scan", self.scan),
        ]

    async def start(self, request: web.Request) -> web.Response:
        proof = await self._doorkeeper.key(request)
        body = await read_json(request, NumberBody)
        sent = await self._phones.start(proof.jkt, proof.jwk, body.number, self._doorkeeper.address(request))
        return answer(_on_its_way(sent), status=201)

    async def resend(self, request: web.Request) -> web.Response:
        proof = await self._doorkeeper.key(request)
        sent = await self._phones.resend(proof.jkt, request.match_info["pairing"], self._doorkeeper.address(request))
        return answer(_on_its_way(sent))

    async def code(self, request: web.Request) -> web.Response:
        proof = await self._doorkeeper.key(request)
        body = await read_json(request, CodeBody)
        paired = await self._phones.verify(proof.jkt, request.match_info["pairing"], body.code)
        return answer(
            {
                "device": paired.device,
                "token": paired.token,
                "credentials": [credential_body(facts) for facts in paired.credentials],
            },
            status=201,
        )

    async def name(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        body = await read_json(request, NicknameBody)
        return answer(_portrait(await self._phones.name(device, body.nickname)))

    async def device(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        return answer(_portrait(await self._phones.portrait(device)))

    async def remove(self, request: web.Request) -> web.Response:
        await self._phones.remove(await self._doorkeeper.device(request))
        return web.Response(status=204)

    async def devices(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        return answer({"devices": [_phone(one, device.id) for one in await self._possessions.phones(device)]})

    async def remove_other(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        await self._possessions.remove_phone(device, request.match_info["device"])
        return web.Response(status=204)

    async def admission(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        body = await read_json(request, CredentialBody)
        fixed = await self._admissions.ask(device, request.match_info["device"], body.credential)
        return answer({"statement": fixed.statement}, status=201)

    async def history(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        page, names = await self._possessions.history(device, request.query.get("before"))
        return answer({"requests": [_past(one, names, device.id) for one in page.requests], "more": page.more})

    async def end_computer(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        await self._computers.end(device, request.match_info["computer"])
        return web.Response(status=204)

    async def bind(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        body = await read_json(request, CredentialBody)
        fixed = await self._decisions.bind(device, body.credential)
        return answer({"statement": fixed.statement}, status=201)

    async def waiting(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        items = await self._decisions.waiting(device)
        rung = await self._decisions.rung(device, [item.document for item in items if item.type == "identify"])
        return answer(
            {
                "items": [
                    {
                        "id": item.document,
                        "type": item.type,
                        "statement": item.statement,
                        "expires": instant(item.expires),
                        **_rung(rung.get(item.document)),
                    }
                    for item in items
                ]
            }
        )

    async def document(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        fixed = await self._decisions.statement(device, request.match_info["document"])
        rung = await self._decisions.rung(device, [fixed.document])
        return answer({"statement": fixed.statement, **_rung(rung.get(fixed.document))})

    async def decide(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        body = await read_json(request, DecisionBody)
        decided = await self._decisions.decide(
            device,
            request.match_info["document"],
            decision=body.decision,
            proof=body.proof,
            signature=body.signature,
            shown_number=body.shown_number,
            passkey=None if body.passkey is None else body.passkey.model_dump(),
        )
        following: JsonObject = {
            "check_code": decided.check_code,
            "document": decided.document,
            "generator": decided.generator,
        }
        known = {name: value for name, value in following.items() if value is not None}
        return answer({"state": decided.state, **({"next": known} if known else {})})

    async def evidence(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        return answer({"evidence": await self._decisions.evidence(device, request.match_info["document"])})

    async def sessions(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        found = await self._decisions.sessions(device)
        return answer({"sessions": [_session(one) for one in found]})

    async def end_session(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        await self._decisions.end_session(device, request.match_info["activation"])
        return web.Response(status=204)

    async def consents(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        found = await self._consents.of(device)
        return answer({"offered": self._consents.offered, "consents": [_consent(one) for one in found]})

    async def end_consent(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        await self._consents.end(device, request.match_info["consent"])
        return web.Response(status=204)

    async def generator(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        body = await read_json(request, GeneratorBody)
        fixed = await self._consents.generator(device, body.credential, body.delivery_key.model_dump())
        return answer({"statement": fixed.statement}, status=201)

    async def passkey(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        body = await read_json(request, PasskeyBody)
        fixed = await self._passkeys.ask(device, body.credential, body.passkey.model_dump())
        return answer({"statement": fixed.statement}, status=201)

    async def end_passkey(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        body = await read_json(request, CredentialBody)
        fixed = await self._passkeys.ask(device, body.credential, None)
        return answer({"statement": fixed.statement}, status=201)

    async def block(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        found = await self._blocks.block(device)
        return answer(
            {"blocked": [{"credential": one.credential, **(_blocked(one, device.id) or {})} for one in found]}
        )

    async def unblock(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        body = await read_json(request, CredentialBody)
        fixed = await self._blocks.unblock(device, body.credential)
        return answer({"statement": fixed.statement}, status=201)

    async def warnings(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        return answer({"items": [_warning(one, device.id) for one in await self._warnings.of(device)]})

    async def dismiss(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        await self._warnings.dismiss(device, request.match_info["warning"])
        return web.Response(status=204)

    async def scan(self, request: web.Request) -> web.Response:
        device = await self._doorkeeper.device(request)
        body = await read_json(request, ScanBody)
        fixed = await self._scans.scan(device, body.text)
        rung = await self._decisions.rung(device, [fixed.document])
        return answer({"statement": fixed.statement, **_rung(rung.get(fixed.document))})


def instant(moment: datetime) -> str:
    """RFC 3339 in whole seconds with Z, as plain answers have it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def credential_body(facts: CredentialFacts) -> JsonObject:
    """A credential in a list."""
    return {
        "id": facts.id,
        "subject": facts.subject,
        "kind": facts.kind,
        "valid_to": instant(facts.valid_to),
        "state": facts.state,
    }


def _rung(rung: RungDocument | None) -> JsonObject:
    """Of an application's question: that this phone was rung for it, and how many digits are to be typed."""
    if rung is None:
        return {}
    return {
        **({} if rung.still else {"rung": True}),
        **({"shown_number": NUMBER_DIGITS} if rung.wants_number else {}),
    }


def _on_its_way(sent: CodeOnItsWay) -> JsonObject:
    return {
        "pairing": sent.pairing,
        "number": sent.number,
        "expires_in": sent.expires_in,
        "resend_in": sent.resend_in,
        "sends_left": sent.sends_left,
    }


def _session(session: OpenSession) -> JsonObject:
    return {
        "activation": session.activation,
        "request": session.request,
        "credential": session.credential,
        "caller": {"kind": session.caller_kind, "name": session.caller_name},
        "purpose": session.purpose,
        "until": instant(session.until),
        "maximum": session.maximum,
        "used": session.used,
        "created": instant(session.created),
        "last_used": None if session.last_used is None else instant(session.last_used),
        "with_key": session.with_key,
    }


def _consent(consent: GivenConsent) -> JsonObject:
    return {
        "consent": consent.consent,
        "credential": consent.credential,
        "caller": {"kind": "integrator", "name": consent.caller_name},
        "purpose": consent.purpose,
        "until": instant(consent.until),
        "maximum": consent.maximum,
        "used": consent.used,
        "created": instant(consent.created),
        "last_used": None if consent.last_used is None else instant(consent.last_used),
    }


def _phone(phone: ListedPhone, device: str) -> JsonObject:
    return {
        "device": phone.id,
        "nickname": phone.nickname,
        "here": phone.id == device,
        "state": phone.state,
        "since": instant(phone.since),
        "last_used": None if phone.last_used is None else instant(phone.last_used),
        "credentials": list(phone.credentials),
        "waits": [{"credential": one, "until": instant(until)} for one, until in phone.waits.items()],
    }


def _past(past: PastRequest, names: Mapping[str, str], device: str) -> JsonObject:
    return {
        "request": past.request,
        "type": past.type,
        "credential": past.credential,
        "state": past.state,
        "decision": past.decision,
        "caller": {"kind": past.caller_kind, "name": past.caller_name},
        "created": instant(past.created),
        "decided": None if past.decided is None else instant(past.decided),
        "here": past.device == device,
        "phone": None if past.device is None else names.get(past.device),
        **past.about,
    }


def _blocked(blocked: Blocked | None, device: str) -> JsonObject | None:
    if blocked is None:
        return None
    return {
        "since": instant(blocked.since),
        "here": blocked.by == device,
        "from": None if blocked.undo is None else instant(blocked.undo),
    }


def _warning(warning: WarningRow, device: str) -> JsonObject:
    return {
        "id": warning.id,
        "kind": warning.kind,
        "credential": warning.credential,
        "phone": warning.nickname,
        "device": warning.phone,
        "here": warning.phone == device,
        "since": instant(warning.since),
        "until": None if warning.until is None else instant(warning.until),
    }


def _portrait(portrait: Portrait) -> JsonObject:
    return {
        "device": portrait.device,
        "nickname": portrait.nickname,
        "bindings": [
            {
                "credential": binding.credential,
                "subject": facts.subject,
                "kind": facts.kind,
                "state": binding.state,
                "until": None if binding.until is None else instant(binding.until),
                "valid_to": instant(facts.valid_to),
                "tries_left": binding.tries_left,
                "passkey": binding.passkey,
                "blocked": _blocked(portrait.blocks.get(binding.credential), portrait.device),
            }
            for binding, facts in portrait.bindings
        ],
        "computers": [
            {
                "id": computer.id,
                "name": computer.name,
                "os": computer.os,
                "since": instant(computer.since),
                "last_used": instant(computer.last_used_at),
                "credentials": list(computer.credentials),
            }
            for computer in portrait.computers
        ],
    }
