"""CSC's scope ``credential``: an authorize request asks for signatures, the phone decides, the code becomes a SAD."""

import asyncio
import base64
import io
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from foundation.encoding import b64u
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from tests.oauth.test_authorize_page import ask
from tests.support.oauth_requests import (
    CALLBACK,
    PUSH,
    SHA256,
    VERIFIER,
    answer_in,
    authorize_path,
    detail,
    page_token,
    wanting,
)
from tests.support.signing_world import IN_MODULES_LOOP, ORIGIN, Computer, World, b64, digest

pytestmark = IN_MODULES_LOOP

FIRST, SECOND = digest("contrato"), digest("anexo")


@dataclass
class Application:
    """A confidential application whose people come to the page."""

    world: World
    id: str
    secret: str

    async def post(self, path: str, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """One of its own calls, authenticated."""
        sent = {"client_id": self.id, "client_secret": self.secret, **form}
        sent = {name: value for name, value in sent.items() if value is not None}
        async with self.world.client.post(path, data=sent) as response:
            body = await response.read()
            return response.status, json.loads(body) if body else {}

    async def pushed(self, **changes: Any) -> str:
        """A pushed request's address on our page."""
        query = authorize_path(self.id, **changes).partition("?")[2]
        status, told = await self.post(PUSH, dict(parse_qsl(query)))
        assert status == 201, told
        assert told["expires_in"] == 90
        return f"/oauth2/authorize?client_id={self.id}&request_uri={told['request_uri']}"

    async def opened(self, path: str) -> str:
        """The secret of the page at an address."""
        async with self.world.client.get(path, allow_redirects=False) as response:
            text = await response.text()
            assert response.status == 200, (response.headers.get("Location"), text)
            return page_token(text)

    async def exchanged(self, code: str, **changes: Any) -> tuple[int, dict[str, Any]]:
        """A code for a token."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return await self.post("/oauth2/token", {**form, **changes})

    async def service_token(self, *credentials: str) -> str:
        """A bearer of the scope `service`, by a holder's identification."""
        page = await self.opened(authorize_path(self.id))
        self.world.links.last.state, self.world.links.last.credentials = "approved", credentials
        _, body = await ask(self.world, "check", {"page": page, "code": "042"})
        _, told = await self.exchanged(answer_in(body["redirect"])["code"])
        return str(told["access_token"])

    async def code(self, path: str) -> str:
        """Open a page, let the phone approve, and go on: the code."""
        page = await self.opened(path)
        status, view = await ask(self.world, "state", {"page": page})
        assert (status, view["state"]) == (200, "asked"), view
        self.world.sam.approve(self.world.doorbell.rings[-1][0])
        _, view = await ask(self.world, "state", {"page": page})
        assert view["state"] == "granted"
        status, body = await ask(self.world, "finish", {"page": page})
        assert status == 200, body
        return answer_in(body["redirect"])["code"]


async def application(world: World, **changes: Any) -> Application:
    """Registered by an operator."""
    data: dict[str, Any] = {"method": ClientMethod.SECRET, "grants": [GrantType.CODE], "redirects": [CALLBACK]}
    registered = await world.register(**{**data, **changes})
    return Application(world, registered.client.id, registered.secret or "")


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


async def test_a_pushed_request_opens_once_for_its_own_client(world: World) -> None:
    """Fifty browsers at once: one page. Another client's, an old one and one that is none lead nowhere."""
    app, other = await application(world), await application(world, name="Outra SA")
    path = await app.pushed()

    async def status_of(address: str) -> int:
        async with world.client.get(address, allow_redirects=False) as response:
            assert "Location" not in response.headers
            return response.status

    assert await status_of(path.replace(app.id, other.id)) == 400
    world.clock.advance(timedelta(hours=1))
    old, path = path, await app.pushed()
    found = await asyncio.gather(*(status_of(path) for _ in range(15)))
    assert sorted(found) == [200, *[400] * 14]
    assert [await status_of(one) for one in (old, path, path[:-1], path + "x")] == [400] * 4
    evil = f"/oauth2/authorize?client_id={app.id}&request_uri=https://evil.test/request.jwt"
    assert await status_of(evil) == 400


async def test_what_is_pushed_is_the_whole_request(world: World) -> None:
    """Parameters beside request_uri change nothing (RFC 9126 section 4): no other address, no other challenge."""
    app = await application(world, redirects=[CALLBACK, "https://contratos.test/other"])
    path = await app.pushed(state="original")
    page = await app.opened(path + "&redirect_uri=https://contratos.test/other&state=evil&scope=credential")
    _, body = await ask(world, "cancel", {"page": page})
    assert urlsplit(body["redirect"])._replace(query="").geturl() == CALLBACK
    assert answer_in(body["redirect"])["state"] == "original"


UNPUSHABLE: list[tuple[dict[str, Any], int, str]] = [
    ({"client_secret": "cls_wrong"}, 401, "invalid_client"),
    ({"client_secret": None}, 401, "invalid_client"),
    ({"redirect_uri": "https://evil.test/"}, 400, "invalid_request"),
    ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, 400, "invalid_request"),
    ({"request": "eyJhbGciOiJub25lIn0.e30."}, 400, "request_not_supported"),
    ({"code_challenge_method": "plain"}, 400, "invalid_request"),
    ({"code_challenge": None}, 400, "invalid_request"),
    ({"scope": "openid"}, 400, "invalid_scope"),
    ({"response_type": "token"}, 400, "unsupported_response_type"),
]


async def test_what_cannot_be_pushed(world: World) -> None:
    """Each mistake in OAuth's own words, before any person is sent."""
    app = await application(world)
    form = {"response_type": "code", "redirect_uri": CALLBACK, "code_challenge": "x" * 43}
    for changes, expected, error in UNPUSHABLE:
        status, told = await app.post(PUSH, {**form, "code_challenge_method": "S256", **changes})
        assert (status, told["error"]) == (expected, error), changes


async def test_huge_and_repeated_pushes_are_refused_cheaply(world: World) -> None:
    """10 MB is refused by its length, and a parameter that stands there twice is nobody's guess."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with world.client.post(PUSH, data=io.BytesIO(b"a=" + b"x" * 10_000_000), headers=headers) as response:
        assert (response.status, (await response.json())["error"]) == (413, "invalid_request")
    async with world.client.post(PUSH, data=b"scope=service&scope=credential", headers=headers) as response:
        assert (response.status, (await response.json())["error"]) == (400, "invalid_request")


async def test_a_code_bound_to_a_key_is_redeemed_by_it_alone(world: World) -> None:
    """RFC 9449 section 10: a proof with the pushed request, or `dpop_jkt`, names the key; two names must be one."""
    app = await application(world)
    own, thief = (Computer(world.client, world.clock, ORIGIN) for _ in range(2))
    credential = await world.credential()

    async def push(by: Computer | None, **changes: Any) -> tuple[int, dict[str, Any]]:
        form = dict(parse_qsl(authorize_path(app.id, **changes).partition("?")[2]))
        headers = {} if by is None else {"DPoP": by.proof("POST", PUSH)}
        sent = {**form, "client_secret": app.secret}
        async with world.client.post(PUSH, data=sent, headers=headers) as response:
            return response.status, await response.json()

    for jkt in ("x", "x" * 44, "x" * 42 + "é"):
        assert (await push(None, dpop_jkt=jkt))[1]["error"] == "invalid_request"
    assert (await push(own, dpop_jkt="x" * 43))[1]["error"] == "invalid_dpop_proof"
    replayed = own.proof("POST", PUSH)
    for proof, error in ((own.proof("POST", "/oauth2/token"), "invalid_dpop_proof"), (replayed, "invalid_request"),
                         (replayed, "invalid_dpop_proof")):  # fmt: skip
        sent = {"client_id": app.id, "client_secret": app.secret, "request_uri": "x"}
        async with world.client.post(PUSH, data=sent, headers={"DPoP": proof}) as response:
            assert (await response.json())["error"] == error

    async def exchange(by: Computer | None, address: str) -> tuple[int, dict[str, Any]]:
        page = await app.opened(f"/oauth2/authorize?client_id={app.id}&request_uri={address}")
        world.links.last.state, world.links.last.credentials = "approved", [credential]
        _, body = await ask(world, "check", {"page": page, "code": "042"})
        form = {
            "grant_type": "authorization_code",
            "client_id": app.id,
            "client_secret": app.secret,
            "code": answer_in(body["redirect"])["code"],
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        headers = {} if by is None else {"DPoP": by.proof("POST", "/oauth2/token")}
        async with world.client.post("/oauth2/token", data=form, headers=headers) as response:
            return response.status, await response.json()

    for by in (thief, None):
        _, told = await push(own)
        assert (await exchange(by, told["request_uri"]))[1]["error"] == "invalid_grant"
    _, told = await push(own)
    assert (await exchange(own, told["request_uri"]))[0] == 200


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
