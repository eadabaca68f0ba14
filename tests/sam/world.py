"""A small world around a real SAM: an authority, phones, computers, all in software, all through the private calls.

The SAM is the product's, on a real PostgreSQL and a real SoftHSM. What stands around it is written from
docs/protocol.md with `protocol` for the bytes (which tests/protocol holds against independent implementations).
"""

import asyncio
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import NameOID

from foundation.audit import AuditChain
from foundation.clock import FixedClock
from foundation.database import Database, open_pool
from foundation.encoding import b64u, canonical_json, unb64u
from foundation.errors import LinkIdError
from foundation.ids import is_id, new_id
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.process import Pins, Sam, build_sam
from protocol import activation, asks, decisions, orders, passwords, proofs, sessions, statements
from protocol.algorithms import SIGN_ALGORITHMS
from protocol.documents import Document
from protocol.keys import P256Key, sign_raw
from protocol.passkeys import RelyingParty
from tests.support.postgres import TestDatabase

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
PASSWORD = "Senha1234"
APP = "https://app.example"
_KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
_STRETCHED: dict[tuple[str, bytes], bytes] = {}


def raw(text: Any) -> bytes:
    return unb64u(text, max_len=100_000)


def stretched(password: str, salt: bytes) -> bytes:
    """Argon2 once for each password and salt: the tests are not about its slowness."""
    key = (password, salt)
    if key not in _STRETCHED:
        _STRETCHED[key] = passwords.stretch(password, salt, passwords.Argon2())
    return _STRETCHED[key]


class Authority:
    """The AC, as far as the SAM knows it: a pinned root certificate and a statement key."""

    def __init__(self, now: datetime = START) -> None:
        self.start = now - timedelta(days=1)
        self.key, self.statement_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.issuing_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self.certificate(self.key, "Root", self.key.public_key(), ca=1)
        self.issuing = self.certificate(self.key, "Issuing", self.issuing_key.public_key(), ca=0, issuer="Root")
        self.public = P256Key.from_public(self.statement_key.public_key())
        self.operator = Signer()
        self.operators = {self.operator.public.jkt: self.operator.public}

    def order(self, client: str, now: datetime, operator: "Signer | None" = None, **changes: Any) -> str:
        """An operator's order about an integrator."""
        payload = {
            "v": 1, "type": "client", "id": new_id("ord"), "created": int(now.timestamp()), "client": client,
            "name": "Cartório Exemplo", "keys": [], "state": "registered", **changes,
        }  # fmt: skip
        return orders.sign_order(payload, (operator or self.operator).key)

    def holder_order(
        self, act: str, credential: str, now: datetime, operator: "Signer | None" = None, **changes: Any
    ) -> str:
        """An operator's order about a holder."""
        payload = {
            "v": 1, "type": "holder", "id": new_id("ord"), "created": int(now.timestamp()), "act": act,
            "credential": credential, "number": None, "binding": None,
            "reason": "suspected-fraud" if act == "block" else "by-video", "case": "2026-17", **changes,
        }  # fmt: skip
        return orders.sign_order(payload, (operator or self.operator).key)

    def certificate(
        self, key: Any, name: str, public: Any, *, ca: int | None = None, issuer: str | None = None,
        start: datetime | None = None, days: int = 1000,
    ) -> x509.Certificate:  # fmt: skip
        start = start or self.start

        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        usage = dict.fromkeys(_KEY_USAGES, False)
        usage["digital_signature" if ca is None else "key_cert_sign"] = True
        return (
            x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(issuer or name)).public_key(public)
            .serial_number(x509.random_serial_number()).not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca is not None, ca), True)
            .add_extension(x509.KeyUsage(**usage), True).sign(key, hashes.SHA256())
        )  # fmt: skip

    def chain(self, spki: bytes, **changes: Any) -> list[str]:
        leaf = self.certificate(self.issuing_key, "MARIA DA SILVA:12345678909", load_der_public_key(spki),
                                issuer="Issuing", **changes)  # fmt: skip
        return [b64u(one.public_bytes(Encoding.DER)) for one in (leaf, self.issuing)]

    def revocation(self, certificate: str, key: ec.EllipticCurvePrivateKey | None = None, *, serial: str = "01") -> str:
        payload: dict[str, Any] = {
            "v": 1,
            "type": "revoked",
            "serial": serial,
            "certificate": certificate,
            "at": 1,
            "reason": "keyCompromise",
        }
        signed = statements.signing_input(payload, kid=self.public.jkt)
        return statements.assemble(signed, sign_raw(key or self.statement_key, signed))

    def pins(self) -> Pins:
        return Pins(self.root, {self.public.jkt: self.public}, lambda: self.operators, app=RelyingParty.of(APP))


@dataclass
class Signer:
    """Whoever signs decisions: a phone, or an emission page."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: str = field(default_factory=lambda: new_id("dev"))

    @property
    def public(self) -> P256Key:
        return P256Key.from_public(self.key.public_key())

    def decision(
        self, statement: statements.Statement, password: str | None = PASSWORD, word: str = "approve", **lies: Any
    ) -> dict[str, Any]:
        """What a client sends. ``lies``: ``purpose``, ``document``, ``device``, ``transport_key`` of the proof."""
        document = statement.document
        proof = None
        if decisions.approves(word) and statement.proof is not None and password is not None:
            claims = proofs.claims_members(
                lies.get("purpose", statement.proof.purpose),
                lies.get("document", document),
                lies.get("device", self.public),
                lies.get("stretched") or stretched(password, statement.proof.salt),
            )
            proof = proofs.encrypt(claims, lies.get("transport_key", statement.proof.transport_key))
        signature = sign_raw(self.key, decisions.message(document.digest, word, proof))
        return {"decision": word, "proof": proof, "signature": b64u(signature)}


@dataclass
class Request:
    """A request for signatures, and the secret that its answer opens with."""

    id: str
    statement: statements.Statement
    secret: bytes
    digests: list[bytes]
    algorithm: str
    caller: dict[str, str]

    @property
    def hash_algorithm(self) -> str:
        return SIGN_ALGORITHMS[self.algorithm].hash_name

    def call(self, activation_: Any, **changes: Any) -> dict[str, Any]:
        """The body of signatures/sign."""
        return {
            "activation": activation_,
            "secret": b64u(self.secret),
            "hashes": [b64u(digest) for digest in self.digests],
            "hash_algorithm": self.hash_algorithm,
            "sign_algorithm": self.algorithm,
            "caller": {name: self.caller[name] for name in ("kind", "id")},
            **changes,
        }


@dataclass
class Session:
    """A session that was asked for; its caller makes uses of it."""

    id: str
    statement: statements.Statement
    secret: bytes
    algorithm: str
    caller: dict[str, str]
    key: Signer | None
    activation: str = ""

    @property
    def hash_algorithm(self) -> str:
        return SIGN_ALGORITHMS[self.algorithm].hash_name

    @property
    def word(self) -> str:
        """The yes that its document takes."""
        return decisions.yes_to(self.statement.document)

    def body(self, counter: int, digests: list[bytes], **changes: Any) -> dict[str, Any]:
        """The body of signatures/use. ``key``: who signs it; ``said``: what is signed instead; the rest is changed."""
        key, said = changes.pop("key", self.key), changes.pop("said", {})
        use = sessions.Use(**{
            "activation": self.activation, "counter": counter, "hash_algorithm": self.hash_algorithm,
            "sign_algorithm": self.algorithm, "digests": digests, **said,
        })  # fmt: skip
        return {
            "activation": self.activation,
            "secret": b64u(self.secret),
            "counter": counter,
            "hashes": [b64u(digest) for digest in digests],
            "hash_algorithm": self.hash_algorithm,
            "sign_algorithm": self.algorithm,
            "caller": {name: self.caller[name] for name in ("kind", "id")},
            "use": None if key is None else {"signature": b64u(sign_raw(key.key, use.message))},
            **changes,
        }


class World:
    """One SAM, one authority, one database."""

    def __init__(self, sam: Sam, authority: Authority, clock: FixedClock, database: TestDatabase, head: Path) -> None:
        self.sam, self.authority, self.clock, self.database, self.head = sam, authority, clock, database, head
        self.roots: dict[str, P256Key] = {}
        self.signers: dict[str, Signer] = {}
        """Keys of those that sign what they ask: associated computers, integrators registered with one."""
        self._attacker: asyncpg.Connection[Any] | None = None
        self._attacking = asyncio.Lock()
        self.integrator = {"kind": "integrator", "id": new_id("cli")}
        """Registered when it first asks."""
        self._registered: set[str] = set()

    async def call(self, name: str, **body: Any) -> dict[str, Any]:
        """As over the channel: JSON both ways."""
        answer = await self.sam.api.calls()[name](json.loads(json.dumps(body)))
        result: dict[str, Any] = json.loads(json.dumps(answer))
        return result

    async def refused(self, name: str, **body: Any) -> str:
        """The code of the error that a call ends in."""
        try:
            await self.call(name, **body)
        except LinkIdError as error:
            return error.code
        raise AssertionError(f"{name} was not refused")

    def open(self, statement: Any) -> statements.Statement:
        """What every client does first."""
        return statements.open_statement(statement, self.roots, now=self.clock.now())

    # --- ceremonies --------------------------------------------------------------------------------------------------

    async def bound_key(self, algorithm: str = "RSA-2048", page: Signer | None = None) -> dict[str, Any]:
        """Emission up to the possession, opened."""
        page = page or Signer()
        emission = new_id("ems")
        prepared = await self.call("emission/prepare", emission=emission, key=page.public.jkt, key_algorithm=algorithm)
        body = page.decision(self.open(prepared["statement"]))
        keys = await self.call("emission/keys", document=prepared["document"], key_jwk=page.public.jwk, **body)
        possession = statements.open_root_signed(keys["possession"], "possession", self.roots, now=self.clock.now())
        return {**possession}

    async def credential(self, algorithm: str = "RSA-2048") -> str:
        """A credential with a certificate."""
        possession = await self.bound_key(algorithm)
        chain = self.authority.chain(raw(possession["spki"]))
        await self.call("credentials/activate", credential=possession["credential"], chain=chain)
        return str(possession["credential"])

    async def phone(self, credential: str, phone: Signer | None = None) -> Signer:
        """A phone paired and tested."""
        phone = phone or Signer()
        paired = await self.pair(credential, phone)
        made = await self.call("documents/test", binding=paired["binding"])
        await self.decide(phone, made, password=None)
        return phone

    async def pair(self, credential: str, phone: Signer, password: str = PASSWORD) -> dict[str, Any]:
        made = await self.call("documents/pair", device=phone.id, device_key=phone.public.jwk,
                               nickname="Celular", credential=credential)  # fmt: skip
        return await self.decide(phone, made, password=password)

    async def decide(self, phone: Signer, made: dict[str, Any], **named: Any) -> dict[str, Any]:
        body = phone.decision(self.open(made["statement"]), **named)
        return await self.call("documents/decide", document=made["document"], device=phone.id, **body)

    async def computer(self, credential: str, phone: Signer, name: str = "Notebook") -> dict[str, str]:
        """A computer associated by a phone: who it is as a caller."""
        id_, signer = new_id("cmp"), Signer()
        self.signers[id_] = signer
        computer = {"id": id_, "name": name, "os": "Linux", "key": signer.public.jwk, "address": "192.0.2.1"}
        made = await self.call("documents/associate", device=phone.id, credentials=[credential], computer=computer)
        await self.decide(phone, made)
        return {"kind": "computer", "id": id_}

    async def register(self, id_: str | None = None, signer: Signer | None = None, **changes: Any) -> dict[str, str]:
        """An integrator, by an operator's order: who it is as a caller. With ``signer`` it signs what it asks."""
        id_ = id_ or new_id("cli")
        if signer is not None:
            self.signers[id_] = signer
            changes["keys"] = [signer.public.jwk]
        await self.call("clients/register", order=self.authority.order(id_, self.clock.now(), **changes))
        self._registered.add(id_)
        return {"kind": "integrator", "id": id_}

    async def turn(self, act: str, credential: str) -> bool:
        """An operator shuts a certificate, or opens it, as it stands now."""
        stands = await self.call("credentials/standing", credential=credential)
        order = self.authority.holder_order(act, credential, self.clock.now(), number=stands["number"])
        return (await self.call("credentials/order", order=order))["changed"] is True

    async def ask(
        self, credential: str, digests: list[bytes] | None = None, algorithm: str = "RSA-PKCS1-SHA256", **changes: Any
    ) -> Request:
        """A caller asks for signatures (step 4)."""
        digests = digests or [secrets.token_bytes(SIGN_ALGORITHMS[algorithm].digest_bytes)]
        secret, caller = secrets.token_bytes(32), changes.pop("caller", self.integrator)
        if isinstance(caller, dict) and is_id(caller.get("id"), "cli") and caller["id"] not in self._registered:
            await self.register(caller["id"])
        body = {
            "credential": credential,
            "caller": caller,
            "hashes": [b64u(digest) for digest in digests],
            "hash_algorithm": SIGN_ALGORITHMS[algorithm].hash_name,
            "sign_algorithm": algorithm,
            "documents": [{"label": f"contrato {index}.pdf", "size": 1000} for index in range(len(digests))],
            "activation_key": b64u(activation.activation_key(secret)),
            **changes,
        }
        if isinstance(caller, dict) and caller.get("id") in self.signers and "ask" not in body:
            body["ask"] = self.signed_ask(body)
        made = await self.call("documents/sign", **body)
        return Request(made["document"], self.open(made["statement"]), secret, digests, algorithm, caller)

    async def ask_session(self, credential: str, algorithm: str = "ECDSA-SHA256", **changes: Any) -> Session:
        """A caller asks for a session of an hour and ten signatures (step 4)."""
        secret, caller = secrets.token_bytes(32), changes.pop("caller", self.integrator)
        if is_id(caller.get("id"), "cli") and caller["id"] not in self._registered:
            await self.register(caller["id"])
        body = {
            "credential": credential,
            "caller": caller,
            "until": int(self.clock.now().timestamp()) + 3600,
            "maximum": 10,
            "purpose": "Prontuários do plantão",
            "hash_algorithm": SIGN_ALGORITHMS[algorithm].hash_name,
            "sign_algorithm": algorithm,
            "activation_key": b64u(activation.activation_key(secret)),
            **changes,
        }
        if caller.get("id") in self.signers and "ask" not in body:
            body["ask"] = self.signed_session_ask(body)
        made = await self.call("documents/session", **body)
        key = self.signers.get(caller["id"])
        return Session(made["document"], self.open(made["statement"]), secret, algorithm, caller, key)

    def signed_session_ask(self, body: dict[str, Any], key: Signer | None = None, **lies: Any) -> dict[str, Any]:
        """As the caller that `body` names signs it (section 9.5). `lies`: what it signed instead."""
        said = {name: body[name] for name in ("until", "maximum", "purpose", "hash_algorithm", "sign_algorithm")}
        caller, credential = lies.pop("caller", body["caller"]["id"]), lies.pop("credential", body["credential"])
        nonce, created = secrets.token_bytes(asks.NONCE_BYTES), int(self.clock.now().timestamp())
        terms = sessions.Terms(**{**said, **lies})
        signer = key or self.signers.get(caller) or Signer()
        signature = sign_raw(signer.key, asks.session_message(caller, credential, terms, nonce=nonce, created=created))
        return asks.SignedAsk(nonce, created, signature).members()

    async def session(self, credential: str, phone: Signer, algorithm: str = "ECDSA-SHA256", **asked: Any) -> Session:
        """Asked for by a computer (or ``caller``) and approved."""
        if "caller" not in asked:
            asked["caller"] = await self.computer(credential, phone)
        session = await self.ask_session(credential, algorithm, **asked)
        body = phone.decision(session.statement, word=session.word)
        decided = await self.call("documents/decide", document=session.id, device=phone.id, **body)
        session.activation = decided["activation"]
        return session

    async def use(self, session: Session, counter: int, digests: list[bytes], **changes: Any) -> list[bytes]:
        """Steps U1 to U10; what comes out verifies."""
        answer = await self.call("signatures/use", **session.body(counter, digests, **changes))
        made = [raw(one) for one in answer["signatures"]]
        certificate = await self.certificate(session.statement.document.text("credential"))
        for one, signature in zip(digests, made, strict=True):
            SIGN_ALGORITHMS[session.algorithm].verify(certificate.public_key(), signature, one)  # type: ignore[arg-type]
        return made

    def signed_ask(self, body: dict[str, Any], key: Signer | None = None, **lies: Any) -> dict[str, Any]:
        """As the computer that `body` names signs it (section 9.5). `lies`: what it signed instead."""
        said = {
            "caller": body["caller"]["id"],
            "credential": body["credential"],
            "hash_algorithm": body["hash_algorithm"],
            "documents": [{**one, "hash": hash_} for one, hash_ in zip(body["documents"], body["hashes"], strict=True)],
            "nonce": secrets.token_bytes(asks.NONCE_BYTES),
            "created": int(self.clock.now().timestamp()),
            **lies,
        }
        signer = key or self.signers.get(said["caller"]) or Signer()
        signature = sign_raw(signer.key, asks.message(**said))
        return asks.SignedAsk(said["nonce"], said["created"], signature).members()

    async def approve(self, phone: Signer, request: Request, password: str = PASSWORD, **lies: Any) -> dict[str, Any]:
        """Step 7."""
        body = phone.decision(request.statement, password, **lies)
        return await self.call("documents/decide", document=request.id, device=phone.id, **body)

    async def sign(self, request: Request, activation_: Any, **changes: Any) -> list[bytes]:
        """Steps 8 to 10."""
        answer = await self.call("signatures/sign", **request.call(activation_, **changes))
        return [raw(one) for one in answer["signatures"]]

    def verify(self, certificate: x509.Certificate, request: Request, signatures: list[bytes]) -> None:
        for digest, signature in zip(request.digests, signatures, strict=True):
            SIGN_ALGORITHMS[request.algorithm].verify(certificate.public_key(), signature, digest)  # type: ignore[arg-type]

    async def certificate(self, credential: str) -> x509.Certificate:
        rows = await self.sql("SELECT chain FROM sam.credential_facts WHERE id = $1", credential)
        return x509.load_der_x509_certificate(rows[0]["chain"][0])

    # --- an attacker who owns the database -------------------------------------------------------------------------

    async def sql(self, statement: str, *args: Any) -> list[Any]:
        """As the superuser: no grant and no trigger stops it."""
        async with self._attacking:
            if self._attacker is None:
                self._attacker = await asyncpg.connect(self.database.dsn())
                await self._attacker.execute("SET session_replication_role = replica")
            rows: list[Any] = await self._attacker.fetch(statement, *args)
            return rows

    async def close(self) -> None:
        """Everything that was opened."""
        if self._attacker is not None:
            await self._attacker.close()
        await self.sam.database.close()

    async def events(self) -> list[str]:
        """What the audit says, in order."""
        return [line["event"] for line in await self.lines()]

    async def lines(self) -> list[dict[str, Any]]:
        """Its lines, whole."""
        return [json.loads(row["body"]) for row in await self.sql("SELECT body FROM audit.lines ORDER BY seq")]


async def open_world(
    hsm: Hsm, database: TestDatabase, head: Path, clock: FixedClock, authority: Authority,
    chain: str = "sam-0", **parts: Any,
) -> World:  # fmt: skip
    """A SAM over these; to be closed."""
    pool = await open_pool(database.dsn("linkid_sam"), max_size=20)
    opened = Database(pool)
    audit = AuditChain(opened, chain, clock, head)
    sam = await build_sam(hsm, opened, audit, authority.pins(), clock=clock, **parts)
    world = World(sam, authority, clock, database, head)
    root = await hsm.root()
    world.roots = {root.jkt: root}
    return world


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def altered(document: Document, **members: Any) -> Document:
    """The same document, saying something else."""
    return Document.parse(canonical_json({**document.members, **members}))
