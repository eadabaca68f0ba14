"""Every endpoint of the dialect against what should not come: wrong, huge, replayed, at once, late, somebody else's."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from foundation.ids import new_id, new_token
from tests.psc.integrators.norm import SHA256, Application, Refused
from tests.psc.people import CALLBACK, MARIA, application, granted, identified, ring, session, visit
from tests.support.oauth_requests import CHALLENGE, VERIFIER, page_token
from tests.support.signing_callers import ORIGIN
from tests.support.signing_world import IN_MODULES_LOOP, World, digest

pytestmark = IN_MODULES_LOOP

ROOT = "/v0/oauth"
HASH = {"id": "1", "alias": "a", "hash": digest("a").hex(), "hash_algorithm": SHA256, "signature_format": "RAW"}


async def told(response: Any) -> tuple[int, dict[str, Any]]:
    """Status and body; in every error the three texts, and nothing that looks like a secret of ours or a number."""
    text = await response.text()
    body: dict[str, Any] = json.loads(text)
    if response.status >= 400:
        assert {"error", "error_description", "message"} <= set(body), body
        assert MARIA not in text
        assert "Traceback" not in text
        assert not any(prefix in text for prefix in ("pst_", "psa_", "cls_", "hdl_", "sad_"))
    return response.status, body


async def post(world: World, path: str, token: str | None = None, **sent: Any) -> tuple[int, dict[str, Any]]:
    """One call."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with world.client.post(ROOT + path, headers={**headers, **sent.pop("headers", {})}, **sent) as response:
        return await told(response)


def query(app: Application, **changes: Any) -> str:
    """An authorize request; None leaves a parameter out, a list repeats it."""
    parameters = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": CALLBACK,
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return f"{ROOT}/authorize?" + urlencode({k: v for k, v in parameters.items() if v is not None}, doseq=True)


UNSAFE: list[dict[str, Any]] = [
    {"client_id": None},
    {"client_id": "cli_" + "0" * 26},
    {"client_id": "x' OR 1=1"},
    {"redirect_uri": "https://contratos.test/callback/../evil"},
    {"redirect_uri": CALLBACK + "?x=1"},
    {"redirect_uri": "https://contratos.test.evil/callback"},
    {"redirect_uri": "push://"},
    {"redirect_uri": [CALLBACK, "https://evil.test/"]},
    {"state": ["a", "b"]},
    {"client_id": "a\0b"},
]


async def test_nobody_is_sent_to_an_address_that_was_not_registered(world: World) -> None:
    """A page that says so, and goes nowhere."""
    app = await application(world)
    for changes in UNSAFE:
        async with await visit(world, query(app, **changes)) as response:
            assert response.status == 400, changes
            assert "Location" not in response.headers, changes
            assert response.content_type == "text/html"
    assert not world.links.links


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"response_type": None}, "unsupported_response_type"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"scope": "service"}, "invalid_scope"),
    ({"scope": "application"}, "invalid_scope"),
    ({"scope": "single_signature multi_signature"}, "invalid_scope"),
    ({"lifetime": "0"}, "invalid_request"),
    ({"lifetime": "-1"}, "invalid_request"),
    ({"lifetime": "1e3"}, "invalid_request"),
    ({"lifetime": "9" * 5000}, "invalid_request"),
    ({"lifetime": "٣"}, "invalid_request"),
    ({"login_hint": "11111111111"}, "invalid_request"),
    ({"login_hint": "52998224726"}, "invalid_request"),
    ({"login_hint": "x" * 4000}, "invalid_request"),
    ({"state": "x" * 513}, "invalid_request"),
]


async def test_an_application_hears_of_its_mistakes(world: World) -> None:
    """By redirect, with its own state; no page was opened."""
    app = await application(world)
    for changes, error in MISTAKES:
        async with await visit(world, query(app, **changes)) as response:
            assert response.status == 302, changes
            answer = dict(parse_qsl(urlsplit(response.headers["Location"]).query))
        assert answer["error"] == error, changes
        assert answer.get("state") == (None if len(changes.get("state", "")) > 512 else "s")
    assert not world.links.links


async def test_the_first_registered_address_is_the_usual_one(world: World) -> None:
    """Without redirect_uri; the token request then need not name it either."""
    app = await application(world, redirects=[CALLBACK, "https://other.test/"])
    credential = await world.credential(number=MARIA)
    async with await identified(world, query(app, redirect_uri=None), credential) as response:
        address = response.headers["Location"]
    assert address.startswith(CALLBACK + "?")
    form = {
        "grant_type": "authorization_code",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "code": dict(parse_qsl(urlsplit(address).query))["code"],
        "code_verifier": VERIFIER,
    }
    assert (await post(world, "/token", data=form))[0] == 200


async def test_a_page_leads_to_its_own_authorization_only(world: World) -> None:
    """Another authorization's name, a code twice, a made-up one: a page that goes nowhere; and no token from it."""
    app, credential = await application(world), await world.credential(number=MARIA)
    opened = []
    for _ in range(2):
        async with await visit(world, app.begin().address) as response:
            opened.append(page_token(await response.text()))
        world.links.last.state, world.links.last.credentials = "approved", (credential,)
    backs = []
    for page in opened:
        async with world.client.post("/oauth2/authorize/check", json={"page": page, "code": "042"}) as response:
            backs.append((await response.json())["redirect"])
    first, second = (dict(parse_qsl(urlsplit(one).query)) for one in backs)
    # The page's own code gives nothing at OAuth's token endpoint, whatever the verifier.
    oauth = {
        "grant_type": "authorization_code",
        "code": second["code"],
        "redirect_uri": backs[1].partition("?")[0],
        "code_verifier": VERIFIER,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
    }
    for wrong in (
        {"state": second["state"], "code": first["code"]},
        {"state": first["state"], "code": new_token("ac").text},
        {"state": first["state"]},
        {"state": new_id("psa"), "code": first["code"]},
        {"state": "x", "code": "y"},
    ):
        if "code" not in wrong:
            continue
        async with await visit(world, f"{ROOT}/authorize/continue?{urlencode(wrong)}") as response:
            assert response.status == 400
            assert "Location" not in response.headers
    async with await visit(world, backs[0]) as response:
        assert response.status == 302
    async with await visit(world, backs[0]) as response:
        assert response.status == 400
    async with world.client.post("/oauth2/token", data=oauth) as response:
        assert (response.status, (await response.json())["error"]) == (400, "invalid_grant")


async def code_of(world: World, app: Application, *credentials: str) -> tuple[str, str]:
    """A code and its verifier."""
    begun = app.begin("single_signature")
    async with await identified(world, begun.address, *credentials) as response:
        return dict(parse_qsl(urlsplit(response.headers["Location"]).query))["code"], begun.verifier


async def test_a_code_gives_one_token_to_whom_it_belongs(world: World) -> None:
    """50 rivals: one token, and then none; another application, verifier, address or time: none."""
    credential = await world.credential(number=MARIA)
    app, other = await application(world), await application(world)
    code, verifier = await code_of(world, app, credential)
    with pytest.raises(Refused) as refused:
        await other.redeem(code, verifier)
    assert refused.value.body["error"] == "invalid_grant"
    rivals = await asyncio.gather(*(app.redeem(code, verifier) for _ in range(50)), return_exceptions=True)
    won = [one for one in rivals if isinstance(one, dict)]
    assert len(won) == 1
    assert Counter(one.body["error"] for one in rivals if isinstance(one, Refused)) == {"invalid_grant": 49}
    app.token = won[0]
    with pytest.raises(Refused) as refused:
        await app.certificates()
    assert refused.value.status == 401, "used twice, so what it gave was taken back"

    code, _ = await code_of(world, app, credential)
    for _ in range(2):  # the wrong verifier uses the code up
        with pytest.raises(Refused):
            await app.redeem(code, VERIFIER)
    code, verifier = await code_of(world, app, credential)
    app.redirect_uri = "https://contratos.test/other"
    with pytest.raises(Refused):
        await app.redeem(code, verifier)
    app.redirect_uri = CALLBACK
    code, verifier = await code_of(world, app, credential)
    world.clock.advance(timedelta(seconds=121))
    with pytest.raises(Refused):
        await app.redeem(code, verifier)


FORM = {"grant_type": "authorization_code", "code": "x", "client_id": "x", "client_secret": "x"}


AS_FORM, AS_JSON = {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "application/json"}
NONSENSE: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("/token", {"data": {**FORM, "code": ["a", "b"]}}, (400, "invalid_request")),
    ("/token", {"data": FORM}, (401, "invalid_client")),
    ("/token", {"json": FORM}, (415, "invalid_request")),
    ("/token", {"data": b"\xff\xfe", "headers": AS_FORM}, (400, "invalid_request")),
    ("/token", {"data": b"a=" + b"x" * 1_000_000, "headers": AS_FORM}, (413, "invalid_request")),
    ("/token", {"data": {}}, (400, "invalid_request")),
    ("/client_token", {"data": {"grant_type": "client_credentials"}}, (400, "invalid_request")),
    ("/client_token", {"data": {**FORM, "client_id": "cli_" + "0" * 26}}, (401, "invalid_client")),
    ("/user-discovery", {"json": {}}, (400, "invalid_request")),
    ("/user-discovery", {"json": []}, (400, "invalid_request")),
    ("/user-discovery", {"data": b"{", "headers": AS_JSON}, (400, "invalid_request")),
    ("/user-discovery", {"data": b"[" * 100_000, "headers": AS_JSON}, (400, "invalid_request")),
    ("/user-discovery", {"data": FORM}, (415, "invalid_request")),
    ("/user-discovery", {"json": {"client_id": 1, "client_secret": None}}, (400, "invalid_request")),
    (
        "/user-discovery",
        {"json": {"client_id": "x", "client_secret": "x", "user_cpf_cnpj": "CPF"}},
        (401, "invalid_client"),
    ),
    ("/pwd_authorize", {"json": {"client_id": "x", "client_secret": "x"}}, (401, "invalid_client")),
    ("/authorize-ca", {"json": {"client_id": "x", "login_hint": MARIA}}, (403, "unauthorized_client")),
    ("/authorize-ca", {"json": {"client_id": "x", "login_hint": [MARIA]}}, (400, "invalid_request")),
    ("/revoke", {"data": {"token": "x"}}, (400, "invalid_request")),
    ("/revoke", {"json": {"token": "x", "client_id": "x", "client_secret": "x"}}, (401, "invalid_client")),
    ("/signature", {"json": {}}, (401, "invalid_token")),
    ("/signature", {"json": {}, "headers": {"Authorization": "Basic eDp5"}}, (400, "invalid_request")),
    ("/authorize/wait", {"json": {"page": "x" * 1000}}, (404, "invalid_request")),
    ("/authorize/wait", {"json": {"page": "0" * 64}}, (404, "invalid_request")),
    ("/authorize/wait", {"json": {"page": 7}}, (400, "invalid_request")),
    ("/nothing", {"json": {}}, (404, "invalid_request")),
]


async def test_strangers_and_nonsense(world: World) -> None:
    """The dialect's own words, whoever or whatever comes; who one is, is asked before what is wrong."""
    for path, sent, expected in NONSENSE:
        status, body = await post(world, path, **sent)
        assert (status, body["error"]) == expected, (path, str(sent)[:100], body)


SHA384 = {"hash_algorithm": SHA256[:-1] + "2", "hash": digest("a", "sha384").hex()}
BAD_MEMBERS: list[dict[str, Any]] = [
    {"id": 1},
    {"id": ""},
    {"id": None},
    {"id": "x" * 256},
    {"alias": 7},
    {"alias": "x" * 256},
    {"alias": []},
    {"hash": 7},
    {"hash": None},
    {"hash": ""},
    {"hash": "zz" * 32},
    {"hash": digest("a").hex()[:-2]},
    {"hash": digest("a", "sha384").hex()},
    {"hash": "=" * 44},
    {"hash": "x" * 10_000},
    {"hash_algorithm": None},
    {"hash_algorithm": "1.3.14.3.2.26"},
    {"hash_algorithm": "SHA-256"},
    {"hash_algorithm": 2},
    {"padding_method": "NONE"},
    {"padding_method": 1},
    {"signature_format": 7},
]
BAD_BODIES: list[Any] = [
    7,
    "x",
    [],
    {},
    {"hashes": None},
    {"hashes": {}},
    {"hashes": "x"},
    {"hashes": []},
    {"hashes": [7]},
    {"hashes": [{}]},
    {"hashes": [HASH] * 2},
    {"hashes": [{**HASH, "id": str(n)} for n in range(101)]},
    {"hashes": [{}] * 10_000},
    {"certificate_alias": 7, "hashes": [HASH]},
    {"certificate_alias": "x" * 300, "hashes": [HASH]},
    {"certificate_alias": "cred_" + "0" * 26, "hashes": [HASH]},
    *({"hashes": [{**HASH, **change}]} for change in BAD_MEMBERS),
    {"hashes": [HASH, {**HASH, "id": "2", "signature_format": "CMS"}]},
    {"hashes": [HASH, {**HASH, "id": "2", "padding_method": "PSS"}]},
    {"hashes": [HASH, {**HASH, **SHA384, "id": "2"}]},
]


async def test_a_bad_request_for_signatures_uses_nothing_up(world: World) -> None:
    """400 in the dialect's words; nobody is rung, and the token serves the next request."""
    app = await application(world)
    token = (await granted(world, app, "multi_signature", await world.credential(number=MARIA)))["access_token"]
    for body in BAD_BODIES:
        status, answer = await post(world, "/signature", token, json=body)
        assert (status, answer["error"]) == (400, "invalid_request"), str(body)[:200]
    huge = io.BytesIO(b'{"hashes": ["' + b"x" * 10_000_000 + b'"]}')
    assert (await post(world, "/signature", token, data=huge, headers=AS_JSON))[0] == 413
    for form in ("CAdES_AD_RT", "PAdES_AD_RT", "XAdES"):
        status, answer = await post(world, "/signature", token, json={"hashes": [{**HASH, "signature_format": form}]})
        assert (status, answer["error"]) == (400, "unsupported_signature_format"), "said before anybody is rung"
    assert not world.doorbell.rings
    status, answer = await post(world, "/signature", token, json={"hashes": [HASH, {**HASH, "id": "2"}]})
    assert (status, answer["error"]) == (503, "authorization_pending")


async def test_one_hash_only(world: World) -> None:
    """Two hashes with single_signature: refused before anybody is rung, and the token serves one still."""
    app = await application(world)
    await granted(world, app, "single_signature", await world.credential(number=MARIA))
    with pytest.raises(Refused) as refused:
        await app.sign([("a", b"a"), ("b", b"b")])
    assert refused.value.status == 400
    assert not world.doorbell.rings
    with pytest.raises(Refused) as refused:
        await app.sign([("a", b"a")])
    assert refused.value.body["error"] == "authorization_pending"


async def test_a_request_that_cannot_be_asked_uses_nothing_up(world: World) -> None:
    """The holder waits for another answer: 429, and the same call works later."""
    credential = await world.credential(number=MARIA)
    app = await application(world)
    await granted(world, app, "single_signature", credential)
    first = app.token
    await granted(world, app, "single_signature", credential)
    with pytest.raises(Refused):
        await app.sign([("a", b"a")])
    second, app.token = app.token, first
    with pytest.raises(Refused) as refused:
        await app.sign([("b", b"b")])
    assert (refused.value.status, refused.value.body["linkid"]) == (429, {"why": "pending"})
    world.sam.refuse(ring(world))
    app.token = second
    with pytest.raises(Refused):
        await app.sign([("a", b"a")])
    app.token = first
    with pytest.raises(Refused) as refused:
        await app.sign([("b", b"b")])
    assert refused.value.body["error"] == "authorization_pending"
    world.sam.approve(ring(world))
    assert len(await app.sign([("b", b"b")])) == 1


async def test_tokens_of_one_api_are_none_of_another(world: World) -> None:
    """A token of this dialect opens no CSC, a token of OAuth's signs nothing here."""
    credential = await world.credential(number=MARIA)
    app = await application(world)
    token = await granted(world, app, "multi_signature", credential)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    async with world.client.post("/csc/v2/credentials/list", json={}, headers=headers) as response:
        assert response.status == 401
    theirs = await world.integrator(credential)
    status, body = await post(world, "/signature", theirs.token, json={"hashes": [HASH]})
    assert (status, body["error"]) == (401, "invalid_token")


async def test_another_applications_token_is_not_taken_back(world: World) -> None:
    """Revoking answers 200 for anything, and takes back one's own only."""
    credential = await world.credential(number=MARIA)
    app, other = await application(world), await application(world)
    other.token = await granted(world, app, "multi_signature", credential)
    await other.revoke()
    assert len(await app.certificates()) == 1
    await app.revoke()
    await app.revoke()
    with pytest.raises(Refused):
        await app.certificates()


async def test_an_application_that_is_shut_out(world: World) -> None:
    """Its tokens, its codes and its pages are worth nothing at once."""
    credential = await world.credential(number=MARIA)
    app = await application(world)
    await granted(world, app, "multi_signature", credential)
    code, verifier = await code_of(world, app, credential)
    await world.clients.disable(app.client_id)
    for call in (app.certificates(), app.sign([("a", b"a")]), app.redeem(code, verifier), app.known(MARIA)):
        with pytest.raises(Refused) as refused:
            await call
        assert refused.value.status == 401
    async with await visit(world, app.begin().address) as response:
        assert response.status == 400


async def test_a_revoked_certificate(world: World) -> None:
    """Between the token and the signature: the token is over, and nothing is discovered."""
    credential = await world.credential(number=MARIA)
    app = await application(world)
    await granted(world, app, "multi_signature", credential)
    await world.owner.execute("UPDATE sam.credential_facts SET state = 'revoked'")
    with pytest.raises(Refused) as refused:
        await app.sign([("a", b"a")])
    assert refused.value.status == 401
    assert (await app.known(MARIA))["status"] == "N"


async def test_passwords_are_not_taken_for_anybody(world: World) -> None:
    """pwd_authorize answers a customer's CPF and a stranger's alike."""
    await world.credential(number=MARIA)
    app = await application(world)
    said = {"client_id": app.client_id, "client_secret": app.client_secret, "grant_type": "password"}
    answers = [
        await post(world, "/pwd_authorize", json={**said, "username": number, "password": "123456"})
        for number in (MARIA, "11144477735")
    ]
    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][1]["error"]) == (403, "unauthorized_client")


async def test_guessing_secrets_is_slowed_down(world: World) -> None:
    """Twenty wrong secrets a minute, then 429; the right one is never kept out."""
    app = await application(world)
    wrong = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": "cls_wrong"}
    seen = [(await post(world, "/client_token", data=wrong))[0] for _ in range(21)]
    assert (seen[-1], set(seen[:-1])) == (429, {401})
    assert (await app.own_token())["expires_in"] == 7200


async def test_a_stolen_database_opens_no_session(world: World) -> None:
    """The handle lies sealed under what only the code's, then the token's owner has; rows cannot be exchanged."""
    credential = await world.credential(number=MARIA)
    app = await application(world)
    begun = app.begin("signature_session")
    async with await identified(world, begun.address, credential) as response:
        page = (await response.text()).split('data-token="')[1].split('"')[0]
    world.sam.approve(ring(world))
    status, told_ = await post(world, "/authorize/wait", json={"page": page})
    assert status == 200
    token = await app.finish(begun, told_["redirect"])
    dump = ""
    for table in ("psc.authorizations", "psc.tokens", "oauth.pages", "oauth.codes", "signing.requests"):
        dump += " ".join(str(dict(row)) for row in await world.owner.fetch(f"SELECT * FROM {table}"))
    secret = token["access_token"].rpartition("_")[2]
    for known in (page, secret, told_["redirect"].partition("code=")[2].partition("&")[0].rpartition("_")[2], MARIA):
        assert known not in dump
    # Somebody with the rows and a session of their own: the seal names its row and its secret.
    mallory = await application(world)
    await session(world, mallory, credential)
    await world.owner.execute(
        "UPDATE psc.tokens SET sealed = (SELECT sealed FROM psc.tokens WHERE id = $2) WHERE client = $1",
        mallory.client_id,
        "_".join(token["access_token"].split("_")[:2]),
    )
    with pytest.raises(Refused) as refused:
        await mallory.sign([("a", b"a")])
    assert refused.value.status == 401
    assert len(await app.sign([("a", b"a")])) == 1


async def test_the_answers_origin_is_ours_whatever_host_is_claimed(world: World) -> None:
    """The page leads back to the configured address, not to a Host header's."""
    app = await application(world)
    async with world.client.get(query(app), headers={"Host": "evil.test"}) as response:
        page = page_token(await response.text())
    async with world.client.post("/oauth2/authorize/cancel", json={"page": page}) as response:
        assert (await response.json())["redirect"].startswith(f"{ORIGIN}{ROOT}/authorize/continue?")
