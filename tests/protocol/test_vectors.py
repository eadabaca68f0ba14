"""The checked-in vectors are what the contract's code builds, and what independent implementations accept."""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe as jose_jwe
from joserfc import jws as jose_jws
from joserfc.jwk import ECKey

from foundation.encoding import unb64u
from foundation.errors import LinkIdError
from protocol import activation, asks, decisions, passwords, proofs, statements
from protocol.documents import Document
from protocol.errors import AskInvalid
from protocol.keys import P256Key

FOLDER = Path(__file__).parents[1] / "vectors"


def vectors(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def key(name: str) -> P256Key:
    return P256Key.from_jwk(vectors("keys")["keys"][name]["public"])


def raw(text: str) -> bytes:
    return unb64u(text, max_len=100_000)


def test_files_are_as_built() -> None:
    """Whoever changes the contract rebuilds the vectors in the same commit."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / "build_vectors.py"), "--check"],
        capture_output=True, text=True, cwd=FOLDER.parents[1], check=False, env={"PYTHONPATH": str(FOLDER.parents[1])},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("case", vectors("decision")["cases"], ids=lambda case: case["decision"])
def test_decisions_verify(case: dict[str, Any]) -> None:
    """Each decision is a signature by the device over the document, the word and the proof."""
    document = Document.parse(raw(vectors("decision")["document"]))
    decision = decisions.Decision.parse(case["decision"], case["proof"], case["signature"])
    decision.verify(document, key("device"))
    with pytest.raises(LinkIdError):
        decision.verify(document, key("other-device"))


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(("kind", "file"), [("computer", "ask"), ("integrator", "integrator-ask")])
def test_asks_verify(kind: str, file: str, number: int) -> None:
    """An ask is a signature over exactly that, by the caller's key, for two minutes; anything else is refused."""
    found = vectors(file)
    case, caller = found["cases"][number], found[kind]
    members = {
        "v": 1, kind: caller, "credential": found["credential"], "hash_algorithm": found["hash_algorithm"],
        "documents": case["documents"], "nonce": case["ask"]["nonce"], "created": case["ask"]["created"],
    }  # fmt: skip
    told = json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    assert unb64u(case["message"], max_len=100) == b"linkid-ask-v1\x00" + hashlib.sha256(told).digest()
    mine = P256Key.from_jwk(found["key"]["public"])
    good: dict[str, Any] = {
        **{name: found[name] for name in ("credential", "hash_algorithm")}, "caller": caller,
        "documents": case["documents"], "keys": [key("device"), mine],
        "now": datetime.fromtimestamp(case["ask"]["created"] + 120, UTC),
    }  # fmt: skip
    ask = asks.SignedAsk.parse(case["ask"])
    assert ask.members() == case["ask"]
    ask.verify(**good)
    first = case["documents"][0]
    lies: list[dict[str, Any]] = [
        {"caller": caller[:4] + "0" * 26}, {"caller": ("cli" if kind == "computer" else "cmp") + caller[3:]},
        {"credential": "cred_" + "0" * 26}, {"hash_algorithm": "SHA-384"},
        {"keys": [key("device")]}, {"keys": []}, {"documents": []}, {"documents": [*case["documents"], first]},
        {"documents": [{**first, "label": "x"}, *case["documents"][1:]]},
        {"documents": [{**first, "size": 1}, *case["documents"][1:]]},
        {"documents": [{**first, "size": None}, *case["documents"][1:]]},
        {"documents": [{**first, "hash": "A" * 43}, *case["documents"][1:]]},
        {"now": good["now"] + timedelta(seconds=1)}, {"now": good["now"] - timedelta(seconds=241)},
    ]  # fmt: skip
    for lie in lies:
        with pytest.raises(AskInvalid):
            ask.verify(**{**good, **lie})


ASK = vectors("ask")["cases"][0]["ask"]


@pytest.mark.parametrize(
    "value",
    [
        None, [], "x", {}, {**ASK, "more": 1}, {**ASK, "created": True}, {**ASK, "created": -1},
        {**ASK, "created": 2**53},
        {**ASK, "created": "1"}, {**ASK, "created": 1.0}, {**ASK, "nonce": ASK["nonce"][:-2]}, {**ASK, "nonce": 5},
        {**ASK, "nonce": ASK["nonce"] + "=="}, {**ASK, "signature": ASK["signature"][:-2]}, {**ASK, "signature": None},
        {**ASK, "signature": "A" * 10_000},
    ],
)  # fmt: skip
def test_asks_of_another_shape(value: object) -> None:
    """Missing, foreign members, wrong types and lengths: refused before anything is verified."""
    with pytest.raises(AskInvalid):
        asks.SignedAsk.parse(value)


@pytest.mark.parametrize("good", vectors("statement")["good"])
def test_good_statements_open(good: dict[str, Any]) -> None:
    """A statement gives back the document's bytes; a JOSE library agrees that it is a valid JWS."""
    found = vectors("statement")
    now = datetime.fromtimestamp(found["now"], UTC)
    statement = statements.open_statement(good["jws"], statements.trusted([key("sam-root")]), now=now)
    assert json.loads(statement.document.data) == good["document"]
    opened = jose_jws.deserialize_compact(good["jws"], ECKey.import_key({**key("sam-root").jwk}), algorithms=["ES256"])
    assert json.loads(opened.payload) == good["payload"]


@pytest.mark.parametrize("bad", vectors("statement")["bad"], ids=lambda bad: bad["why"])
def test_bad_statements_are_refused(bad: dict[str, Any]) -> None:
    """Every lie in the vectors is refused."""
    now = datetime.fromtimestamp(vectors("statement")["now"], UTC)
    with pytest.raises(LinkIdError):
        statements.open_statement(bad["jws"], statements.trusted([key("sam-root")]), now=now)


def test_argon2() -> None:
    """Stretching is Argon2id 0x13; what is not a usage password is refused before."""
    found = vectors("argon2")
    for case in found["cases"]:
        made = passwords.stretch(case["password"], raw(case["salt"]), passwords.Argon2.parse(case["argon2"]))
        assert made == raw(case["stretched"])
    for password in found["bad_passwords"]:
        with pytest.raises(LinkIdError):
            passwords.stretch(password, bytes(16), passwords.Argon2())


def test_proof_is_plain_jose() -> None:
    """The proof is a JWE as any JOSE library makes and reads it, in both directions."""
    found = vectors("proof")
    transport = ECKey.import_key(vectors("keys")["keys"]["transport"]["private"])
    assert json.loads(jose_jwe.decrypt_compact(found["jwe"], transport).plaintext or b"") == found["plaintext"]
    theirs = jose_jwe.encrypt_compact(
        {"alg": "ECDH-ES", "enc": "A256GCM", "kid": key("transport").jkt},
        b"{}",
        ECKey.import_key({**key("transport").jwk}),
    )
    parsed = proofs.Jwe.parse(theirs)
    assert transport.private_key is not None
    z = transport.private_key.exchange(ec.ECDH(), parsed.epk.public)
    assert parsed.decrypt(z) == b"{}"


def test_proof_serves_one_thing() -> None:
    """A proof is for its purpose, document and device; each other one refuses it."""
    found = vectors("proof")
    document = Document.parse(raw(found["document"]))
    claims = proofs.Claims.parse(proofs.Jwe.parse(found["jwe"]).decrypt(raw(found["z"])))
    assert claims.demand("sign", document, key("device")) == raw(found["plaintext"]["stretched"])
    other = Document.parse(document.data.replace(b"48213", b"48214"))
    for purpose, its_document, device in (
        ("pair", document, "device"), ("sign", document, "other-device"), ("sign", other, "device"),
    ):  # fmt: skip
        with pytest.raises(LinkIdError):
            claims.demand(purpose, its_document, key(device))  # type: ignore[arg-type]


def test_activation_seal() -> None:
    """The secret opens what was sealed to its key, under the same additional data only."""
    found = vectors("activation")
    secret, sealed, aad = raw(found["secret"]), raw(found["sealed"]), found["aad"].encode()
    assert activation.activation_key(secret) == raw(found["activation_key"])
    assert activation.open_sealed(secret, sealed, aad) == raw(found["blob"])
    for args in (
        (bytes(32), sealed, aad), (secret, sealed[:-1] + bytes([sealed[-1] ^ 1]), aad), (secret, sealed, aad + b" "),
        (secret, b"", aad), (b"", sealed, aad), (secret, bytes(32) + sealed[32:], aad),
    ):  # fmt: skip
        with pytest.raises(LinkIdError):
            activation.open_sealed(*args)
