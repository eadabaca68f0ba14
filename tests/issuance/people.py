"""Who takes part: an operator with a signing key, a visitor of the emission page, and a SAM that makes keys.

All of them sign for real. The SAM here is the one thing that is not ours to test: it has a root key and makes software
keys with honest CSRs, unless a test asks it to lie.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from foundation.channel import PrivateClient
from foundation.encoding import b64u, unb64u
from foundation.errors import JsonObject, JsonValue
from foundation.ids import new_id
from issuance.domain.install import verifier_members
from protocol.decisions import message, proof_hash
from protocol.documents import Document
from protocol.keys import P256Key, sign_raw
from protocol.orders import sign_order
from protocol.passwords import Argon2, stretch
from protocol.proofs import claims_members, encrypt
from protocol.statements import Statement, assemble, open_root_signed, open_statement, signing_input

CPF = "52998224725"
PROTOCOL = "1000556194"
INSTALL_PASSWORD = "Instala123"
USAGE_PASSWORD = "Bambu4Trilho6"

HolderKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_RSA: list[rsa.RSAPrivateKey] = []


def new_p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_of(key: ec.EllipticCurvePrivateKey) -> P256Key:
    return P256Key.from_public(key.public_key())


def root_signed(payload: JsonObject, key: ec.EllipticCurvePrivateKey) -> str:
    """What a SAM does with its root key."""
    signed = signing_input(payload, kid=public_of(key).jkt)
    return assemble(signed, sign_raw(key, signed))


def csr(key: HolderKey, subject: str = "whatever") -> bytes:
    """A request; its subject must not matter."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    return (
        x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    )


def spki(key: HolderKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Operator:
    """Who signs orders."""

    ac: PrivateClient
    ac_root: P256Key
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_p256)

    async def transport_key(self, now: datetime) -> P256Key:
        statement = str((await self.ac.call("transport"))["statement"])
        payload = open_root_signed(statement, "transport", {self.ac_root.jkt: self.ac_root}, now=now)
        return P256Key.from_jwk(payload["key"])

    async def issue_order(self, now: datetime, **changes: Any) -> dict[str, JsonValue]:
        """The members of an order, unsigned; `changes` replace members, `person` is merged."""
        order_id = changes.pop("id", new_id("ord"))
        password, salt = changes.pop("install_password", INSTALL_PASSWORD), b"0123456789abcdef"
        stretched = stretch(password, salt, Argon2())
        verifier = encrypt(verifier_members(order_id, stretched), await self.transport_key(now))
        person = {
            "name": "Maria da Conceição D'Ávila",
            "cpf": CPF,
            "birth": "31121979",
            "email": "maria@example.com",
            "phone": "+5531999998888",
            **changes.pop("person", {}),
        }
        return {
            "v": 1,
            "type": "issue",
            "id": order_id,
            "created": int(now.timestamp()),
            "protocol": PROTOCOL,
            "profile": "e-cpf-a3",
            "key_algorithm": "P-256",
            "person": person,
            "company": None,
            "valid_days": 1095,
            "install": {"salt": b64u(salt), "argon2": {"m": 19456, "t": 2, "p": 1}, "verifier": verifier},
            **changes,
        }

    def sign(self, order: JsonObject) -> str:
        return sign_order(order, self.key)

    async def place(self, now: datetime, **changes: Any) -> str:
        """Order an e-CPF for Maria; the order's JWS."""
        jws = self.sign(await self.issue_order(now, **changes))
        await self.ac.call("orders/submit", {"order": jws})
        return jws

    async def revoke(self, now: datetime, **members: Any) -> str:
        """Order a revocation; the AC's statement for the SAM."""
        order = {"v": 1, "type": "revoke", "id": new_id("ord"), "created": int(now.timestamp()), **members}
        return str((await self.ac.call("certificates/revoke", {"order": self.sign(order)}))["revocation"])


@dataclass
class FakeSam:
    """Makes keys and says so."""

    key_algorithm: str = "P-256"
    root: ec.EllipticCurvePrivateKey = field(default_factory=new_p256)

    def new_key(self) -> HolderKey:
        if self.key_algorithm == "P-256":
            return new_p256()
        return rsa.generate_private_key(65537, 2048)

    def wants_password(self, visitor: "Visitor", now: datetime) -> Document:
        """The document `emission-key`."""
        members: JsonObject = {
            "emission": visitor.emission,
            "credential": new_id("cred"),
            "key": visitor.public.jkt,
            "key_algorithm": self.key_algorithm,
        }
        return Document.fix("emission-key", new_id("doc"), members, now=now, nonce=bytes(16))

    def possession_members(
        self, visitor: "Visitor", document: Document, key: HolderKey, now: datetime
    ) -> dict[str, JsonValue]:
        """An honest possession statement's payload: the visitor signed a decision with a proof."""
        proof = "e30..AAAA.BBBB.CCCC"
        signature = sign_raw(visitor.key, message(document.digest, "approve", proof))
        return {
            "v": 1,
            "type": "possession",
            "emission": visitor.emission,
            "credential": document.text("credential"),
            "key": visitor.public.jkt,
            "spki": b64u(spki(key)),
            "csr": b64u(csr(key)),
            "document_hash": document.hash,
            "proof_hash": b64u(proof_hash(proof)),
            "signature": b64u(signature),
            "created": int(now.timestamp()),
            "expires": int((now + timedelta(minutes=10)).timestamp()),
        }

    def possession(
        self, visitor: "Visitor", now: datetime, holder_key: HolderKey | None = None, **changes: JsonValue
    ) -> str:
        document = self.wants_password(visitor, now)
        payload = self.possession_members(visitor, document, holder_key or self.new_key(), now)
        return root_signed({**payload, **changes}, self.root)


@dataclass
class Visitor:
    """The emission page of somebody, talking to the AC directly (the gateway only relays)."""

    ac: PrivateClient
    ac_root: P256Key
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_p256)
    emission: str = ""
    identify_statement: Statement | None = None
    term: Statement | None = None

    @property
    def public(self) -> P256Key:
        return public_of(self.key)

    def read(self, statement: JsonValue, now: datetime) -> Statement:
        return open_statement(str(statement), {self.ac_root.jkt: self.ac_root}, now=now)

    async def start(self, now: datetime, protocol: str = PROTOCOL) -> Statement:
        answer = await self.ac.call("emission/start", {"protocol": protocol, "key": self.public.jwk})
        self.emission = str(answer["emission"])
        self.identify_statement = self.read(answer["statement"], now)
        return self.identify_statement

    def answer(self, password: str = INSTALL_PASSWORD, cpf: str = CPF, **changes: str) -> dict[str, JsonValue]:
        """The body of `identify`."""
        statement = self.identify_statement
        assert statement is not None
        assert statement.proof is not None
        stretched = stretch(password, statement.proof.salt, statement.proof.argon2)
        members = claims_members("install", statement.document, self.public, stretched, {"cpf": cpf})
        proof = encrypt({**members, **changes}, statement.proof.transport_key)
        signature = sign_raw(self.key, message(statement.document.digest, "approve", proof))
        return {"emission": self.emission, "decision": "approve", "proof": proof, "signature": b64u(signature)}

    async def identify(self, now: datetime, password: str = INSTALL_PASSWORD, cpf: str = CPF) -> Statement:
        answer = await self.ac.call("emission/identify", self.answer(password, cpf))
        self.term = self.read(answer["statement"], now)
        return self.term

    async def agree(self) -> str:
        assert self.term is not None
        signature = sign_raw(self.key, message(self.term.document.digest, "approve", None))
        body = {"emission": self.emission, "decision": "approve", "proof": None, "signature": b64u(signature)}
        return str((await self.ac.call("emission/agree", body))["key_algorithm"])

    async def up_to_agreement(self, now: datetime) -> None:
        await self.start(now)
        await self.identify(now)
        await self.agree()

    async def issue(self, possession: str) -> list[x509.Certificate]:
        answer = await self.ac.call("emission/issue", {"emission": self.emission, "possession": possession})
        chain = answer["chain"]
        assert isinstance(chain, list)
        return [x509.load_der_x509_certificate(unb64u(str(part), max_len=8192)) for part in chain]


def write_pins(trust: Path, operators: Path, sam: P256Key, operator: P256Key) -> None:
    """The files the AC is told to trust."""
    trust.write_text(json.dumps({"v": 1, "sam": [sam.jwk], "ac": []}))
    operators.write_text(json.dumps({"v": 1, "operators": [{"name": "test", "key": operator.jwk}]}))
