"""Sessions' vectors: what their documents, words, asks and uses are, and what is refused."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.encoding import unb64u
from protocol import activation, asks, decisions, sessions, statements
from protocol.documents import REQUESTS, Document
from protocol.errors import AskInvalid, DecisionInvalid, SessionRefused, UseInvalid
from protocol.keys import P256Key

FOLDER = Path(__file__).parents[1] / "vectors"
SESSION = json.loads((FOLDER / "session.json").read_text(encoding="utf-8"))
KEYS = json.loads((FOLDER / "keys.json").read_text(encoding="utf-8"))["keys"]
NOW = datetime.fromtimestamp(SESSION["now"], UTC)
COMPUTER = P256Key.from_jwk(SESSION["key"]["public"])
DEVICE = P256Key.from_jwk(KEYS["device"]["public"])
ASKS = pytest.mark.parametrize("found", SESSION["asks"], ids=lambda one: one["kind"])
USES = pytest.mark.parametrize("found", SESSION["uses"], ids=lambda one: str(one["counter"]))


def raw(text: str) -> bytes:
    return unb64u(text, max_len=100_000)


def told(members: dict[str, Any]) -> bytes:
    """Canonical JSON by somebody else's hand (these have no numbers but whole ones, no control characters)."""
    return json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize("found", SESSION["documents"], ids=lambda one: one["name"])
def test_each_document_takes_one_yes(found: dict[str, Any]) -> None:
    """Where a key signs each use, ``approve``; where none does, ``approve:without-key``; never the other."""
    root = P256Key.from_jwk(KEYS["sam-root"]["public"])
    statement = statements.open_statement(found["jws"], statements.trusted([root]), now=NOW)
    assert statement.document.data == raw(found["document_bytes"])
    assert (statement.document.is_request, statement.proof is not None) == (True, True)
    decision = decisions.Decision.parse(found["decision"], found["proof"], found["signature"])
    decision.verify(statement.document, DEVICE)
    assert (decision.approves, decision.reason) == (True, None)
    other = decisions.Decision.parse(found["bad"]["decision"], found["proof"], found["bad"]["signature"])
    with pytest.raises(DecisionInvalid, match="another word"):
        other.verify(statement.document, DEVICE)


def test_the_word_without_a_key_is_for_nothing_else() -> None:
    """A request of listed hashes is approved by ``approve`` only."""
    document = Document.parse(raw(json.loads((FOLDER / "decision.json").read_text("utf-8"))["document"]))
    assert decisions.yes_to(document) == "approve"
    assert frozenset({"sign", "session", "consent"}) == REQUESTS


@ASKS
def test_asks_cover_the_terms(found: dict[str, Any]) -> None:
    """An ask is a signature over exactly these terms, under a separator of its own."""
    terms = found["terms"]
    members = {
        "v": 1, found["kind"]: found["caller"], "credential": SESSION["credential"], **terms,
        "nonce": found["ask"]["nonce"], "created": found["ask"]["created"],
    }  # fmt: skip
    assert raw(found["message"]) == b"linkid-session-ask-v1\x00" + hashlib.sha256(told(members)).digest()
    good: dict[str, Any] = {
        "caller": found["caller"], "credential": SESSION["credential"], "terms": sessions.Terms(**terms),
        "keys": [DEVICE, COMPUTER], "now": NOW + timedelta(seconds=120),
    }  # fmt: skip
    ask = asks.SignedAsk.parse(found["ask"])
    ask.verify_session(**good)
    changes: list[dict[str, Any]] = [
        {"until": terms["until"] + 1}, {"maximum": 201}, {"purpose": "outra"}, {"hash_algorithm": "SHA-384"},
        {"sign_algorithm": "RSA-PSS-SHA256"},
    ]  # fmt: skip
    lies: list[dict[str, Any]] = [{"terms": sessions.Terms(**{**terms, **change})} for change in changes]
    lies += [
        {"caller": found["caller"][:4] + "0" * 26}, {"credential": "cred_" + "0" * 26}, {"keys": [DEVICE]},
        {"keys": []}, {"now": NOW + timedelta(seconds=121)}, {"now": NOW - timedelta(seconds=121)},
    ]  # fmt: skip
    for lie in lies:
        with pytest.raises(AskInvalid):
            ask.verify_session(**{**good, **lie})
    with pytest.raises(AskInvalid):
        ask.verify(caller=found["caller"], credential=SESSION["credential"], hash_algorithm="SHA-256", documents=[],
                   keys=[COMPUTER], now=NOW)  # fmt: skip


@USES
def test_uses_are_signed_in_their_order(found: dict[str, Any]) -> None:
    """Activation, counter, algorithms and hashes in their order; each other use is refused."""
    members = {"v": 1, **{name: value for name, value in found.items() if name not in ("message", "signature")}}
    assert raw(found["message"]) == b"linkid-use-v1\x00" + hashlib.sha256(told(members)).digest()
    digests = [raw(one) for one in found["hashes"]]
    good: dict[str, Any] = {
        **{name: found[name] for name in ("activation", "counter", "hash_algorithm", "sign_algorithm")},
        "digests": digests,
    }  # fmt: skip
    sessions.Use(**good).verify(found["signature"], [DEVICE, COMPUTER])
    lies: list[dict[str, Any]] = [
        {"activation": "act_" + "0" * 26}, {"counter": 3}, {"hash_algorithm": "SHA-384"},
        {"sign_algorithm": "RSA-PSS-SHA256"}, {"digests": [*digests, digests[0]]}, {"digests": []},
        *([{"digests": digests[::-1]}] if len(digests) > 1 else []),
    ]  # fmt: skip
    for lie in lies:
        with pytest.raises(UseInvalid):
            sessions.Use(**{**good, **lie}).verify(found["signature"], [COMPUTER])
    with pytest.raises(UseInvalid):
        sessions.Use(**good).verify(found["signature"], [DEVICE])
    with pytest.raises(UseInvalid):
        sessions.Use(**good).verify(found["signature"], [])
    sessions.Use(**good).verify(None, [])


@pytest.mark.parametrize("signature", [None, 5, "", "AA", "A" * 5000, "=="])
def test_signatures_of_another_shape(signature: object) -> None:
    """Refused before anything is verified."""
    use = sessions.Use("act_x", 1, "SHA-256", "ECDSA-SHA256", [bytes(32)])
    with pytest.raises(UseInvalid):
        use.verify(signature, [COMPUTER])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"until": 59}, "too_short"), ({"until": 604_801}, "too_long"), ({"until": 100_001}, "after_certificate"),
        ({"maximum": 0}, "too_many"), ({"maximum": 100_001}, "too_many"), ({"until": 60}, None),
        ({"until": 100_000}, None), ({"maximum": 100_000}, None), ({"maximum": 1}, None),
    ],
)  # fmt: skip
def test_limits(change: dict[str, int], why: str | None) -> None:
    """One minute to seven days and within the certificate; one to a hundred thousand."""
    now = int(NOW.timestamp())
    terms = sessions.Terms(now + change.get("until", 3600), change.get("maximum", 5), "", "SHA-256", "ECDSA-SHA256")
    ends = NOW + timedelta(seconds=100_000)
    if why is None:
        terms.demand_possible(NOW, ends)
        return
    with pytest.raises(SessionRefused) as refused:
        terms.demand_possible(NOW, ends)
    assert refused.value.data == {"why": why}


def test_the_seal_is_tied_to_the_terms() -> None:
    """The additional data as the page has it."""
    (found,) = (one["document"] for one in SESSION["documents"] if one["name"] == "with_key")
    assert json.loads(SESSION["aad"]) == {
        "v": 1, "activation": "act_0123456789abcdefghjkmnpqrs", "request": found["id"],
        "credential": found["credential"], "until": found["until"], "maximum": found["maximum"],
        "sign_algorithm": found["sign_algorithm"], "session_key": found["session_key"],
    }  # fmt: skip
    key = activation.activation_key(bytes(32))
    sealed = activation.seal(b"blob", key, SESSION["aad"].encode(), ephemeral=bytes(31) + b"\x01")
    with pytest.raises(Exception, match="does not open"):
        activation.open_sealed(bytes(32), sealed, SESSION["aad"].replace("200", "201").encode())
