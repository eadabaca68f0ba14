"""Signing's pure rules: the table of states, the policy, labels, the secret in handle and SAD."""

import itertools
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.encoding import b64u, unb64u
from foundation.ids import BadToken, new_token
from hsm_service.signing import errors
from hsm_service.signing.adapters import wakeups
from hsm_service.signing.domain import policy, secret
from hsm_service.signing.domain.algorithms import possible
from hsm_service.signing.domain.labels import labels_for
from hsm_service.signing.domain.policy import CredentialFacts, History, Situation
from hsm_service.signing.domain.request import (
    PENDING,
    TABLE,
    USABLE,
    Ask,
    Event,
    ImpossibleEvent,
    Label,
    State,
    advance,
    sources,
)
from hsm_service.signing.service import requests
from tests.support.signing_world import NOW

VECTORS = Path(__file__).parents[1] / "vectors"
FINAL = (State.REFUSED, State.LAPSED, State.WITHDRAWN)


# ---- states ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_pair_is_allowed_or_refused(state: State, event: Event) -> None:
    """The table decides every pair; a refused event changes nothing because it raises."""
    if event in TABLE[state]:
        assert advance(state, event) is TABLE[state][event]
        assert state in sources(event)
    else:
        with pytest.raises(ImpossibleEvent):
            advance(state, event)
        assert state not in sources(event)


def test_nothing_comes_back_from_a_no() -> None:
    """Refused, lapsed and withdrawn are final; a usable request never waits again; only waiting is approved."""
    for state in FINAL:
        assert TABLE[state] == {}
    for state in USABLE:
        assert not set(TABLE[state].values()) & set(PENDING)
    assert sources(Event.APPROVED) == [State.WAITING]
    assert sources(Event.REFUSED) == [State.WAITING]


def test_every_state_is_reached_and_left() -> None:
    """From asked every state can be reached."""
    reached = {State.ASKED}
    while True:
        more = {after for state in reached for after in TABLE[state].values()} | reached
        if more == reached:
            break
        reached = more
    assert reached == set(State)


# ---- policy ----------------------------------------------------------------------------------------------------------

FACTS = CredentialFacts(True, NOW - timedelta(days=1), NOW + timedelta(days=1), "RSA-2048")


def ask(**changes: Any) -> Ask:
    """A good one, changed."""
    hashes = changes.pop("hashes", [bytes(32)])
    good = {
        "credential": "cred_x",
        "hashes": hashes,
        "hash_algorithm": "SHA-256",
        "sign_algorithm": "RSA-PKCS1-SHA256",
        "labels": [Label("a")] * len(hashes),
    }
    return Ask(**{**good, **changes})


def situation(**changes: Any) -> Situation:
    """A good one, changed."""
    good: dict[str, Any] = {"credential": FACTS, "history": History(), "pending_of_credential": 0, "now": NOW}
    return Situation(**{**good, **changes})


def facts(**changes: Any) -> CredentialFacts:
    """A credential's, changed."""
    good = {
        "active": True,
        "valid_from": FACTS.valid_from,
        "valid_to": FACTS.valid_to,
        "key_algorithm": "RSA-2048",
    }
    return CredentialFacts(**{**good, **changes})


@pytest.mark.parametrize(
    ("asked", "world"),
    [
        (ask(), situation()),
        (ask(hashes=[bytes(32)] * 100), situation()),
        (ask(hashes=[bytes(48)], hash_algorithm="SHA-384", sign_algorithm="RSA-PSS-SHA384"), situation()),
        (ask(hashes=[bytes(64)], hash_algorithm="SHA-512", sign_algorithm="RSA-PKCS1-SHA512"), situation()),
        (ask(sign_algorithm="ECDSA-SHA256"), situation(credential=facts(key_algorithm="P-256"))),
        (ask(), situation(pending_of_credential=4)),
        (ask(), situation(now=FACTS.valid_from)),
        (ask(), situation(history=History(1, 0, "refuse:changed-mind", NOW))),
        (ask(), situation(history=History(2, 0, "refuse:changed-mind", NOW - timedelta(seconds=30)))),
        (ask(), situation(history=History(0, 2, None, NOW))),
    ],
)
def test_what_is_admissible(asked: Ask, world: Situation) -> None:
    """Good requests pass, up to each limit."""
    policy.admit(asked, world)


@pytest.mark.parametrize(
    ("asked", "world", "error"),
    [
        (ask(hashes=[]), situation(), errors.NoHashes),
        (ask(hashes=[bytes(32)] * 101), situation(), errors.TooManyHashes),
        (ask(labels=[]), situation(), errors.BadLabels),
        (ask(hashes=[bytes(31)]), situation(), errors.BadDigest),
        (ask(hashes=[bytes(32), bytes(33)]), situation(), errors.BadDigest),
        (ask(hashes=[b""]), situation(), errors.BadDigest),
        (ask(hashes=[bytes(64)]), situation(), errors.BadDigest),
        (ask(hash_algorithm="SHA-1"), situation(), errors.AlgorithmNotPossible),
        (ask(hash_algorithm="SHA-512"), situation(), errors.AlgorithmNotPossible),
        (ask(sign_algorithm="ECDSA-SHA256"), situation(), errors.AlgorithmNotPossible),
        (ask(sign_algorithm="RSA-PKCS1-SHA1"), situation(), errors.AlgorithmNotPossible),
        (ask(sign_algorithm=""), situation(), errors.AlgorithmNotPossible),
        (ask(), situation(credential=facts(key_algorithm="P-256")), errors.AlgorithmNotPossible),
        (ask(), situation(credential=facts(key_algorithm="Ed25519")), errors.AlgorithmNotPossible),
        (ask(), situation(credential=facts(active=False)), errors.CredentialDisabled),
        (ask(), situation(now=FACTS.valid_to), errors.CertificateNotValid),
        (ask(), situation(now=FACTS.valid_from - timedelta(seconds=1)), errors.CertificateNotValid),
        (ask(), situation(pending_of_credential=5), errors.RequestPending),
        (ask(), situation(history=History(2, 0, "refuse:changed-mind", NOW)), errors.HolderLeftAlone),
        (ask(), situation(history=History(0, 6, None, NOW)), errors.HolderLeftAlone),
        (
            ask(),
            situation(history=History(1, 0, policy.NOT_ME, NOW - timedelta(minutes=59))),
            errors.HolderLeftAlone,
        ),
    ],
)
def test_what_is_not(asked: Ask, world: Situation, error: type[Exception]) -> None:
    """Each rule objects with its own error."""
    with pytest.raises(error):
        policy.admit(asked, world)


@pytest.mark.parametrize(
    ("refusals", "seconds"), [(0, None), (1, None), (2, 30), (3, 120), (4, 600), (5, 3600), (500, 3600)]
)
def test_each_no_costs_more_patience(refusals: int, seconds: int | None) -> None:
    """The back-off grows, and stops growing."""
    history = History(refusals, 0, "refuse:changed-mind", NOW if refusals else None)
    over = policy.quiet_until(history)
    assert over == (None if seconds is None else NOW + timedelta(seconds=seconds))
    if over is not None and seconds is not None:
        with pytest.raises(errors.HolderLeftAlone) as caught:
            policy.admit(ask(), situation(history=history, now=NOW + timedelta(milliseconds=1)))
        assert caught.value.retry_after == seconds
        policy.admit(ask(), situation(history=history, now=over))


def test_a_key_is_offered_what_it_does_well() -> None:
    """RSA: both schemes with three hashes; a curve: no hash weaker than itself; something unknown: nothing."""
    assert [one.name for one in possible("P-256")] == ["ECDSA-SHA256", "ECDSA-SHA384", "ECDSA-SHA512"]
    assert [one.name for one in possible("P-384")] == ["ECDSA-SHA384", "ECDSA-SHA512"]
    assert len(possible("RSA-2048")) == len(possible("RSA-3072")) == len(possible("RSA-4096")) == 6
    assert possible("") == possible("Ed25519") == possible("RSA-1024") == possible("P-521") == []


# ---- labels ----------------------------------------------------------------------------------------------------------


def test_labels_go_with_hashes() -> None:
    """A claimed label is cleaned; without one the description is numbered; without that only the count is told."""
    assert labels_for(2, [Label("a\u202epdf.exe", 3), Label(" ")]) == [Label("apdf.exe", 3), Label("Documento 2")]
    assert labels_for(2, [], "Contrato social") == [Label("Contrato social (1/2)"), Label("Contrato social (2/2)")]
    assert labels_for(1, [], "Contrato\nsocial") == [Label("Contrato social")]
    assert labels_for(1, []) == [Label("Documento")]
    assert len(labels_for(100, [], "x" * 500)) == 100
    assert all(len(label.text) <= 120 for label in labels_for(3, [Label("y" * 900)], "x" * 500))


# ---- the secret ------------------------------------------------------------------------------------------------------


def test_the_secret_is_the_protocols() -> None:
    """The public key follows from the secret as in the shared vectors."""
    vector = json.loads((VECTORS / "activation.json").read_text())
    made = secret.ActivationSecret(unb64u(vector["secret"], max_len=32))
    assert b64u(made.public_key) == vector["activation_key"]


def test_handle_and_sad_carry_the_same_secret() -> None:
    """The same id and secret under two prefixes; neither passes for the other."""
    made = secret.new_secret(lambda count: bytes(range(count)))
    name = secret.new_request_name(lambda count: bytes(range(count)))
    handle, sad = secret.handle_text(name, made), secret.sad_text(name, made)
    assert secret.read_token(handle, "hdl") == secret.read_token(sad, "sad") == (name, made)
    assert sad.startswith("sad_")
    for text, prefix in ((handle, "sad"), (sad, "hdl")):
        with pytest.raises(BadToken):
            secret.read_token(text, prefix)
    assert "00010203" not in repr(made)


GOOD = secret.handle_text("hdl_" + "0" * 26, secret.ActivationSecret(bytes(range(32))))


@pytest.mark.parametrize(
    "text",
    [
        None,
        1,
        [],
        {},
        "",
        "hdl",
        GOOD.upper(),
        GOOD + "0",
        GOOD[:-1],
        GOOD[:-2],
        GOOD[:-2] + "0G",
        GOOD[:-1] + "F",
        GOOD + "\n",
        " " + GOOD,
        GOOD.replace("hdl_0", "hdl_8"),
        GOOD + "_x",
        new_token("hdl", bytes).text,  # the shape of other tokens
        "hdl_" + "0" * 26 + "_" + "é" * 64,
        "x" * 100_000,
    ],
)
def test_a_secret_has_one_spelling(text: object) -> None:
    """Whatever is not exactly a handle is none."""
    assert secret.read_token(GOOD, "hdl")
    with pytest.raises(BadToken):
        secret.read_token(text, "hdl")


def test_nobody_waits_three_seconds_longer_than_usual() -> None:
    """Whatever dies, a poll looks again within three seconds, and the listener is back sooner."""
    assert max(requests.LOOK_AGAIN, wakeups._AGAIN_SECONDS) <= 3
