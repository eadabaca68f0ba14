"""CSC's explicit authorization, in both versions, where the operator allows it; the factors are judged in tests/sam."""

from datetime import timedelta
from typing import Any

from tests.csc.test_one_signature import SHA256, authorize
from tests.support.signing_callers import BearerCaller
from tests.support.signing_world import IN_MODULES_LOOP, World, b64, digest

pytestmark = IN_MODULES_LOOP

FACTORS = [{"id": "password", "value": "Tr4vessia7Lua"}, {"id": "code", "value": "123456"}]


async def with_consent(world: World, *, left: int = 10) -> tuple[BearerCaller, str]:
    """An application that a holder consented to."""
    world.allow_factors()
    credential = await world.credential()
    caller = await world.integrator(credential)
    client = await world.owner.fetchval("SELECT id FROM oauth.clients")
    world.sam.consents[client, credential] = left
    return caller, credential


async def call(caller: BearerCaller, version: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    return await caller.call("POST", f"/csc/{version}/{path}", body)


def asked1(credential: str, *texts: str, **more: Any) -> dict[str, Any]:
    hashes = [b64(digest(text)) for text in texts]
    return {"credentialID": credential, "numSignatures": len(texts), "hash": hashes,
            "PIN": "Tr4vessia7Lua", "OTP": "123456", **more}  # fmt: skip


async def test_version_2(world: World) -> None:
    """Password and code in authData: the SAD at once, for exactly these hashes; nobody is rung, and info says so."""
    caller, credential = await with_consent(world)
    _, info = await call(caller, "v2", "credentials/info", {"credentialID": credential, "authInfo": True})
    assert info["auth"]["expression"] == "mobile XOR (password AND code)"
    assert [(one["id"], one.get("generator")) for one in info["auth"]["objects"]] == [
        ("mobile", None), ("password", None), ("code", "totp"),
    ]  # fmt: skip
    status, opened = await call(
        caller, "v2", "credentials/authorize", authorize(credential, "a", "b", authData=FACTORS)
    )
    assert (status, sorted(opened)) == (200, ["SAD", "expiresIn"]), opened
    sign = {"credentialID": credential, "SAD": opened["SAD"], "hashAlgorithmOID": SHA256,
            "signAlgo": "1.2.840.113549.1.1.11"}  # fmt: skip
    other = {**sign, "hashes": [b64(digest("c"))]}
    assert (await call(caller, "v2", "signatures/signHash", other))[1]["error_description"] == (
        "Hash is not authorized by the SAD."
    )
    status, made = await call(
        caller, "v2", "signatures/signHash", {**sign, "hashes": [b64(digest("a")), b64(digest("b"))]}
    )
    assert (status, len(made["signatures"])) == (200, 2)
    assert world.doorbell.rings == []
    assert not any("Tr4vessia7Lua" in repr(body) for _, body in world.sam.bodies)


async def test_version_1(world: World) -> None:
    """PIN and OTP: the same; info says explicit to this caller, and implicit to another; sendOTP has none to send."""
    caller, credential = await with_consent(world)
    _, info = await call(caller, "v1", "credentials/info", {"credentialID": credential, "authInfo": True})
    assert (info["authMode"], info["PIN"]["presence"], info["OTP"]["presence"], info["OTP"]["type"]) == (
        "explicit", "true", "true", "offline",
    )  # fmt: skip
    other = await world.integrator(credential, name="Outro")
    _, info = await call(other, "v1", "credentials/info", {"credentialID": credential, "authInfo": True})
    assert (info["authMode"], info["PIN"]["presence"]) == ("implicit", "false")
    status, opened = await call(caller, "v1", "credentials/authorize", asked1(credential, "a"))
    assert status == 200, opened
    sign = {"credentialID": credential, "SAD": opened["SAD"], "hash": [b64(digest("a"))],
            "signAlgo": "1.2.840.113549.1.1.11"}  # fmt: skip
    assert (await call(caller, "v1", "signatures/signHash", sign))[0] == 200
    assert (await call(caller, "v1", "credentials/sendOTP", {"credentialID": credential}))[0] == 400
    assert world.doorbell.rings == []


async def test_one_answer_to_whatever_is_wrong(world: World) -> None:
    """No consent, an ended one, wrong password, wrong code, both wrong, malformed: the dialect's own error, and one."""
    caller, credential = await with_consent(world)
    other = await world.integrator(credential, name="Outro")
    wrong2: list[Any] = [
        [FACTORS[0], {"id": "code", "value": "654321"}],
        [{"id": "password", "value": "Errada123"}, FACTORS[1]],
        [FACTORS[0]],
        [FACTORS[0], FACTORS[0]],
        [FACTORS[0], {"id": "code", "value": 123456}],
        [FACTORS[0], {"id": "code", "value": "1" * 65}],
        [FACTORS[0], FACTORS[1], {"id": "mobile"}],
        [None],
    ]
    seen = [
        await call(caller, "v2", "credentials/authorize", authorize(credential, "a", authData=one)) for one in wrong2
    ]
    seen.append(await call(other, "v2", "credentials/authorize", authorize(credential, "a", authData=FACTORS)))
    assert {(status, body["error"], body["error_description"]) for status, body in seen} == {
        (400, "invalid_authentication_data", "The authentication data is invalid")
    }
    seen = [
        await call(caller, "v1", "credentials/authorize", asked1(credential, "a", **wrong))
        for wrong in ({"PIN": "Errada123"}, {"OTP": "000000"}, {"PIN": "x", "OTP": "y"})
    ]
    assert world.warned.told == [(credential, "Contratos SA")]
    seen.append(await call(caller, "v1", "credentials/authorize", asked1(credential, "a")))
    seen.append(await call(other, "v1", "credentials/authorize", asked1(credential, "a")))
    assert {(status, body["error"]) for status, body in seen} == {(400, "invalid_pin")}
    for half, error in (({"OTP": None}, "invalid_pin"), ({"PIN": 5}, "invalid_pin"), ({"OTP": ["1"]}, "invalid_otp")):
        assert (await call(caller, "v1", "credentials/authorize", asked1(credential, "a", **half)))[1]["error"] == error
    too_many = await call(caller, "v2", "credentials/authorize", authorize(credential, "a", authData="x"))
    assert too_many[1]["error"] == "invalid_request"


async def test_a_consent_is_asked_for(world: World) -> None:
    """clientData names the consent; the phone rings; the answer has no SAD, and its handle opens no signature."""
    world.allow_factors()
    credential = await world.credential()
    caller = await world.integrator(credential)
    terms = '{"consent":{"seconds":86400,"purpose":"Receitas"}}'
    body = {"credentialID": credential, "numSignatures": 20, "clientData": terms}
    status, asked = await call(caller, "v2", "credentials/authorize", body)
    assert status == 202, asked
    document = world.sam.held[asked["linkid"]["request"]].document
    assert (document.type, document.number("maximum"), document.text("purpose")) == ("consent", 20, "Receitas")
    check = {"handle": asked["handle"]}
    assert (await call(caller, "v2", "credentials/authorizeCheck", check))[0] == 202
    world.sam.approve(document.id)
    status, told = await call(caller, "v2", "credentials/authorizeCheck", check)
    assert (status, told["linkid"]["consent"], told["linkid"]["maximum"]) == (200, document.id, 20)
    assert "SAD" not in told
    forged = asked["handle"].replace("hdl_", "sad_", 1)
    sign = {"credentialID": credential, "SAD": forged, "hashes": [b64(digest("a"))], "hashAlgorithmOID": SHA256,
            "signAlgo": "1.2.840.113549.1.1.11"}  # fmt: skip
    assert (await call(caller, "v2", "signatures/signHash", sign))[1]["error_description"] == "Invalid parameter SAD"
    opened = await call(caller, "v2", "credentials/authorize", authorize(credential, "a", authData=FACTORS))
    assert opened[0] == 200
    world.clock.advance(timedelta(minutes=5))
    for wrong in (
        {"clientData": '{"consent":{}}'},
        {"clientData": '{"consent":[]}'},
        {"clientData": '{"consent":{"seconds":60,"until":5}}'},
        {"clientData": '{"consent":{"seconds":60,"more":1}}'},
        {"clientData": '{"consent":{"seconds":1}}'},
        {"hashes": [b64(digest("a"))]},
        {"numSignatures": 0},
        {"numSignatures": 100_000},
    ):
        status, said = await call(caller, "v2", "credentials/authorize", {**body, **wrong})
        assert (status, said["error"]) == (400, "invalid_request"), (wrong, said)


async def test_where_it_is_off(world: World) -> None:
    """Then nothing is looked at: the answers are those of before there was such a thing."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    status, said = await call(caller, "v2", "credentials/authorize", authorize(credential, "a", authData=FACTORS))
    assert (status, said["error"]) == (400, "invalid_authentication_data")
    status, said = await call(caller, "v1", "credentials/authorize", asked1(credential, "a"))
    assert (status, said["error"]) == (400, "invalid_pin")
    _, info = await call(caller, "v2", "credentials/info", {"credentialID": credential, "authInfo": True})
    assert info["auth"]["expression"] == "mobile"
    assert world.sam.bodies == []
