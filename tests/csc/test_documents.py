"""Signatures around documents (signDoc) and time stamps, over HTTP: what the holder approved is what is inside."""

import base64
import hashlib
import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, tsp

from foundation.encoding import b64u
from foundation.ids import new_id, new_token
from hsm_service.csc.web.documents import STAMPS_PER_MINUTE
from linkid.platform import program
from tests.csc.test_hostile import raw
from tests.csc.test_sessions import bearer
from tests.support.oauth_application import application
from tests.support.oauth_requests import answer_in, authorize_path, wanting
from tests.support.signing_callers import BearerCaller
from tests.support.signing_world import IN_MODULES_LOOP, World, b64, digest

pytestmark = IN_MODULES_LOOP

SHA256, RSA = "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.11"
SIGN_DOC = "/csc/v2/signatures/signDoc"
CONTRACT, ANNEX = b"contrato", b"anexo"
C: dict[str, Any] = {"signature_format": "C"}
P: dict[str, Any] = {"signature_format": "P"}


def authorize(credential: str, forms: Any, *documents: bytes, **changes: Any) -> dict[str, Any]:
    """A body for authorize; the hashes are those of documents."""
    body = {
        "credentialID": credential,
        "numSignatures": len(documents),
        "hashes": [b64(digest(one.decode())) for one in documents],
        "hashAlgorithmOID": SHA256,
        "clientData": json.dumps({"signDoc": forms}),
    }
    return {**body, **changes}


def by_digest(*documents: bytes, **changes: Any) -> dict[str, Any]:
    """An element of documentDigests."""
    return {"hashes": [b64(digest(one.decode())) for one in documents], "signAlgo": RSA, **C, **changes}


def whole(document: bytes, /, **changes: Any) -> dict[str, Any]:
    """An element of documents."""
    return {"document": b64(document), "signAlgo": RSA, **C, **changes}


async def approved(world: World, caller: BearerCaller, body: dict[str, Any]) -> str:
    """A SAD."""
    status, asked = await caller.call("POST", "/csc/v2/credentials/authorize", body)
    assert status == 202, asked
    world.sam.approve(asked["linkid"]["request"])
    status, answer = await caller.call("POST", "/csc/v2/credentials/authorizeCheck", {"handle": asked["handle"]})
    assert status == 200, answer
    return str(answer["SAD"])


async def sign_doc(caller: Any, credential: str, sad: Any, **what: Any) -> tuple[int, dict[str, Any]]:
    """signDoc."""
    answer: tuple[int, dict[str, Any]] = await caller.call(
        "POST", SIGN_DOC, {"credentialID": credential, "SAD": sad, **what}
    )
    return answer


def openssl_verifies(folder: Path, signature: str, content: bytes | None) -> bytes:
    """The content that openssl says is signed; `content` when it is not inside."""
    (folder / "s.der").write_bytes(base64.b64decode(signature))
    words = [str(program("openssl")), "cms", "-verify", "-inform", "DER", "-in", str(folder / "s.der"), "-binary"]
    if content is not None:
        (folder / "content").write_bytes(content)
        words += ["-content", str(folder / "content")]
    done = subprocess.run([*words, "-noverify"], capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def attributes(signature: str) -> tuple[bytes, dict[str, Any]]:
    """The digest of a CMS's signed attributes, and its unsigned ones."""
    info = cms.ContentInfo.load(base64.b64decode(signature))["content"]["signer_infos"][0]
    unsigned = {one["type"].native: one["values"] for one in info["unsigned_attrs"] or []}
    return hashlib.sha256(info["signed_attrs"].untag().dump()).digest(), unsigned


@pytest.mark.parametrize("form", [C, P, {**C, "conformance_level": "AdES-B-T"}], ids=["C", "P", "C-T"])
async def test_what_is_inside_was_approved(world: World, tmp_path: Path, form: dict[str, Any]) -> None:
    """The phone was asked for the digests of exactly these attributes, and openssl calls each signature good."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    sad = await approved(world, caller, authorize(credential, form, CONTRACT, ANNEX))
    asked = [one["hash"] for one in world.sam.held[world.sam.last].document.objects("documents")]
    assert b64u(digest("contrato")) not in asked
    world.clock.advance(timedelta(seconds=100))
    wanted = by_digest(ANNEX, CONTRACT, **form)
    status, signed = await sign_doc(caller, credential, sad, documentDigests=[wanted])
    assert status == 200, signed
    assert set(signed) == {"SignatureObject"}
    for signature, document in zip(signed["SignatureObject"], (ANNEX, CONTRACT), strict=True):
        assert openssl_verifies(tmp_path, signature, document) == document
        digest_signed, unsigned = attributes(signature)
        assert b64u(digest_signed) in asked
        assert ("signature_time_stamp_token" in unsigned) == ("conformance_level" in form)
    again = await sign_doc(caller, credential, sad, documentDigests=[wanted])
    assert again[0] == 200
    if form in (C, P):
        assert again[1] == signed


async def test_a_document_goes_inside_its_signature(world: World, tmp_path: Path) -> None:
    """Attached: what was asked by its digest comes back with its content, and another document does not."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    sad = await approved(world, caller, authorize(credential, {**C, "signed_envelope_property": "Attached"}, CONTRACT))
    status, said = await sign_doc(caller, credential, sad, documents=[whole(ANNEX)])
    assert (status, said["error_description"]) == (400, "documentDigests or documents are not authorized by the SAD")
    status, signed = await sign_doc(caller, credential, sad, documents=[whole(CONTRACT)], returnValidationInfo=True)
    assert status == 200, signed
    assert openssl_verifies(tmp_path, signed["DocumentWithSignature"][0], None) == CONTRACT
    assert signed["validationInfo"] == {"ocsp": [], "crl": [], "certificates": []}
    detached = whole(CONTRACT, signed_envelope_property="Detached")
    status, signed = await sign_doc(caller, credential, sad, documents=[detached])
    assert openssl_verifies(tmp_path, signed["SignatureObject"][0], CONTRACT) == CONTRACT


async def test_only_what_was_fixed_is_signed(world: World) -> None:
    """Another document, another form, one twice, a SAD of plain hashes, somebody else: refused, and nothing is made."""
    credential, foreign = await world.credential(), await world.credential()
    caller, thief = await world.integrator(credential), await world.integrator(credential, foreign)
    sad = await approved(world, caller, authorize(credential, C, CONTRACT))
    unauthorized = "documentDigests or documents are not authorized by the SAD"
    for what, sentence in (
        ({"documentDigests": [by_digest(ANNEX)]}, unauthorized),
        ({"documentDigests": [by_digest(CONTRACT, ANNEX)]}, unauthorized),
        ({"documentDigests": [by_digest(CONTRACT), by_digest(CONTRACT)]}, unauthorized),
        ({"documentDigests": [by_digest(CONTRACT, **P)]}, unauthorized),
        ({"documentDigests": [by_digest(CONTRACT)], "SAD": new_token("sad").text}, "Invalid parameter SAD"),
        ({"documentDigests": [by_digest(CONTRACT)], "credentialID": foreign}, "Invalid parameter credentialID"),
        ({"documentDigests": [by_digest(CONTRACT)], "credentialID": new_id("cred")}, "Invalid parameter credentialID"),
    ):
        status, said = await caller.call("POST", SIGN_DOC, {"credentialID": credential, "SAD": sad, **what})
        assert (status, said["error_description"]) == (400, sentence), what
    for wanted in (credential, foreign):
        status, said = await sign_doc(thief, wanted, sad, documentDigests=[by_digest(CONTRACT)])
        assert (status, said["error_description"]) == (400, "Invalid parameter SAD")
    body = {"credentialID": credential, "SAD": sad, "hashes": [b64(digest("contrato"))], "signAlgo": RSA}
    status, said = await caller.call("POST", "/csc/v2/signatures/signHash", body)
    assert (status, said["error_description"]) == (400, "Hash is not authorized by the SAD.")
    assert all(not held.answers for held in world.sam.held.values())
    plain = await approved(world, caller, authorize(credential, None, CONTRACT))
    status, said = await sign_doc(caller, credential, plain, documentDigests=[by_digest(CONTRACT)])
    assert (status, said["error_description"]) == (400, unauthorized)


async def test_a_stamp_that_is_late_loses_nothing(world: World) -> None:
    """The authority is away: 503, and the same call later puts the stamp on the signature that was made."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    form = {**C, "conformance_level": "ades-b-t"}
    sad = await approved(world, caller, authorize(credential, form, CONTRACT))
    world.stamping.away = True
    status, said = await sign_doc(caller, credential, sad, documentDigests=[by_digest(CONTRACT, **form)])
    assert (status, said["error"]) == (503, "temporarily_unavailable")
    made = [one for held in world.sam.held.values() for answers in held.answers.values() for one in answers]
    world.stamping.away = False
    status, signed = await sign_doc(caller, credential, sad, documentDigests=[by_digest(CONTRACT, **form)])
    assert status == 200, signed
    info = cms.ContentInfo.load(base64.b64decode(signed["SignatureObject"][0]))["content"]["signer_infos"][0]
    assert [info["signature"].native] == made


async def test_a_session_signs_documents_as_they_come(world: World, tmp_path: Path) -> None:
    """Its holder approved so many, whatever they are: their attributes are fixed when they are signed."""
    desk = await bearer(world)
    status, signed = await sign_doc(desk.caller, desk.credential, desk.sad, documents=[whole(CONTRACT)])
    assert status == 200, signed
    assert openssl_verifies(tmp_path, signed["DocumentWithSignature"][0], None) == CONTRACT


@pytest.mark.parametrize(
    "forms",
    [
        5, "C", [], [C, C], [5], {}, {"signature_format": "X"}, {"signature_format": "J"}, {"signature_format": 1},
        {**C, "conformance_level": "AdES-B-LTA"}, {**C, "conformance_level": "x"}, {**C, "conformance_level": 1},
        {**C, "signed_envelope_property": "Parallel"}, {**P, "signed_envelope_property": "Attached"},
        {**C, "signed_props": [{"attribute_name": "Reason"}]}, {**P, "conformance_level": "AdES-B-LT"},
    ],
)  # fmt: skip
async def test_forms_that_are_none_ring_nobody(world: World, forms: Any) -> None:
    """Refused when they are asked for, not after a person approved."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    status, said = await caller.call("POST", "/csc/v2/credentials/authorize", authorize(credential, forms, CONTRACT))
    assert status in (400, 503), said
    assert world.doorbell.rings == []


async def test_a_caller_that_signs_its_asks_cannot_have_signed_these(world: World) -> None:
    """Attributes fixed here are not what a computer's key signed: refused in words, before the SAM would."""
    credential = await world.credential()
    computer = await world.computer(credential)
    status, said = await computer.call("POST", "/csc/v2/credentials/authorize", authorize(credential, C, CONTRACT))
    assert (status, said["error_description"]) == (400, "Invalid parameter clientData")
    assert world.doorbell.rings == []


async def test_only_version_2s_authorize_fixes_attributes(world: World) -> None:
    """API 1 has no signDoc, and the authorize page makes nothing: said there, it is refused, not passed over."""
    credential = await world.credential()
    app = await application(world)
    token = await app.service_token(credential)
    said = json.dumps({"signDoc": C})
    body = {"credentialID": credential, "numSignatures": 1, "hash": [b64(digest("x"))], "clientData": said}
    status, answer = await BearerCaller(world.client, token).call("POST", "/csc/v1/credentials/authorize", body)
    assert (status, answer["error_description"]) == (400, "Invalid parameter clientData")
    path = authorize_path(app.id, **wanting(credential, digest("x"), clientData=said))
    async with world.client.get(path, allow_redirects=False) as response:
        assert answer_in(response.headers["Location"])["error"] == "invalid_request"
    assert world.doorbell.rings == []


GOOD = by_digest(CONTRACT)
BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, "Empty documentDigests and documents objects"),
    ({"documentDigests": []}, "Empty documentDigests and documents objects"),
    ({"documentDigests": [GOOD], "documents": [whole(CONTRACT)]},
     "Both documentDigests and documents parameters passed"),
    ({"documentDigests": {}}, "Invalid object parameter documentDigests"),
    ({"documentDigests": ["x"]}, "Invalid object parameter documentDigests"),
    ({"documents": "x"}, "Invalid array parameter documents"),
    ({"documents": [whole(CONTRACT, document="%")]}, "Invalid Base64 documents string parameter"),
    ({"documents": [whole(CONTRACT, document=5)]}, "Invalid Base64 documents string parameter"),
    ({"documents": [whole(CONTRACT, signature_format="J")]}, "Invalid parameter signature_format"),
    ({"documentDigests": [{**GOOD, "hashes": ["%"]}]}, "Invalid Base64 hashes string parameter"),
    ({"documentDigests": [{**GOOD, "hashes": 5}]}, "Missing (or invalid type) array parameter hashes"),
    ({"documentDigests": [{**GOOD, "hashes": []}]}, "Missing (or invalid type) array parameter hashes"),
    ({"documentDigests": [{**GOOD, "hashes": [b64(bytes(31))]}]}, "Invalid digest value length"),
    ({"documentDigests": [{**GOOD, "hashes": [b64(bytes(32))] * 101}]}, "Numbers of signatures is too high"),
    ({"documentDigests": [GOOD] * 101}, "Numbers of signatures is too high"),
    ({"documentDigests": [{**GOOD, "signAlgo": None}]}, "Missing (or invalid type) string parameter signAlgo"),
    ({"documentDigests": [{**GOOD, "signAlgo": "1.2.3"}]}, "Invalid parameter signAlgo"),
    ({"documentDigests": [GOOD, {**GOOD, "signAlgo": "1.2.840.10045.4.3.2"}]}, "Invalid parameter signAlgo"),
    ({"documentDigests": [{**GOOD, "hashAlgorithmOID": "2.16.840.1.101.3.4.2.3"}]},
     "String parameter hashAlgorithmOID contradicts with signAlgo parameter"),
    ({"documentDigests": [{**GOOD, "hashAlgorithmOID": "x"}]}, "Invalid parameter hashAlgorithmOID"),
    ({"documentDigests": [{**GOOD, "signature_format": None}]},
     "Missing (or invalid type) string parameter signature_format"),
    ({"documentDigests": [{**GOOD, "signature_format": "J"}]}, "Invalid parameter signature_format"),
    ({"documentDigests": [{**GOOD, "signature_format": "X", "signed_envelope_property": "Enveloped"}]},
     "Invalid parameter signed_envelope_property"),
    ({"documentDigests": [{**GOOD, **P, "conformance_level": "AdES-B-LT"}]}, "Invalid parameter conformance_level"),
    ({"documentDigests": [{**GOOD, "conformance_level": "B"}]}, "Invalid parameter conformance_level"),
    ({"documentDigests": [{**GOOD, "signed_envelope_property": "Attached"}]},
     "Invalid parameter signed_envelope_property"),
    ({"documentDigests": [{**GOOD, "signed_props": [{}]}]}, "Invalid parameter signed_props"),
    ({"documentDigests": [GOOD], "operationMode": "B"}, "Invalid parameter operationMode"),
    ({"documentDigests": [GOOD], "returnValidationInfo": 1}, "Invalid parameter returnValidationInfo"),
    ({"documentDigests": [GOOD], "clientData": 1}, "Invalid parameter clientData"),
    ({"documentDigests": [GOOD], "SAD": 1}, "Missing (or invalid type) string parameter SAD"),
    ({"documentDigests": [GOOD], "credentialID": None}, "Missing (or invalid type) string parameter credentialID"),
]  # fmt: skip


async def test_what_is_wrong_with_sign_doc(world: World) -> None:
    """Each mistake has the standard's sentence; strangers and floods get theirs; nothing reaches the SAM."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    for changes, sentence in BAD_BODIES:
        body = {"credentialID": credential, "SAD": new_token("sad").text, **changes}
        assert await caller.call("POST", SIGN_DOC, body) == (
            400, {"error": "invalid_request", "error_description": sentence},
        ), changes  # fmt: skip
    assert (await raw(world, SIGN_DOC, b"not json"))[0] == 401
    good = {"Authorization": f"Bearer {caller.token}"}
    assert (await raw(world, SIGN_DOC, b"x" * 20_000_000, **good))[0] == 413
    assert (await raw(world, SIGN_DOC, b"[" * 1_000_000, **good))[0] == 400
    assert world.sam.bodies == []


# ---- time stamps -----------------------------------------------------------------------------------------------------


def stamp(**changes: Any) -> dict[str, Any]:
    """A body for timestamp."""
    return {"hash": b64(digest("x")), "hashAlgo": SHA256, **changes}


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_time_stamp_is_about_this_hash_and_answers_this_nonce(world: World, version: str) -> None:
    """A token of RFC 3161, with the caller's nonce; each mistake in the standard's sentence, and no authority asked."""
    caller = await world.integrator()
    path = f"/csc/{version}/signatures/timestamp"
    for nonce in ("0102030405060708", "ffFF", None):
        status, said = await caller.call("POST", path, stamp(nonce=nonce))
        assert status == 200, said
        token = cms.ContentInfo.load(base64.b64decode(said["timestamp"]))
        info: Any = token["content"]["encap_content_info"]["content"].parsed
        assert isinstance(info, tsp.TSTInfo)
        assert info["message_imprint"]["hashed_message"].native == digest("x")
        if nonce is not None:
            assert info["nonce"].native == int(nonce, 16)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"hash": None}, "Missing (or invalid type) string parameter hash"),
        ({"hash": [b64(bytes(32))]}, "Missing (or invalid type) string parameter hash"),
        ({"hash": ""}, "Empty hash parameter"),
        ({"hash": "%"}, "Invalid Base64 hash string parameter"),
        ({"hash": b64(bytes(31))}, "Invalid digest value length"),
        ({"hashAlgo": None}, "Invalid parameter hashAlgo"),
        ({"hashAlgo": "1.3.14.3.2.26"}, "Invalid parameter hashAlgo"),
        ({"hashAlgo": 1}, "Invalid parameter hashAlgo"),
        ({"nonce": "xyz"}, "Invalid parameter nonce"),
        ({"nonce": ""}, "Invalid parameter nonce"),
        ({"nonce": 5}, "Invalid parameter nonce"),
        ({"nonce": "f" * 65}, "Invalid parameter nonce"),
        ({"nonce": "-1"}, "Invalid parameter nonce"),
        ({"nonce": "\u0661"}, "Invalid parameter nonce"),
        ({"clientData": 1}, "Invalid parameter clientData"),
    ]
    for changes, sentence in wrong:
        assert await caller.call("POST", path, stamp(**changes)) == (
            400, {"error": "invalid_request", "error_description": sentence},
        ), changes  # fmt: skip
    assert world.stamping.asked == 3
    assert (await raw(world, path, b"{}"))[0] == 401
    world.stamping.away = True
    assert (await caller.call("POST", path, stamp()))[0] == 503


async def test_stamps_cost_money(world: World) -> None:
    """One caller gets so many a minute; another is not kept waiting by it."""
    caller, neighbour = await world.integrator(), await world.integrator()
    world.stamping.away = True
    statuses = [
        (await caller.call("POST", "/csc/v2/signatures/timestamp", stamp()))[0] for _ in range(STAMPS_PER_MINUTE + 1)
    ]
    assert set(statuses[:-1]) == {503}
    assert statuses[-1] == 429
    assert (await neighbour.call("POST", "/csc/v1/signatures/timestamp", stamp()))[0] == 503
