"""*Verificar assinatura*: for people by keyboard, at 320 px, under a strict policy; for programs; for attackers."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from playwright.async_api import expect

from foundation.clock import FixedClock
from foundation.web import new_app
from hsm_service.documents.domain.findings import Finding, Problem, Reason, Report
from hsm_service.documents.domain.form import Form, Format
from hsm_service.documents.domain.parcel import Parcel
from hsm_service.documents.service.signing import MAX_DOCUMENT
from hsm_service.documents.service.verification import VerificationService
from hsm_service.documents.service.workshop import Workshop
from hsm_service.documents.web import upload
from hsm_service.documents.web.verify import VerifyPages
from tests.agent.pki import Authority, Holder, der
from tests.documents.signing import NOW, finished, service
from tests.support.chromium import Chromium, chromium, chromium_of_module, playwright
from tests.support.parsing import NURSERY

__all__ = ["chromium", "chromium_of_module", "playwright"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

AXE = (Path(__file__).parents[2] / "phone_app/node_modules/axe-core/axe.min.js").read_text("utf-8")
GOOD = Finding("MARIA DA SILVA", "***.456.789-**", "AC de Teste", "PAdES", 1_790_000_000, None, "all", ())


@pytest_asyncio.fixture(loop_scope="module")
async def site(authority: Authority) -> AsyncIterator[TestClient[Any, Any]]:
    """The page as the gateway serves it; real verification."""
    app = new_app()
    judging = VerificationService(FixedClock(NOW), Workshop(NURSERY), roots=[der(authority.certificate)])
    app.add_routes(VerifyPages(judging, FixedClock(NOW)).routes())
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Report]:
    """The report that the process is made to give; the newest counts."""
    reports = [Report("pdf", (GOOD,))]

    async def answers(*_: object) -> Parcel:
        return Parcel(reports[-1].as_json())

    monkeypatch.setattr(Workshop, "do", answers)
    return reports


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1280])
async def test_somebody_verifies_without_a_mouse(
    site: TestClient[Any, Any], chromium: Chromium, width: int, rsa_holder: Holder, contract: bytes, tmp_path: Path
) -> None:
    """Choose a file, press Enter, hear the outcome: a real document, a real verification; axe finds nothing."""
    document = tmp_path / "assinado.pdf"
    document.write_bytes((await finished(service(), Form(Format.PADES), rsa_holder, content=contract)).content)
    page = await chromium.page(width=width, color_scheme="dark" if width == 320 else "light")
    await page.goto(str(site.make_url("/verificar")))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Verificar assinatura")
    await chromium.shot(page, f"verificar-{width}-form")
    await page.get_by_label("Arquivo assinado").set_input_files(document)
    await page.get_by_role("button", name="Verificar").focus()
    await page.keyboard.press("Enter")
    outcome = page.get_by_role("heading", name="Não dá para afirmar que a assinatura é válida")
    await expect(outcome).to_be_focused()
    await expect(page.get_by_text("MARIA DA SILVA")).to_be_visible()
    await expect(page.get_by_text("***.456.789-**")).to_be_visible()
    await expect(page.get_by_text("Não foi possível saber se o certificado estava revogado.")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "12345678909" not in await page.content()
    await page.evaluate(AXE)
    assert await page.evaluate("axe.run().then((result) => result.violations.map((one) => one.id))") == []
    await chromium.shot(page, f"verificar-{width}-result")


@pytest.mark.browser
async def test_a_file_is_dropped(site: TestClient[Any, Any], chromium: Chromium, told: list[Report]) -> None:
    """Dropping one verifies it at once; two, or one that is too large, are refused in words and nothing is sent."""
    page = await chromium.page(width=360)
    await page.goto(str(site.make_url("/verificar")))
    drop = """([names, size]) => {
        const transfer = new DataTransfer();
        for (const name of names) transfer.items.add(new File([new Uint8Array(size)], name));
        const event = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
        document.getElementById("drop").dispatchEvent(event);
    }"""
    await page.evaluate(drop, [["a.pdf", "b.pdf"], 10])
    await expect(page.get_by_text("Solte um arquivo de cada vez.")).to_be_visible()
    await page.evaluate(drop, [["a.pdf"], MAX_DOCUMENT + 1])
    await expect(page.get_by_text("no máximo 25 MB")).to_be_visible()
    await page.evaluate(drop, [["a.pdf"], 10])
    await expect(page.get_by_role("heading", name="Assinatura válida")).to_be_focused()


async def test_programs_get_json(site: TestClient[Any, Any], told: list[Report]) -> None:
    """A document as it is, or a form that asks for it."""
    answers = []
    async with site.post("/verificar", data=b"%PDF", headers={"Content-Type": "application/pdf"}) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        answers.append(await answer.json())
    async with site.post("/verificar", data=form(b"%PDF"), headers={"Accept": "application/json"}) as answer:
        answers.append(await answer.json())
    assert answers == [Report("pdf", (GOOD,)).as_json()] * 2


async def test_each_outcome_has_its_words(site: TestClient[Any, Any], told: list[Report]) -> None:
    """One or several, good, unclear or bad, a stamp, a problem: said at the top and for each."""
    bad = replace(GOOD, reasons=(Reason.CHANGED, Reason.UNTRUSTED), covers="earlier")
    stamp = replace(GOOD, format="RFC 3161", number="", stamped_at=1_790_000_000, is_stamp=True)
    part = replace(GOOD, reasons=(Reason.PARTLY_SIGNED,), covers="infNFe (x)")
    expected: dict[Report, list[str]] = {
        Report("pdf", (GOOD,)): ["Assinatura válida", "segundo o computador de quem assinou"],
        Report("pdf", (GOOD, stamp)): ["Assinatura válida", "1. Assinatura válida", "2. Carimbo do tempo"],
        Report("pdf", (GOOD, bad)): ["Há assinatura inválida", "O documento foi alterado depois da assinatura."],
        Report("xml", (part,)): ["Não dá para afirmar", "O elemento infNFe (x)"],
        Report("pdf", problem=Problem.ENCRYPTED): ["Não foi possível verificar", "protegido por senha"],
    }
    for report, words in expected.items():
        told.append(report)
        async with site.post("/verificar", data=form(b"x")) as answer:
            assert answer.status == 200
            text = await answer.text()
        assert [word for word in words if word not in text] == []


async def test_names_in_certificates_run_nothing(site: TestClient[Any, Any], told: list[Report]) -> None:
    """Whatever a stranger writes into a certificate is text, under a policy that would run nothing of it anyway."""
    evil = '<script>alert(1)</script>" onfocus="x'
    told.append(Report("xml", (replace(GOOD, signer=evil, issuer=evil, covers=evil, format=evil),)))
    async with site.post("/verificar", data=form(b"x")) as answer:
        text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    assert "<script>alert" not in text
    assert 'onfocus="x' not in text
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script(?! src=\"/verificar/assets/)", text) == []
    assert "style=" not in text


async def test_hostile_uploads(site: TestClient[Any, Any], told: list[Report], monkeypatch: pytest.MonkeyPatch) -> None:
    """Too large, announced or not; no file, two of one name, many parts, broken forms, other types, slow ones."""
    monkeypatch.setattr(upload, "MAX_DOCUMENT", 1000)
    pdf = {"Content-Type": "application/pdf"}

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(1000)

    twice = form(b"x")
    twice.add_field("document", b"y", filename="b.pdf")
    many = form(b"x")
    for name in "abcdef":
        many.add_field(name, b"y", filename="b.pdf")
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    cases: list[tuple[Any, dict[str, str], int]] = [
        (bytes(1001), pdf, 413),
        (bytes(100_000), pdf, 413),
        (endless(), pdf, 413),
        (form(bytes(1001)), {}, 413),
        (form(b"x", bytes(1001)), {}, 413),
        (form(b""), {}, 400),
        (twice, {}, 400),
        (many, {}, 400),
        (b"--y\r\n", broken, 400),
        (b"--x\r\nContent-Disposition: form-data; name=document\r\n\r\n", broken, 400),
        (b"", {"Content-Type": "multipart/form-data"}, 400),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ]
    for number, (data, headers, status) in enumerate(cases):
        async with site.post("/verificar", data=data, headers=headers) as answer:
            assert answer.status == status, number
            text = await answer.text()
        assert "Traceback" not in text
    monkeypatch.setattr(upload, "BODY_SECONDS", 0.01)
    stands = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"%PDF"
        await stands.wait()

    async with site.post("/verificar", data=slow(), headers=pdf) as answer:
        assert answer.status == 400
    stands.set()


async def test_one_address_asks_so_often(site: TestClient[Any, Any], told: list[Report]) -> None:
    """Twenty a minute; then 429 with words for people, and when to come back."""
    for _ in range(20):
        async with site.post("/verificar", data=form(b"x")) as answer:
            assert answer.status == 200
    async with site.post("/verificar", data=form(b"x")) as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert "Aguarde" in await answer.text()
    async with site.get("/verificar/assets/0000000000000000/page.css") as answer:
        assert answer.status == 404


def form(document: bytes, original: bytes = b"") -> FormData:
    """As the page sends it."""
    data = FormData()
    data.add_field("document", document, filename="a.pdf", content_type="application/pdf")
    data.add_field("original", original, filename="", content_type="application/octet-stream")
    return data
