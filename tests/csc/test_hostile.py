"""The CSC API under attack, over HTTP: strangers, neighbours, replays, floods of bytes."""

import asyncio
import io
import json
from datetime import timedelta
from typing import Any

import pytest

from foundation.ids import new_id, new_token
from hsm_service.oauth.domain.client import ClientMethod
from tests.csc.test_one_signature import SHA256, authorize
from tests.support.signing_callers import ORIGIN, Computer
from tests.support.signing_world import IN_MODULES_LOOP, World, b64, digest

pytestmark = IN_MODULES_LOOP

METHODS = [
    "credentials/list",
    "credentials/info",
    "credentials/authorize",
    "credentials/authorizeCheck",
    "credentials/getChallenge",
    "credentials/extendTransaction",
    "signatures/signHash",
    "signatures/signPolling",
    "linkid/withdraw",
]


async def raw(world: World, path: str, data: bytes = b"{}", /, **headers: str) -> tuple[int, Any, Any]:
    """Status, JSON and headers of a POST of bytes."""
    sent = {"Content-Type": "application/json", **headers}
    async with world.client.post(path, data=io.BytesIO(data), headers=sent) as response:
        content = await response.read()
        return response.status, json.loads(content) if content else None, response.headers


async def approved(world: World, computer: Computer, credential: str, *texts: str) -> str:
    """A SAD."""
    status, asked = await computer.call("POST", "/csc/v2/credentials/authorize", authorize(credential, *texts))
    assert status == 202, asked
    world.sam.approve(asked["linkid"]["request"])
    status, body = await computer.call("POST", "/csc/v2/credentials/authorizeCheck", {"handle": asked["handle"]})
    assert status == 200, body
    return str(body["SAD"])


def sign_body(credential: str, sad: Any, *texts: str, **changes: Any) -> dict[str, Any]:
    """A body for signHash."""
    body = {
        "credentialID": credential,
        "SAD": sad,
        "hashes": [b64(digest(text)) for text in texts],
        "hashAlgorithmOID": SHA256,
        "signAlgo": "1.2.840.113549.1.1.11",
    }
    return {**body, **changes}


# ---- who is calling --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Bearer at_00000000000000000000000000_abc", 401),
        ("Bearer " + "x" * 4000, 401),
        ("DPoP at_00000000000000000000000000_abc", 401),
        ("Bearer", 400),
        ("Basic bWFyaWE6eA==", 400),
        ("Bearer a b", 400),
    ],
)
async def test_strangers_learn_nothing(world: World, method: str, header: str | None, status: int) -> None:
    """Without a good token the body is not even looked at; malformed headers are 400, everything else 401."""
    headers = {} if header is None else {"Authorization": header}
    got, body, sent = await raw(world, f"/csc/v2/{method}", b"not json", **headers)
    assert got == status
    assert set(body) == {"error", "error_description"}
    if status == 401:
        assert "DPoP" in sent["WWW-Authenticate"]


async def test_a_bound_token_needs_its_key_on_every_call(world: World) -> None:
    """As a bearer token, with another key's proof, with a proof for another call, replayed: worth nothing."""
    credential = await world.credential()
    computer, thief = await world.computer(credential), await world.computer(credential)
    path = "/csc/v2/credentials/list"
    assert (await raw(world, path, Authorization=f"Bearer {computer.token}"))[0] == 401
    assert (await raw(world, path, Authorization=f"DPoP {computer.token}"))[0] == 401
    own_token, thief.token = thief.token, computer.token
    assert (await thief.call("POST", path, {}))[0] == 401
    thief.token = own_token
    good = {"Authorization": f"DPoP {computer.token}"}
    for proof in (
        computer.proof("POST", "/csc/v2/credentials/info"),
        computer.proof("GET", path),
        computer.proof("POST", path, htu="https://other.test" + path),
        computer.proof("POST", path, ath="x"),
        computer.proof("POST", path, iat=1),
    ):
        assert (await raw(world, path, DPoP=proof, **good))[0] == 401
    once = computer.proof("POST", path)
    assert (await raw(world, path, DPoP=once, **good))[0] == 200
    assert (await raw(world, path, DPoP=once, **good))[0] == 401


async def test_a_bearer_token_does_not_pose_as_bound(world: World) -> None:
    """An unbound token under the DPoP scheme is refused: nothing pretends to more than it is."""
    caller = await world.integrator()
    status, _, _ = await raw(world, "/csc/v2/credentials/list", Authorization=f"DPoP {caller.token}")
    assert status == 401


async def test_tokens_end(world: World) -> None:
    """An hour, and not a second more."""
    caller = await world.integrator()
    world.clock.advance(timedelta(seconds=3599))
    assert (await caller.call("POST", "/csc/v2/credentials/list", {}))[0] == 200
    world.clock.advance(timedelta(seconds=1))
    status, body = await caller.call("POST", "/csc/v2/credentials/list", {})
    assert (status, body["error"]) == (401, "invalid_token")


async def test_an_integrator_sees_only_what_it_was_allowed(world: World) -> None:
    """By itself it lists what an operator allowed; the rest does not exist; taking it back works at once."""
    mine, other = await world.credential(), await world.credential()
    caller = await world.integrator(mine)
    assert (await caller.call("POST", "/csc/v2/credentials/list", {}))[1] == {"credentialIDs": [mine]}
    unknown = await caller.call("POST", "/csc/v2/credentials/info", {"credentialID": new_id("cred")})
    assert await caller.call("POST", "/csc/v2/credentials/info", {"credentialID": other}) == unknown
    client = (await world.clients.all())[0]
    await world.clients.disallow(client.id, mine)
    assert await caller.call("POST", "/csc/v2/credentials/info", {"credentialID": mine}) == unknown


# ---- somebody else's -------------------------------------------------------------------------------------------------


async def test_nothing_of_another_computer_is_mine(world: World) -> None:
    """Another's credential, handle and SAD: the same answers as for things that do not exist, and nothing is signed."""
    credential, foreign = await world.credential(), await world.credential()
    mine, thief = await world.computer(credential), await world.computer(foreign)
    neighbour = await world.computer(credential)
    status, asked = await mine.call("POST", "/csc/v2/credentials/authorize", authorize(credential, "a"))
    assert status == 202
    nothing = await thief.call("POST", "/csc/v2/credentials/authorizeCheck", {"handle": new_token("hdl").text})
    assert nothing == (400, {"error": "invalid_request", "error_description": "Invalid parameter handle"})
    for other in (thief, neighbour):
        for method in ("credentials/authorizeCheck", "linkid/withdraw"):
            assert await other.call("POST", f"/csc/v2/{method}", {"handle": asked["handle"]}) == nothing
    world.sam.approve(asked["linkid"]["request"])
    _, body = await mine.call("POST", "/csc/v2/credentials/authorizeCheck", {"handle": asked["handle"]})
    refused = await neighbour.call("POST", "/csc/v2/signatures/signHash", sign_body(credential, body["SAD"], "a"))
    assert refused == (400, {"error": "invalid_request", "error_description": "Invalid parameter SAD"})
    for wanted in (credential, new_id("cred")):
        assert await thief.call("POST", "/csc/v2/signatures/signHash", sign_body(wanted, body["SAD"], "a")) == (
            400,
            {"error": "invalid_request", "error_description": "Invalid parameter credentialID"},
        )
        assert (await thief.call("POST", "/csc/v2/credentials/authorize", authorize(wanted, "a")))[1][
            "error_description"
        ] == "Invalid parameter credentialID"
    assert all(call != "signatures/sign" for call, _ in world.sam.bodies)


async def test_one_credentials_sad_does_not_sign_with_another(world: World) -> None:
    """A SAD names its credential, also among one's own."""
    one, two = await world.credential(), await world.credential()
    computer = await world.computer(one, two)
    sad = await approved(world, computer, one, "a")
    status, body = await computer.call("POST", "/csc/v2/signatures/signHash", sign_body(two, sad, "a"))
    assert (status, body["error_description"]) == (400, "Invalid parameter SAD")


# ---- what was approved -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "changes", "sentence"),
    [
        (("x",), {}, "Hash is not authorized by the SAD."),
        (("a", "x"), {}, "Hash is not authorized by the SAD."),
        (("a", "a"), {}, "Hash is not authorized by the SAD."),
        (("a", "b", "b"), {}, "Hash is not authorized by the SAD."),
        (("a",), {"signAlgo": "1.2.840.10045.4.3.2"}, "Hash is not authorized by the SAD."),
        (("a",), {"signAlgo": "1.2.840.113549.1.1.13"}, "Invalid digest value length"),
        (("a",), {"SAD": "sad_x"}, "Invalid parameter SAD"),
        (("a",), {"SAD": new_token("sad").text}, "Invalid parameter SAD"),
        (("a",), {"SAD": "x" * 100_000}, "Invalid parameter SAD"),
        (("a",), {"SAD": "sad_\0"}, "Invalid parameter SAD"),
        (("a",), {"hashes": [b64(b"short")]}, "Invalid digest value length"),
    ],
)
async def test_only_what_was_approved_is_signed(
    world: World, texts: tuple[str, ...], changes: dict[str, Any], sentence: str
) -> None:
    """Other hashes, one twice, another algorithm, another SAD: refused, and the approval stays whole."""
    credential = await world.credential()
    computer = await world.computer(credential)
    sad = await approved(world, computer, credential, "a", "b")
    status, body = await computer.call(
        "POST", "/csc/v2/signatures/signHash", sign_body(credential, sad, *texts, **changes)
    )
    assert (status, body["error_description"]) == (400, sentence)
    status, body = await computer.call("POST", "/csc/v2/signatures/signHash", sign_body(credential, sad, "b", "a"))
    assert (status, len(body["signatures"])) == (200, 2)


async def test_a_refusal_a_lapse_and_a_withdrawal_are_told_apart(world: World) -> None:
    """access_denied with the reason, expired_token, access_denied: what an agent tells its user."""
    credential = await world.credential()
    computer = await world.computer(credential)

    async def check(handle: str) -> tuple[int, Any]:
        status, body = await computer.call("POST", "/csc/v2/credentials/authorizeCheck", {"handle": handle})
        return status, body

    _, asked = await computer.call("POST", "/csc/v2/credentials/authorize", authorize(credential, "a"))
    world.sam.refuse(asked["linkid"]["request"], "refuse:not-me")
    status, body = await check(asked["handle"])
    assert (status, body["error"], body["linkid"]) == (400, "access_denied", {"reason": "refuse:not-me"})
    status, body = await computer.call("POST", "/csc/v2/credentials/authorize", authorize(credential, "a"))
    assert (status, body["error"]) == (429, "temporarily_unavailable")

    world.clock.advance(timedelta(hours=1))
    await computer.log_in()
    _, asked = await computer.call("POST", "/csc/v2/credentials/authorize", authorize(credential, "a"))
    world.clock.advance(timedelta(seconds=180))
    status, body = await check(asked["handle"])
    assert (status, body["error"]) == (400, "expired_token")
    world.clock.advance(timedelta(seconds=15))

    _, asked = await computer.call("POST", "/csc/v2/credentials/authorize", authorize(credential, "a"))
    response = await computer.send("POST", "/csc/v2/linkid/withdraw", {"handle": asked["handle"]})
    assert response.status == 204
    status, body = await check(asked["handle"])
    assert (status, body["error"]) == (400, "access_denied")


async def test_a_phone_is_not_rung_without_end_by_withdrawing(world: World) -> None:
    """Ask, withdraw, ask, withdraw: 429 with Retry-After and the reason, long before it is a bombing."""
    credential = await world.credential()
    computer = await world.computer(credential)
    for _ in range(20):
        response = await computer.send("POST", "/csc/v2/credentials/authorize", authorize(credential, "a"))
        body = await response.json()
        if response.status != 202:
            break
        await computer.send("POST", "/csc/v2/linkid/withdraw", {"handle": body["handle"]})
    assert (response.status, response.headers["Retry-After"]) == (429, "30")
    assert (body["error"], body["linkid"]["why"]) == ("temporarily_unavailable", "unanswered")
    assert 3 < len(world.doorbell.rings) <= 6


async def test_a_second_request_waits_its_turn(world: World) -> None:
    """429 with Retry-After while the first one rings."""
    credential = await world.credential()
    computer = await world.computer(credential)
    outcomes = await asyncio.gather(
        *(computer.send("POST", "/csc/v2/credentials/authorize", authorize(credential, "a")) for _ in range(10))
    )
    assert sorted(one.status for one in outcomes) == [202] + [429] * 9
    assert all(int(one.headers["Retry-After"]) >= 1 for one in outcomes if one.status == 429)
    assert len(world.doorbell.rings) == 1


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"state": "revoked"}, "The credential identified by credentialID is disabled"),
        ({"state": "bound"}, "The credential identified by credentialID is disabled"),
    ],
)
async def test_a_credential_that_is_off_is_not_asked_for(world: World, facts: dict[str, Any], sentence: str) -> None:
    """Revoked or not yet active: told, and nobody's phone rings."""
    credential = await world.credential(**facts)
    computer = await world.computer(credential)
    status, body = await computer.call("POST", "/csc/v2/credentials/authorize", authorize(credential, "a"))
    assert (status, body["error_description"]) == (400, sentence)
    assert world.doorbell.rings == []


async def test_an_expired_certificate_is_named(world: World) -> None:
    """The standard's sentence, with the certificate's subject."""
    credential = await world.credential()
    world.clock.advance(timedelta(days=400))
    computer = await world.computer(credential)
    status, body = await computer.call("POST", "/csc/v2/credentials/authorize", authorize(credential, "a"))
    assert status == 400
    assert body["error_description"] == (
        "Signing certificate 'CN=MARIA DA SILVA:00000000000,O=ICP-Brasil,C=BR' is expired."
    )


# ---- shapes of requests ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"{" * 100_000, 400),
        (b'{"credentialID":' + b"[" * 100_000, 400),
        (b'{"credentialID":"' + b"x" * 200_000 + b'"}', 400),
        (b"x" * 10_000_000, 413),
        (b'{"credentialID":"\\u0000"}', 400),
        (b"\xef\xbb\xbf{}", 400),
        (b"null", 400),
        (b"9" * 100_000, 400),
    ],
)
async def test_bodies_meant_to_hurt(world: World, data: bytes, status: int) -> None:
    """Too deep, too long, not JSON, ten megabytes: a quick refusal in CSC's form, never a 500."""
    caller = await world.integrator()
    for method in ("credentials/info", "signatures/signHash"):
        got, body, _ = await raw(world, f"/csc/v2/{method}", data, Authorization=f"Bearer {caller.token}")
        assert got == status
        assert body["error"] == "invalid_request"


async def test_ten_thousand_hashes_are_too_many(world: World) -> None:
    """More than a person can scroll, or than fits a body: refused before anything is decoded."""
    credential = await world.credential()
    computer = await world.computer(credential)
    many = authorize(credential, *(str(number) for number in range(101)))
    status, body = await computer.call("POST", "/csc/v2/credentials/authorize", many)
    assert (status, body["error_description"]) == (400, "Numbers of signatures is too high")
    more = authorize(credential, *(str(number) for number in range(10_000)))
    assert (await computer.call("POST", "/csc/v2/credentials/authorize", more))[0] == 400
    assert (await computer.call("POST", "/csc/v2/signatures/signHash", more))[0] == 413


async def test_other_content_types(world: World) -> None:
    """JSON says that it is JSON."""
    caller = await world.integrator()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": kind}
        got, body, _ = await raw(world, "/csc/v2/credentials/list", b"{}", **headers)
        assert (got, body["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "path",
    ["auth/login", "auth/revoke", "credentials/sendOTP", "nonsense", "a/b/c"],
)
async def test_what_we_do_not_have_is_not_implemented(world: World, path: str) -> None:
    """501, as the standard says, with or without a token."""
    status, body, _ = await raw(world, f"/csc/v2/{path}")
    assert (status, body["error"]) == (501, "invalid_request")


async def test_every_method_is_a_post(world: World) -> None:
    """GET info, which some servers take, is not CSC."""
    for method in ("info", *METHODS):
        async with world.client.get(f"/csc/v2/{method}") as response:
            assert response.status == 405
            assert (await response.json())["error"] == "invalid_request"


async def test_info_needs_no_token(world: World) -> None:
    """Anybody may ask what this service is."""
    for data in (b"", b"{}", b'{"lang":"pt-BR"}'):
        status, body, _ = await raw(world, "/csc/v2/info", data)
        assert status == 200
        assert body["oauth2Issuer"] == ORIGIN
        assert "credentials/authorizeCheck" in body["methods"]


async def test_a_waiting_poll_answers_when_the_phone_does(world: World) -> None:
    """Prefer: wait holds the answer back until the holder decided."""
    credential = await world.credential()
    computer = await world.computer(credential)
    _, asked = await computer.call("POST", "/csc/v2/credentials/authorize", authorize(credential, "a"))
    poll = asyncio.create_task(
        computer.call("POST", "/csc/v2/credentials/authorizeCheck", {"handle": asked["handle"]}, Prefer="wait=20")
    )
    while world.sam.bodies[-1][0] != "documents/state":
        await asyncio.sleep(0.01)
    world.sam.approve(asked["linkid"]["request"])
    await world.decided(asked["linkid"]["request"])
    status, body = await asyncio.wait_for(poll, 4)
    assert (status, body["SAD"][:4]) == (200, "sad_")


async def test_a_computer_signs_what_it_asks(world: World) -> None:
    """No signature, somebody else's, or one for another label: refused as the caller's fault, and no phone rings."""
    credential = await world.credential()
    computer, other = await world.computer(credential), await world.computer(credential)
    body = authorize(credential, "a")
    good = json.loads(computer.signed_ask(body))
    unclean = {**body, "clientData": json.dumps({"documents": [{"label": "a\u202efdp.exe"}]})}
    for data in (
        json.dumps({**good, "ask": False}),
        json.dumps({**good, "ask": {}}),
        json.dumps({**good, "ask": {**good["ask"], "created": str(good["ask"]["created"])}}),
        json.dumps({**good, "ask": {**good["ask"], "more": "x" * 1000}}),
        json.dumps({**good, "documents": [{"label": "contrato.pdf"}]}),
        other.signed_ask(body),
        computer.signed_ask(authorize(credential, "b")),
        computer.signed_ask(unclean),
    ):
        status, answer = await computer.call("POST", "/csc/v2/credentials/authorize", {**body, "clientData": data})
        assert (status, answer["error"]) == (400, "invalid_request"), (data, answer)
    assert world.doorbell.rings == []
    status, _ = await computer.call("POST", "/csc/v2/credentials/authorize", {**body, "clientData": json.dumps(good)})
    assert (status, len(world.doorbell.rings)) == (202, 1)


async def test_an_integrator_with_keys_signs_what_it_asks(world: World) -> None:
    """Registered with --signs-asks, it is asked for as a computer is: signed by its own key, or nothing rings."""
    credential = await world.credential()
    banco = Computer(world.client, world.clock, ORIGIN)
    registered = await world.register(method=ClientMethod.KEY, keys=[banco.key.jwk], signs_asks=True)
    banco.id = registered.client.id
    await world.clients.allow(banco.id, credential)
    await banco.log_in()
    body = authorize(credential, "a")
    other = Computer(world.client, world.clock, ORIGIN)
    other.id = banco.id
    unsigned = json.dumps({"documents": [{"label": "contrato.pdf"}], "ask": None})
    for data in (other.signed_ask(body), banco.signed_ask(authorize(credential, "b")), unsigned):
        status, answer = await banco.call("POST", "/csc/v2/credentials/authorize", {**body, "clientData": data})
        assert (status, answer["error"]) == (400, "invalid_request"), (data, answer)
    assert world.doorbell.rings == []
    assert (await banco.call("POST", "/csc/v2/credentials/authorize", body))[0] == 202
    assert len(world.doorbell.rings) == 1


async def test_an_integrator_that_the_sam_does_not_know(world: World) -> None:
    """A row without an operator's order: an error of its own, that says whom to ask, and the phone stays silent."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    world.sam.integrators.clear()
    status, answer = await caller.call("POST", "/csc/v2/credentials/authorize", authorize(credential, "a"))
    assert (status, answer["error"], answer["linkid"]) == (400, "access_denied", {"why": "caller_unknown"})
    assert "operator" in answer["error_description"]
    assert world.doorbell.rings == []


async def test_labels_cannot_deceive_the_eye(world: World) -> None:
    """Overrides and controls are gone from what the SAM fixes; a long name keeps its ending."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    labels = json.dumps({"documents": [{"label": "boleto\u202efdp.exe\r\n" + "x" * 300 + ".pdf"}]})
    await caller.call("POST", "/csc/v2/credentials/authorize", authorize(credential, "a", clientData=labels))
    shown = world.sam.held[world.sam.last].document.objects("documents")[0]["label"]
    assert isinstance(shown, str)
    assert "\u202e" not in shown
    assert len(shown) <= 120
    assert shown.endswith(".pdf")
