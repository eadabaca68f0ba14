"""Every entry point against input that no program of ours sends."""

from typing import Any

import pytest

from foundation.errors import FAMILIES, every_error, family_of
from foundation.web.errors import default_dialect
from pairing import errors
from tests.pairing.conftest import Gateway
from tests.pairing.people import MARIA

PHONE: list[tuple[str, str, Any]] = [
    ("PUT", "/phone/v1/device", {"nickname": "x"}),
    ("GET", "/phone/v1/device", None),
    ("POST", "/phone/v1/bindings", {"credential": "cred_x"}),
    ("GET", "/phone/v1/waiting", None),
    ("GET", "/phone/v1/documents/doc_x", None),
    ("GET", "/phone/v1/documents/req_x/evidence", None),
    ("POST", "/phone/v1/documents/doc_x/decision", {"decision": "approve", "proof": None, "signature": "x"}),
    ("POST", "/phone/v1/scan", {"text": "x"}),
    ("POST", "/phone/v1/block", None),
    ("GET", "/phone/v1/devices", None),
    ("DELETE", "/phone/v1/devices/dev_x", None),
    ("GET", "/phone/v1/history", None),
    ("POST", "/phone/v1/unblock", {"credential": "cred_x"}),
    ("DELETE", "/phone/v1/computers/cmp_x", None),
    ("DELETE", "/phone/v1/device", None),
]
KEY_ALONE: list[tuple[str, str, Any]] = [
    ("POST", "/phone/v1/pairings", {"number": MARIA}),
    ("POST", "/phone/v1/pairings/par_x/resend", None),
    ("POST", "/phone/v1/pairings/par_x/code", {"code": "123456"}),
    ("POST", "/links/v1", {"name": "n", "os": "o", "version": "v"}),
    ("GET", "/links/v1/lnk_x", None),
    ("POST", "/links/v1/lnk_x/check", {"code": "123"}),
    ("DELETE", "/links/v1/lnk_x", None),
    ("DELETE", "/links/v1/computers/cmp_x", None),
]
WITH_BODY = [one for one in PHONE + KEY_ALONE if one[2] is not None]

OURS = [kind for kind in every_error() if kind.__module__ == errors.__name__]


@pytest.mark.parametrize(("method", "path", "body"), PHONE + KEY_ALONE)
async def test_nothing_is_done_without_a_proof(gateway: Gateway, method: str, path: str, body: Any) -> None:
    """No DPoP, no answer; with a token and no proof neither."""
    phone = gateway.phone()
    await phone.verify()
    for headers in ({}, {"Authorization": f"DPoP {phone.token}"}, {"Authorization": f"Bearer {phone.token}"}):
        async with gateway.client.request(method, path, json=body, headers=headers) as response:
            assert response.status == 401


@pytest.mark.parametrize(("method", "path", "body"), PHONE)
async def test_a_phones_calls_need_its_token(gateway: Gateway, method: str, path: str, body: Any) -> None:
    """A key alone is nobody."""
    status, answer = await gateway.phone().call(method, path, body)

    assert (status, answer["code"]) == (401, "device_unknown")


async def test_a_proof_serves_one_call(gateway: Gateway) -> None:
    """Replayed, for another method, for another path, too old, or two at once."""
    phone = gateway.phone()
    await phone.verify()
    path = "/phone/v1/device"
    proof = phone.proof("GET", path)
    good = {"Authorization": f"DPoP {phone.token}", "DPoP": proof}

    assert (await gateway.client.get(path, headers=good)).status == 200

    bad = [
        good,
        {**good, "DPoP": phone.proof("DELETE", path)},
        {**good, "DPoP": phone.proof("GET", "/phone/v1/waiting")},
        {**good, "DPoP": phone.proof("GET", path, iat=int(gateway.clock.now().timestamp()) - 120)},
        {**good, "DPoP": phone.proof("GET", path, ath="x")},
        {**good, "DPoP": phone.proof("GET", path, htu="https://attacker.example" + path)},
        {**good, "DPoP": "x"},
    ]
    for headers in bad:
        response = await gateway.client.get(path, headers=headers)

        assert response.status == 401
        assert (await response.json())["code"] == "invalid_dpop_proof"


async def test_a_replay_hears_of_the_proof_and_of_nothing_else(gateway: Gateway) -> None:
    """Whatever is wrong with its token, and it is no sign of life: who only overheard a call learns nothing by it."""
    phone = gateway.phone()
    await phone.verify()
    assert phone.token is not None
    path = "/phone/v1/device"
    changed = phone.token[:-1] + ("0" if phone.token[-1] != "0" else "1")
    for token in (phone.token, changed, "x"):
        phone.token = token
        headers = {"Authorization": f"DPoP {token}", "DPoP": phone.proof("GET", path)}
        first = await gateway.client.get(path, headers=headers)
        assert first.status == (200 if token not in (changed, "x") else 401)
        await gateway.database.execute("UPDATE pairing.devices SET last_seen_at = NULL")
        again = await gateway.client.get(path, headers=headers)
        assert (again.status, (await again.json())["code"]) == (401, "invalid_dpop_proof")
        assert await gateway.database.fetchval("SELECT last_seen_at FROM pairing.devices") is None


@pytest.mark.parametrize(("method", "path", "body"), WITH_BODY)
async def test_bodies_of_another_form_are_refused(gateway: Gateway, method: str, path: str, body: Any) -> None:
    """Wrong types, missing and unknown members, no object, not JSON, far too large: 400, 413 or 415, never 500."""
    phone = gateway.phone()
    if (method, path, body) in PHONE:
        await phone.verify()
    name = next(iter(body))
    bad: list[Any] = [
        {},
        [],
        "x",
        {**body, "surplus": 1},
        {**body, name: None},
        {**body, name: 7},
        {**body, name: ["x"]},
        {**body, name: {"a": "b"}},
        {**body, name: "x" * 3000},
    ]
    for sent in bad:
        status, answer = await phone.call(method, path, sent)

        assert status in (400, 404, 413), (sent, answer)
    for content, kind in ((b"{", "application/json"), (b'{"a":1,"a":2}', "application/json"), (b"x=1", "text/plain")):
        status = await _raw(gateway, phone, method, path, content, kind)

        assert status in (400, 415)
    assert await _raw(gateway, phone, method, path, b'"' + b"x" * 200_000 + b'"', "application/json") == 413


async def _raw(gateway: Gateway, phone: Any, method: str, path: str, content: bytes, kind: str) -> int:
    headers = {"DPoP": phone.proof(method, path), "Content-Type": kind}
    if phone.token is not None:
        headers["Authorization"] = f"DPoP {phone.token}"
    async with gateway.client.request(method, path, data=content, headers=headers) as response:
        return response.status


@pytest.mark.parametrize("number", ["", "x", "+1 415 555 2671", "\x00", "9" * 200, "+5511\u0669\u0668765432"])
async def test_numbers_that_are_none_are_told_so(gateway: Gateway, number: str) -> None:
    """400 with a code of ours, and no message."""
    status, body = await gateway.phone().call("POST", "/phone/v1/pairings", {"number": number})

    assert status == 400
    assert body["code"].startswith("number_")
    assert gateway.sms.sent == []


async def test_answers_are_never_cached(gateway: Gateway) -> None:
    """Everything here is about one holder at one moment."""
    phone = await gateway.paired()
    for path in ("/phone/v1/device", "/phone/v1/waiting", "/phone/v1/documents/doc_x"):
        assert (await phone.send("GET", path)).headers["Cache-Control"] == "no-store"


# ---- every error of ours, as a table ----


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_error_tells_a_person_what_to_do(kind: Any) -> None:
    """A message of its own in Portuguese, a code of its own, a family, a docstring that says when."""
    family = family_of(kind)

    assert "message" in vars(kind)
    assert "summary" in vars(kind)
    assert kind.message != family.message
    assert kind.message.endswith(".")
    assert kind.summary.endswith(".")
    assert len(kind.message) <= 120
    assert kind.__doc__
    assert family in FAMILIES


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_of_its_family(kind: Any) -> None:
    """Nothing of ours is a 500."""
    status, code = default_dialect().lookup(kind)

    assert 400 <= status < 500 or status == 503
    assert code == kind.code


def test_codes_are_unique() -> None:
    """A program that compares codes can tell our errors from each other and from the contract's."""
    import protocol.errors

    known = [kind for kind in every_error() if kind.__module__ in (errors.__name__, protocol.errors.__name__)]
    codes = [kind.code for kind in known]

    assert len(OURS) > 30
    assert sorted(codes) == sorted(set(codes))
