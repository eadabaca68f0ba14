"""signature_format beyond RAW: what comes out is read by openssl and pdfsig, and repeats like anything else."""

from __future__ import annotations

import asyncio
import base64
import subprocess
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from hsm_service.documents.errors import UnsuitableDocument
from hsm_service.documents.service import DocumentService
from hsm_service.psc.domain.reading import MAX_BODY
from hsm_service.psc.service import signatures
from hsm_service.psc.store import PscStore
from hsm_service.psc.web import clients
from linkid.platform import program
from tests.agent.pdfs import blank
from tests.documents import strangers
from tests.psc.integrators.norm import SHA256, Application
from tests.psc.people import MARIA, application, granted, ring, session
from tests.support.signing_world import IN_MODULES_LOOP, World, b64, digest

pytestmark = IN_MODULES_LOOP
ROOT = "/v0/oauth/signature"


async def signature(world: World, app: Application, *entries: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """One call."""
    hashes = [{"id": str(number), "hash_algorithm": SHA256, **one} for number, one in enumerate(entries, start=1)]
    headers = {"Authorization": f"Bearer {app.token['access_token']}"}
    async with world.client.post(ROOT, json={"hashes": hashes}, headers=headers) as response:
        return response.status, await response.json()


def read_by_openssl(folder: Path, cms: bytes, content: bytes) -> str:
    """The signature over that content; whose certificate it is, other tests ask."""
    (folder / "cms").write_bytes(cms)
    (folder / "content").write_bytes(content)
    words = ["cms", "-verify", "-noverify", "-binary", "-inform", "DER", "-in", "cms", "-content", "content"]
    done = subprocess.run(
        [str(program("openssl")), *words, "-out", "/dev/null"], cwd=folder, capture_output=True, text=True
    )
    return done.stderr


@pytest.mark.parametrize("key", ["RSA-2048", "P-256"])
@pytest.mark.parametrize("form", ["CMS", "CAdES_AD_RB", "PAdES_AD_RB"])
async def test_around_a_digest(world: World, tmp_path: Path, form: str, key: str) -> None:
    """A detached signature of the content whose digest was sent; the same again when the answer was lost."""
    app = await application(world)
    await granted(world, app, "single_signature", await world.credential(key, number=MARIA))
    entry = {"alias": "contrato.pdf", "hash": b64(digest("contrato")), "signature_format": form}
    assert (await signature(world, app, entry))[0] == 503
    listed = world.sam.held[ring(world)].document.objects("documents")
    assert [one["label"] for one in listed] == ["contrato.pdf"]
    world.sam.approve(ring(world))
    status, answer = await signature(world, app, entry)
    assert status == 200, answer
    (made,) = answer["signatures"]
    assert "successful" in read_by_openssl(tmp_path, base64.b64decode(made["raw_signature"]), b"contrato").lower()
    assert await signature(world, app, entry) == (200, answer)
    assert len(world.doorbell.rings) == 1


async def test_a_pdf(world: World, tmp_path: Path) -> None:
    """base64_content comes back signed, with a visible stamp where pdf_signature_page asks for one; its size stands on
    the phone; the same again is the same PDF, and without the stamp it is another request."""
    app = await application(world, prefix="/psc/vidaas")
    await granted(world, app, "multi_signature", await world.credential(number=MARIA))
    pdf = blank(tmp_path / "contrato.pdf").read_bytes()
    entry = {
        "alias": "contrato.pdf",
        "base64_content": b64(pdf),
        "signature_format": "PAdES_AD_RB",
        "pdf_signature_page": "true",
    }
    assert (await signature(world, app, entry))[0] == 503
    (listed,) = world.sam.held[ring(world)].document.objects("documents")
    assert listed["size"] == len(pdf)
    world.sam.approve(ring(world))
    status, answer = await signature(world, app, entry)
    assert status == 200, answer
    signed = base64.b64decode(answer["signatures"][0]["file_base64_signed"])
    assert "Signature is Valid." in strangers.pdfsig(signed)
    assert signed.startswith(pdf)
    field = PdfFileReader(BytesIO(signed)).embedded_regular_signatures[0].sig_field
    assert [int(one) for one in field["/Rect"]] == [36, 36, 316, 106], "a stamp that can be seen"
    assert (await signature(world, app, {**entry, "pdf_signature_page": "false"}))[0] == 401
    assert await signature(world, app, entry) == (200, answer)
    rows = await world.owner.fetch("SELECT sealed FROM psc.tokens")
    assert not any(pdf[:64] in bytes(row["sealed"]) for row in rows), "the document lies sealed"


@pytest.mark.parametrize(
    "change",
    [
        {"base64_content": "x"},
        {"base64_content": b64(b"no PDF")},
        {"base64_content": 7},
        {"base64_content": b64(b"x"), "pdf_signature_page": "sim"},
        {"hash": b64(digest("a")), "pdf_signature_page": "true"},
        {"base64_content": b64(b"x"), "signature_format": "CMS"},
        {"base64_content": b64(b"x"), "hash": b64(digest("other"))},
    ],
    ids=str,
)
async def test_what_is_no_document(world: World, change: dict[str, Any]) -> None:
    """400 before anybody is rung, and the token serves the next request."""
    app = await application(world)
    await granted(world, app, "single_signature", await world.credential(number=MARIA))
    status, answer = await signature(world, app, {"alias": "a", "signature_format": "PAdES_AD_RB", **change})
    assert (status, answer["error"]) == (400, "invalid_request")
    assert not world.doorbell.rings
    assert (await signature(world, app, {"hash": b64(digest("a"))}))[0] == 503


async def test_in_a_session(world: World, tmp_path: Path) -> None:
    """Signed without ringing; the same call again, also by ten at once, is the same signature and counts once; after
    ten minutes it is another one, with its own time. What waits in between lies sealed under the token."""
    app = await application(world)
    await session(world, app, await world.credential(number=MARIA))
    held = world.sam.held[ring(world)]
    entry = {"hash": b64(digest("nota")), "signature_format": "CMS"}
    rivals = await asyncio.gather(*(signature(world, app, entry) for _ in range(10)))
    status, answer = rivals[0]
    assert status == 200, answer
    assert rivals == [rivals[0]] * 10
    made = base64.b64decode(answer["signatures"][0]["raw_signature"])
    assert "successful" in read_by_openssl(tmp_path, made, b"nota").lower()
    world.clock.advance(timedelta(minutes=9))
    assert await signature(world, app, entry) == (200, answer)
    assert held.used == 1
    (row,) = await world.owner.fetch("SELECT * FROM psc.session_calls")
    assert digest("nota") not in bytes(row["sealed"])
    assert (await signature(world, app, {**entry, "alias": "outra"}))[1] != answer
    world.clock.advance(timedelta(minutes=1))
    assert (await signature(world, app, entry))[1] != answer
    assert held.used == 3
    # A row of another session says nothing here: it is sealed under its own token, for its own call.
    await world.owner.execute(
        "UPDATE psc.session_calls SET sealed = $1, made_at = $2", row["sealed"], world.clock.now()
    )
    assert (await signature(world, app, entry))[0] == 200
    assert (await signature(world, app, {**entry, "alias": "outra"}))[0] == 401
    await PscStore(world.database).forget(world.clock.now() + timedelta(minutes=11))
    assert await world.owner.fetchval("SELECT count(*) FROM psc.session_calls") == 0
    assert len(world.doorbell.rings) == 1


async def test_a_session_keeps_no_more_than_it_may(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody fills our database with calls that differ: 429 until the first ones are forgotten; those go on."""
    app = await application(world)
    await session(world, app, await world.credential(number=MARIA))
    entry = {"hash": b64(digest("nota")), "signature_format": "CMS"}
    first = await signature(world, app, entry)
    kept = await world.owner.fetchval("SELECT sum(octet_length(sealed)) FROM psc.session_calls")
    monkeypatch.setattr(signatures, "MOST_OF_SESSION", kept - 1)
    status, answer = await signature(world, app, {**entry, "alias": "outra"})
    assert (status, answer["error"]) == (429, "temporarily_unavailable")
    assert await signature(world, app, entry) == first
    assert (await signature(world, app, {"hash": b64(digest("nota"))}))[0] == 200  # raw: nothing is kept of it
    await PscStore(world.database).forget(world.clock.now() + timedelta(minutes=11))
    assert (await signature(world, app, {**entry, "alias": "outra"}))[0] == 200


async def test_an_application_keeps_no_more_than_it_may(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what one-use tokens keep as well: 429, and nothing rings or is used up; raw hashes and another application go
    on. Some time after a token's end it keeps nothing."""
    credential = await world.credential(number=MARIA)
    app, other = await application(world), await application(world)
    entry = {"hash": b64(digest("nota")), "signature_format": "CMS"}
    await granted(world, app, "single_signature", credential)
    assert (await signature(world, app, entry))[0] == 503
    world.sam.approve(ring(world))
    assert (await signature(world, app, entry))[0] == 200
    kept = await world.owner.fetchval("SELECT sum(octet_length(sealed)) FROM psc.tokens")
    monkeypatch.setattr(signatures, "MOST_OF_APPLICATION", kept - 1)
    await granted(world, app, "single_signature", credential)
    rings = len(world.doorbell.rings)
    status, answer = await signature(world, app, entry)
    assert (status, answer["error"], len(world.doorbell.rings)) == (429, "temporarily_unavailable", rings)
    assert (await signature(world, app, {"hash": b64(digest("nota"))}))[0] == 503  # raw: only its hash is kept
    await granted(world, other, "single_signature", credential)
    assert (await signature(world, other, entry))[0] == 503
    await PscStore(world.database).forget(world.clock.now() + timedelta(minutes=16))
    assert await world.owner.fetchval("SELECT sum(octet_length(sealed)) FROM psc.tokens") == 0


async def test_one_application_leaves_the_others_their_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls with PDFs are prepared at a time, and four long bodies arrive: the next of that application hears 429,
    and somebody else is served."""
    apps = [await application(world) for _ in range(2)]
    for app in apps:
        await session(world, app, await world.credential(number=MARIA))
    free, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def waits(*_args: Any, **_kwargs: Any) -> Any:
        begun.release()
        await free.wait()
        raise UnsuitableDocument

    async def said(app: Application, count: int, entry: dict[str, Any]) -> None:
        free.clear()
        calls = [asyncio.create_task(signature(world, app, {**entry, "alias": str(one)})) for one in range(count)]
        calls += [asyncio.create_task(signature(world, apps[1], entry))]
        for _ in calls:
            await begun.acquire()
        assert (await signature(world, app, {**entry, "alias": "too many"}))[0] == 429
        free.set()
        assert [status for status, _ in await asyncio.gather(*calls)] == [400] * (count + 1)

    entry = {"base64_content": b64(b"%PDF-1.7"), "signature_format": "PAdES_AD_RB"}
    with monkeypatch.context() as changed:
        changed.setattr(DocumentService, "prepare", waits)
        await said(apps[0], 2, entry)
    monkeypatch.setattr(clients, "read_body", waits)
    await said(apps[0], 4, {**entry, "base64_content": "A" * MAX_BODY})


async def test_a_session_has_one_algorithm(world: World) -> None:
    """The one that its approval names, also when a call says so itself; another hash or padding is refused."""
    app = await application(world)
    await session(world, app, await world.credential(number=MARIA))
    entry = {"hash": b64(digest("nota"))}
    plain = await signature(world, app, entry)
    assert plain[0] == 200
    assert await signature(world, app, {**entry, "padding_method": "PKCS1V1_5"}) == plain
    longer = {"hash": b64(digest("nota", "sha512")), "hash_algorithm": SHA256[:-1] + "3"}
    for wrong in ({**entry, "padding_method": "PSS"}, {**entry, **longer}):
        status, answer = await signature(world, app, wrong)
        assert (status, answer["error"]) == (400, "invalid_request")
