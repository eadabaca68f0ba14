"""CSC's scope ``credential``: an authorize request asks for signatures, the phone decides, the code becomes a SAD."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

from foundation.encoding import b64u
from tests.support.oauth_application import application, ask
from tests.support.oauth_requests import (
    PUSH,
    SHA256,
    answer_in,
    authorize_path,
    detail,
    wanting,
)
from tests.support.signing_callers import ORIGIN
from tests.support.signing_world import IN_MODULES_LOOP, World, b64, digest

pytestmark = IN_MODULES_LOOP

FIRST, SECOND = digest("contrato"), digest("anexo")


async def sign(world: World, token: str, credential: str, *digests: bytes, **changes: Any) -> tuple[int, Any]:
    """signHash with a bearer; `changes` add members."""
    body = {
        "credentialID": credential,
        "hashes": [b64(one) for one in digests],
        "hashAlgorithmOID": SHA256,
        "signAlgo": "1.2.840.113549.1.1.11",
        **changes,
    }
    headers = {"Authorization": f"Bearer {token}"}
    async with world.client.post("/csc/v2/signatures/signHash", json=body, headers=headers) as response:
        return response.status, await response.json()


async def test_what_the_details_say_is_what_the_phone_approves_and_the_token_signs(world: World) -> None:
    """PAR and RAR: the phone's document has exactly those hashes and labels, the answer repeats what was granted, and
    the token signs them in any order, twice with the same result, and nothing else."""
    credential = await world.credential()
    app = await application(world)
    await app.service_token(credential)
    asked = detail(credential, ("contrato.pdf", FIRST), ("anexo.pdf", SECOND))
    page = await app.opened(await app.pushed(scope=None, authorization_details=json.dumps([asked])))
    assert world.doorbell.rings == [], "the address alone rings no phone"
    _, view = await ask(world, "state", {"page": page})
    document = world.doorbell.rings[-1][0]
    fixed = world.sam.held[document].document
    assert [(one["label"], one["hash"]) for one in fixed.objects("documents")] == [
        ("contrato.pdf", b64u(FIRST)),
        ("anexo.pdf", b64u(SECOND)),
    ]
    assert fixed.object("caller") == {"kind": "integrator", "id": app.id, "name": "Contratos SA"}
    assert fixed.text("verification_code") == view["verification_code"]
    assert (await ask(world, "finish", {"page": page}))[0] == 409
    world.sam.approve(document)
    status, body = await ask(world, "finish", {"page": page})
    assert status == 200
    answer = answer_in(body["redirect"])
    assert (answer["iss"], answer["state"]) == (ORIGIN, "xyz & 1")

    status, told = await app.exchanged(answer["code"], authorization_details=json.dumps([asked]))
    assert status == 200, told
    assert (told["token_type"], told["scope"], told["authorization_details"]) == ("Bearer", "credential", [asked])
    assert 0 < told["expires_in"] <= 300
    assert "refresh_token" not in told
    assert "credentialID" not in told
    token = told["access_token"]
    status, signed = await sign(world, token, credential, SECOND, FIRST)
    assert status == 200, signed
    assert (await sign(world, token, credential, SECOND, FIRST))[1] == signed
    status, refused = await sign(world, token, credential, digest("outro"))
    assert (status, refused["error_description"]) == (400, "Hash is not authorized by the SAD.")
    for path in ("credentials/list", "credentials/authorize"):
        headers = {"Authorization": f"Bearer {token}"}
        async with world.client.post(f"/csc/v2/{path}", json={}, headers=headers) as response:
            assert response.status == 400, "a token for one signature asks for nothing more"


async def test_a_credential_token_is_a_sad_beside_a_service_token_of_its_client_only(world: World) -> None:
    """CSC's other way: the service's bearer, and the credential token as SAD. A stranger's bearer opens nothing."""
    credential = await world.credential()
    app, stranger = await application(world), await application(world, name="Outra SA")
    service, foreign = await app.service_token(credential), await stranger.service_token(credential)
    code = await app.code(authorize_path(app.id, **wanting(credential, FIRST)))
    status, told = await app.exchanged(code)
    assert (status, "authorization_details" in told) == (200, False)
    sad = told["access_token"]
    assert (await sign(world, foreign, credential, FIRST, SAD=sad))[0] == 401
    status, signed = await sign(world, service, credential, FIRST, SAD=sad)
    assert status == 200, signed
    assert (await sign(world, sad, credential, FIRST, SAD=service))[0] == 401
    # Given back, it is worth nothing any more, and the service's own stays.
    assert (await app.post("/oauth2/revoke", {"token": sad}))[0] == 200
    assert (await sign(world, service, credential, FIRST, SAD=sad))[0] == 401
    assert (await sign(world, sad, credential, FIRST))[0] == 401


async def test_a_holder_nobody_knows_identifies_first_and_then_signs(world: World) -> None:
    """Without a token that names the credential, nobody's phone rings: QR and check code first, on the same page."""
    credential, other = await world.credential(), await world.credential()
    app = await application(world)
    page = await app.opened(authorize_path(app.id, **wanting(None, FIRST, description="Contrato")))
    _, view = await ask(world, "state", {"page": page})
    assert view["state"] == "waiting"
    world.links.last.state, world.links.last.credentials = "approved", [credential]
    assert await ask(world, "check", {"page": page, "code": "042"}) == (200, {"redirect": None})
    _, view = await ask(world, "state", {"page": page})
    assert (view["state"], world.doorbell.rings[-1][1]) == ("asked", credential)
    world.sam.approve(world.doorbell.rings[-1][0])
    _, body = await ask(world, "finish", {"page": page})
    status, told = await app.exchanged(answer_in(body["redirect"])["code"])
    assert (status, told["credentialID"]) == (200, credential)
    assert (await sign(world, told["access_token"], credential, FIRST))[0] == 200

    # Whoever identifies with another certificate than the one that was asked for signs nothing.
    page = await app.opened(authorize_path(app.id, **wanting(other, SECOND)))
    world.links.last.state, world.links.last.credentials = "approved", [credential]
    _, body = await ask(world, "check", {"page": page, "code": "042"})
    assert answer_in(body["redirect"])["error"] == "access_denied"
    assert len(world.doorbell.rings) == 1


async def test_refusals_and_leaving_are_said(world: World) -> None:
    """A refusal ends the page with access_denied; whoever cancels stops the phone; then the application must wait."""
    credential = await world.credential()
    app = await application(world)
    await app.service_token(credential)
    page = await app.opened(authorize_path(app.id, **wanting(credential, FIRST)))
    await ask(world, "state", {"page": page})
    second = await app.opened(authorize_path(app.id, **wanting(credential, SECOND)))
    _, view = await ask(world, "state", {"page": second})
    assert (view["state"], view["why"]) == ("busy", "pending")
    world.sam.refuse(world.doorbell.rings[-1][0], "refuse")
    assert (await ask(world, "state", {"page": page}))[1]["state"] == "denied"
    _, body = await ask(world, "cancel", {"page": page})
    assert answer_in(body["redirect"]) == {"error": "access_denied", "state": "xyz & 1", "iss": ORIGIN}
    assert (await ask(world, "finish", {"page": page}))[0] == 410

    world.clock.advance(timedelta(minutes=2))
    _, view = await ask(world, "state", {"page": second})
    assert view["state"] in ("asked", "busy")
    if view["state"] == "busy":
        world.clock.advance(timedelta(seconds=view["retry_after"]))
        _, view = await ask(world, "state", {"page": second})
    assert view["state"] == "asked", view
    await ask(world, "cancel", {"page": second})
    assert (await ask(world, "state", {"page": second}))[0] == 410


async def test_the_database_has_nothing_that_opens_an_activation(world: World) -> None:
    """Page, code, token and pushed request: no hash, label, handle or SAD is in any row, whatever column."""
    credential = await world.credential()
    app = await application(world)
    await app.service_token(credential)
    asked = json.dumps([detail(credential, ("divorcio-secreto.pdf", FIRST))])
    code = await app.code(await app.pushed(scope="credential", authorization_details=asked))
    _, told = await app.exchanged(code)
    rows = ""
    for table in ("pages", "codes", "tokens", "pushed"):
        for row in await world.owner.fetch(f"SELECT * FROM oauth.{table}"):
            rows += "".join(
                value.hex() + value.decode("latin-1") if isinstance(value, bytes) else str(value)
                for value in row.values()
            )
    secret = told["access_token"].rpartition("_")[2]
    for hidden in (secret, code.rpartition("_")[2], "divorcio", b64u(FIRST), b64(FIRST), FIRST.hex(), "hdl_", "sad_"):
        assert hidden not in rows, hidden


WISHES: list[dict[str, Any]] = [
    {"hashes": None},
    {"hashes": ","},
    {"hashes": "AAAA"},
    {"hashes": base64.b64encode(b"\xff" * 32).decode()},
    {"numSignatures": "2"},
    {"numSignatures": "0"},
    {"numSignatures": "-1"},
    {"numSignatures": "1e3"},
    {"numSignatures": "١"},
    {"hashAlgorithmOID": "1.3.14.3.2.26"},
    {"hashAlgorithmOID": None},
    {"signAlgo": "1.2.3"},
    {"signatureQualifier": "eu_eidas_qes"},
    {"description": "x" * 501},
    {"authorization_details": "[]"},
]


async def test_wishes_that_are_none_come_back_as_such(world: World) -> None:
    """Before any phone is asked, and before any page is shown: the application hears what is wrong."""
    app, credential = await application(world), await world.credential()
    for changes in WISHES:
        world.clock.advance(timedelta(minutes=1))
        path = authorize_path(app.id, **{**wanting(credential, FIRST), **changes})
        async with world.client.get(path, allow_redirects=False) as response:
            assert response.status == 302, changes
            answer = answer_in(response.headers["Location"])
        assert (answer["error"], answer["iss"]) == ("invalid_request", ORIGIN), changes
    assert not world.links.links


ONE = {"hash": b64(FIRST), "label": "contrato.pdf"}


DETAILS: list[Any] = [
    "",
    "{",
    "null",
    "[]",
    '"credential"',
    "[1]",
    [{"type": "payment"}],
    [{"type": ["credential"]}],
    [{"type": "credential"}, {"type": "credential"}],
    [{"type": "credential", "documentDigests": [ONE], "hashAlgorithmOID": SHA256, "amount": 1}],
    [{"type": "credential", "documentDigests": [], "hashAlgorithmOID": SHA256}],
    [{"type": "credential", "documentDigests": ONE, "hashAlgorithmOID": SHA256}],
    [{"type": "credential", "documentDigests": [{**ONE, "hash": 1}], "hashAlgorithmOID": SHA256}],
    [{"type": "credential", "documentDigests": [{**ONE, "label": {}}], "hashAlgorithmOID": SHA256}],
    [{"type": "credential", "documentDigests": [{**ONE, "hashType": "sdr"}], "hashAlgorithmOID": SHA256}],
    [{"type": "credential", "documentDigests": [{**ONE, "hashType": 7}], "hashAlgorithmOID": SHA256}],
    [{"type": "credential", "documentDigests": [{**ONE, "size": -1}], "hashAlgorithmOID": SHA256}],
    [{"type": "credential", "documentDigests": [ONE], "hashAlgorithmOID": SHA256, "numSignatures": 2}],
    [{"type": "credential", "documentDigests": [ONE], "hashAlgorithmOID": SHA256, "numSignatures": True}],
    [{"type": "credential", "documentDigests": [ONE], "hashAlgorithmOID": [SHA256]}],
    [{"type": "credential", "documentDigests": [ONE], "hashAlgorithmOID": SHA256, "credentialID": 7}],
    [{"type": "credential", "documentDigests": [ONE] * 101, "hashAlgorithmOID": SHA256}],
    "[" * 5000,
]


async def test_details_that_we_do_not_understand_are_refused(world: World) -> None:
    """RFC 9396 section 5: unknown types, unknown members and wrong types are refused, never ignored."""
    app = await application(world)
    form = {"response_type": "code", "code_challenge": "x" * 43, "code_challenge_method": "S256"}
    for details in DETAILS:
        text = details if isinstance(details, str) else json.dumps(details)
        status, told = await app.post(PUSH, {**form, "scope": "credential", "authorization_details": text})
        expected = "invalid_authorization_details" if text else "invalid_request"
        assert (status, told["error"]) == (400, expected), text[:200]


async def test_more_than_was_approved_is_not_to_be_had(world: World) -> None:
    """A token request that names other details gets none, and its code is used up."""
    credential = await world.credential()
    app = await application(world)
    await app.service_token(credential)
    approved = detail(credential, ("contrato.pdf", FIRST))
    code = await app.code(await app.pushed(scope=None, authorization_details=json.dumps([approved])))
    more = detail(credential, ("contrato.pdf", FIRST), ("anexo.pdf", SECOND))
    status, told = await app.exchanged(code, authorization_details=json.dumps([more]))
    assert (status, told["error"]) == (400, "invalid_authorization_details")
    assert (await app.exchanged(code))[1]["error"] == "invalid_grant"
    for grant in ("client_credentials", "refresh_token"):
        status, told = await app.post(
            "/oauth2/token", {"grant_type": grant, "authorization_details": json.dumps([more])}
        )
        assert (status, told["error"]) == (400, "invalid_authorization_details")


async def test_codes_and_pages_of_others_are_nobodys(world: World) -> None:
    """A page's secret, changed; another page's; a code at another client, in another base's words, by mix-up: nothing.
    Two codes of two applications cannot be exchanged for one another, and a page is finished once."""
    credential = await world.credential()
    app, other = await application(world), await application(world, name="Outra SA")
    await app.service_token(credential)
    page = await app.opened(authorize_path(app.id, **wanting(credential, FIRST)))
    await ask(world, "state", {"page": page})
    world.sam.approve(world.doorbell.rings[-1][0])
    for bad in (
        page[:-1] + ("0" if page[-1] != "0" else "1"),
        page[:30],
        "",
        "pag_" + "0" * 26 + "_" + "0" * 52,
        "x" * 300,
    ):
        for path in ("state", "finish", "cancel"):
            assert (await ask(world, path, {"page": bad}))[0] == 404
    bodies: list[Any] = [{}, {"page": None}, {"page": 7}, {"page": [page]}, {"page": page, "code": "042"}, [], "x"]
    for body in bodies:
        assert (await ask(world, "finish", body))[0] == 400
    rivals = await asyncio.gather(*(ask(world, "finish", {"page": page}) for _ in range(10)))
    good = [body for status, body in rivals if status == 200]
    assert len(good) == 1
    assert {status for status, _ in rivals if status != 200} == {410}
    code = answer_in(good[0]["redirect"])["code"]
    assert (await other.exchanged(code))[1]["error"] == "invalid_grant"
    assert (await app.exchanged(code, code_verifier="x" * 43))[1]["error"] == "invalid_grant"
    assert (await app.exchanged(code))[1]["error"] == "invalid_grant"


async def test_what_lapses_between_page_and_token_is_over(world: World) -> None:
    """A code whose approval is past, and one that is past itself, give nothing; nor does the page of a dead request."""
    credential = await world.credential()
    app = await application(world)
    await app.service_token(credential)
    page = await app.opened(authorize_path(app.id, **wanting(credential, FIRST)))
    await ask(world, "state", {"page": page})
    world.sam.approve(world.doorbell.rings[-1][0])
    world.clock.advance(timedelta(seconds=270))
    assert (await ask(world, "state", {"page": page}))[1]["state"] == "granted"
    _, body = await ask(world, "finish", {"page": page})
    world.clock.advance(timedelta(seconds=45))
    assert (await app.exchanged(answer_in(body["redirect"])["code"]))[1]["error"] == "invalid_grant"

    page = await app.opened(authorize_path(app.id, **wanting(credential, SECOND)))
    await ask(world, "state", {"page": page})
    world.clock.advance(timedelta(seconds=301))
    assert (await ask(world, "state", {"page": page}))[1]["state"] == "late"
    assert (await ask(world, "finish", {"page": page}))[0] in (409, 410)


async def test_a_lost_answer_costs_no_approval(world: World) -> None:
    """The page that finished hears for a minute where it led to; the code is still good once. Nobody else hears it."""
    credential = await world.credential()
    app = await application(world)
    await app.service_token(credential)
    page = await app.opened(authorize_path(app.id, **wanting(credential, FIRST)))
    await ask(world, "state", {"page": page})
    world.sam.approve(world.doorbell.rings[-1][0])
    _, body = await ask(world, "finish", {"page": page})
    assert await ask(world, "state", {"page": page}) == (200, {"state": "done", "expires_in": 0, **body})
    assert (await ask(world, "state", {"page": page[:-4] + "0000"}))[0] == 404
    assert (await app.exchanged(answer_in(body["redirect"])["code"]))[0] == 200
    world.clock.advance(timedelta(seconds=61))
    assert (await ask(world, "state", {"page": page}))[0] == 410
