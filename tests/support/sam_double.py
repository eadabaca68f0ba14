"""A SAM in memory that follows docs/protocol.md: the documents, signatures and verdicts are real, custody is not.

It meets `pairing.ports.Sam`. What it leaves out: HSM, rows, JWE (the proof is the word `RIGHT_PROOF`), the ladder of
locks. What it keeps: documents are canonical bytes signed by a root key, decisions are verified against the device's
key over exactly those bytes, a document is decided once and in time, and a device sees only what it may decide.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec

from foundation.clock import Clock
from foundation.encoding import JsonObject, JsonValue
from foundation.errors import LinkIdError, NotFound, Unavailable
from foundation.ids import new_id
from pairing.errors import BindingNotActive, SessionNotFound
from pairing.ports import (
    AskingComputer,
    AskingIntegrator,
    Binding,
    Blocked,
    BoundPhone,
    DocumentState,
    FixedDocument,
    GivenConsent,
    KnownComputer,
    OpenSession,
    PastRequest,
    PastRequests,
    Verdict,
    WaitingDocument,
)
from protocol.decisions import Decision
from protocol.documents import REQUESTS, Document, DocumentType
from protocol.errors import ConsentUnknown, DocumentDecided, DocumentExpired, PasskeyNeeded, PasswordWrong
from protocol.keys import P256Key, sign_raw
from protocol.passwords import Argon2
from protocol.statements import ProofWanted, assemble, signing_input, statement_payload

RIGHT_PROOF = "right"
ACTIVE_SECONDS = timedelta(seconds=300)


class SamNotFound(NotFound):
    """Under the SAM's own name for it."""

    code = "sam_double_not_found"


@dataclass
class _Held:
    document: Document
    device: str | None  # None: any device with an active binding to the credential
    state: DocumentState = "waiting"
    decided: tuple[str, str | None, Verdict] | None = None


@dataclass
class _Bound:
    device: str
    key: P256Key
    credential: str
    state: str
    nickname: str = ""
    since: datetime = datetime(2026, 11, 23, tzinfo=UTC)
    until: datetime | None = None
    passkey: str | None = None


class SamDouble:
    """See the module."""

    def __init__(self, clock: Clock, subjects: dict[str, str]) -> None:
        """`subjects`: the credentials there are, with the names in them."""
        self._clock = clock
        self._subjects = subjects
        self._root = ec.generate_private_key(ec.SECP256R1())
        self.root = P256Key.from_public(self._root.public_key())
        self._held: dict[str, _Held] = {}
        self._bound: dict[str, _Bound] = {}
        self.associations: set[tuple[str, str, str]] = set()
        self._named_computers: dict[str, tuple[str, str]] = {}
        self.past: list[PastRequest] = []
        """What ``documents/history`` tells, two a page."""
        self.blocked: dict[str, Blocked] = {}
        """By credential; ``undo`` for the phone that blocked."""
        self.open_sessions: dict[str, OpenSession] = {}
        self.wait: timedelta | None = None
        """How long a phone that is not the first of its credential waits; None: it does not."""
        self.away = False
        self.wrong: LinkIdError | None = None
        """What a wrong password leads to, if not to two tries left."""
        self.given: dict[str, GivenConsent] = {}
        self.refuses: set[str] = set()
        self.calls: list[str] = []

    # ---- fixing documents ----

    async def fix_pair(self, device: str, device_key: JsonObject, nickname: str, credential: str) -> FixedDocument:
        self._called("documents/pair")
        key = P256Key.from_jwk(device_key)
        self._bound[new_id("bnd")] = _Bound(device, key, credential, "asked", nickname, self._clock.now())
        members = {"device": device, "device_key": key.jkt, "nickname": nickname, **self._named(credential)}
        return self._fix("pair", members, device)

    async def fix_test(self, binding: str) -> FixedDocument:
        self._called("documents/test")
        bound = self._bound[binding]
        members = {"device": bound.device, "device_key": bound.key.jkt, **self._named(bound.credential)}
        return self._fix("test", members, bound.device)

    async def fix_associate(self, device: str, credentials: Sequence[str], computer: AskingComputer) -> FixedDocument:
        self._called("documents/associate")
        asked: dict[str, JsonValue] = {
            "id": computer.id,
            "name": computer.name,
            "os": computer.os,
            "key": P256Key.from_jwk(computer.key).jkt,
            "address": computer.address,
        }
        listed = [{"id": one, "subject": self._subjects[one]} for one in credentials]
        return self._fix("associate", {**self._of(device), "credentials": listed, "computer": asked}, device)

    async def fix_identify(self, device: str, integrator: AskingIntegrator, scope: str, address: str) -> FixedDocument:
        self._called("documents/identify")
        listed = [{"id": one.credential, "subject": self._subjects[one.credential]} for one in self._active(device)]
        asked: JsonObject = {"id": integrator.id, "name": integrator.name}
        members: JsonObject = {"credentials": listed, "integrator": asked, "scope": scope, "address": address}
        return self._fix("identify", {**self._of(device), **members}, device)

    async def fix_unblock(self, device: str, credential: str) -> FixedDocument:
        self._called("documents/unblock")
        if credential not in {one.credential for one in self._active(device)}:
            raise BindingNotActive()
        blocked = self.blocked[credential]
        members = {**self._of(device), **self._named(credential), "blocked": int(blocked.since.timestamp())}
        return self._fix("unblock", members, device)

    async def fix_admit(self, device: str, phone: str, credential: str) -> FixedDocument:
        self._called("documents/admit")
        waits = [one for one in self._bound.values() if (one.device, one.credential) == (phone, credential)]
        if credential not in {one.credential for one in self._active(device)} or [one.state for one in waits] != [
            "waiting"
        ]:
            raise BindingNotActive()
        [one] = waits
        shown: JsonObject = {"device": phone, "nickname": one.nickname, "key": one.key.jkt, "since": 1}
        return self._fix("admit", {**self._of(device), **self._named(credential), "phone": shown}, device)

    async def fix_generator(self, device: str, credential: str, delivery_key: JsonObject) -> FixedDocument:
        self._called("documents/generator")
        if credential not in {one.credential for one in self._active(device)}:
            raise BindingNotActive()
        members = {**self._of(device), **self._named(credential), "delivery_key": P256Key.from_jwk(delivery_key).jkt}
        return self._fix("generator", members, device)

    async def fix_passkey(self, device: str, credential: str, passkey: JsonObject) -> FixedDocument:
        self._called("documents/passkey")
        if credential not in {one.credential for one in self._active(device)}:
            raise BindingNotActive()
        shown: JsonObject = {"id": passkey["id"], "key": P256Key.from_jwk(passkey["key"]).jkt}
        return self._fix("passkey", {**self._of(device), **self._named(credential), "passkey": shown}, device)

    async def fix_passkey_end(self, device: str, credential: str) -> FixedDocument:
        self._called("documents/passkey_end")
        if credential not in {one.credential for one in self._active(device)}:
            raise BindingNotActive()
        shown: JsonObject = {"id": "h", "key": "k"}
        return self._fix("passkey-end", {**self._of(device), **self._named(credential), "passkey": shown}, device)

    async def block(self, device: str) -> list[Blocked]:
        self._called("credentials/block")
        if not self._active(device):
            raise BindingNotActive()
        now = self._clock.now()
        for one in self._active(device):
            self.blocked.setdefault(one.credential, Blocked(one.credential, now, device, now + timedelta(hours=1)))
        return await self.blocks(device)

    async def blocks(self, device: str) -> list[Blocked]:
        self._called("credentials/blocks")
        found = [self.blocked.get(one.credential) for one in self._active(device)]
        return [replace(one, undo=one.undo if one.by == device else None) for one in found if one is not None]

    def bind(self, device: str, key: P256Key, credential: str) -> None:
        """As after a whole pairing."""
        self._bound[new_id("bnd")] = _Bound(device, key, credential, "active")

    def fix_sign(self, credential: str) -> FixedDocument:
        """What a caller's `documents/sign` leads to."""
        members: dict[str, JsonValue] = {
            **self._named(credential),
            "certificate": "c",
            "caller": {"kind": "computer", "id": new_id("cmp"), "name": "Notebook"},
            "scope": "single",
            "count": 1,
            "documents": [{"label": "contrato.pdf", "size": 1, "hash": "h"}],
            "hash_algorithm": "SHA-256",
            "sign_algorithm": "RSA-PKCS1-SHA256",
            "verification_code": "27",
            "activation_key": "k",
        }
        return self._fix("sign", members, None, prefix="req")

    def fix_session(self, credential: str, *, with_key: bool = True) -> FixedDocument:
        """What a caller's `documents/session` leads to."""
        members: dict[str, JsonValue] = {
            **self._named(credential),
            "certificate": "c",
            "caller": {"kind": "computer", "id": new_id("cmp"), "name": "Notebook"},
            "purpose": "Notas fiscais",
            "until": int(self._clock.now().timestamp()) + 3600,
            "maximum": 20,
            "session_key": ["k"] if with_key else [],
            "hash_algorithm": "SHA-256",
            "sign_algorithm": "RSA-PKCS1-SHA256",
            "verification_code": "27",
            "activation_key": "k",
        }
        return self._fix("session", members, None, prefix="req")

    def _fix(self, type_: DocumentType, members: JsonObject, device: str | None, prefix: str = "doc") -> FixedDocument:
        document = Document.fix(type_, new_id(prefix), members, now=self._clock.now(), nonce=secrets.token_bytes(16))
        self._held[document.id] = _Held(document, device)
        return self._fixed(document)

    def _fixed(self, document: Document) -> FixedDocument:
        wants_proof = {"pair": "pair", "unblock": "unblock", **dict.fromkeys(REQUESTS, "sign")}.get(document.type)
        proof = None
        if wants_proof is not None:
            proof = ProofWanted(wants_proof, bytes(16), Argon2(19456, 2, 1), self.root)
        signed = signing_input(statement_payload(document, proof), kid=self.root.jkt)
        statement = assemble(signed, sign_raw(self._root, signed))
        return FixedDocument(document.id, statement, datetime.fromtimestamp(document.expires, self._clock.now().tzinfo))

    # ---- what a device may decide ----

    async def statement(self, document: str, device: str) -> FixedDocument:
        self._called("documents/statement")
        held = self._mine(document, device)
        if self._state(held) != "waiting":
            raise SamNotFound()
        return self._fixed(held.document)

    async def waiting(self, device: str) -> list[WaitingDocument]:
        self._called("documents/waiting")
        found = []
        for held in self._held.values():
            if self._state(held) == "waiting" and self._may_decide(held, device):
                fixed = self._fixed(held.document)
                found.append(WaitingDocument(fixed.document, held.document.type, fixed.statement, fixed.expires))
        return found

    async def decide(
        self,
        document: str,
        device: str,
        *,
        decision: str,
        proof: str | None,
        signature: str,
        passkey: JsonObject | None = None,
    ) -> Verdict:
        self._called("documents/decide")
        held = self._mine(document, device)
        decided = Decision.parse(decision, proof, signature, passkey)
        # Step 7 (a): stored, unexpired, undecided; (b), (c): by the device's key, over exactly these bytes.
        decided.verify(held.document, self._key(device))
        if held.decided is not None and held.decided[:2] == (decided.word, proof):
            return held.decided[2]  # the first answer was lost
        if self._state(held) == "expired":
            raise DocumentExpired()
        if held.state != "waiting":
            raise DocumentDecided()
        guarded = [one.passkey for one in self._active(device) if one.passkey]
        if decided.approves and (guarded or held.document.type == "passkey") and decided.passkey is None:
            raise PasskeyNeeded(data={"passkey": guarded[0] if guarded else "new"})
        wants = held.document.is_request or held.document.type in (
            "pair", "unblock", "generator", "passkey", "passkey-end",
        )  # fmt: skip
        if decided.approves and wants and proof != RIGHT_PROOF:
            raise self.wrong or PasswordWrong(data={"tries_left": 2})
        held.state = "approved" if decided.approves else "refused"
        binding = self._effect(held, device) if decided.approves else None
        activation = new_id("act") if decided.approves and held.document.is_request else None
        unblocked = None
        if decided.approves and held.document.type == "unblock":
            ended = self.blocked.pop(held.document.text("credential"))
            unblocked = ended.credential, ended.since
        state: Literal["approved", "refused"] = "approved" if decided.approves else "refused"
        admits = self._admitted(held.document, yes=decided.approves) if held.document.type == "admit" else None
        born: JsonObject | None = None
        if decided.approves and held.document.type == "generator":
            born = {"id": new_id("gen"), "sealed": "to the phone"}
        verdict = Verdict(
            state, held.document.type, binding, activation, unblocked=unblocked, generator=born, admits=admits
        )
        held.decided = (decided.word, proof, verdict)
        return verdict

    def _effect(self, held: _Held, device: str) -> str | None:
        document = held.document
        match document.type:
            case "pair" | "test":
                for binding, bound in self._bound.items():
                    if (bound.device, bound.credential) == (device, document.text("credential")):
                        bound.state = "trial" if document.type == "pair" else "active"
                        others = [one for one in self._bound.values() if one.credential == bound.credential]
                        if document.type == "test" and self.wait and len(others) > 1:
                            bound.state, bound.until = "waiting", self._clock.now() + self.wait
                        return binding
            case "associate":
                computer = document.object("computer")
                self._named_computers[str(computer["id"])] = str(computer["name"]), str(computer["os"])
                for credential in document.objects("credentials"):
                    self.associations.add((str(document.object("computer")["id"]), device, str(credential["id"])))
            case "passkey" | "passkey-end":
                for bound in self._bound.values():
                    if bound.device == device:
                        bound.passkey = str(document.object("passkey")["id"]) if document.type == "passkey" else None
            case _:
                pass  # the others leave nothing behind
        return None

    def _admitted(self, document: Document, *, yes: bool) -> tuple[str, str]:
        credential, phone = document.text("credential"), str(document.object("phone")["device"])
        for name, bound in list(self._bound.items()):
            if (bound.device, bound.credential) == (phone, credential):
                if yes:
                    bound.state, bound.until = "active", None
                else:
                    del self._bound[name]
        return credential, phone

    async def state(self, document: str) -> DocumentState:
        self._called("documents/state")
        return self._state(self._held[document])

    async def evidence(self, document: str, device: str) -> str:
        self._called("documents/evidence")
        held = self._held.get(document)
        mine = {one.credential for one in self._bound.values() if (one.device, one.state) == (device, "active")}
        if held is None or held.decided is None or held.document.members.get("credential") not in mine:
            raise SamNotFound(document)
        return f"evidence of {document}"

    async def withdraw(self, document: str) -> None:
        self._called("documents/withdraw")
        held = self._held[document]
        if held.state == "waiting":
            held.state = "withdrawn"

    # ---- bindings and associations ----

    async def bindings(self, device: str) -> list[Binding]:
        self._called("bindings/list")
        return [
            Binding(binding, bound.credential, bound.state, 3, bound.since, bound.until, bound.passkey is not None)
            for binding, bound in self._bound.items()
            if bound.device == device and bound.state in ("trial", "waiting", "active")
        ]

    async def phones(self, device: str) -> list[BoundPhone]:
        self._called("bindings/phones")
        mine = {one.credential for one in self._active(device)}
        return [
            BoundPhone(one.device, one.credential, one.nickname, one.state, one.since, one.until)
            for one in self._bound.values()
            if one.credential in mine and one.state in ("trial", "waiting", "active")
        ]

    async def computers(self, device: str) -> list[KnownComputer]:
        self._called("associations/of")
        mine = {one.credential for one in self._active(device)}
        pairs = sorted({(computer, credential) for computer, _, credential in self.associations if credential in mine})
        return [
            KnownComputer(computer, credential, *self._named_computers[computer], self._clock.now())
            for computer, credential in pairs
        ]

    async def history(self, device: str, before: str | None) -> PastRequests:
        self._called("documents/history")
        mine = {one.credential for one in self._active(device)}
        found = [one for one in self.past if one.credential in mine]
        ids = [one.request for one in found]
        after = found[ids.index(before) + 1 :] if before in ids else [] if before else found
        return PastRequests(after[:2], len(after) > 2)

    async def end_bindings(self, device: str, by: str | None = None) -> None:
        self._called("bindings/end")
        shared = None if by is None else {one.credential for one in self._active(by)}
        self._bound = {
            name: bound
            for name, bound in self._bound.items()
            if bound.device != device or (shared is not None and bound.credential not in shared)
        }

    async def end_association(self, computer: str, device: str | None) -> None:
        self._called("associations/end")
        bound = {one.credential for one in self._bound.values() if one.device == device}
        self.associations = {
            one for one in self.associations if one[0] != computer or (device is not None and one[2] not in bound)
        }

    # ---- sessions ----

    async def sessions(self, device: str) -> list[OpenSession]:
        self._called("sessions/list")
        mine = {one.credential for one in self._active(device)}
        return [one for one in self.open_sessions.values() if one.credential in mine]

    async def end_session(self, activation: str, device: str) -> None:
        self._called("sessions/end")
        if all(one.activation != activation for one in await self.sessions(device)):
            raise SessionNotFound()
        del self.open_sessions[activation]

    # ---- consents ----

    async def consents(self, device: str) -> list[GivenConsent]:
        self._called("consents/list")
        mine = {one.credential for one in self._active(device)}
        return [one for one in self.given.values() if one.credential in mine]

    async def end_consent(self, consent: str, device: str) -> None:
        self._called("consents/end")
        if all(one.consent != consent for one in await self.consents(device)):
            raise ConsentUnknown()
        del self.given[consent]

    # ---- inside ----

    def _called(self, name: str) -> None:
        if self.away or name in self.refuses:
            raise Unavailable("the SAM is away")
        self.calls.append(name)

    def _state(self, held: _Held) -> DocumentState:
        if held.state == "waiting" and self._clock.now().timestamp() >= held.document.expires:
            return "expired"
        return held.state

    def _active(self, device: str) -> list[_Bound]:
        return [one for one in self._bound.values() if one.device == device and one.state == "active"]

    def _may_decide(self, held: _Held, device: str) -> bool:
        if held.device is not None:
            return held.device == device
        return any(one.credential == held.document.text("credential") for one in self._active(device))

    def _mine(self, document: str, device: str) -> _Held:
        held = self._held.get(document)
        if held is None or not self._may_decide(held, device):
            raise SamNotFound()
        return held

    def _key(self, device: str) -> P256Key:
        return next(one.key for one in self._bound.values() if one.device == device)

    def _of(self, device: str) -> JsonObject:
        return {"device": device, "device_key": self._key(device).jkt}

    def _named(self, credential: str) -> JsonObject:
        return {"credential": credential, "subject": self._subjects[credential]}
