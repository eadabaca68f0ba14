"""Whole documents: prepared before the holder is asked, kept sealed, signed as approved, fetched, forgotten."""

import asyncio
import base64
import hashlib
import json
import re
import zlib
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as asn1_cms
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm

from foundation.encoding import b64u, unb64u
from hsm_service.csc.dialect import MAX_BODY, MAX_SIGN_DOC
from hsm_service.csc.web import calls
from hsm_service.documents.errors import UnsuitableDocument
from hsm_service.documents.service import DocumentService
from hsm_service.signing.service import preparations
from hsm_service.signing.store import PreparationStore
from tests.agent import pdfs
from tests.agent.pki import Authority, Holder
from tests.csc.test_asynchronous import GONE, poll, take_the_sam_away
from tests.csc.test_documents import SIGN_DOC, approved, by_digest, openssl_verifies, sign_doc, whole
from tests.csc.test_hostile import raw
from tests.csc.test_sessions import bearer
from tests.documents import strangers
from tests.documents.test_xml import NFE
from tests.support.camera import read_qr
from tests.support.psc_routes import POLICY_OID
from tests.support.signing_world import IN_MODULES_LOOP, World, b64

pytestmark = IN_MODULES_LOOP

AUTHORIZE = "/csc/v2/credentials/authorize"
UNAUTHORIZED = (
    400,
    {"error": "invalid_request", "error_description": "documentDigests or documents are not authorized by the SAD"},
)
NOTE = b"anexo\n"


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A PDF of one page."""
    return pdfs.blank(Path(tmp_path_factory.mktemp("whole"), "contrato.pdf")).read_bytes()


@pytest.fixture(scope="module")
def stranger() -> Holder:
    """Somebody who signed before."""
    return Holder(Authority())


def pdf_of(document: bytes, level: str = "AdES-B-B", /, **changes: Any) -> dict[str, Any]:
    """An element of documents."""
    return whole(document, signature_format="P", conformance_level=level, **changes)


def xml_of(document: bytes, /, **changes: Any) -> dict[str, Any]:
    """Another."""
    return whole(document, signature_format="X", **changes)


def asking(credential: str, *documents: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A body for authorize."""
    return {"credentialID": credential, "numSignatures": len(documents), "documents": list(documents), **changes}


def signed_digest(pdf: bytes) -> str:
    """Of the signed attributes of the first signature."""
    signature = PdfFileReader(BytesIO(pdf)).embedded_regular_signatures[0]
    info = asn1_cms.ContentInfo.load(signature.pkcs7_content)["content"]["signer_infos"][0]
    return b64u(hashlib.sha256(info["signed_attrs"].untag().dump()).digest())


def policy_of(cms: bytes) -> str:
    """The OID of the signature policy that a CMS names."""
    info = asn1_cms.ContentInfo.load(cms)["content"]["signer_infos"][0]
    (named,) = [one["values"][0] for one in info["signed_attrs"] if one["type"].native == "signature_policy_identifier"]
    return str(named.chosen["sig_policy_id"].native)


def plain(values: Any) -> list[bytes]:
    return [base64.b64decode(value) for value in values]


async def test_one_approval_of_several_documents(world: World, contract: bytes, tmp_path: Path) -> None:
    """In their order the phone is asked for exactly what is signed; strangers believe each; a retry has the same bytes.

    Meanwhile the database has neither document nor digest of one in the clear, and afterwards nothing.
    """
    credential = await world.credential()
    caller = await world.integrator(credential)
    documents = [
        pdf_of(contract, "AdES-B-T", signed_envelope_property="Revision", linkid={"stamp": {"page": 0}}),
        xml_of(NFE, linkid={"element": "NFe31"}, conformance_level="AdES-B-T"),
        whole(NOTE, linkid={"policy": "AD-RB"}),
    ]
    named = json.dumps({"documents": [{"label": each} for each in ("Digest", "Contrato", "Nota", "Anexo")]})
    both = {"documentDigests": [by_digest(b"outro")], "numSignatures": 4, "clientData": named}
    status, asked = await caller.call("POST", AUTHORIZE, asking(credential, *documents, **both))
    assert status == 202, asked
    shown = world.sam.held[world.sam.last].document.objects("documents")
    assert [one["label"] for one in shown] == ["Digest", "Contrato", "Nota", "Anexo"]
    assert [one["size"] for one in shown] == [None, len(contract), len(NFE), len(NOTE)]
    assert [b64(unb64u(str(one["hash"]), max_len=32)) for one in shown] == asked["linkid"]["to_sign"]
    rows = await world.owner.fetch("SELECT key, sealed FROM signing.preparations ORDER BY number")
    assert len(rows) == 4
    for document in (contract, NFE, NOTE):
        assert all(document not in row["sealed"] for row in rows)
        assert hashlib.sha256(document).digest() not in {row["key"] for row in rows}
    world.sam.approve(asked["linkid"]["request"])
    status, answer = await caller.call("POST", "/csc/v2/credentials/authorizeCheck", {"handle": asked["handle"]})
    sad = answer["SAD"]
    world.clock.advance(timedelta(seconds=60))
    status, signed = await sign_doc(caller, credential, sad, documents=documents, returnValidationInformation=True)
    assert status == 200, signed
    pdf, xml, note = plain(signed["DocumentWithSignature"])
    assert "Signature is Valid." in strangers.pdfsig(pdf)
    assert "unchanged since signing" in strangers.mutool(pdf)
    assert signed_digest(pdf) == shown[1]["hash"]
    leaf = (await world.credentials.info(credential)).certificate
    assert leaf is not None
    assert b"SignatureTimeStamp" in xml
    assert openssl_verifies(tmp_path, b64(note), None) == NOTE
    assert policy_of(note) == POLICY_OID
    status, beside = await sign_doc(caller, credential, sad, documentDigests=[by_digest(b"outro")])
    assert openssl_verifies(tmp_path, beside["SignatureObject"][0], b"outro")
    # a retry: the stored documents, their time stamps too, in whatever order they are asked for
    asked_before = world.stamping.asked
    status, again = await sign_doc(caller, credential, sad, documents=documents[::-1])
    assert plain(again["DocumentWithSignature"]) == [note, xml, pdf]
    assert world.stamping.asked == asked_before
    assert [len(held.answers) for held in world.sam.held.values()] == [2]
    await PreparationStore(world.database).forget(world.clock.now())
    assert await world.owner.fetchval("SELECT count(*) FROM signing.preparations") == 4
    world.clock.advance(preparations.KEPT_FOR)
    await PreparationStore(world.database).forget(world.clock.now())
    assert await world.owner.fetchval("SELECT count(*) FROM signing.preparations") == 0
    status, said = await sign_doc(caller, credential, sad, documents=documents)
    assert (status, said["error_description"]) == (400, "SAD expired")


async def test_only_what_was_prepared_is_signed(world: World, contract: bytes) -> None:
    """Another document, level, envelope, stamp, one twice, somebody else's SAD: refused, and the SAM is never asked."""
    credential = await world.credential()
    caller, thief = await world.integrator(credential), await world.integrator(credential)
    sad = await approved(world, caller, asking(credential, pdf_of(contract), xml_of(NFE)))
    changed = contract.replace(b"842", b"843")
    for documents in (
        [pdf_of(changed)],
        [pdf_of(contract, "AdES-B-T")],
        [pdf_of(contract, signed_envelope_property="Revision")],
        [pdf_of(contract, linkid={"stamp": {}})],
        [pdf_of(contract), pdf_of(contract)],
        [xml_of(NFE, linkid={"element": "NFe31"})],
        [whole(contract)],
    ):
        assert await sign_doc(caller, credential, sad, documents=documents) == UNAUTHORIZED, documents
    status, said = await sign_doc(thief, credential, sad, documents=[pdf_of(contract)])
    assert (status, said["error_description"]) == (400, "Invalid parameter SAD")
    assert all(not held.answers for held in world.sam.held.values())
    # rows that somebody exchanged open for nobody
    await world.owner.execute("UPDATE signing.preparations AS one SET sealed = other.sealed "
                              "FROM signing.preparations AS other WHERE one.number <> other.number")  # fmt: skip
    status, said = await sign_doc(caller, credential, sad, documents=[pdf_of(contract)])
    assert (status, said["error"]) == (500, "server_error")
    assert all(not held.answers for held in world.sam.held.values())


async def test_what_was_refused_is_forgotten_at_once(world: World, contract: bytes) -> None:
    """The holder said no: at the next sweep the document is gone, long before its time."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    status, asked = await caller.call("POST", AUTHORIZE, asking(credential, pdf_of(contract)))
    assert status == 202
    world.sam.refuse(asked["linkid"]["request"])
    status, _ = await caller.call("POST", "/csc/v2/credentials/authorizeCheck", {"handle": asked["handle"]})
    assert status == 400
    await PreparationStore(world.database).forget(world.clock.now())
    assert await world.owner.fetchval("SELECT count(*) FROM signing.preparations") == 0


async def test_documents_are_collected_later(world: World, contract: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode A: the SAM is away, then the stamps are; whoever collects completes it, and has the same for a day."""
    credential = await world.credential()
    caller, thief = await world.integrator(credential), await world.integrator(credential)
    documents = [pdf_of(contract, "AdES-B-T"), whole(NOTE)]
    sad = await approved(world, caller, asking(credential, *documents))
    later = {"documents": documents, "operationMode": "A", "validity_period": 24 * 3_600_000}
    take_the_sam_away(world, monkeypatch)
    status, accepted = await sign_doc(caller, credential, sad, **later)
    assert (status, set(accepted)) == (200, {"responseID"}), accepted
    response = accepted["responseID"]
    status, said = await poll(caller, response)
    assert (status, said["error"]) == (202, "accepted_request")
    monkeypatch.undo()
    world.stamping.away = True
    assert (await poll(caller, response))[0] == 202
    world.stamping.away = False
    status, signed = await poll(caller, response)
    assert status == 200, signed
    pdf, note = plain(signed["DocumentWithSignature"])
    assert "Signature is Valid." in strangers.pdfsig(pdf)
    assert await poll(thief, response) == GONE
    assert await sign_doc(caller, credential, sad, **later) == (200, accepted)
    status, same = await sign_doc(caller, credential, sad, documents=documents[::-1])
    assert plain(same["DocumentWithSignature"]) == [note, pdf]
    world.clock.advance(preparations.KEPT_FOR)
    await PreparationStore(world.database).forget(world.clock.now())
    assert await poll(caller, response) == (200, signed)
    # of digests, and in a session, nothing was prepared: it is kept from this call on
    desk = await bearer(world)
    status, accepted = await sign_doc(desk.caller, desk.credential, desk.sad, **later)
    assert status == 200, accepted
    status, signed = await poll(desk.caller, accepted["responseID"])
    assert "Signature is Valid." in strangers.pdfsig(plain(signed["DocumentWithSignature"])[0])


async def test_a_session_signs_pdfs_as_they_come(world: World, contract: bytes) -> None:
    """Its holder approved so many, whatever they are."""
    desk = await bearer(world)
    status, signed = await sign_doc(desk.caller, desk.credential, desk.sad, documents=[pdf_of(contract)])
    assert status == 200, signed
    assert "Signature is Valid." in strangers.pdfsig(plain(signed["DocumentWithSignature"])[0])


async def test_certification_is_the_usual_one(world: World, contract: bytes, stranger: Holder, tmp_path: Path) -> None:
    """As the standard has it, the first signature certifies when nothing is said; one that came before is respected."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    file = tmp_path / "signed.pdf"
    file.write_bytes(contract)
    theirs = await asyncio.to_thread(lambda: pdfs.signed_by(file, stranger).read_bytes())
    for document, level in ((contract, MDPPerm.FILL_FORMS), (theirs, None)):
        sad = await approved(world, caller, asking(credential, pdf_of(document)))
        status, signed = await sign_doc(caller, credential, sad, documents=[pdf_of(document)])
        assert status == 200, signed
        (pdf,) = plain(signed["DocumentWithSignature"])
        assert pdf.startswith(document)
        assert PdfFileReader(BytesIO(pdf)).embedded_signatures[-1].docmdp_level is level
        assert strangers.pdfsig(pdf).count("Signature is Valid.") == len(re.findall(rb"/ByteRange", pdf))
    status, said = await caller.call(
        "POST", AUTHORIZE, asking(credential, pdf_of(theirs, signed_envelope_property="Certification"))
    )
    assert (status, said["error_description"]) == (
        400,
        "signed already: it takes revisions, and no certification",
    )


async def test_the_stamp_says_where_to_verify(world: World, contract: bytes) -> None:
    """Name, time and our own address stand on the page, for eyes and cameras; the caller chooses where, not what."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    document = pdf_of(contract, linkid={"stamp": {"page": 0, "box": [40, 40, 340, 110]}})
    sad = await approved(world, caller, asking(credential, document))
    status, signed = await sign_doc(caller, credential, sad, documents=[document])
    assert status == 200, signed
    (pdf,) = plain(signed["DocumentWithSignature"])
    assert read_qr(strangers.picture_of_page(pdf)) == "https://gateway.linkid.test/verificar"
    words = strangers.text_of_page(pdf)
    assert "MARIA DA SILVA" in words
    assert "https://gateway.linkid.test/verificar" in words
    assert "00000000000" not in words


async def test_documents_made_to_break_readers_ring_nobody(
    world: World, contract: bytes, stranger: Holder, tmp_path: Path
) -> None:
    """Encrypted, certified, cut, nested, bombs, entities, two elements of one Id: 400, and the gateway answers on."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    file = pdfs.blank(tmp_path / "certified.pdf")
    await asyncio.to_thread(lambda: pdfs.signed_by(file, stranger, certify=MDPPerm.NO_CHANGES))
    zeros = zlib.compress(bytes(400_000_000), 9)
    hostile: list[dict[str, Any]] = [
        pdf_of(pdfs.encrypted(tmp_path / "locked.pdf", "segredo").read_bytes()),
        pdf_of(file.read_bytes()),
        pdf_of(contract[: len(contract) // 2]),
        pdf_of(b"%PDF-1.7\n1 0 obj\n" + b"[" * 200_000 + b"\nendobj\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF"),
        pdf_of(
            b"%PDF-1.7\n1 0 obj\n<</Type/XRef/Size 3/W[1 2 1]/Root 2 0 R/Filter/FlateDecode/Length "
            + b"%d>>stream\n" % len(zeros) + zeros + b"\nendstream\nendobj\nstartxref\n9\n%%EOF"
        ),
        pdf_of(b"ola"),
        pdf_of(contract, linkid={"stamp": {"page": 7}}),
        pdf_of(contract, linkid={"stamp": {"box": [0, 0, 1, 1]}}),
        xml_of(b'<!DOCTYPE a [<!ENTITY b "lol"><!ENTITY c "&b;&b;">]><a>&c;</a>'),
        xml_of(b"<a>" * 100_000),
        xml_of(NFE.replace(b"<ide>", b'<ide Id="NFe31">'), linkid={"element": "NFe31"}),
        xml_of(NFE, linkid={"element": "NFe32"}),
        xml_of(NFE, linkid={"element": "x'] | //*[@Id='NFe31"}),
    ]  # fmt: skip
    for document in hostile:
        status, said = await caller.call("POST", AUTHORIZE, asking(credential, document))
        assert status == 400, said
        assert set(said) == {"error", "error_description"}
        assert (await caller.call("POST", "/csc/v2/info", {}))[0] == 200
    assert world.doorbell.rings == []
    assert await world.owner.fetchval("SELECT count(*) FROM signing.preparations") == 0


async def test_sizes_have_an_end(world: World, contract: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body, what is kept for one caller, and a million little members: each says what is too much."""
    credential = await world.credential()
    caller, neighbour = await world.integrator(credential), await world.integrator(credential)
    good = {"Authorization": f"Bearer {caller.token}"}
    for path in (AUTHORIZE, SIGN_DOC):
        status, said, _ = await raw(world, path, b" " * (MAX_SIGN_DOC + 1), **good)
        assert status == 413
        assert str(MAX_SIGN_DOC) in said["error_description"]
        assert (await raw(world, path, b'{"a":[' + b"[]," * 200_000 + b"[]]}", **good))[0] == 400
    monkeypatch.setattr(preparations, "MAX_KEPT", 3 * len(contract))
    status, _ = await caller.call(
        "POST", AUTHORIZE, asking(credential, pdf_of(contract, signed_envelope_property="Revision"))
    )
    assert status == 202
    status, said = await caller.call("POST", AUTHORIZE, asking(credential, pdf_of(contract)))
    assert (status, said["linkid"]) == (429, {"why": "documents"})
    assert (await neighbour.call("POST", AUTHORIZE, asking(credential, pdf_of(contract))))[0] == 202


async def test_one_caller_keeps_the_others_from_no_turn(
    world: World, contract: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two calls with documents at a time: the third hears 429 while they are read, and somebody else is served."""
    credential = await world.credential()
    caller, neighbour = await world.integrator(credential), await world.integrator(credential)
    free, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def waits(*_args: Any, **_kwargs: Any) -> Any:
        begun.release()
        await free.wait()
        raise UnsuitableDocument

    monkeypatch.setattr(DocumentService, "prepare", waits)
    body = asking(credential, pdf_of(contract))
    first = [asyncio.create_task(each.call("POST", AUTHORIZE, body)) for each in (caller, caller, neighbour)]
    for _ in first:
        await begun.acquire()
    status, said = await caller.call("POST", AUTHORIZE, body)
    assert (status, said["linkid"]) == (429, {"why": "documents"})
    free.set()
    assert [status for status, _ in await asyncio.gather(*first)] == [400] * 3


async def test_long_bodies_of_one_caller_come_a_few_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four may arrive at once, each whole in memory; a short one is not counted, nor is somebody else's."""
    credential = await world.credential()
    caller, neighbour = await world.integrator(credential), await world.integrator(credential)
    free, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def waits(*_args: Any, **_kwargs: Any) -> bytes:
        begun.release()
        await free.wait()
        return b"[]"

    monkeypatch.setattr(calls, "read_body", waits)
    long = {"documents": "x" * MAX_BODY}
    under_way = [asyncio.create_task(caller.call("POST", SIGN_DOC, long)) for _ in range(4)]
    for _ in under_way:
        await begun.acquire()
    status, said = await caller.call("POST", AUTHORIZE, long)
    assert (status, said["linkid"]) == (429, {"why": "documents"})
    under_way += [asyncio.create_task(caller.call("POST", AUTHORIZE, {}))]
    under_way += [asyncio.create_task(neighbour.call("POST", AUTHORIZE, long))]
    for _ in range(2):
        await begun.acquire()
    free.set()
    assert [status for status, _ in await asyncio.gather(*under_way)] == [400] * 6
    assert (await caller.call("POST", SIGN_DOC, long))[0] == 400


BAD_ASKS: list[tuple[dict[str, Any], str]] = [
    ({"documents": {}}, "Invalid array parameter documents"),
    ({"documents": [5]}, "Invalid array parameter documents"),
    ({"documents": [pdf_of(b"x", document="%")]}, "Invalid Base64 documents string parameter"),
    ({"documents": [pdf_of(b"x", "AdES-B-X")]}, "Invalid parameter conformance_level"),
    ({"documents": [whole(b"x", conformance_level="AdES-B-LTA")]}, "Invalid parameter conformance_level"),
    ({"documents": [xml_of(b"x", conformance_level="AdES-B-LT")]}, "Invalid parameter conformance_level"),
    ({"documents": [xml_of(b"x", signed_envelope_property="Enveloping")]},
     "Invalid parameter signed_envelope_property"),
    ({"documents": [pdf_of(b"x", signed_envelope_property="Attached")]},
     "Invalid parameter signed_envelope_property"),
    ({"documents": [whole(b"x", signature_format="J")]}, "Invalid parameter signature_format"),
    ({"documents": [whole(b"x", linkid={"stamp": {}})]}, "Invalid parameter linkid"),
    ({"documents": [pdf_of(b"x", linkid=5)]}, "Invalid parameter linkid"),
    ({"documents": [pdf_of(b"x", linkid={"stamp": 5})]}, "Invalid parameter linkid"),
    ({"documents": [pdf_of(b"x", linkid={"stamp": {"page": True}})]}, "Invalid parameter linkid"),
    ({"documents": [pdf_of(b"x", linkid={"stamp": {"page": 10**9}})]}, "Invalid parameter linkid"),
    ({"documents": [pdf_of(b"x", linkid={"stamp": {"box": [1, 2, 3]}})]}, "Invalid parameter linkid"),
    ({"documents": [pdf_of(b"x", linkid={"stamp": {"box": [1, 2, 3, 4.5]}})]}, "Invalid parameter linkid"),
    ({"documents": [pdf_of(b"x", linkid={"stamp": {"url": "http://x"}})]}, "Invalid parameter linkid"),
    ({"documents": [pdf_of(b"x", linkid={"policy": "AD-RX"})]}, "Invalid parameter linkid"),
    ({"documents": [pdf_of(b"x", linkid={"policy": ["AD-RB"]})]}, "Invalid parameter linkid"),
    ({"documents": [pdf_of(b"x", "AdES-B-T", linkid={"policy": "AD-RB"})]}, "Invalid parameter conformance_level"),
    ({"documents": [xml_of(b"x", linkid={"policy": "AD-RB"})]}, "Invalid parameter linkid"),
    ({"documents": [xml_of(b"x", linkid={"element": 5})]}, "Invalid parameter linkid"),
    ({"documents": [xml_of(b"x", linkid={"element": ""})]}, "Invalid parameter linkid"),
    ({"documents": [pdf_of(b"x")], "hashes": [b64(bytes(32))]}, "Invalid parameter hashes"),
    ({"documents": [pdf_of(b"x")], "numSignatures": 2}, "Invalid value for parameter numSignatures"),
    ({"documents": [pdf_of(b"x")], "numSignatures": None},
     "Missing (or invalid type) integer parameter numSignatures"),
    ({"documents": [pdf_of(b"x"), pdf_of(b"x", signAlgo="1.2.840.10045.4.3.2")]}, "Invalid parameter signAlgo"),
    ({"documents": [pdf_of(b"x")] * 101}, "Numbers of signatures is too high"),
    ({"documents": [pdf_of(b"x")], "clientData": '{"ask": {}}'}, "Invalid parameter clientData"),
    ({"documents": [pdf_of(b"x")], "clientData": '{"signDoc": {}}'}, "Invalid parameter clientData"),
    ({"documents": [pdf_of(b"x")], "clientData": '{"documents": []}'}, "Invalid parameter clientData"),
    ({"documents": [pdf_of(b"x")], "credentialID": "x"}, "Invalid parameter credentialID"),
]  # fmt: skip


async def test_what_is_wrong_with_an_ask_for_documents(world: World, contract: bytes) -> None:
    """Each mistake has its sentence; nothing is parsed, kept or asked for it."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    for changes, sentence in BAD_ASKS:
        count = len(changes["documents"]) if isinstance(changes["documents"], list) else 1
        body = {"credentialID": credential, "numSignatures": count, **changes}
        assert await caller.call("POST", AUTHORIZE, body) == (
            400, {"error": "invalid_request", "error_description": sentence},
        ), changes  # fmt: skip
    # a policy that the operator did not give: said before anybody is asked
    status, said = await caller.call("POST", AUTHORIZE, asking(credential, whole(b"x", linkid={"policy": "AD-RT"})))
    assert (status, said["error"]) == (400, "invalid_request")
    assert said["error_description"] == "no file of AD-RT for cades is set up"
    assert (await raw(world, AUTHORIZE, b"not json"))[0] == 401
    assert world.sam.bodies == []
    assert await world.owner.fetchval("SELECT count(*) FROM signing.preparations") == 0
