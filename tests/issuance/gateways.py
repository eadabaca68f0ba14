"""A gateway with the emission page's relay in it, and a SAM at the other end of a private channel.

The SAM opens the usage password's proof for real and says so with its root key; custody is not its business here.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from foundation.channel import private_app
from foundation.clock import FixedClock
from foundation.encoding import b64u, unb64u
from foundation.errors import JsonObject, Unavailable
from foundation.ids import new_id
from protocol.decisions import Decision, proof_hash
from protocol.documents import Document
from protocol.errors import DocumentDecided
from protocol.keys import P256Key
from protocol.passwords import Argon2
from protocol.proofs import Claims, Jwe
from protocol.statements import ProofWanted, statement_payload
from tests.issuance.people import HolderKey, csr, new_p256, public_of, root_signed, spki


@dataclass
class SamAtDistance:
    """`emission/prepare`, `emission/keys`, `credentials/activate`."""

    clock: FixedClock
    root: ec.EllipticCurvePrivateKey
    transport: ec.EllipticCurvePrivateKey = field(default_factory=new_p256)
    documents: dict[str, Document] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    keys: dict[str, HolderKey] = field(default_factory=dict)
    activated: dict[str, list[str]] = field(default_factory=dict)
    stretched: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    away_before: str = ""
    """This call fails before it does anything."""
    away_after: str = ""
    """This call does its work, and the answer is lost."""

    def app(self) -> Any:
        return private_app(
            {
                "emission/prepare": self._prepare,
                "emission/keys": self._keys,
                "credentials/activate": self._activate,
            }
        )

    async def _prepare(self, body: JsonObject) -> JsonObject:
        self._called("emission/prepare")
        members = {
            "emission": body["emission"],
            "credential": new_id("cred"),
            "key": body["key"],
            "key_algorithm": body["key_algorithm"],
        }
        document = Document.fix("emission-key", new_id("doc"), members, now=self.clock.now(), nonce=bytes(16))
        self.documents[document.id] = document
        wanted = ProofWanted("emit", bytes(16), Argon2(), public_of(self.transport))
        statement = root_signed(statement_payload(document, wanted), self.root)
        return {"statement": statement, "document": document.id, "credential": document.text("credential")}

    async def _keys(self, body: JsonObject) -> JsonObject:
        self._called("emission/keys")
        document, key = self.documents[str(body["document"])], P256Key.from_jwk(body["key_jwk"])
        if document.id in self.made:
            raise DocumentDecided
        decision = Decision.parse(body["decision"], body["proof"], body["signature"])
        decision.verify(document, key)
        jwe = Jwe.parse(decision.proof or "")
        shared = self.transport.exchange(ec.ECDH(), jwe.epk.public)
        self.stretched[document.id] = Claims.parse(jwe.decrypt(shared)).demand("emit", document, key)
        holder_key = self.keys[document.text("credential")] = new_p256()
        now = self.clock.now()
        payload: JsonObject = {
            "v": 1,
            "type": "possession",
            "emission": document.text("emission"),
            "credential": document.text("credential"),
            "key": key.jkt,
            "spki": b64u(spki(holder_key)),
            "csr": b64u(csr(holder_key)),
            "document_hash": document.hash,
            "proof_hash": b64u(proof_hash(decision.proof)),
            "signature": b64u(decision.signature),
            "created": int(now.timestamp()),
            "expires": int((now + timedelta(minutes=10)).timestamp()),
        }
        self.made[document.id] = root_signed(payload, self.root)
        self._answers("emission/keys")
        return {"possession": self.made[document.id], "credential": document.text("credential")}

    async def _activate(self, body: JsonObject) -> JsonObject:
        self._called("credentials/activate")
        chain = body["chain"]
        assert isinstance(chain, list)
        for part in chain:
            unb64u(str(part), max_len=8192)
        self.activated[str(body["credential"])] = [str(part) for part in chain]
        self._answers("credentials/activate")
        return {"credential": body["credential"], "certificate": "…"}

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.away_before == name:
            self.away_before = ""
            raise Unavailable

    def _answers(self, name: str) -> None:
        if self.away_after == name:
            self.away_after = ""
            raise Unavailable


@dataclass
class RecordedHolders:
    """`issuance.ports.Holders`."""

    recorded: list[dict[str, object]] = field(default_factory=list)
    away: bool = False

    async def record_holder(self, *, credential: str, name: object, phone: object, email: object, kind: object) -> str:
        if self.away:
            self.away = False
            raise Unavailable
        self.recorded.append({"credential": credential, "name": name, "phone": phone, "email": email, "kind": kind})
        return new_id("hld")
