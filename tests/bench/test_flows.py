"""Flows: what a lane says again and again is new each time, and what it is told is looked at."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from bench.client_side import HASHED, Integrator
from bench.flows import HttpCaller, HttpSession, Refused
from bench.people import Crowd
from foundation.ids import new_id
from protocol.asks import SignedAsk
from protocol.sessions import Terms, Use
from tests.bench.test_client_side import CREDENTIAL_KEY, GATEWAY, INTEGRATOR_KEY, LANE, of

ACTIVATION = new_id("act")


class Told(HttpSession):
    """One whose gateway is this test: it keeps what it is told, and signs what it is asked to."""

    def __init__(self) -> None:
        super().__init__(Crowd(GATEWAY, [], [LANE]), LANE, 0)
        self.asked: list[dict[str, Any]] = []
        self.uses: list[tuple[Use, str]] = []
        self.approvals: list[str] = []
        self.key = CREDENTIAL_KEY
        self.signatures = 1

    async def approve(self, document: str) -> None:
        """The phone's yes."""
        self.approvals.append(document)

    async def csc(self, method: str, body: Mapping[str, Any], wanted: int = 200, prefer: str = "") -> dict[str, Any]:
        """As the signing API answers."""
        if method == "credentials/authorize":
            self.asked.append(dict(body))
            return {"handle": "hdl", "linkid": {"request": "req"}}
        if method == "credentials/authorizeCheck":
            return {"SAD": "sad", "expiresIn": 60, "linkid": {"activation": ACTIVATION}}
        assert (method, body["SAD"], body["credentialID"]) == ("signatures/signHash", "sad", LANE.credential)
        digests = [b64decode(each) for each in body["hashes"]]
        said = json.loads(body["clientData"])["use"]
        use = Use(ACTIVATION, said["counter"], "SHA-256", "ECDSA-SHA256", digests)
        self.uses.append((use, said["signature"]))
        made = [b64encode(self.key.sign(each, ec.ECDSA(HASHED))).decode("ascii") for each in digests]
        return {"signatures": made * self.signatures}


@pytest.fixture
async def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Ready to begin; its token is not what these tests are about."""

    async def token(flow: HttpCaller) -> None:
        flow.integrator = Integrator(LANE, GATEWAY)

    monkeypatch.setattr(HttpCaller, "prepare", token)
    made = Told()
    await made.prepare()
    return made


async def test_a_session_is_opened_once_and_every_use_is_signed(told: Told) -> None:
    """One ask for terms that were signed, one approval; then each use a fresh hash and the next counter, by our key."""
    assert [await told.once() for _ in range(3)] == [1, 1, 1]
    (body,) = told.asked
    said = json.loads(body["clientData"])
    terms = Terms(**said["session"], hash_algorithm="SHA-256", sign_algorithm="ECDSA-SHA256")
    assert "hashes" not in body
    assert (body["numSignatures"], terms.maximum) == (told.maximum, told.maximum)
    assert terms.until > time.time() + 3600
    SignedAsk.parse(said["ask"]).verify_session(
        caller=LANE.integrator,
        credential=LANE.credential,
        terms=terms,
        keys=[of(INTEGRATOR_KEY)],
        now=datetime.now(UTC),
    )
    assert told.approvals == ["req"]
    assert [use.counter for use, _ in told.uses] == [1, 2, 3]
    assert len({digest for use, _ in told.uses for digest in use.digests}) == 3
    for use, signature in told.uses:
        use.verify(signature, [of(INTEGRATOR_KEY)])


async def test_another_keys_signature_ends_the_measurement(told: Told) -> None:
    """It is verified with the key of the lane's certificate."""
    told.key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(InvalidSignature):
        await told.once()


@pytest.mark.parametrize("times", [0, 2])
async def test_one_hash_has_one_signature(told: Told, times: int) -> None:
    """None, or two, would be counted wrongly."""
    told.signatures = times
    with pytest.raises(Refused):
        await told.once()
