"""Every member of every CSC call, replaced by everything JSON can say: a client's error each time, never ours."""

import json
from typing import Any

import pytest

from foundation.ids import new_id, new_token
from tests.csc.test_hostile import sign_body
from tests.csc.test_one_signature import SHA256, authorize
from tests.support.signing_world import IN_MODULES_LOOP, World, b64, digest

pytestmark = IN_MODULES_LOOP

NASTY: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**63,
    10**31,
    "",
    " ",
    "a",
    "\u0000",
    "\u202e",
    "'; DROP TABLE signing.requests; --",
    "{{7*7}}",
    "../../etc/passwd",
    "x" * 20_000,
    "é" * 500,
    "💥",
    [],
    [None],
    [[]],
    ["a", 1, {}],
    {},
    {"id": "mobile"},
    {"a": {"b": {"c": []}}},
    new_id("cred"),
    new_token("hdl").text,
    new_token("sad").text,
    SHA256,
    "1.2.840.113549.1.1.10",
    "MEMCAA==",
]
OPTIONAL = {
    "clientData": "x",
    "lang": "pt-BR",
    "description": "x",
    "authData": [{"id": "mobile"}],
    "certificates": "chain",
    "certInfo": True,
    "authInfo": True,
    "credentialInfo": True,
    "onlyValid": True,
    "userID": None,
    "operationMode": "S",
    "signAlgoParams": "",
    "SAD": "sad_x",
    "handle": "hdl_x",
    "hash": [],
    "hashAlgo": SHA256,
    "numSignatures": 1,
    "validity_period": 1,
    "response_uri": "https://evil.test/",
}


def bodies(credential: str) -> dict[str, dict[str, Any]]:
    """A good body for each method, with every optional member there is."""
    return {
        "info": {},
        "credentials/list": {},
        "credentials/info": {"credentialID": credential},
        "credentials/authorize": authorize(credential, "a", signAlgo="1.2.840.113549.1.1.11"),
        "credentials/authorizeCheck": {"handle": new_token("hdl").text},
        "credentials/getChallenge": {"credentialID": credential, "authObjectID": "mobile"},
        "credentials/extendTransaction": sign_body(credential, new_token("sad").text, "a"),
        "signatures/signHash": sign_body(credential, new_token("sad").text, "a"),
        "signatures/signPolling": {"requestID": new_token("rsp").text, "operationMode": "A"},
        "signatures/signDoc": {
            "credentialID": credential, "SAD": new_token("sad").text, "documentDigests": [], "documents": None,
            "returnValidationInfo": True, "operationMode": "S",
        },
        "signatures/timestamp": {"hash": b64(digest("a")), "hashAlgo": SHA256, "nonce": "01"},
        "linkid/withdraw": {"handle": new_token("hdl").text},
    }  # fmt: skip


def bodies_of_version_1(credential: str) -> dict[str, dict[str, Any]]:
    """The same for API 1; ``hash`` and ``hashAlgo`` are its own names."""
    asked = {"hash": [b64(digest("a"))], "hashAlgo": SHA256}
    sad = {"credentialID": credential, "SAD": new_token("sad").text, **asked}
    return {
        "info": {},
        "auth/login": {"refresh_token": "x", "rememberMe": True},
        "auth/revoke": {"token": new_token("at").text, "token_type_hint": "access_token"},
        "credentials/list": {"maxResults": 1, "pageToken": None},
        "credentials/info": {"credentialID": credential},
        "credentials/authorize": {"credentialID": credential, "numSignatures": 1, **asked, "PIN": "", "OTP": None},
        "credentials/extendTransaction": sad,
        "credentials/sendOTP": {"credentialID": credential},
        "signatures/signHash": {**sad, "signAlgo": "1.2.840.113549.1.1.11"},
        "signatures/timestamp": {"hash": b64(digest("a")), "hashAlgo": SHA256, "nonce": "01"},
    }


THEIR_OWN = {"auth/login": {401}, "signatures/timestamp": {503}}
EVERY = [
    *(("v2", method) for method in bodies("")),
    *(("v1", method) for method in bodies_of_version_1("")),
]


@pytest.mark.parametrize(("version", "method"), EVERY)
async def test_every_member_replaced_by_everything(world: World, version: str, method: str) -> None:
    """No member of any call makes the server fail, reach the SAM with nonsense, or answer in another form."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    # Members that a method does not have are tried where they were invented; elsewhere its own are enough.
    everything = version == "v2" and method in ("info", "credentials/authorize", "signatures/signHash")
    made = bodies if version == "v2" else bodies_of_version_1
    optional = OPTIONAL if everything else {"clientData": "x", "userID": None, "authInfo": True}
    good = {**optional, **made(credential)[method]}
    world.stamping.away = True  # a stamp takes a while, and is not what this is about
    for name in good:
        for value in NASTY:
            status, body = await caller.call("POST", f"/csc/{version}/{method}", {**good, name: value}, Prefer="wait=0")
            told = f"{method} {name}={json.dumps(value)[:60]}: {status} {body}"
            possible = {200, 202, 204, 400, 413, 429} | THEIR_OWN.get(method, set())
            assert status in possible, told
            if status >= 400:
                assert {"error", "error_description"} <= set(body) <= {"error", "error_description", "linkid"}, told
                assert len(body["error_description"]) < 200, told
    for call, _ in world.sam.bodies:
        assert call != "signatures/sign"
