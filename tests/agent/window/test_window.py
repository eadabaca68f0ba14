"""What a person sees and does in the window, against a gateway that answers as told."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from joserfc.jwk import ECKey
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, QSize, Qt, QUrl
from PySide6.QtGui import QDropEvent, QFont, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLineEdit,
    QListWidget,
    QScrollArea,
    QSpinBox,
    QTableWidget,
    QWidget,
)

from desktop_agent.client.csc_client import Credential
from desktop_agent.daemon.control import call
from desktop_agent.daemon.diary import Diary, Entry
from desktop_agent.daemon.grants import OpenSession
from desktop_agent.domain.certificate import read_chain
from desktop_agent.domain.request import Terms
from desktop_agent.pkcs11.codes import Ckm
from desktop_agent.profiles import HOME_VARIABLE, Profiles
from desktop_agent.verify import signatures_of
from desktop_agent.window import look
from desktop_agent.window.frame import Frame
from desktop_agent.window.preview import Preview
from desktop_agent.window.sign_page import SignPage
from desktop_agent.window.tables import certificate_row
from tests.agent import pdfs
from tests.agent.daemon.conftest import Running, ana, client, hurried_seconds, running, short_folder  # noqa: F401
from tests.agent.daemon.p11_client import Ckr, P11Client
from tests.agent.daemon.test_token import key_of
from tests.agent.gateway_double import AgentGateway
from tests.agent.pki import Authority, Holder
from tests.agent.window.conftest import Desk, opened
from tests.support.camera import read_qr


def qr_on(picture: Path) -> str | None:
    """What a phone's camera makes of the picture."""
    with Image.open(picture) as image:
        return read_qr(image)


async def test_a_computer_is_associated(desk: Desk, gateway: AgentGateway, profiles: Profiles) -> None:
    """The address, a QR that a camera reads and that changes, the digits, wrong once; then signing comes next."""
    page = desk.frame.associate
    assert desk.frame.page is page
    page.server.setText(gateway.roots.app)
    QTest.keyClick(page.server, Qt.Key.Key_Return)
    await desk.until(lambda: page.stages.currentIndex() == 1 and page.by_hand.text() == "7KQ2M-9XA4T")
    first = qr_on(desk.picture("associate"))
    assert first is not None
    assert first.startswith(f"{gateway.roots.app}/l#1.")
    seen = gateway.frames
    await desk.until(lambda: gateway.frames > seen + 1)
    assert qr_on(desk.picture("associate-later")) != first

    gateway.link = {"state": "approved", "phone": "Celular de Maria"}
    await desk.until(lambda: page.stages.currentIndex() == 2)
    assert "Celular de Maria" in page.state.text()
    page.digits.setText("99")
    QTest.keyClick(page.digits, Qt.Key.Key_Return)
    assert "3 números" in page.wrong.text()
    page.digits.setText("999")
    QTest.keyClick(page.digits, Qt.Key.Key_Return)
    await desk.until(lambda: "restantes: 2" in page.wrong.text())
    page.digits.setText("042")
    QTest.mouseClick(page.finish_button, Qt.MouseButton.LeftButton)
    await desk.until(lambda: profiles.names() and desk.frame.page is desk.frame.sign)
    await desk.until(lambda: "MARIA" in desk.frame.sign.which.itemText(0))


async def test_a_qr_that_nobody_read_is_renewed(desk: Desk, gateway: AgentGateway) -> None:
    """While the page is looked at, the next link follows by itself; after a refusal it does not; cancelled is told."""
    page = desk.frame.associate
    page.server.setText(gateway.roots.app)
    page.begin()
    await desk.until(lambda: page.stages.currentIndex() == 1)
    gateway.link = {"state": "dead"}
    await desk.until(lambda: gateway.calls.count("POST /links/v1") >= 2)
    gateway.link = {"state": "refused"}
    await desk.until(lambda: "recusada" in page.state.text())
    assert page.stages.currentIndex() == 0
    gateway.link = {"state": "waiting"}
    page.begin()
    await desk.until(lambda: page.stages.currentIndex() == 1)
    page.cancel()
    await desk.until(lambda: "cancelada" in page.state.text() and gateway.given_up)


async def test_a_document_is_signed_with_a_stamp(
    associated: ECKey, desk: Desk, gateway: AgentGateway, authority: Authority, tmp_path: Path
) -> None:
    """Dropped, stamped, approved: code, time left and the request's QR stand on the card, the result is valid."""
    source = pdfs.blank(tmp_path / "contrato.pdf", pages=3)
    gateway.answer = "never"
    page, waiting = desk.frame.sign, desk.frame.waiting
    page.qr_after = 0.0
    (tmp_path / "vazia").mkdir()
    drop(page, source, tmp_path / "vazia")
    assert "Não há PDFs em: vazia" in page.state.text()
    await desk.until(lambda: "1 de 3" in page.page_words.text())
    QTest.mouseClick(page.after, Qt.MouseButton.LeftButton)
    await desk.until(lambda: "2 de 3" in page.page_words.text())
    page.stamped.setChecked(True)
    before = page.preview.stamp_area
    QTest.keyClick(page.preview, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert page.preview.stamp_area.y() < before.y()
    target = page.preview.page_area.center().toPoint()
    QTest.mousePress(page.preview, Qt.MouseButton.LeftButton, pos=page.preview.stamp_area.center().toPoint())
    QTest.mouseMove(page.preview, target)
    QTest.mouseRelease(page.preview, Qt.MouseButton.LeftButton, pos=target)
    assert (page.preview.stamp_area.center().toPoint() - target).manhattanLength() <= 2
    desk.picture("sign")

    page.sign_button.click()
    await desk.until(lambda: waiting.cards and waiting.cards[0].qr.isVisible())
    (card,) = waiting.cards
    assert (desk.frame.page, card.code.text(), card.what.text()) == (waiting, "2 7", "contrato.pdf")
    assert "restam" in card.left.text()
    assert desk.frame.sections.item(1).text() == "Esperando (1)"
    assert qr_on(desk.picture("waiting", card.qr)) == f"{gateway.roots.app}/r#1.{gateway.requests[0]['document']['id']}"
    gateway.answer = "approve"
    await desk.until(lambda: "Assinado" in page.state.text())
    assert desk.frame.page is page
    assert not waiting.cards
    signed = tmp_path / "contrato-assinado.pdf"
    assert await asyncio.to_thread(pdfs.all_valid, signed, authority)
    assert b"Assinado digitalmente" in signed.read_bytes() or b"/Matrix" in signed.read_bytes()


async def test_files_without_pages(
    associated: ECKey, desk: Desk, gateway: AgentGateway, authority: Authority, tmp_path: Path
) -> None:
    """Words in place of pages, nothing to stamp, no markup and no parsing; one approval signs an XML inside, a text
    beside itself, and, when it is wanted, a PDF beside itself."""
    xml, text, binary = tmp_path / "nota.xml", tmp_path / "carta.txt", tmp_path / "foto.png"
    xml.write_bytes(b"<nota><valor>10</valor></nota>")
    text.write_text("Prezados,\n\u202e<b>linha</b>\x1b[31m\n" + "x" * 500, "utf-8")
    binary.write_bytes(b"\x89PNG\0" * 50)
    page = desk.frame.sign
    page.qr_after = 100.0
    page.add([pdfs.blank(tmp_path / "contrato.pdf"), xml, text, binary, tmp_path / "gone.txt"])
    await desk.until(lambda: "1 de 1" in page.page_words.text())
    assert page.stamped.isEnabled()
    page.stamped.setChecked(True)
    seen = []
    for row in range(1, 5):
        page.files.setCurrentRow(row)
        seen.append(page.preview.accessibleDescription())
        assert (page.stamped.isEnabled(), page.stamped.isChecked(), page.after.isEnabled()) == (False, False, False)
        desk.picture(f"words-{row}")
    assert "dentro do XML (XAdES): nota-assinado.xml" in seen[0]
    assert "<valor>10</valor>" in seen[0]
    assert "em um arquivo ao lado (CAdES): carta.txt.p7s" in seen[1]
    assert "<b>linha</b>" in seen[1]
    assert not {"\u202e", "\x1b"} & set(seen[1])
    assert seen[2].endswith("foto.png.p7s")
    assert "Não foi possível ler" in seen[3]
    page.remove_button.click()
    page.beside.setChecked(True)
    page.files.setCurrentRow(0)
    await desk.until(lambda: "contrato.pdf.p7s" in page.preview.text)
    page.beside.setChecked(False)
    await desk.until(page.stamped.isChecked)

    page.sign()
    await desk.until(lambda: "4 documentos assinados" in page.state.text())
    assert len(gateway.requests) == 1
    assert await asyncio.to_thread(pdfs.all_valid, tmp_path / "contrato-assinado.pdf", authority)
    for name in ("nota-assinado.xml", "carta.txt.p7s", "foto.png.p7s"):
        (found,) = await asyncio.to_thread(signatures_of, tmp_path / name)
        assert found.good


async def test_what_is_refused_or_given_up(
    associated: ECKey, desk: Desk, gateway: AgentGateway, tmp_path: Path
) -> None:
    """Refused: told, and the files stay to try again. Given up, or the window closed: the request leaves the phone."""
    page = desk.frame.sign
    page.qr_after = 100.0
    page.add([pdfs.blank(tmp_path / "a.pdf")])
    gateway.answer = "refuse"
    page.sign()
    await desk.until(lambda: "recusado" in page.state.text())
    assert page.files.count() == 1
    gateway.answer = "never"
    page.sign()
    await desk.until(lambda: desk.frame.waiting.cards)
    page.sign()  # again meanwhile: nothing
    desk.frame.waiting.cards[0].give_up.click()
    await desk.until(lambda: "Interrompido" in page.state.text() and gateway.withdrawn)
    page.sign()
    await desk.until(lambda: desk.frame.waiting.cards)
    assert len(gateway.requests) == 3
    desk.frame.close()
    await desk.until(lambda: len(gateway.withdrawn) == 2)
    assert [item.name for item in tmp_path.glob("*assinado*")] == []


async def test_hostile_files_cost_a_picture(associated: ECKey, desk: Desk, tmp_path: Path) -> None:
    """Not a PDF, cut, encrypted, gone, a name that is markup: words in place of a picture, and the window lives."""
    markup, cut, locked = tmp_path / "<b>x<img src=y>.pdf", tmp_path / "cut.pdf", tmp_path / "locked.pdf"
    markup.write_bytes(b"\x00garbage")
    cut.write_bytes(pdfs.blank(tmp_path / "whole.pdf").read_bytes()[:200])
    pdfs.encrypted(locked, "senha")
    (tmp_path / "empty folder").mkdir()
    page = desk.frame.sign
    page.add([markup, cut, locked, tmp_path / "gone.pdf", tmp_path / "empty folder"])
    assert [page.files.item(row).text() for row in range(page.files.count())] == [
        markup.name, "cut.pdf", "locked.pdf", "gone.pdf",
    ]  # fmt: skip
    for row in range(4):
        page.files.setCurrentRow(row)
        await desk.until(lambda: "Não foi possível mostrar" in page.preview.text)
    page.add([tmp_path / "whole.pdf", tmp_path / "whole.pdf"])
    assert page.files.count() == 5
    page.sign()
    await desk.until(lambda: "não é um PDF" in page.state.text())
    assert markup.name in page.state.text()
    assert page.state.textFormat() == Qt.TextFormat.PlainText


async def test_programs_that_wait(
    running: Running,  # noqa: F811
    client: P11Client,  # noqa: F811
    maria: Holder,
    app: QApplication,
    profiles: Profiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program's request stands on a card with its code and its end; sessions and sites in lists until taken away."""
    monkeypatch.setenv(HOME_VARIABLE, str(profiles.home))
    running.gateway.answer = "never"
    async with opened(app, profiles, tmp_path) as desk:
        waiting, sessions = desk.frame.waiting, desk.frame.sessions
        key = await key_of(client, "MARIA DA SILVA")
        signing = asyncio.ensure_future(client.sign(key, Ckm.SHA256_RSA_PKCS, b"x"))
        await desk.until(lambda: waiting.cards and waiting.cards[0].code.text() == "2 7")
        assert not waiting.cards[0].give_up.isVisible()
        assert "restam" in waiting.cards[0].left.text()
        desk.frame.go(waiting)
        desk.picture("programs")
        running.gateway.answer = "refuse"
        with pytest.raises(Ckr):
            await desk.also(signing)
        await desk.until(lambda: not waiting.cards)
        desk.frame.go(desk.frame.history)
        assert row_of(desk.frame.history.table)[3] == "recusado"

        terms = Terms(int(time.time()) + 600, 5, "Assinar o <b>contrato</b>", "RSA-PKCS1-SHA256")
        opened_session = OpenSession("test", "cred", "act_1", "sad", terms, "pdfsig", "hdl_of_it")
        running.daemon._grants.open(opened_session)
        desk.frame.go(sessions)
        await desk.until(lambda: sessions.table.rowCount() == 1)
        assert row_of(sessions.table)[:3] == ["Assinar o <b>contrato</b>", "pdfsig", "0 de 5"]
        sessions.table.selectRow(0)
        desk.picture("sessions")
        sessions.end_button.click()
        await desk.until(lambda: sessions.table.rowCount() == 0)
        assert running.daemon._grants.listed() == []
        assert running.gateway.withdrawn == ["hdl_of_it"], "the service knows, too"

        running.gateway.answer = "approve"
        origin = "https://portal.example"
        await desk.also(asyncio.ensure_future(call(running.control, "web-certificates", origin=origin)))
        sites = desk.frame.sites
        desk.frame.go(sites)
        await desk.until(lambda: sites.table.rowCount() == 1)
        assert row_of(sites.table)[0] == origin
        assert not sites.forget_button.isEnabled()
        sites.table.selectRow(0)
        desk.picture("sites")
        sites.forget_button.click()
        await desk.until(lambda: sites.table.rowCount() == 0)
        assert (await desk.also(asyncio.ensure_future(call(running.control, "sites"))))["sites"] == []


def test_days_that_a_certificate_has_left(maria: Holder) -> None:
    """Counted from now; soon, over and revoked are said."""
    certificate = read_chain(maria.chain)
    end = certificate.leaf.not_valid_after_utc

    def row(days: float, *, usable: bool = True) -> tuple[str, ...]:
        now = datetime.fromtimestamp(end.timestamp() - days * 86400, UTC)
        return certificate_row(Credential("c", certificate, usable, 1), now)[3:]

    assert row(100.5) == ("100 dias", "pode assinar")
    assert row(1.5) == ("1 dia", "vence em breve")
    assert row(100.5, usable=False) == ("100 dias", "revogado ou suspenso")
    assert row(-1) == ("vencido", "vencido")


def widest(page: QWidget) -> list[str]:
    """The parts of a page that need most room, with their pixels and words."""
    needs = sorted(
        ((one.minimumSizeHint().width(), one) for one in page.findChildren(QWidget) if one.isVisible()),
        key=lambda each: -each[0],
    )
    return [f"{width} {type(one).__name__} {one.property('text') or one.accessibleName()}" for width, one in needs[:8]]


@pytest.mark.parametrize(
    ("name", "dark", "size", "grown"),
    [
        ("light", False, None, 1.0),
        ("dark-small", True, look.SMALLEST, 1.0),
        ("large-letters", False, None, 1.8),
    ],
)
async def test_every_page_can_be_read_and_walked(
    associated: ECKey,
    app: QApplication,
    gateway: AgentGateway,
    profiles: Profiles,
    tmp_path: Path,
    name: str,
    dark: bool,
    size: QSize | None,
    grown: float,
) -> None:
    """Whatever scheme, size and letters: nothing is cut off, what takes the focus has a name, Tab comes to it."""
    usual = app.font()
    look.paint(app, dark=dark)
    font = QFont(usual)
    font.setPointSizeF(usual.pointSizeF() * grown)
    app.setFont(font)
    at = "2026-11-29T12:00:00Z"
    Diary(profiles.home).write(Entry(at, "firefox-esr", "conexão TLS", "MARIA DA SILVA", "x", "signed", "phone"))
    try:
        async with opened(app, profiles, tmp_path) as desk:
            desk.frame.resize(size or QSize(1000, 700))
            frame = desk.frame
            frame.sign.add([pdfs.blank(tmp_path / "contrato.pdf", pages=3)])
            frame.sign.stamped.setChecked(True)
            await desk.until(lambda: "1 de 3" in frame.sign.page_words.text() and frame.certificates.found)
            for row in range(frame.sections.count()):
                frame.sections.setCurrentRow(row)
                await desk.until(lambda: not frame.page.isHidden())
                picture = QImage(str(desk.picture(f"{name}-{row}")))
                assert (luminance(picture) < 0.5) == dark
                area = frame.pages.currentWidget()
                assert isinstance(area, QScrollArea)
                wider = area.horizontalScrollBar().maximum()
                assert wider == 0, f"section {row}: {wider} px wider than the window: {widest(frame.page)}"
                wanted = {one for one in frame.page.findChildren(QWidget) if takes_focus(one)}
                for one in wanted:
                    assert one.accessibleName() or getattr(one, "text", str)(), one
                assert wanted <= walked(frame), "Tab does not come here"
    finally:
        app.setFont(usual)
        look.paint(app, dark=False)


def takes_focus(widget: QWidget) -> bool:
    """Whether the keyboard is to come here."""
    kinds = QAbstractButton | QComboBox | QLineEdit | QSpinBox | QTableWidget | QListWidget | Preview
    inner = isinstance(widget.parentWidget(), QSpinBox | QComboBox)
    return isinstance(widget, kinds) and not inner and widget.isVisible() and widget.isEnabled()


def walked(frame: Frame) -> set[QWidget]:
    """Everything that Tab comes to."""
    seen: set[QWidget] = set()
    one = frame.nextInFocusChain()
    while one is not None and one not in seen and one is not frame:
        seen.add(one)
        one = one.nextInFocusChain()
    return {one for one in seen if one.focusPolicy() & Qt.FocusPolicy.TabFocus}


def row_of(table: QTableWidget) -> list[str]:
    """The first one's texts."""
    items = [table.item(0, column) for column in range(table.columnCount())]
    return [item.text() if item else "" for item in items]


def luminance(image: QImage) -> float:
    """0 for black to 1 for white, of the whole picture."""
    return image.scaled(1, 1, mode=Qt.TransformationMode.SmoothTransformation).pixelColor(0, 0).lightnessF()


def drop(page: SignPage, *paths: Path) -> None:
    """As a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    hand, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    page.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, hand, keys))
