"""Bytes that others made are parsed in children that end: a bomb costs its child, never the gateway."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import os
import signal
import socket
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from hsm_service.documents.domain.form import Form, Format
from hsm_service.documents.domain.parcel import Parcel
from hsm_service.documents.domain.question import Question
from hsm_service.documents.errors import BadPreparation, DocumentTooCostly, UnsuitableDocument
from hsm_service.documents.service import jobs, workshop
from hsm_service.documents.service.workshop import Hold, Nursery, Workshop, WorkshopBusy, understood
from tests.agent import pdfs
from tests.agent.pki import Holder
from tests.documents import strangers
from tests.documents.signing import NOW, service, sign, signatory
from tests.documents.test_xml import NFE
from tests.support.parsing import NURSERY

QUESTION = Parcel({}, (Question(b"ola", None, (), (), (), 1).to_bytes(),))


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    """One of the test's own, to be killed."""
    made = Nursery()
    yield made
    made.close()


def prepared(holder: Holder, content: bytes) -> Parcel:
    return jobs.pdf_prepare(Form(Format.PADES), signatory(holder), NOW, content, None, certify=False)


async def test_what_is_made_there_is_what_is_made_here(rsa_holder: Holder, contract: bytes) -> None:
    """PDF and XML through both halves in children: the gateway computes what is signed, and it holds."""
    far = service(parsing=Workshop(NURSERY))
    for form, what in (
        (Form(Format.PADES), {"content": contract}),
        (Form(Format.XADES), {"content": NFE, "element": "NFe31"}),
    ):
        half = await far.prepare(form, signatory(rsa_holder), **what)
        made = await far.finish(half, sign(rsa_holder, half))
        assert made == await service().finish(half, sign(rsa_holder, half))


async def test_documents_as_the_world_has_them(
    rsa_holder: Holder, ec_holder: Holder, contract: bytes, tmp_path: Path
) -> None:
    """500 pages and ten megabytes, one that others signed, one whose earlier signature is broken: ours holds."""
    far = service(parsing=Workshop(NURSERY))
    large = pdfs.blank(tmp_path / "large.pdf", pages=500, filling=10_000_000).read_bytes()
    (tmp_path / "theirs.pdf").write_bytes(contract)
    theirs = (await asyncio.to_thread(pdfs.signed_by, tmp_path / "theirs.pdf", ec_holder)).read_bytes()
    broken = theirs.replace(b"842", b"843", 1)
    for content, valid in ((large, 1), (theirs, 2), (broken, 1)):
        half = await far.prepare(Form(Format.PADES), signatory(rsa_holder), content=content, certify=None)
        made = await far.finish(half, sign(rsa_holder, half))
        assert made.content.startswith(content)
        assert strangers.pdfsig(made.content).count("Signature is Valid.") == valid


async def test_documents_that_show_what_is_not_signed_are_refused(rsa_holder: Holder, contract: bytes) -> None:
    """A form whose pages a program makes; an XML in which another element answers to the same name."""
    far, near = service(parsing=Workshop(NURSERY)), service()
    writer = IncrementalPdfFileWriter(BytesIO(contract))
    form = generic.DictionaryObject({generic.pdf_name("/XFA"): generic.pdf_string("<xdp/>")})
    form["/Fields"] = generic.ArrayObject()
    writer.root["/AcroForm"] = form
    writer.update_root()
    output = BytesIO()
    writer.write(output)
    with pytest.raises(UnsuitableDocument, match="XFA"):
        await far.prepare(Form(Format.PADES), signatory(rsa_holder), content=output.getvalue())
    for trick in (b'<x ID="NFe31"/>', b'<x id="NFe31"/>', b'<x xml:id="NFe31"/>', b'<x Id="NFe31"/>'):
        with pytest.raises(UnsuitableDocument, match="not alone"):  # by us: signxml knows some of these names itself
            wrapped = NFE.replace(b"<infNFe", trick + b"<infNFe", 1)
            await near.prepare(Form(Format.XADES), signatory(rsa_holder), content=wrapped, element="NFe31")


async def test_a_child_has_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment, no file to write, little memory, and of descriptors its own connection alone."""
    monkeypatch.setenv("LINKID_SECRET", "s3gredo")
    seen = await looked_at()
    assert seen["environment"] == b""
    assert seen["limits"]["Max file size"] == ["0", "0"]
    assert seen["limits"]["Max address space"] == ["1073741824", "1073741824"]
    assert seen["limits"]["Max cpu time"] == ["20", "20"]
    assert not {place for place in seen["open"] if place.startswith("/") and not place.startswith("/dev/null")}


def held(child: Hold) -> list[str]:
    """What the kernel says of a hold."""
    return Path(f"/proc/self/fdinfo/{child.pidfd}").read_text().splitlines()


async def test_a_child_that_ended_is_nobody_else() -> None:
    """Killing it reaches no process that got its number: it is held, and is nobody once it was buried. Nor does it stay
    in the table of processes until the next one comes."""
    ours, theirs = socket.socketpair()
    with theirs:
        child = await asyncio.to_thread(NURSERY.child, theirs)
    assert "Pid:\t-1" not in held(child)
    ours.close()  # it reads that there is no job
    while "Pid:\t-1" not in held(child):
        await asyncio.sleep(0)
    child.kill()


async def looked_at() -> dict[str, Any]:
    """A child from outside, while it waits for its job."""
    ours, theirs = socket.socketpair()
    with theirs:
        child = await asyncio.to_thread(NURSERY.child, theirs)
    (number,) = [line.split()[1] for line in held(child) if line.startswith("Pid:")]
    here = Path(f"/proc/{number}")
    try:
        while "Max file size             0" not in (limits := (here / "limits").read_text()):
            await asyncio.sleep(0)
        return {
            "environment": (here / "environ").read_bytes(),
            "limits": {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()},
            "open": [os.readlink(each) for each in (here / "fd").iterdir()],
        }
    finally:
        ours.close()


async def test_a_bomb_costs_its_child(rsa_holder: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte that swells to a gigabyte, no time left, an answer without end: said so, and the next job is done."""
    shop = Workshop(NURSERY)
    with pytest.raises(UnsuitableDocument):  # pyHanko's own limit comes first
        await shop.do("pdf.prepare", prepared(rsa_holder, swelling(1_200_000_000)))
    with pytest.raises(DocumentTooCostly):
        await shop.do("nothing of the kind", QUESTION)
    with pytest.raises(DocumentTooCostly):
        await Workshop(NURSERY, deadline=0.0).do("judge", QUESTION)
    monkeypatch.setattr(workshop, "MAX_ANSWER", 10)
    with pytest.raises(DocumentTooCostly):
        await shop.do("judge", QUESTION)
    monkeypatch.undo()
    assert (await shop.do("judge", QUESTION)).head["problem"] == "unknown_kind"


def swelling(size: int) -> bytes:
    """A PDF of a megabyte whose table of contents swells to ``size`` bytes when it is read."""
    piece = 10_000_000
    packer = zlib.compressobj(9)
    first = packer.compress(bytes(piece)) + packer.flush(zlib.Z_FULL_FLUSH)
    other = packer.compress(bytes(piece)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = first + other * (size // piece)
    head = b"%PDF-1.7\n1 0 obj\n<</Type/XRef/Size 3/W[1 2 1]/Root 2 0 R/Filter/FlateDecode/Length "
    return head + b"%d>>stream\n" % len(packed) + packed + b"\nendstream\nendobj\nstartxref\n9\n%%EOF"


async def test_a_nursery_that_is_gone_is_followed_by_another(nursery: Nursery) -> None:
    """Killed from outside: the next job starts a fresh one, and nobody notices."""
    shop = Workshop(nursery)
    await shop.do("judge", QUESTION)
    assert nursery._process is not None
    first = nursery._process.pid
    os.kill(first, signal.SIGKILL)
    assert (await shop.do("judge", QUESTION)).head["problem"] == "unknown_kind"
    assert nursery._process.pid != first


async def test_a_nursery_that_is_silent_is_followed_by_another(nursery: Nursery) -> None:
    """One that is stopped does not keep every later document waiting."""
    shop = Workshop(nursery)
    await shop.do("judge", QUESTION)
    silent = nursery._process
    assert silent is not None
    assert nursery._control is not None
    nursery._control.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 200_000))
    os.kill(silent.pid, signal.SIGSTOP)

    assert (await shop.do("judge", QUESTION)).head["problem"] == "unknown_kind"

    assert nursery._process is not silent
    assert silent.returncode == -signal.SIGKILL


async def test_only_so_many_wait_and_rooms_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two work and eight wait; the next hears 429 at once. Whoever has another room is not kept waiting."""
    free = asyncio.Event()

    async def waits(*_: object) -> bytes:
        await free.wait()
        return Parcel({}).to_bytes()

    busy, other = Workshop(NURSERY), Workshop(NURSERY)
    monkeypatch.setattr(busy, "_asked", waits)
    rivals = [asyncio.create_task(busy.do("judge", QUESTION)) for _ in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(WorkshopBusy) as refused:
        await busy.do("judge", QUESTION)
    assert refused.value.retry_after
    assert (await other.do("judge", QUESTION)).head["problem"] == "unknown_kind"
    free.set()
    assert len(await asyncio.gather(*rivals)) == 10


async def test_what_a_child_says_is_not_believed_blindly(rsa_holder: Holder, contract: bytes) -> None:
    """It may have been taken over: another document, no room, other numbers, an error of ours that it may not say."""
    good = jobs.JOBS["pdf.prepare"](prepared(rsa_holder, contract))
    (content,), hole = good.parts, good.head["hole"]
    assert isinstance(hole, list)
    start, end = hole
    lies: list[Parcel] = [
        Parcel(good.head, (b"%PDF" + content[4:].replace(b"595", b"596", 1),)),
        Parcel({"hole": [0, 10]}, (content,)),
        Parcel({"hole": [start - 40, end]}, (content,)),
        Parcel({"hole": [start, 10**9]}, (content,)),
        Parcel({"hole": [True, end]}, (content,)),
        Parcel({"hole": "x"}, (content,)),
        Parcel({}, (content,)),
        Parcel(good.head, (content, content)),
        Parcel(good.head),
    ]
    for lie in lies:
        with pytest.raises((UnsuitableDocument, BadPreparation)):
            await service(parsing=Says(lie)).prepare(Form(Format.PADES), signatory(rsa_holder), content=contract)
    half = await service().prepare(Form(Format.PADES), signatory(rsa_holder), content=contract)
    with pytest.raises(UnsuitableDocument):
        await service(parsing=Says(Parcel({}, (contract,)))).finish(half, sign(rsa_holder, half))
    with pytest.raises(UnsuitableDocument):
        understood(Parcel({"error": "signing_bad_sad", "detail": "x"}).to_bytes())
    for data in (
        b"x",
        b"{}\n",
        b'{"head":{},"lengths":[5]}\nx',
        b'{"head":{},"lengths":[-1]}\n',
        b'{"head":[],"lengths":[]}\n',
    ):
        with pytest.raises(BadPreparation):
            understood(data)


class Says:
    """A child that answers the same to everything."""

    def __init__(self, answer: Parcel) -> None:
        self.answer = answer

    async def do(self, job: str, asked: Parcel) -> Parcel:
        return self.answer
