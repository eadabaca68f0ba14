"""The vectors shared by server, phone app and sandbox: one meaning of the protocol's bytes."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from sandbox_phone.domain import decision, keys, proof
from sandbox_phone.domain.encoding import b64u, sha256, unb64u
from sandbox_phone.domain.statement import RULES, Argon2, ProofWanted, Statement, open_statement
from sandbox_phone.domain.trust import open_signed, read_trust
from sandbox_phone.errors import BadPassword, PhoneError, Untrusted

PLACE = Path(__file__).parent.parent / "vectors"
SAM_TYPES = [kind for kind, rule in RULES.items() if rule.role == "sam"]


def vectors(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((PLACE / f"{name}.json").read_text("utf-8"))
    return content


KEYS = vectors("keys")["keys"]
STATEMENTS = vectors("statement")
TRUST = read_trust(
    json.dumps(
        {
            "v": 1,
            "environment": "vectors",
            "gateway": "http://localhost:1",
            "app": "http://localhost:2",
            "sam": [KEYS["sam-root"]["public"]],
            "ac": [KEYS["ac-root"]["public"]],
        }
    ).encode()
)


def opened(jws: str) -> Statement:
    return open_statement(TRUST, jws, expected=SAM_TYPES, own_key=KEYS["device"]["jkt"], now=STATEMENTS["now"])


@pytest.mark.parametrize("name", KEYS)
def test_thumbprints(name: str) -> None:
    """A key has the same name everywhere."""
    assert keys.thumbprint(KEYS[name]["public"]) == KEYS[name]["jkt"]


def test_signature() -> None:
    """Raw r || s verifies."""
    case = vectors("keys")["signature"]
    message = base64.urlsafe_b64decode(case["message"])

    keys.verify(keys.read_jwk(KEYS[case["by"]]["public"]), message, unb64u(case["signature"]))


@pytest.mark.parametrize("case", vectors("argon2")["cases"], ids=lambda case: case["password"])
def test_stretching(case: dict[str, Any]) -> None:
    """The same password, salt and parameters give the same 32 bytes."""
    stretched = proof.stretch(case["password"], unb64u(case["salt"]), Argon2(**case["argon2"]))

    assert b64u(stretched) == case["stretched"]


@pytest.mark.parametrize("password", vectors("argon2")["bad_passwords"])
def test_bad_passwords(password: str) -> None:
    """What is no usage password is none here either."""
    with pytest.raises(BadPassword):
        proof.stretch(password, bytes(16), Argon2(m=19456, t=2, p=1))


@pytest.mark.parametrize("case", STATEMENTS["good"])
def test_good_statements_open(case: dict[str, Any]) -> None:
    """The document comes out as it was put in; only the caller's copy of a `sign` (no proof) is no phone's business."""
    if case["document"]["type"] == "sign" and case["payload"]["proof"] is None:
        open_signed(TRUST, case["jws"], role="sam", kind="statement", now=STATEMENTS["now"])
        with pytest.raises(Untrusted, match="no password"):
            opened(case["jws"])
    else:
        assert opened(case["jws"]).content == case["document"]


@pytest.mark.parametrize("case", STATEMENTS["bad"], ids=lambda case: case["why"])
def test_bad_statements_do_not(case: dict[str, str]) -> None:
    """Each for its own reason."""
    with pytest.raises(PhoneError):
        opened(case["jws"])


@pytest.mark.parametrize("case", vectors("decision")["cases"], ids=lambda case: case["decision"])
def test_decision_messages(case: dict[str, Any]) -> None:
    """The bytes under a decision, and a device's signature over them."""
    document = unb64u(vectors("decision")["document"])

    message = decision.message(document, case["decision"], case["proof"])

    assert b64u(message) == case["message"]
    keys.verify(keys.read_jwk(KEYS["device"]["public"]), message, unb64u(case["signature"]))


def test_the_proof_says_what_the_vector_says() -> None:
    """Our JWE, opened with the vector's transport key, holds the vector's plaintext and header members."""
    case = vectors("proof")
    document = unb64u(case["document"])
    content = json.loads(document)
    stretching = vectors("argon2")["cases"][0]
    transport = KEYS["transport"]
    wanted = ProofWanted(
        "sign",
        unb64u(stretching["salt"]),
        Argon2(**stretching["argon2"]),
        keys.read_jwk(transport["public"]),
        transport["jkt"],
    )
    statement = Statement(content["id"], "sign", document, content, content["expires"], wanted)

    token = proof.make(statement, wanted, stretching["password"], device=KEYS[case["device"]]["jkt"])

    transport_key = ECKey.import_key(transport["private"])
    ours = jwe.decrypt_compact(token, transport_key, algorithms=["ECDH-ES", "A256GCM"])
    theirs = jwe.decrypt_compact(case["jwe"], transport_key, algorithms=["ECDH-ES", "A256GCM"])
    assert ours.plaintext == theirs.plaintext
    assert json.loads(ours.plaintext or b"") == case["plaintext"]
    assert set(ours.headers()) == set(theirs.headers()) == {"alg", "enc", "epk", "kid"}
    assert b64u(sha256(document)) == case["plaintext"]["hash"]


SESSION = vectors("session")


@pytest.mark.parametrize("case", SESSION["documents"], ids=lambda case: case["name"])
def test_a_session_takes_its_own_yes(case: dict[str, Any]) -> None:
    """Statement, word and bytes of the yes as everybody means them; the other yes is never signed."""
    statement = opened(case["jws"])
    assert statement.content == case["document"]
    assert statement.without_key is (case["name"] == "without_key")
    message = decision.message(unb64u(case["document_bytes"]), case["decision"], case["proof"])
    assert b64u(message) == case["message"]
    keys.verify(keys.read_jwk(KEYS["device"]["public"]), message, unb64u(case["signature"]))
    device = keys.new_key()
    said = decision.decide(device, statement, case["decision"], password="Senha1234")
    assert said["decision"] == case["decision"]
    with pytest.raises(Untrusted):
        decision.decide(device, statement, case["bad"]["decision"], password="Senha1234")
