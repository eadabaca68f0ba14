"""Answers collected later (mode A, signPolling), SADs that are to cover more (extendTransaction), and getChallenge."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from foundation.ids import new_id, new_token
from hsm_service.signing.errors import SamNotAvailable
from hsm_service.signing.service import responses
from hsm_service.signing.store import ResponseStore
from tests.csc.test_hostile import approved, sign_body
from tests.csc.test_sessions import bearer
from tests.csc.test_version1 import post
from tests.support.signing_callers import BearerCaller, Computer
from tests.support.signing_world import IN_MODULES_LOOP, World, b64, digest

pytestmark = IN_MODULES_LOOP

SIGN, POLL, EXTEND = (
    "/csc/v2/signatures/signHash",
    "/csc/v2/signatures/signPolling",
    "/csc/v2/credentials/extendTransaction",
)
GONE = (400, {"error": "invalid_request", "error_description": "Invalid parameter requestID"})
AnyCaller = Computer | BearerCaller


async def begun(caller: AnyCaller, credential: str, sad: str, *texts: str, **changes: Any) -> str:
    """A responseID."""
    body = sign_body(credential, sad, *texts, operationMode="A", **changes)
    status, answer = await caller.call("POST", SIGN, body)
    assert status == 200, answer
    assert set(answer) == {"responseID"}
    return str(answer["responseID"])


async def poll(caller: AnyCaller, response: Any) -> tuple[int, dict[str, Any]]:
    """What signPolling says."""
    return await caller.call("POST", POLL, {"requestID": response})


def take_the_sam_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until `monkeypatch.undo()`."""

    async def away(*_args: Any, **_kwargs: Any) -> Any:
        raise SamNotAvailable()

    monkeypatch.setattr(world.signing._sam, "sign", away)


# ---- collected later -------------------------------------------------------------------------------------------------


async def test_the_answer_is_there_to_be_collected(world: World) -> None:
    """The signatures of mode A are those of mode S, as often as one asks for them; the same call is the same answer."""
    credential = await world.credential()
    computer = await world.computer(credential)
    sad = await approved(world, computer, credential, "a", "b")
    response = await begun(computer, credential, sad, "b", "a")
    assert response.startswith("rsp_")
    status, signed = await computer.call("POST", SIGN, sign_body(credential, sad, "b", "a"))
    assert status == 200
    assert await poll(computer, response) == await poll(computer, response) == (200, signed)
    assert await begun(computer, credential, sad, "b", "a") == response
    rows = await world.owner.fetch("SELECT hashes, cardinality(signatures) AS made FROM signing.responses")
    assert [tuple(row) for row in rows] == [(None, 2)]


async def test_an_answer_is_its_callers_own_and_its_time_ends(world: World) -> None:
    """Another caller's, another secret, one that never was, one kept no longer: the same answer for all."""
    credential = await world.credential()
    mine, other = await world.computer(credential), await world.computer(credential)
    sad = await approved(world, mine, credential, "a")
    response = await begun(mine, credential, sad, "a", validity_period=5000)
    assert await poll(other, response) == GONE
    changed = response[:-1] + ("0" if response[-1] != "0" else "1")
    for bad in (changed, sad, response.removeprefix("rsp_"), new_token("rsp").text, "x" * 100_000, "rsp_\0"):
        assert await poll(mine, bad) == GONE
    no_texts: list[Any] = [1, None, [], {}, True, ""]
    for wrong in no_texts:
        assert (await poll(mine, wrong))[1]["error_description"] == (
            "Missing (or invalid type) string parameter requestID"
        )
    world.clock.advance(timedelta(seconds=4))
    assert (await poll(mine, response))[0] == 200
    world.clock.advance(timedelta(seconds=1))
    assert await poll(mine, response) == GONE
    await ResponseStore(world.database).forget(world.clock.now())
    assert await world.owner.fetchval("SELECT count(*) FROM signing.responses") == 0


async def test_what_is_wrong_is_told_at_once(world: World) -> None:
    """A hash that nobody approved, another's SAD: an error of the call itself, and nothing is kept."""
    credential = await world.credential()
    mine, other = await world.computer(credential), await world.computer(credential)
    sad = await approved(world, mine, credential, "a")
    for caller, given, text, sentence in (
        (mine, sad, "x", "Hash is not authorized by the SAD."),
        (other, sad, "a", "Invalid parameter SAD"),
        (mine, "sad_x", "a", "Invalid parameter SAD"),
        (mine, new_token("sad").text, "a", "Invalid parameter SAD"),
    ):
        status, said = await caller.call("POST", SIGN, sign_body(credential, given, text, operationMode="A"))
        assert (status, said["error_description"]) == (400, sentence)
    assert await world.owner.fetchval("SELECT count(*) FROM signing.responses") == 0


async def test_a_call_waits_for_a_sam_that_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepted, 202 while nobody can sign, and completed by whoever collects; then the hashes are gone from here."""
    credential = await world.credential()
    computer = await world.computer(credential)
    sad = await approved(world, computer, credential, "a")
    take_the_sam_away(world, monkeypatch)
    assert (await computer.call("POST", SIGN, sign_body(credential, sad, "a")))[0] == 503
    response = await begun(computer, credential, sad, "a")
    waiting = await computer.send("POST", POLL, {"requestID": response})
    assert (waiting.status, waiting.headers["Retry-After"]) == (202, "2")
    assert (await waiting.json())["error"] == "accepted_request"
    assert await world.owner.fetchval("SELECT cardinality(hashes) FROM signing.responses") == 1
    monkeypatch.undo()
    answers = await asyncio.gather(*(poll(computer, response) for _ in range(5)))
    assert [status for status, _ in answers] == [200] * 5
    assert len({json.dumps(answer) for _, answer in answers}) == 1
    assert await world.owner.fetchval("SELECT hashes FROM signing.responses") is None


async def test_an_approval_that_ended_meanwhile_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SAM stayed away longer than the SAD lives: whoever collects hears that, and there is no signature."""
    credential = await world.credential()
    computer = await world.computer(credential)
    sad = await approved(world, computer, credential, "a")
    take_the_sam_away(world, monkeypatch)
    response = await begun(computer, credential, sad, "a")
    monkeypatch.undo()
    world.clock.advance(timedelta(seconds=301))
    status, said = await poll(computer, response)
    assert (status, said["error_description"]) == (400, "SAD expired")


async def test_a_use_of_a_session_may_wait_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted once, whether it is tried again by collecting or by calling."""
    desk = await bearer(world)
    take_the_sam_away(world, monkeypatch)
    monkeypatch.setattr(world.signing._sam, "use", world.signing._sam.sign)
    response = await begun(desk.caller, desk.credential, desk.sad, "a", "b")
    assert (await poll(desk.caller, response))[0] == 202
    monkeypatch.undo()
    status, signed = await poll(desk.caller, response)
    assert (status, len(signed["signatures"])) == (200, 2)
    assert await begun(desk.caller, desk.credential, desk.sad, "a", "b") == response
    assert world.sam.held[world.sam.last].used == 2


async def test_answers_do_not_pile_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leaves too many lying is told to collect first; another caller is not."""
    monkeypatch.setattr(responses, "MAX_KEPT", 2)
    desk, neighbour = await bearer(world), await bearer(world)
    for text in ("a", "b"):
        await begun(desk.caller, desk.credential, desk.sad, text)
    body = sign_body(desk.credential, desk.sad, "c", operationMode="A")
    status, said = await desk.caller.call("POST", SIGN, body)
    assert (status, said["error"], said["linkid"]) == (429, "temporarily_unavailable", {"why": "responses"})
    await begun(neighbour.caller, neighbour.credential, neighbour.sad, "c")


# ---- a SAD that is to cover more -------------------------------------------------------------------------------------


async def test_what_was_approved_is_not_extended(world: World) -> None:
    """A holder who approved these hashes approved no others: refused in both versions, and the SAD stays as it was."""
    credential = await world.credential()
    computer = await world.computer(credential)
    sad = await approved(world, computer, credential, "a")
    for status, said in (
        await computer.call("POST", EXTEND, sign_body(credential, sad, "b")),
        await computer.call("POST", EXTEND, sign_body(credential, sad, "a")),
        await post(computer, "credentials/extendTransaction", {"credentialID": credential, "SAD": sad,
                                                               "hash": [b64(digest("b"))]}),
    ):  # fmt: skip
        assert (status, said["error"], said["linkid"]) == (400, "access_denied", {"why": "fixed_list"})
    status, said = await computer.call("POST", SIGN, sign_body(credential, sad, "b"))
    assert (status, said["error_description"]) == (400, "Hash is not authorized by the SAD.")
    assert (await computer.call("POST", SIGN, sign_body(credential, sad, "a")))[0] == 200


async def test_a_session_goes_on_under_its_sad(world: World) -> None:
    """Extending a session gives its own SAD back until its end: its holder approved so many, whichever they are."""
    desk = await bearer(world)
    for text in ("a", "b"):
        status, said = await desk.caller.call("POST", EXTEND, sign_body(desk.credential, desk.sad, text))
        assert (status, said["SAD"]) == (200, desk.sad)
        assert 0 < said["expiresIn"] <= 3600
        assert (await desk.sign(None, text))[0] == 200
    status, said = await post(
        desk.caller,
        "credentials/extendTransaction",
        {"credentialID": desk.credential, "SAD": desk.sad, "hash": [b64(digest("c"))]},
    )
    assert (status, said["SAD"]) == (200, desk.sad)
    for changes, sentence in (
        ({"hashes": [b64(digest(str(n))) for n in range(4)]}, "Hash is not authorized by the SAD."),
        ({"hashes": [b64(bytes(48))]}, "Invalid digest value length"),
        (
            {"hashes": [b64(bytes(48))], "hashAlgorithmOID": "2.16.840.1.101.3.4.2.2"},
            "Hash is not authorized by the SAD.",
        ),
        ({"hashes": []}, "Empty hash array"),
        ({"SAD": new_token("sad").text}, "Invalid parameter SAD"),
        ({"hashAlgorithmOID": None}, "Missing (or invalid type) string parameter hashAlgorithmOID"),
    ):
        status, said = await desk.caller.call("POST", EXTEND, sign_body(desk.credential, desk.sad, "x", **changes))
        assert (status, said["error_description"]) == (400, sentence)
    world.clock.advance(timedelta(seconds=3600))
    again = await world.owner.fetchval("SELECT caller FROM signing.requests")
    secret = await world.clients.new_secret(again)
    form = {"grant_type": "client_credentials", "client_id": again, "client_secret": secret}
    async with world.client.post("/oauth2/token", data=form) as response:
        later = BearerCaller(world.client, (await response.json())["access_token"])
    status, said = await later.call("POST", EXTEND, sign_body(desk.credential, desk.sad, "x"))
    assert (status, said["error_description"]) == (400, "SAD expired")


# ---- a challenge without content -------------------------------------------------------------------------------------


async def test_no_challenge_goes_out_without_what_it_is_for(world: World) -> None:
    """204 for the phone, which rings when authorize says what for; other objects, others' credentials are not there."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    path = "/csc/v2/credentials/getChallenge"
    assert await caller.call("POST", path, {"credentialID": credential, "authObjectID": "mobile"}) == (204, {})
    for body, sentence in (
        ({"credentialID": new_id("cred"), "authObjectID": "mobile"}, "Invalid parameter credentialID"),
        ({"authObjectID": "mobile"}, "Missing (or invalid type) string parameter credentialID"),
        ({"credentialID": credential, "authObjectID": "PIN"}, "Invalid parameter authObjectID"),
        ({"credentialID": credential, "authObjectID": 1}, "Invalid parameter authObjectID"),
        ({"credentialID": credential}, "Invalid parameter authObjectID"),
    ):
        status, said = await caller.call("POST", path, body)
        assert (status, said["error_description"]) == (400, sentence)
    assert world.doorbell.rings == []
