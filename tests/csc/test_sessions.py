"""A session as a CSC client sees it: one authorize without hashes, one SAD, many signHash."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from protocol.algorithms import SIGN_ALGORITHMS
from protocol.statements import open_statement, trusted
from tests.support.signing_callers import BearerCaller, Computer
from tests.support.signing_world import IN_MODULES_LOOP, World, b64, digest

pytestmark = IN_MODULES_LOOP

SHA256 = "2.16.840.1.101.3.4.2.1"
RSA = "1.2.840.113549.1.1.11"
TERMS = {"seconds": 3600, "purpose": "Notas fiscais"}


def authorize(credential: str, maximum: int = 3, session: Any = TERMS, **changes: Any) -> dict[str, Any]:
    """A body for credentials/authorize, of a session."""
    body = {
        "credentialID": credential,
        "numSignatures": maximum,
        "hashAlgorithmOID": SHA256,
        "clientData": json.dumps({"session": session}),
    }
    return {**body, **changes}


class Desk:
    """A caller with a session that was approved."""

    def __init__(self, world: World, caller: Any, credential: str) -> None:
        self.world, self.caller, self.credential = world, caller, credential
        self.sad, self.activation = "", ""

    async def open(self, maximum: int = 3) -> "Desk":
        status, asked = await self.caller.call(
            "POST", "/csc/v2/credentials/authorize", authorize(self.credential, maximum)
        )
        assert status == 202, asked
        self.world.sam.approve(asked["linkid"]["request"])
        status, approved = await self.caller.call(
            "POST", "/csc/v2/credentials/authorizeCheck", {"handle": asked["handle"]}
        )
        assert (status, approved["expiresIn"]) == (200, 3600)
        self.sad, self.activation = approved["SAD"], approved["linkid"]["activation"]
        return self

    async def sign(self, counter: int | None, *texts: str, **changes: Any) -> tuple[int, dict[str, Any]]:
        """signHash; a computer signs its use."""
        headers = {"Idempotency-Key": changes.pop("key")} if "key" in changes else {}
        hashes = [digest(text) for text in texts]
        body = {
            "credentialID": self.credential, "SAD": self.sad, "hashes": [b64(one) for one in hashes],
            "hashAlgorithmOID": SHA256, "signAlgo": RSA,
        }  # fmt: skip
        if counter is not None and isinstance(self.caller, Computer):
            body["clientData"] = self.caller.use(self.activation, counter, hashes)
        elif counter is not None:
            body["clientData"] = json.dumps({"use": {"counter": counter}})
        answer: tuple[int, dict[str, Any]] = await self.caller.call(
            "POST", "/csc/v2/signatures/signHash", {**body, **changes}, **headers
        )
        return answer


async def computer(world: World, maximum: int = 3) -> Desk:
    credential = await world.credential()
    return await Desk(world, await world.computer(credential), credential).open(maximum)


async def bearer(world: World, maximum: int = 3) -> Desk:
    credential = await world.credential()
    made: BearerCaller = await world.integrator(credential)
    return await Desk(world, made, credential).open(maximum)


async def test_one_sad_for_many_signatures(world: World) -> None:
    """No hashes when it is asked for; the same SAD until the end; the phone saw caller, end, maximum and purpose."""
    desk = await computer(world)
    held = world.sam.held[world.sam.last]
    members = held.document.members
    assert members["until"] == int(world.clock.now().timestamp()) + 3600
    assert (members["maximum"], members["purpose"]) == (3, "Notas fiscais")
    certificate = x509.load_der_x509_certificate(world.sam.credentials[desk.credential].certificate)
    for counter, text in enumerate(("a", "b"), 1):
        status, signed = await desk.sign(counter, text)
        assert status == 200, signed
        public: Any = certificate.public_key()
        made = base64.b64decode(signed["signatures"][0])
        SIGN_ALGORITHMS["RSA-PKCS1-SHA256"].verify(public, made, digest(text))
    status, again = await desk.caller.call(
        "POST", "/csc/v2/credentials/authorizeCheck", {"handle": "hdl_" + desk.sad.removeprefix("sad_")}
    )
    assert (status, again["SAD"]) == (200, desk.sad)
    rows = await world.owner.fetch("SELECT kind, state, count FROM signing.requests")
    assert [tuple(row) for row in rows] == [("session", "redeemed", 3)]


async def test_the_statement_is_the_sams(world: World) -> None:
    """The caller sees what the phone is shown, signed."""
    credential = await world.credential()
    made = await world.computer(credential)
    until = int(world.clock.now().timestamp()) + 100
    body = authorize(credential, 5, {"until": until, "maximum": 5})
    status, asked = await made.call("POST", "/csc/v2/credentials/authorize", body)
    assert status == 202, asked
    document = open_statement(asked["linkid"]["statement"], trusted([world.sam.root]), now=world.clock.now()).document
    assert (document.type, document.number("until"), document.texts("session_key")) == (
        "session",
        until,
        [made.key.jkt],
    )


async def test_errors_in_cscs_words(world: World) -> None:
    """Replayed counter, unsigned use, too many, foreign SAD, over: each in the standard's words, with our why."""
    desk = await computer(world)
    assert (await desk.sign(1, "a"))[0] == 200
    status, said = await desk.sign(1, "b")
    assert (status, said["error"], said["error_description"], said["linkid"]) == (
        400, "invalid_request", "Invalid parameter clientData", {"why": "counter_used"},
    )  # fmt: skip
    status, said = await desk.sign(None, "b")
    assert (status, said["error_description"], said["linkid"]) == (
        400, "Invalid parameter clientData", {"why": "use_invalid"},
    )  # fmt: skip
    status, said = await desk.sign(2, "b", "c", "d")
    assert (status, said["error_description"], said["linkid"]) == (
        400, "Numbers of signatures is too high", {"why": "session_exhausted"},
    )  # fmt: skip
    status, said = await desk.sign(2, "b", "c", "d", "e")
    assert (status, said["error_description"]) == (400, "Hash is not authorized by the SAD.")
    other = Desk(world, await world.computer(desk.credential), desk.credential)
    other.sad, other.activation = desk.sad, desk.activation
    status, said = await other.sign(3, "b")
    assert (status, said["error_description"]) == (400, "Invalid parameter SAD")
    another = await world.credential()
    world.computers.rows[desk.caller.id].credentials = (desk.credential, another)
    await desk.caller.log_in()
    status, said = await desk.sign(3, "b", credentialID=another)
    assert (status, said["error_description"]) == (400, "Invalid parameter SAD")
    assert (await desk.sign(4, "d"))[0] == 200
    world.clock.advance(timedelta(seconds=3600))
    await desk.caller.log_in()
    status, said = await desk.sign(5, "e")
    assert (status, said["error_description"]) == (400, "SAD expired")


async def test_bearers_need_not_count(world: World) -> None:
    """Without a counter the same call again is the same use; an Idempotency-Key tells two equal ones apart."""
    desk = await bearer(world)
    first = await desk.sign(None, "a")
    assert first[0] == 200, first
    assert await desk.sign(None, "a") == first
    held = world.sam.held[world.sam.last]
    assert held.used == 1
    assert (await desk.sign(None, "a", key="two"))[0] == 200
    assert (await desk.sign(None, "a", key="two"))[0] == 200
    assert held.used == 2
    status, said = await desk.sign(None, "b", key="two")
    assert (status, said["linkid"]) == (400, {"why": "counter_used"})
    assert (await desk.sign(7, "c"))[0] == 200
    assert 7 in held.counters
    status, said = await desk.sign(None, "d")
    assert (status, said["linkid"]) == (400, {"why": "session_exhausted"})


@pytest.mark.parametrize(
    ("maximum", "session", "changes", "text"),
    [
        (3, {}, {}, "Invalid parameter clientData"),
        (3, {"seconds": 100, "until": 2_000_000_000}, {}, "Invalid parameter clientData"),
        (3, {"seconds": -1}, {}, "Invalid parameter clientData"),
        (3, {"seconds": True}, {}, "Invalid parameter clientData"),
        (3, {"seconds": 1.5}, {}, "Invalid parameter clientData"),
        (3, {"seconds": "100"}, {}, "Invalid parameter clientData"),
        (3, {"until": 2**53}, {}, "Invalid parameter clientData"),
        (3, {"seconds": 100, "purpose": 5}, {}, "Invalid parameter clientData"),
        (3, {"seconds": 100, "purpose": "x" * 501}, {}, "Invalid parameter clientData"),
        (3, {"seconds": 100, "more": 1}, {}, "Invalid parameter clientData"),
        (3, [], {}, "Invalid parameter clientData"),
        (3, "x", {}, "Invalid parameter clientData"),
        (3, {"seconds": 59}, {}, "Invalid parameter clientData"),
        (3, {"seconds": 7 * 86400 + 1}, {}, "Invalid parameter clientData"),
        (3, {"seconds": 100, "maximum": 4}, {}, "Invalid value for parameter numSignatures"),
        (0, {"seconds": 100}, {}, "Invalid value for parameter numSignatures"),
        (100_001, {"seconds": 100}, {}, "Numbers of signatures is too high"),
        (3, {"seconds": 100}, {"hashes": [b64(bytes(32))]}, "Invalid parameter hashes"),
        (
            3,
            {"seconds": 100},
            {"hashAlgorithmOID": None},
            "Missing (or invalid type) string parameter hashAlgorithmOID",
        ),
        (3, {"seconds": 100}, {"signAlgo": "1.2.840.10045.4.3.2"}, "Invalid parameter signAlgo"),
    ],
)
async def test_sessions_that_nobody_may_ask_for(
    world: World, maximum: int, session: Any, changes: dict[str, Any], text: str
) -> None:
    """Malformed or beyond the limits: refused in CSC's words, and nothing rings."""
    credential = await world.credential()
    made = await world.integrator(credential)
    body = authorize(credential, maximum, session, **changes)
    status, said = await made.call("POST", "/csc/v2/credentials/authorize", body)
    assert (status, said["error"], said["error_description"]) == (400, "invalid_request", text)
    assert world.doorbell.rings == []


@pytest.mark.parametrize(
    "use",
    [
        5, [], {"counter": 0}, {"counter": 2**53}, {"counter": True}, {"counter": "1"}, {"signature": "x"},
        {"counter": 1, "signature": 5}, {"counter": 1, "signature": "A" * 101}, {"counter": 1, "more": 1},
    ],
)  # fmt: skip
async def test_uses_of_another_shape(world: World, use: Any) -> None:
    """Refused before the SAM hears of it."""
    desk = await bearer(world)
    status, said = await desk.sign(None, "a", clientData=json.dumps({"use": use}))
    assert (status, said["error_description"]) == (400, "Invalid parameter clientData")
    assert [name for name, _ in world.sam.bodies if name == "signatures/use"] == []


async def test_a_changed_ask_rings_nowhere(world: World) -> None:
    """What the computer signed is what is asked: with another purpose the SAM refuses."""
    credential = await world.credential()
    made = await world.computer(credential)
    body = authorize(credential, 3)
    said = json.loads(made.signed_ask(body))
    said["session"]["purpose"] = "outra coisa"
    status, answer = await made.call("POST", "/csc/v2/credentials/authorize", {**body, "clientData": json.dumps(said)})
    assert (status, answer["error"]) == (400, "invalid_request")
    assert world.doorbell.rings == []
