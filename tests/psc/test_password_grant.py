"""pwd_authorize and authorize-ca where the operator allows them; the factors themselves are judged in tests/sam."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

from hsm_service.oauth.domain.client import GrantType
from hsm_service.psc.errors import FactorsRefused
from tests.psc.integrators.norm import SHA256
from tests.psc.people import CALLBACK, COMPANY, MARIA, application, ring
from tests.support.signing_world import IN_MODULES_LOOP, World, digest

pytestmark = IN_MODULES_LOOP

RIGHT = "Tr4vessia7Lua123456"


async def call(world: World, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with world.client.request(method, f"/v0/oauth{path}", json=body, headers=headers) as response:
        return response.status, await response.json()


class Sender:
    """An application that sends factors."""

    def __init__(self, world: World, app: Any) -> None:
        self.world, self.app = world, app

    @property
    def proof(self) -> dict[str, str]:
        return {"client_id": self.app.client_id, "client_secret": self.app.client_secret}

    async def grant(self, **changes: Any) -> tuple[int, Any]:
        said = {**self.proof, "grant_type": "password", "username": MARIA, "password": RIGHT, **changes}
        return await call(self.world, "POST", "/pwd_authorize", {k: v for k, v in said.items() if v is not None})

    async def sign(self, token: str, *texts: str, **changes: Any) -> tuple[int, Any]:
        hashes = [
            {"id": text, "alias": text, "hash": base64.b64encode(digest(text)).decode(), "hash_algorithm": SHA256}
            for text in texts
        ]
        return await call(self.world, "POST", "/signature", {"hashes": hashes, **changes}, token)


async def sender(world: World, *, left: int = 10, **facts: Any) -> tuple[Sender, str]:
    """With a consent for Maria's certificate."""
    world.allow_factors()
    credential = await world.credential(number=MARIA, **facts)
    app = await application(world)
    world.sam.consents[app.client_id, credential] = left
    return Sender(world, app), credential


async def test_three_scopes(world: World) -> None:
    """One hash; many in one request; many requests until the end: a token serves what its scope says, and repeats."""
    app, credential = await sender(world)
    status, token = await app.grant(scope="single_signature", lifetime=10)
    assert (status, token["scope"], token["slot_alias"], token["authorized_identification"]) == (
        200, "single_signature", credential, MARIA,
    )  # fmt: skip
    assert 55 <= token["expires_in"] <= 61
    assert (await app.sign(token["access_token"], "a", "b"))[1]["error"] == "invalid_request"
    first = await app.sign(token["access_token"], "a")
    assert first[0] == 200
    assert await app.sign(token["access_token"], "a") == first
    assert (await app.sign(token["access_token"], "b"))[1]["error"] == "invalid_token"
    _, token = await app.grant(scope="multi_signature")
    assert len((await app.sign(token["access_token"], "a", "b", "c"))[1]["signatures"]) == 3
    assert (await app.sign(token["access_token"], "a"))[1]["error"] == "invalid_token"
    _, token = await app.grant(scope="signature_session", lifetime=999_999_999, slot_alias=credential)
    assert token["expires_in"] <= 7 * 86_400
    for text in ("a", "b"):
        assert (await app.sign(token["access_token"], text))[0] == 200
    wrong = {"id": "1", "hash": base64.b64encode(digest("a", "sha512")).decode(),
             "hash_algorithm": "2.16.840.1.101.3.4.2.3"}  # fmt: skip
    assert (await call(world, "POST", "/signature", {"hashes": [wrong]}, token["access_token"]))[0] == 400
    await call(world, "POST", "/revoke", {**app.proof, "token": token["access_token"]})
    assert (await app.sign(token["access_token"], "c"))[0] == 401
    assert list(world.sam.held.values())[-1].ended
    assert world.doorbell.rings == []


async def test_one_answer_to_whatever_is_wrong(world: World) -> None:
    """No consent, another's, wrong password, wrong code, no such holder, another's certificate: byte for byte alike."""
    app, credential = await sender(world)
    other = Sender(world, await application(world))
    company = await world.credential(number=COMPANY)
    answers = [
        await other.grant(),
        await app.grant(password="Errada12123456"),
        await app.grant(password="Tr4vessia7Lua123457"),
        await app.grant(password="Tr4vessia7Lua"),
        await app.grant(password="x"),
    ]
    world.clock.advance(timedelta(minutes=11))
    answers += [await app.grant(username="11144477735"), await app.grant(slot_alias=company)]
    world.sam.consents[app.app.client_id, credential] = 0
    answers.append(await app.grant())
    assert [one[0] for one in answers] == [400] * 8
    assert all(one == answers[0] for one in answers)
    assert answers[0][1]["error"] == "invalid_grant"
    assert FactorsRefused.summary == answers[0][1]["error_description"]


async def test_what_is_no_grant(world: World) -> None:
    """Wrong types, huge values, other scopes, other grants; each is said before any factor is looked at."""
    app, _ = await sender(world)
    for change, error in (
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": None}, "invalid_request"),
        ({"username": "123"}, "invalid_request"),
        ({"username": ["x"]}, "invalid_request"),
        ({"password": {"a": 1}}, "invalid_request"),
        ({"password": ""}, "invalid_request"),
        ({"password": "x" * 101}, "invalid_request"),
        ({"lifetime": True}, "invalid_request"),
        ({"lifetime": -1}, "invalid_request"),
        ({"lifetime": "soon"}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": "authentication_session"}, "invalid_scope"),
        ({"slot_alias": 5}, "invalid_request"),
    ):
        status, body = await app.grant(**change)
        assert (status, body["error"]) == (400, error), change
    assert world.sam.wrong == 0
    assert not [name for name, _ in world.sam.bodies if name == "explicit/open"]
    status, body = await app.grant(client_secret="cls_wrong")
    assert (status, body["error"]) == (401, "invalid_client")
    alone = await application(world, grants=[GrantType.CLIENT], redirects=[])
    assert (await Sender(world, alone).grant())[1]["error"] == "unauthorized_client"


async def test_guessing(world: World) -> None:
    """Five tries for a holder in ten minutes, then 429; wrong ones end the consent, and the holder is told once."""
    app, credential = await sender(world)
    assert [(await app.grant(password="Errada12123456"))[0] for _ in range(6)] == [400] * 5 + [429]
    assert world.warned.told == [(credential, "Contratos SA")]
    world.clock.advance(timedelta(minutes=11))
    assert (await app.grant())[1]["error"] == "invalid_grant"


async def test_secrets_stay_nowhere(world: World) -> None:
    """What the gateway passes on, writes and says has neither password nor code."""
    app, _ = await sender(world)
    status, token = await app.grant()
    await app.grant(password="Errada12123456")
    assert status == 200
    passed_on = repr(world.sam.bodies)
    rows = [
        str(dict(row))
        for table in ("psc.tokens", "signing.requests", "audit.lines")
        for row in await world.owner.fetch(f"SELECT * FROM {table}")
    ]
    for secret in ("Tr4vessia7Lua", "123456", "Errada12"):
        assert secret not in passed_on
        assert all(secret not in row for row in rows if "123456" not in MARIA)
    assert token["access_token"].split("_")[-1] not in repr(rows)


async def test_a_consent_is_asked_for(world: World) -> None:
    """authorize-ca rings the phone with what is asked; the identifier tells what the holder said, and nothing else."""
    world.allow_factors()
    credential = await world.credential(number=MARIA)
    app = await application(world)
    wish = {"client_id": app.client_id, "client_secret": app.client_secret, "login_hint": MARIA,
            "redirect_uri": CALLBACK, "state": "abc", "lifetime": 86_400, "max_signatures": 7}  # fmt: skip
    status, begun = await call(world, "POST", "/authorize-ca", wish)
    assert (status, begun["state"], begun["status"]) == (202, "abc", "pending")
    identifier = begun["identifierCA"]
    await world.background.done()
    assert (await call(world, "GET", "/authorize-ca", token=identifier))[0] == 202
    document = world.sam.held[ring(world)].document
    now = int(world.clock.now().timestamp())
    assert (document.type, document.number("maximum"), document.number("until")) == ("consent", 7, now + 86_400)
    world.sam.approve(document.id)
    status, told = await call(world, "GET", "/authorize-ca", token=identifier)
    assert (status, told["status"], told["state"], told["consent"]) == (200, "approved", "abc", document.id)
    assert (await call(world, "POST", "/signature", {"hashes": []}, identifier))[0] in (400, 403)
    assert (await Sender(world, app).grant())[0] == 200
    stranger = await call(world, "POST", "/authorize-ca", {**wish, "login_hint": "11144477735"})
    assert (stranger[0], set(stranger[1])) == (202, set(begun))
    await world.background.done()
    assert (await call(world, "GET", "/authorize-ca", token=stranger[1]["identifierCA"]))[0] == 202
    world.clock.advance(timedelta(minutes=11))
    refused = await call(world, "POST", "/authorize-ca", wish)
    await world.background.done()
    world.sam.refuse(ring(world))
    status, body = await call(world, "GET", "/authorize-ca", token=refused[1]["identifierCA"])
    assert (status, body["error"]) == (400, "user_denied")
    wrongs: list[dict[str, Any]] = [{"login_hint": "x"}, {"max_signatures": 0}, {"lifetime": []}, {"state": "x" * 600}]
    for wrong in wrongs:
        assert (await call(world, "POST", "/authorize-ca", {**wish, **wrong}))[0] == 400
    assert credential


async def test_a_consent_of_nobody_ends_like_one_that_nobody_answers(world: World) -> None:
    """The same answers at the same times: the application does not learn who is a customer."""
    world.allow_factors()
    await world.credential(number=MARIA)
    app = await application(world)
    wish = {"client_id": app.client_id, "client_secret": app.client_secret, "redirect_uri": CALLBACK}
    begun = [await call(world, "POST", "/authorize-ca", {**wish, "login_hint": one}) for one in (MARIA, "11144477735")]
    await world.background.done()
    assert len(world.doorbell.rings) == 1

    async def told() -> list[tuple[int, Any]]:
        found = [await call(world, "GET", "/authorize-ca", token=each["identifierCA"]) for _, each in begun]
        return [(status, body.get("error")) for status, body in found]

    for minutes in (0, 4):  # what the phone was asked lives three
        world.clock.advance(timedelta(minutes=minutes))
        assert [await told(), await told()] == [[(202, None)] * 2] * 2
    world.clock.advance(timedelta(minutes=1, seconds=1))
    assert [await told(), await told()] == [[(400, "authorization_timeout")] * 2] * 2


async def test_many_at_once(world: World) -> None:
    """Of rivals with the right factors each opens what the consent has left, and not one signature more."""
    app, credential = await sender(world, left=3)
    tokens = await asyncio.gather(*(app.grant(scope="signature_session") for _ in range(5)))
    good = [body["access_token"] for status, body in tokens if status == 200]
    assert good
    assert all(held.document.number("maximum") <= 3 for held in world.sam.held.values())
    assert credential
