"""A SAM for the signing API, behind its real private channel: docs/protocol.md sections 5, 6 and 10, without an HSM.

Real here: canonical documents, statements by a root key, the activation key and its secret, the multiset of hashes with
one signature per occurrence, the stored answer for a retry, signatures that verify. Not here: custody, phones, proofs;
a test says `approve` or `refuse` in their place. It knows nothing but the wire, so that a gateway that leaves the
protocol fails here. The real SAM is in tests/journeys.
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from foundation.channel import Call, private_app
from foundation.clock import Clock
from foundation.encoding import JsonObject, b64u, unb64u
from foundation.errors import Conflict, Gone, LinkIdError, NotFound, NotPermitted
from foundation.ids import new_id
from protocol import explicit
from protocol.activation import activation_key
from protocol.algorithms import SIGN_ALGORITHMS, agree, fitting
from protocol.asks import SignedAsk
from protocol.consents import ConsentTerms
from protocol.documents import Document, DocumentType, clean
from protocol.errors import AskInvalid, CallerUnknown, ConsentUnknown, FactorsWrong, SealBroken
from protocol.explicit import Factors, Purpose
from protocol.keys import P256Key, sign_raw
from protocol.passwords import Argon2
from protocol.proofs import Jwe
from protocol.sessions import Terms, Use
from protocol.statements import ProofWanted, assemble, signing_input, statement_payload

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
ACTIVATION_SECONDS = 300


def says(code: str, family: type[LinkIdError] = NotFound, *, retry_after: int | None = None) -> LinkIdError:
    """An error under the SAM's code. No class of its own: a process may know the SAM's, and a code has one class."""
    error = family(retry_after=retry_after)
    error.code = code  # type: ignore[misc]
    return error


@dataclass
class SamCredential:
    """A key and what its certificate says."""

    key: PrivateKey
    key_algorithm: str
    subject: str
    certificate: bytes


@dataclass
class Held:
    """A document and what became of it."""

    document: Document
    caller: JsonObject
    hashes: list[bytes]
    state: str = "waiting"
    reason: str | None = None
    activation: str | None = None
    until: int = 0
    left: Counter[bytes] = field(default_factory=Counter)
    answers: dict[bytes, list[bytes]] = field(default_factory=dict)
    counters: dict[int, bytes] = field(default_factory=dict)
    """Of a session: which use each served."""
    used: int = 0
    ended: bool = False
    """Its caller gave it back."""


class SigningSam:
    """`private_app(...)` over `calls()`; `approve`, `refuse` and `expire` are the phone's part."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._root = ec.generate_private_key(ec.SECP256R1())
        self.root = P256Key.from_public(self._root.public_key())
        self.credentials: dict[str, SamCredential] = {}
        self.signers: dict[str, P256Key] = {}
        """Keys of associated computers, and of integrators that sign what they ask."""
        self.integrators: dict[str, str] = {}
        """Names of the registered ones."""
        self.asks: set[bytes] = set()
        self.held: dict[str, Held] = {}
        self.bodies: list[tuple[str, JsonObject]] = []
        self._transport = ec.generate_private_key(ec.SECP256R1())
        self.consents: dict[tuple[str, str], int] = {}
        """Signatures left, by caller's id and credential."""
        self.factors = Factors("Tr4vessia7Lua", "123456")
        """The right ones."""
        self.wrong = 0

    def app(self) -> Any:
        """To be served."""
        calls: dict[str, Call] = {
            "documents/sign": self._fix,
            "documents/state": self._state,
            "documents/withdraw": self._withdraw,
            "signatures/sign": self._sign,
            "documents/session": self._fix_session,
            "signatures/use": self._use,
            "sessions/give_back": self._give_back,
            "documents/consent": self._fix_consent,
            "transport": self._transport_statement,
            "consents/standing": self._standing,
            "explicit/open": self._open,
        }
        return private_app(calls)

    def forget(self) -> None:
        """All documents and credentials."""
        self.credentials.clear()
        self.signers.clear()
        self.integrators.clear()
        self.held.clear()
        self.bodies.clear()
        self.consents.clear()
        self.wrong = 0

    # ---- the phone's part ----

    def approve(self, document: str) -> str:
        """As a device with the right password would."""
        held = self._waiting(document)
        held.state, held.activation = "approved", new_id("act")
        held.until = int(self._clock.now().timestamp()) + ACTIVATION_SECONDS
        if held.document.type == "session":
            held.until = held.document.number("until")
        held.left = Counter(held.hashes)
        if held.document.type == "consent":
            key = str(held.caller["id"]), held.document.text("credential")
            self.consents[key], held.activation = held.document.number("maximum"), None
            held.until = held.document.number("until")
            return held.document.id
        return held.activation

    def refuse(self, document: str, decision: str = "refuse:changed-mind") -> None:
        """With the decision's word as the reason."""
        held = self._waiting(document)
        held.state, held.reason = "refused", decision

    @property
    def last(self) -> str:
        """The newest document."""
        return list(self.held)[-1]

    # ---- section 10 ----

    async def _fix(self, body: JsonObject) -> JsonObject:
        self._members(
            "documents/sign",
            body,
            {"credential", "caller", "hashes", "hash_algorithm", "sign_algorithm", "documents", "activation_key"}
            | {"ask"},
        )
        credential = self.credentials.get(str(body["credential"]))
        if credential is None:
            raise says("credential_unknown")
        hashes = _digests(body["hashes"])
        agree(credential.key_algorithm, str(body["sign_algorithm"]), str(body["hash_algorithm"]), hashes)
        documents: Any = body["documents"]
        caller: Any = body["caller"]
        if len(documents) != len(hashes) or set(caller) != {"kind", "id"}:
            raise AssertionError("as many documents as hashes; a caller has kind, id")
        if len(unb64u(str(body["activation_key"]), max_len=32)) != 32:
            raise AssertionError("activation_key")
        listed: list[JsonObject] = [
            {"label": clean(one["label"]), "size": one["size"], "hash": b64u(digest)}
            for one, digest in zip(documents, hashes, strict=True)
        ]
        if caller["kind"] == "integrator" and caller["id"] not in self.integrators:
            raise CallerUnknown()
        if caller["id"] in self.signers:
            self._demand_signed(caller["id"], body, listed)
        members: dict[str, Any] = {
            "credential": body["credential"],
            "certificate": b64u(hashlib.sha256(credential.certificate).digest()),
            "subject": credential.subject,
            "caller": {**caller, "name": self.integrators.get(caller["id"], "Notebook da Maria")},
            "scope": "single" if len(hashes) == 1 else "multi",
            "count": len(hashes),
            "documents": listed,
            "hash_algorithm": body["hash_algorithm"],
            "sign_algorithm": body["sign_algorithm"],
            "verification_code": f"{secrets.randbelow(90) + 10}",
            "activation_key": body["activation_key"],
        }
        return self._state_of("sign", members, caller, hashes)

    async def _fix_session(self, body: JsonObject) -> JsonObject:
        self._members(
            "documents/session",
            body,
            {"credential", "caller", "until", "maximum", "purpose", "hash_algorithm", "sign_algorithm"}
            | {"activation_key", "ask"},
        )
        credential = self.credentials.get(str(body["credential"]))
        if credential is None:
            raise says("credential_unknown")
        caller: Any = body["caller"]
        until, maximum = body["until"], body["maximum"]
        assert isinstance(until, int)
        assert isinstance(maximum, int)
        hash_algorithm, sign_algorithm = str(body["hash_algorithm"]), str(body["sign_algorithm"])
        fitting(credential.key_algorithm, sign_algorithm, hash_algorithm)
        terms = Terms(until, maximum, clean(str(body["purpose"])), hash_algorithm, sign_algorithm)
        if caller["kind"] == "integrator" and caller["id"] not in self.integrators:
            raise CallerUnknown()
        key = self.signers.get(caller["id"])
        if key is not None:
            ask = SignedAsk.parse(body["ask"])
            ask.verify_session(
                caller=caller["id"], credential=str(body["credential"]), terms=terms, keys=[key], now=self._clock.now()
            )
        members: dict[str, Any] = {
            "credential": body["credential"],
            "certificate": b64u(hashlib.sha256(credential.certificate).digest()),
            "subject": credential.subject,
            "caller": {**caller, "name": self.integrators.get(caller["id"], "Notebook da Maria")},
            "purpose": terms.purpose,
            "until": until,
            "maximum": maximum,
            "session_key": [] if key is None else [key.jkt],
            "hash_algorithm": hash_algorithm,
            "sign_algorithm": sign_algorithm,
            "verification_code": f"{secrets.randbelow(90) + 10}",
            "activation_key": body["activation_key"],
        }
        return self._state_of("session", members, caller, [])

    def _state_of(self, type_: DocumentType, members: dict[str, Any], caller: Any, hashes: list[bytes]) -> JsonObject:
        document = Document.fix(type_, new_id("req"), members, now=self._clock.now(), nonce=secrets.token_bytes(16))
        self.held[document.id] = Held(document, caller, hashes)
        signed = signing_input(
            statement_payload(document, ProofWanted("sign", bytes(16), Argon2(19456, 2, 1), self.root)),
            kid=self.root.jkt,
        )
        return {
            "document": document.id,
            "statement": assemble(signed, sign_raw(self._root, signed)),
            "verification_code": members["verification_code"],
            "expires": document.expires,
        }

    async def _state(self, body: JsonObject) -> JsonObject:
        self._members("documents/state", body, {"document"})
        held = self._known(body)
        self._look_at_the_clock(held)
        answer: dict[str, Any] = {"state": held.state}
        if held.reason is not None:
            answer["reason"] = held.reason
        if held.activation is not None:
            answer["activation"] = held.activation
            answer["until"] = held.until
        if held.document.type == "consent" and held.state == "approved":
            answer |= {"consent": held.document.id, "until": held.until}
        return answer

    async def _withdraw(self, body: JsonObject) -> JsonObject:
        self._members("documents/withdraw", body, {"document"})
        held = self._known(body)
        self._look_at_the_clock(held)
        if held.state == "waiting":
            held.state = "withdrawn"
        return {}

    async def _sign(self, body: JsonObject) -> JsonObject:
        self._members(
            "signatures/sign", body, {"activation", "secret", "hashes", "hash_algorithm", "sign_algorithm", "caller"}
        )
        held = next((one for one in self.held.values() if one.activation == body["activation"]), None)
        if held is None:
            raise says("activation_unknown")
        caller: Any = body["caller"]
        if (caller["kind"], caller["id"]) != (held.caller["kind"], held.caller["id"]):
            raise says("activation_unknown")
        if b64u(activation_key(unb64u(str(body["secret"]), max_len=32))) != held.document.text("activation_key"):
            raise SealBroken()
        if self._clock.now().timestamp() >= held.until:
            raise says("activation_expired", Gone)
        hashes = _digests(body["hashes"])
        name = hashlib.sha256(b"".join(hashes)).digest()
        if name not in held.answers:
            wanted = Counter(hashes)
            same_algorithm = body["sign_algorithm"] == held.document.text("sign_algorithm")
            if wanted - held.left or not same_algorithm:
                raise says("hashes_not_approved", NotPermitted)
            held.left -= wanted
            credential = self.credentials[held.document.text("credential")]
            held.answers[name] = [make_signature(credential.key, str(body["sign_algorithm"]), one) for one in hashes]
        return {"signatures": [b64u(one) for one in held.answers[name]]}

    async def _use(self, body: JsonObject) -> JsonObject:
        self._members(
            "signatures/use",
            body,
            {"activation", "secret", "hashes", "hash_algorithm", "sign_algorithm", "caller", "counter", "use"},
        )
        held = next((one for one in self.held.values() if one.activation == body["activation"]), None)
        caller: Any = body["caller"]
        if held is None or (caller["kind"], caller["id"]) != (held.caller["kind"], held.caller["id"]):
            raise says("activation_unknown")
        if b64u(activation_key(unb64u(str(body["secret"]), max_len=32))) != held.document.text("activation_key"):
            raise SealBroken()
        if self._clock.now().timestamp() >= held.until:
            raise says("activation_expired", Gone)
        hashes, counter, said = _digests(body["hashes"]), body["counter"], body["use"]
        assert isinstance(counter, int)
        use = Use(held.activation or "", counter, str(body["hash_algorithm"]), str(body["sign_algorithm"]), hashes)
        key = self.signers.get(caller["id"])
        use.verify(said.get("signature") if isinstance(said, dict) else None, [] if key is None else [key])
        if counter not in held.counters:
            if held.used + len(hashes) > held.document.number("maximum"):
                raise says("session_exhausted", NotPermitted)
            held.used += len(hashes)
            held.counters[counter] = use.digest
            key_ = self.credentials[held.document.text("credential")].key
            held.answers[use.digest] = [make_signature(key_, use.sign_algorithm, one) for one in hashes]
        if held.counters[counter] != use.digest:
            raise says("counter_used", Conflict)
        return {"signatures": [b64u(one) for one in held.answers[use.digest]]}

    async def _give_back(self, body: JsonObject) -> JsonObject:
        self._members("sessions/give_back", body, {"activation", "caller"})
        caller: Any = body["caller"]
        for held in self.held.values():
            if held.activation == body["activation"] and caller == held.caller and held.document.type == "session":
                held.until, held.ended = 0, True
        return {}

    # ---- factors that an application sends ----

    async def _fix_consent(self, body: JsonObject) -> JsonObject:
        self._members("documents/consent", body, {"credential", "caller", "until", "maximum", "purpose", "ask"})
        credential = self.credentials.get(str(body["credential"]))
        if credential is None:
            raise says("credential_unknown")
        until, maximum, caller = body["until"], body["maximum"], body["caller"]
        assert isinstance(until, int)
        assert isinstance(maximum, int)
        assert isinstance(caller, dict)
        terms = ConsentTerms(until, maximum, clean(str(body["purpose"])))
        ends = self._clock.now() + timedelta(days=365)
        terms.demand_possible(self._clock.now(), ends, longest=timedelta(days=30), most=1000)
        members: dict[str, Any] = {
            "credential": body["credential"],
            "certificate": b64u(hashlib.sha256(credential.certificate).digest()),
            "subject": credential.subject,
            "caller": {**caller, "name": self.integrators.get(str(caller["id"]), "Notebook da Maria")},
            "purpose": terms.purpose,
            "until": until,
            "maximum": maximum,
            "verification_code": f"{secrets.randbelow(90) + 10}",
        }
        return self._state_of("consent", members, caller, [])

    async def _transport_statement(self, body: JsonObject) -> JsonObject:
        self._members("transport", body, set())
        key = P256Key.from_public(self._transport.public_key())
        expires = int(self._clock.now().timestamp()) + 600
        signed = signing_input({"v": 1, "type": "transport", "key": key.jwk, "expires": expires}, kid=self.root.jkt)
        return {"statement": assemble(signed, sign_raw(self._root, signed))}

    async def _standing(self, body: JsonObject) -> JsonObject:
        self._members("consents/standing", body, {"credential", "caller"})
        caller: Any = body["caller"]
        left = self.consents.get((caller["id"], str(body["credential"])), 0)
        until = int(self._clock.now().timestamp()) + 86_400
        return {"active": True, "until": until, "left": left} if left > 0 else {"active": False}

    async def _open(self, body: JsonObject) -> JsonObject:
        common = {"credential", "caller", "hash_algorithm", "sign_algorithm", "activation_key", "ask", "factors"}
        session = "until" in body
        more = {"until", "maximum", "purpose"} if session else {"hashes", "documents"}
        self._members("explicit/open", body, common | more)
        caller: Any = body["caller"]
        jwe = Jwe.parse(str(body["factors"]))
        key = unb64u(str(body["activation_key"]), max_len=32)
        purpose = Purpose(f"{caller['kind']}:{caller['id']}", str(body["credential"]), key)
        said = explicit.read(jwe.decrypt(self._transport.exchange(ec.ECDH(), jwe.epk.public)), purpose)
        consent = caller["id"], str(body["credential"])
        if self.consents.get(consent, 0) < 1:
            raise ConsentUnknown()
        if said != self.factors:
            self.wrong += 1
            if self.wrong < 5:
                raise FactorsWrong()
            self.consents[consent] = 0
            since = int(self._clock.now().timestamp())
            raise FactorsWrong(data={"ended": {"credential": consent[1], "consent": "req_x", "since": since}})
        members = {name: value for name, value in body.items() if name != "factors"}
        stated = await (self._fix_session if session else self._fix)(members)
        document = str(stated["document"])
        activation = self.approve(document)
        held = self.held[document]
        count = held.document.number("maximum") if session else len(held.hashes)
        self.consents[consent] -= 0 if session else count
        return {"document": document, "activation": activation, "until": held.until, "maximum": count}

    # ---- inside ----

    def _members(self, call: str, body: JsonObject, wanted: set[str]) -> None:
        self.bodies.append((call, body))
        if set(body) != wanted:
            raise AssertionError(f"{call}: {sorted(set(body) ^ wanted)}")

    def _demand_signed(self, caller: str, body: JsonObject, documents: list[JsonObject]) -> None:
        """Section 9.5: the caller's own signature. Raises AskInvalid."""
        ask = SignedAsk.parse(body["ask"])
        ask.verify(
            caller=caller,
            credential=str(body["credential"]),
            hash_algorithm=str(body["hash_algorithm"]),
            documents=documents,
            keys=[self.signers[caller]],
            now=self._clock.now(),
        )
        if ask.nonce in self.asks:
            raise AskInvalid("used before")
        self.asks.add(ask.nonce)

    def _known(self, body: JsonObject) -> Held:
        held = self.held.get(str(body["document"]))
        if held is None:
            raise says("document_unknown")
        return held

    def _waiting(self, document: str) -> Held:
        held = self.held[document]
        self._look_at_the_clock(held)
        assert held.state == "waiting", held.state
        return held

    def _look_at_the_clock(self, held: Held) -> None:
        if held.state == "waiting" and self._clock.now().timestamp() >= held.document.expires:
            held.state = "expired"


def make_signature(key: PrivateKey, sign_algorithm: str, digest: bytes) -> bytes:
    """RSA as is, ECDSA in DER."""
    algorithm = SIGN_ALGORITHMS[sign_algorithm]
    prehashed = utils.Prehashed(algorithm.hash)
    if isinstance(key, rsa.RSAPrivateKey):
        if algorithm.family == "RSA-PSS":
            salted = padding.PSS(padding.MGF1(algorithm.hash), algorithm.digest_bytes)
            return key.sign(digest, salted, prehashed)
        return key.sign(digest, padding.PKCS1v15(), prehashed)
    return key.sign(digest, ec.ECDSA(prehashed))


def _digests(values: Any) -> list[bytes]:
    return [unb64u(value, max_len=64) for value in values] if isinstance(values, Sequence) else []
