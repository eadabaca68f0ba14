"""A holder identifies to an application on the authorize page, with everything real; the application then signs."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest
from asn1crypto import cms, tsp

from demo.world import World
from foundation.encoding import b64u
from sandbox_phone.loopback import connector
from tests.support.oauth_requests import page_token

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

CALLBACK = "https://contratos.example/callback"
SHA256 = "2.16.840.1.101.3.4.2.1"
DIGEST = hashlib.sha256(b"contrato").digest()


async def registered(world: World) -> dict[str, Any]:
    """By the operator's command."""
    words = ["integrator", "new", "--name", "Contratos SA", "--redirect", CALLBACK, "--json"]
    said: dict[str, Any] = json.loads(await world.stack.linkid(*words))
    return said


async def post(session: aiohttp.ClientSession, url: str, token: str | None = None, **sent: Any) -> tuple[int, Any]:
    """Status and JSON."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with session.post(url, headers=headers, **sent) as answer:
        return answer.status, await answer.json()


async def test_a_holder_identifies_and_the_application_signs(world: World) -> None:
    """Page, code typed into the phone, approval, check code, code, token; then a signature, approved like any other."""
    client = await registered(world)
    base, verifier = world.stack.gateway, secrets.token_urlsafe(32)
    asked = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": CALLBACK,
        "state": "abc",
        "code_challenge": b64u(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
    }
    async with aiohttp.ClientSession(connector=connector()) as session:
        async with session.get(f"{base}/oauth2/authorize?{urlencode(asked)}") as answer:
            assert answer.status == 200
            page = {"page": page_token(await answer.text())}
        _, shown = await post(session, f"{base}/oauth2/authorize/state", json=page)
        assert shown["state"] == "waiting"

        # The phone: what its holder reads is who asks, by the name the operator registered.
        statement = await world.phone.scan(shown["code"])
        assert statement.content["integrator"]["name"] == "Contratos SA"
        _, claimed = await post(session, f"{base}/oauth2/authorize/state", json=page)
        assert (claimed["state"], claimed["qr"]["path"]) == ("claimed", "")
        decided = await world.phone.approve(statement)
        check_code = decided["next"]["check_code"]

        # A wrong check code is told in our own words, which the page shows; the right one leads on.
        wrong = f"{(int(check_code) + 1) % 1000:03}"
        status, told = await post(session, f"{base}/oauth2/authorize/check", json={**page, "code": wrong})
        assert (status, told["tries_left"]) == (400, 2)
        _, done = await post(session, f"{base}/oauth2/authorize/check", json={**page, "code": check_code})
        told = dict(parse_qsl(urlsplit(done["redirect"]).query))
        assert (told["state"], told["iss"]) == ("abc", base)

        form = {
            "grant_type": "authorization_code",
            "code": told["code"],
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
            "client_id": client["client_id"],
            "client_secret": client["client_secret"],
        }
        status, issued = await post(session, f"{base}/oauth2/token", data=form)
        assert status == 200, issued
        await application_signs(world, session, issued["access_token"])
        await page_signs(world, session, client, {**asked, "scope": "credential"}, verifier)
        await older_application_signs(world, session, issued["access_token"])
        await application_has_a_file_signed(world, session, issued["access_token"])
        # The code a second time: refused, and the token is gone with it.
        assert (await post(session, f"{base}/oauth2/token", data=form))[0] == 400
        assert (await post(session, f"{base}/csc/v2/credentials/list", issued["access_token"], json={}))[0] == 401


async def application_signs(world: World, session: aiohttp.ClientSession, token: str) -> None:
    """List, authorize, approve on the phone, sign, verify."""
    csc = f"{world.stack.gateway}/csc/v2"
    status, listed = await post(session, f"{csc}/credentials/list", token, json={})
    assert (status, listed["credentialIDs"]) == (200, [world.credential])
    body = {
        "credentialID": world.credential,
        "numSignatures": 1,
        "hashes": [base64.b64encode(DIGEST).decode()],
        "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
        "description": "Contrato social",
    }
    status, asked = await post(session, f"{csc}/credentials/authorize", token, json=body)
    assert status == 202, asked
    statement = await world.phone.fetch(asked["linkid"]["request"])
    assert statement.content["caller"]["name"] == "Contratos SA"
    assert statement.content["documents"][0]["label"] == "Contrato social"
    await world.phone.approve(statement, world.holder.password)
    status, approved = await post(session, f"{csc}/credentials/authorizeCheck", token, json={"handle": asked["handle"]})
    assert status == 200, approved
    sign = {
        "credentialID": world.credential,
        "SAD": approved["SAD"],
        "hashes": body["hashes"],
        "signAlgo": "1.2.840.113549.1.1.11",
    }
    status, signed = await post(session, f"{csc}/signatures/signHash", token, json=sign)
    assert status == 200, signed
    world.verify(DIGEST, base64.b64decode(signed["signatures"][0]))


async def page_signs(
    world: World, session: aiohttp.ClientSession, client: dict[str, Any], asked: dict[str, str], verifier: str
) -> None:
    """The same holder, known by the token above, approves on the authorize page: pushed, with authorization details."""
    base = world.stack.gateway
    hashed = base64.b64encode(DIGEST).decode()
    detail = {
        "type": "credential",
        "credentialID": world.credential,
        "documentDigests": [{"hash": hashed, "label": "Distrato.pdf"}],
        "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
    }
    proof = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
    form = {**asked, **proof, "authorization_details": json.dumps([detail])}
    status, pushed = await post(session, f"{base}/oauth2/pushed_authorize", data=form)
    assert status == 201, pushed
    brought = urlencode({"client_id": client["client_id"], "request_uri": pushed["request_uri"]})
    async with session.get(f"{base}/oauth2/authorize?{brought}") as answer:
        page = {"page": page_token(await answer.text())}
    _, shown = await post(session, f"{base}/oauth2/authorize/state", json=page)
    assert shown["state"] == "asked", shown
    statement = await world.phone.fetch(shown["address"].rpartition("1.")[2])
    assert statement.content["documents"] == [{"label": "Distrato.pdf", "size": None, "hash": b64u(DIGEST)}]
    assert statement.content["verification_code"] == shown["verification_code"]
    await world.phone.approve(statement, world.holder.password)
    _, done = await post(session, f"{base}/oauth2/authorize/finish", json=page)
    told = dict(parse_qsl(urlsplit(done["redirect"]).query))
    form = {**proof, "grant_type": "authorization_code", "code": told["code"], "code_verifier": verifier}
    status, issued = await post(session, f"{base}/oauth2/token", data={**form, "redirect_uri": CALLBACK})
    assert (status, issued["authorization_details"]) == (200, [detail])
    sign = {"credentialID": world.credential, "hashes": [hashed], "signAlgo": "1.2.840.113549.1.1.11"}
    status, signed = await post(session, f"{base}/csc/v2/signatures/signHash", issued["access_token"], json=sign)
    assert status == 200, signed
    world.verify(DIGEST, base64.b64decode(signed["signatures"][0]))


async def older_application_signs(world: World, session: aiohttp.ClientSession, token: str) -> None:
    """CSC API 1: one call that waits for the phone, cut off and made again; the signature, at once and collected."""
    csc, digest = f"{world.stack.gateway}/csc/v1", base64.b64encode(hashlib.sha256(b"aditivo").digest()).decode()
    body = {"credentialID": world.credential, "numSignatures": 1, "hash": [digest], "description": "Aditivo"}
    headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=0"}
    async with session.post(f"{csc}/credentials/authorize", json=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["linkid"]) == (429, {"why": "undecided"})
    again = asyncio.create_task(post(session, f"{csc}/credentials/authorize", token, json=body))
    statement = await world.phone.wait_for("sign")
    assert statement.content["documents"][0]["label"] == "Aditivo"
    await world.phone.approve(statement, world.holder.password)
    status, approved = await again
    assert status == 200, approved
    sign = {"credentialID": world.credential, "SAD": approved["SAD"], "hash": [digest]}
    sign |= {"signAlgo": "1.2.840.113549.1.1.11"}
    status, signed = await post(session, f"{csc}/signatures/signHash", token, json=sign)
    assert status == 200, signed
    world.verify(base64.b64decode(digest), base64.b64decode(signed["signatures"][0]))
    later = f"{world.stack.gateway}/csc/v2/signatures"
    status, kept = await post(session, f"{later}/signHash", token, json={**sign, "operationMode": "A"})
    assert status == 200, kept
    assert await post(session, f"{later}/signPolling", token, json={"requestID": kept["responseID"]}) == (200, signed)


async def application_has_a_file_signed(world: World, session: aiohttp.ClientSession, token: str) -> None:
    """CAdES with a time stamp of the AC's test authority: the attributes inside are what the phone approved."""
    csc, digest = f"{world.stack.gateway}/csc/v2", base64.b64encode(hashlib.sha256(b"ata").digest()).decode()
    form = {"signature_format": "C", "conformance_level": "AdES-B-T"}
    body = {"credentialID": world.credential, "numSignatures": 1, "hashes": [digest], "hashAlgorithmOID": SHA256}
    said = {"signDoc": form, "documents": [{"label": "ata.txt"}]}
    status, asked = await post(
        session, f"{csc}/credentials/authorize", token, json={**body, "clientData": json.dumps(said)}
    )
    assert status == 202, asked
    statement = await world.phone.fetch(asked["linkid"]["request"])
    to_sign = base64.b64decode(asked["linkid"]["to_sign"][0])
    assert statement.content["documents"][0]["hash"] == b64u(to_sign)
    await world.phone.approve(statement, world.holder.password)
    _, approved = await post(session, f"{csc}/credentials/authorizeCheck", token, json={"handle": asked["handle"]})
    digests = [{"hashes": [digest], "signAlgo": "1.2.840.113549.1.1.11", **form}]
    wanted = {"credentialID": world.credential, "SAD": approved["SAD"], "documentDigests": digests}
    status, signed = await post(session, f"{csc}/signatures/signDoc", token, json=wanted)
    assert status == 200, signed
    info = cms.ContentInfo.load(base64.b64decode(signed["SignatureObject"][0]))["content"]["signer_infos"][0]
    assert hashlib.sha256(info["signed_attrs"].untag().dump()).digest() == to_sign
    assert [one["type"].native for one in info["unsigned_attrs"]] == ["signature_time_stamp_token"]
    world.verify(to_sign, info["signature"].native)
    stamp = {"hash": digest, "hashAlgo": SHA256, "nonce": "01ff"}
    status, stamped = await post(session, f"{world.stack.gateway}/csc/v1/signatures/timestamp", token, json=stamp)
    assert status == 200, stamped
    token_info = cms.ContentInfo.load(base64.b64decode(stamped["timestamp"]))["content"]["encap_content_info"]
    info = token_info["content"].parsed
    assert isinstance(info, tsp.TSTInfo)
    assert info["nonce"].native == 0x01FF
