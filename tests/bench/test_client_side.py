"""The load generator says what real clients say: our own verifiers take it, and nothing else would be measured."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench import client_side
from bench.client_side import Integrator, Phone, read_statement
from bench.people import PASSWORD, Lane
from foundation.dpop import verify_assertion, verify_proof
from foundation.encoding import JsonObject, b64u, unb64u
from foundation.ids import new_id, new_token
from protocol.activation import activation_key
from protocol.asks import SignedAsk
from protocol.decisions import Decision
from protocol.documents import Document
from protocol.keys import P256Key
from protocol.passwords import Argon2, stretch
from protocol.proofs import Claims, Jwe
from protocol.statements import ProofWanted, assemble, signing_input, statement_payload
from sandbox_phone.domain import keys

GATEWAY = "http://localhost:8441"
NOW = datetime.now(UTC)
CREDENTIAL_KEY = ec.generate_private_key(ec.SECP256R1())
DEVICE_KEY = ec.generate_private_key(ec.SECP256R1())
INTEGRATOR_KEY = ec.generate_private_key(ec.SECP256R1())
TRANSPORT_KEY = ec.generate_private_key(ec.SECP256R1())
LANE = Lane(
    credential=new_id("cred"),
    algorithm="P-256",
    public_key=CREDENTIAL_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    device=new_id("dev"),
    device_key=keys.to_pem(DEVICE_KEY),
    device_token=new_token("dvt").text,
    integrator=new_id("cli"),
    integrator_key=keys.to_pem(INTEGRATOR_KEY),
)


def of(key: ec.EllipticCurvePrivateKey) -> P256Key:
    return P256Key.from_public(key.public_key())


@pytest.fixture(scope="module")
def document() -> Document:
    """A request as the SAM fixes it."""
    members: JsonObject = {
        "credential": LANE.credential,
        "certificate": b64u(bytes(32)),
        "subject": "MARIA DA SILVA",
        "caller": {"kind": "integrator", "id": LANE.integrator, "name": "Contratos SA"},
        "scope": "single",
        "count": 1,
        "documents": [{"label": "contrato.pdf", "size": 1, "hash": b64u(bytes(32))}],
        "hash_algorithm": "SHA-256",
        "sign_algorithm": "ECDSA-SHA256",
        "verification_code": "27",
        "activation_key": b64u(bytes(32)),
    }
    return Document.fix("sign", new_id("req"), members, now=NOW, nonce=secrets.token_bytes(16))


def test_a_decision_is_signed_by_the_device_and_its_proof_opens(document: Document) -> None:
    """Over these bytes, with the stretched password, for this document and device."""
    salt = secrets.token_bytes(16)
    wanted = ProofWanted("sign", salt, Argon2(), of(TRANSPORT_KEY))
    signed = signing_input(statement_payload(document, wanted), kid="root")
    statement = read_statement(assemble(signed, bytes(64)))
    body = Phone(LANE, GATEWAY).approve(statement)
    decision = Decision.parse(body["decision"], body["proof"], body["signature"])
    decision.verify(document, of(DEVICE_KEY))
    assert (decision.approves, statement.id) == (True, document.id)
    jwe = Jwe.parse(body["proof"])
    assert jwe.kid == of(TRANSPORT_KEY).jkt
    claims = Claims.parse(jwe.decrypt(TRANSPORT_KEY.exchange(ec.ECDH(), jwe.epk.public)))
    assert claims.demand("sign", document, of(DEVICE_KEY)) == stretch(PASSWORD, salt, Argon2())


def test_each_call_of_the_phone_has_a_proof_of_its_own() -> None:
    """For this method, address and token, by the device's key; no two are alike."""
    phone, used = Phone(LANE, GATEWAY), set()
    for _ in range(2):
        authorization, proof, _ = phone.headers("POST", "/phone/v1/x").split("\r\n")
        assert authorization == f"Authorization: DPoP {LANE.device_token}"
        good = verify_proof(
            proof.removeprefix("DPoP: "),
            method="POST",
            url=f"{GATEWAY}/phone/v1/x",
            now=datetime.now(UTC),
            access_token=LANE.device_token,
        )
        assert good.jkt == of(DEVICE_KEY).jkt
        used.add(good.jti)
    assert len(used) == 2


def test_an_ask_is_signed_for_exactly_these_hashes() -> None:
    """As the SAM checks it."""
    digests = [secrets.token_bytes(32) for _ in range(3)]
    labels, ask = Integrator(LANE, GATEWAY).ask(digests)
    documents: list[JsonObject] = [
        {**label, "hash": b64u(digest)} for label, digest in zip(labels, digests, strict=True)
    ]
    SignedAsk.parse(ask).verify(
        caller=LANE.integrator,
        credential=LANE.credential,
        hash_algorithm="SHA-256",
        documents=documents,
        keys=[of(INTEGRATOR_KEY)],
        now=datetime.now(UTC),
    )


def test_an_assertion_is_the_integrators() -> None:
    """As the token endpoint checks it."""
    good = verify_assertion(
        Integrator(LANE, GATEWAY).assertion(),
        client_id=LANE.integrator,
        keys=[of(INTEGRATOR_KEY).jwk],
        audiences=[f"{GATEWAY}/oauth2/token"],
        now=datetime.now(UTC),
    )
    assert good.client_id == LANE.integrator


def test_an_activation_key_is_that_of_its_secret() -> None:
    """What is sealed to it opens with the secret."""
    secret = secrets.token_bytes(32)
    assert unb64u(client_side.activation_key(secret), max_len=32) == activation_key(secret)


def test_a_signature_of_something_else_is_noticed() -> None:
    """The sample that is verified of each answer is worth something."""
    digest = hashlib.sha256(b"this").digest()
    good = CREDENTIAL_KEY.sign(digest, ec.ECDSA(utils.Prehashed(SHA256())))
    integrator = Integrator(LANE, GATEWAY)
    integrator.verify(digest, good)
    with pytest.raises(InvalidSignature):
        integrator.verify(hashlib.sha256(b"that").digest(), good)
