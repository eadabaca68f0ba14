"""Files dropped here are signed: looked at, stamped where the person wants it, approved once on the phone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from desktop_agent import desk
from desktop_agent.client.csc_client import Credential
from desktop_agent.domain.request import Confirmed
from desktop_agent.domain.stamp import Stamp
from desktop_agent.errors import AgentError, Stopped
from desktop_agent.plan import Form, Job, form_of, plan
from desktop_agent.profiles import Profiles
from desktop_agent.window import look
from desktop_agent.window.file_list import FileList, described
from desktop_agent.window.preview import Picture, Preview, picture_of
from desktop_agent.window.views import WindowSigning
from desktop_agent.window.waiting_page import RequestCard, WaitingPage
from desktop_agent.window.worker import Errand, Worker

_BOTH = 42
"""Letters' heights that list and preview need side by side."""
_DROP = "Arraste arquivos para cá, ou use Adicionar."


class SignPage(QWidget):
    """A `SigningFace`: what it is told of a request stands on a card of the waiting page."""

    def __init__(
        self,
        worker: Worker,
        profiles: Profiles,
        profile: str | None,
        waiting: WaitingPage,
        go: Callable[[QWidget], object],
        looked_at: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._worker, self._profiles, self._waiting, self._go = worker, profiles, waiting, go
        self._profile, self._looked_at = profile, looked_at
        self._errand: Errand | None = None
        self._drawing: Errand | None = None
        self._card: RequestCard | None = None
        self._stamps: dict[Path, Stamp] = {}
        self._pages = 1
        self._signed: list[Path] = []
        self.qr_after: float | None = None
        """Seconds, for tests; None: as the command line waits."""
        self.setAcceptDrops(True)
        self._build()

    def _build(self) -> None:
        self.state = look.words(_DROP)
        self.files = FileList()
        self.files.currentItemChanged.connect(lambda *_: self._show_page(1))
        self.preview = Preview()
        self.preview.moved.connect(self._moved)
        self.sign_button = look.button("Assinar com o celular", main=True)
        self.sign_button.clicked.connect(self.sign)
        self.open_button = look.button("Abrir a pasta do resultado")
        self.open_button.clicked.connect(self._open_folder)
        self.open_button.hide()
        left, right = QWidget(), QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 8, 0)
        column.addWidget(self.files, 2)
        column.addLayout(self._file_buttons())
        column.addWidget(look.card(self._choices()))
        column.addWidget(self.sign_button)
        column.addWidget(self.open_button)
        column.addStretch(1)
        beside = QVBoxLayout(right)
        beside.setContentsMargins(8, 0, 0, 0)
        beside.addWidget(self.preview, 1)
        beside.addLayout(self._page_buttons())
        self.halves = QSplitter(Qt.Orientation.Horizontal)
        self.halves.setChildrenCollapsible(False)
        self.halves.addWidget(left)
        self.halves.addWidget(right)
        self.halves.setStretchFactor(0, 2)
        self.halves.setStretchFactor(1, 3)
        self.halves.setSizes([look.em(18), look.em(27)])
        whole = QVBoxLayout(self)
        whole.addWidget(look.title("Assinar documentos"))
        whole.addWidget(self.state)
        whole.addWidget(self.halves, 1)
        self.preview.show_text(_DROP)
        self._changed()
        for keys, act in (("Ctrl+O", self.choose_files), ("Ctrl+Return", self.sign)):
            QShortcut(QKeySequence(keys), self, act)

    def _file_buttons(self) -> QHBoxLayout:
        self.add_button = look.button("Adicionar…")
        self.add_button.setToolTip("Ctrl+O")
        self.remove_button = look.button("Retirar")
        self.add_button.clicked.connect(self.choose_files)
        self.remove_button.clicked.connect(self._remove)
        row = QHBoxLayout()
        row.addWidget(self.add_button)
        row.addWidget(self.remove_button)
        row.addStretch()
        return row

    def _choices(self) -> QFormLayout:
        self.which = QComboBox()
        self.which.setAccessibleName("Certificado")
        self.which.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.which.setMinimumContentsLength(14)
        self.which.addItem("O que estiver disponível", None)
        self.reason = QLineEdit()
        self.reason.setMaxLength(200)
        self.reason.setAccessibleName("Motivo, que fica escrito na assinatura")
        self.reason.setPlaceholderText("opcional")
        self.stamped = QCheckBox("Carimbo &visível nesta página")
        self.stamped.toggled.connect(self._stamp_or_not)
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow("&Certificado", self.which)
        form.addRow("&Motivo", self.reason)
        form.addRow(self.stamped)
        self.beside = QCheckBox("Assinatura em arquivo à parte (.&p7s)")
        self.beside.toggled.connect(lambda _: self._show_page(1))
        form.addRow(self.beside)
        return form

    def _page_buttons(self) -> QHBoxLayout:
        self.page_words = look.words("")
        self.page_words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.before, self.after = QPushButton("‹"), QPushButton("›")
        for made, name, step in ((self.before, "Página anterior", -1), (self.after, "Próxima página", 1)):
            made.setAccessibleName(name)
            made.setToolTip(name)
            made.clicked.connect(partial(self._turn, step))
        row = QHBoxLayout()
        row.addWidget(self.before)
        row.addWidget(self.page_words, 1)
        row.addWidget(self.after)
        return row

    def resizeEvent(self, event: QResizeEvent) -> None:
        """One above the other where there is no room for both side by side."""
        narrow = event.size().width() < look.em(_BOTH)
        self.halves.setOrientation(Qt.Orientation.Vertical if narrow else Qt.Orientation.Horizontal)
        super().resizeEvent(event)

    # --- files --------------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.add([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    def choose_files(self) -> None:
        """By the desktop's own dialog."""
        kinds = "Documentos (*.pdf *.xml);;Todos os arquivos (*)"
        names, _ = QFileDialog.getOpenFileNames(self, "Escolha os arquivos", "", kinds)
        self.add([Path(name) for name in names])

    def add(self, paths: Sequence[Path]) -> None:
        """Files, and the PDFs of folders. What is left out is said."""
        came, empty = self.files.add(paths)
        if empty:
            look.say(self.state, f"Não há PDFs em: {', '.join(empty[:5])}.", "bad")
        elif came:
            look.say(self.state, "Confira os documentos, e assine.")
        self._changed()

    def _remove(self) -> None:
        if (path := self.files.remove_current()) is not None:
            self._stamps.pop(path, None)
        self._changed()

    @property
    def current(self) -> Path | None:
        """The document that is looked at."""
        return self.files.current

    @property
    def _has_pages(self) -> bool:
        """Whether the one that is looked at is signed as a PDF."""
        path = self.files.current
        return path is not None and not self.beside.isChecked() and form_of(path) is Form.PDF

    def _changed(self) -> None:
        busy, some = self._errand is not None, self.files.count() > 0
        self.sign_button.setEnabled(some and not busy)
        self.remove_button.setEnabled(some and not busy)
        self.add_button.setEnabled(not busy)
        self.stamped.setEnabled(self._has_pages)
        self.beside.setEnabled(not busy)
        if not some:
            self.preview.show_text(_DROP)
            self._no_pages()

    def _no_pages(self) -> None:
        """Nothing to turn, nothing to stamp."""
        look.say(self.page_words, "")
        self.before.setEnabled(False)
        self.after.setEnabled(False)
        self.stamped.setEnabled(self._has_pages)
        self.stamped.blockSignals(True)
        self.stamped.setChecked(False)
        self.stamped.blockSignals(False)

    # --- preview and stamp --------------------------------------------------------------------------------------------

    def _show_page(self, page: int) -> None:
        if self._drawing is not None:
            self._drawing.cancel()
        path = self.current
        if path is None:
            return
        self.page = page
        if not self._has_pages:
            self.preview.show_text(*described(path, beside=self.beside.isChecked()))
            self._no_pages()
            return
        self.stamped.setEnabled(True)
        self.preview.show_text("Abrindo…")
        self._drawing = self._worker.do(
            picture_of(path, page), partial(self._pictured, path, page), partial(self._not_pictured, path)
        )

    def _pictured(self, path: Path, page: int, picture: Picture) -> None:
        if path != self.current or not self._has_pages:
            return
        self._pages = picture.pages
        self.preview.show_picture(picture)
        look.say(self.page_words, f"Página {page} de {picture.pages}")
        self.before.setEnabled(page > 1)
        self.after.setEnabled(page < picture.pages)
        stamp = self._stamps.get(path)
        self.stamped.blockSignals(True)
        self.stamped.setChecked(stamp is not None and stamp.page == page)
        self.stamped.blockSignals(False)
        self.preview.show_stamp(stamp if stamp is not None and stamp.page == page else None)

    def _not_pictured(self, path: Path, error: AgentError) -> None:
        if path == self.current and not isinstance(error, Stopped):
            self.preview.show_text(str(error))
            look.say(self.page_words, "")

    def _turn(self, step: int) -> None:
        self._show_page(min(max(1, self.page + step), self._pages))

    def _stamp_or_not(self, wanted: bool) -> None:
        path = self.current
        if path is None:
            return
        if wanted:
            self._stamps[path] = replace(self._stamps.get(path, Stamp()), page=self.page)
        else:
            self._stamps.pop(path, None)
        self.preview.show_stamp(self._stamps.get(path))

    def _moved(self, stamp: Stamp) -> None:
        if self.current is not None:
            self._stamps[self.current] = stamp

    # --- signing ------------------------------------------------------------------------------------------------------

    def offer(self, found: Sequence[Credential]) -> None:
        """The certificates that may be chosen."""
        chosen = self.which.currentData()
        self.which.clear()
        usable = [one for one in found if one.usable]
        for one in usable:
            last = one.certificate.leaf.not_valid_after_utc.strftime("%d/%m/%Y")
            self.which.addItem(f"{one.certificate.holder} (até {last})", one.id)
        if not usable:
            self.which.addItem("O que estiver disponível", None)
        self.which.setCurrentIndex(max(0, self.which.findData(chosen)))

    def sign(self) -> None:
        """All of them, with one approval."""
        if self._errand is not None or not self.files.count():
            return
        try:
            planned = plan(self.files.paths, None, overwrite=False, beside=self.beside.isChecked())
            jobs = [
                replace(job, stamp=self._stamps.get(job.source)) if job.form is Form.PDF else job for job in planned
            ]
        except AgentError as error:
            look.say(self.state, f"{error} {error.advice}", "bad")
            return
        self._signed = []
        look.say(self.state, "Preparando…")
        act = self._sign(jobs, self.which.currentData(), self.reason.text().strip() or None)
        self._errand = self._worker.do(act, self._done, self._failed)
        self._changed()

    async def _sign(self, jobs: Sequence[Job], credential: str | None, reason: str | None) -> None:
        """Over there: the same story as `linkid-desktop sign`."""
        from desktop_agent.sign import Options, Signing  # pyHanko takes half a second to load

        options = Options(credential=credential, reason=reason)
        if self.qr_after is not None:
            options = replace(options, qr_after=self.qr_after, tick=0.02)
        profile, trust, caller = await desk.opened(self._profiles, self._profile)
        view = WindowSigning(self._worker, self, self._looked_at)
        async with caller:
            await Signing(caller, profile.computer, trust, view, options).run(jobs)

    def give_up(self) -> None:
        """The request leaves the phone."""
        if self._errand is not None:
            self._errand.cancel()

    def _done(self, _nothing: None) -> None:
        count = len(self._signed)
        where = self._signed[0].parent if self._signed else ""
        text = f"Assinado: {self._signed[0].name}" if count == 1 else f"{count} documentos assinados"
        self._over(f"{text}, em {where}.", "good")
        self.files.clear()
        self._stamps.clear()
        self.stamped.setChecked(False)
        self.open_button.show()
        self._changed()

    def _failed(self, error: AgentError) -> None:
        self._over(f"{error} {error.advice}".strip(), "" if isinstance(error, Stopped) else "bad")

    def _over(self, text: str, tone: str) -> None:
        self._errand, self._card = None, None
        self._waiting.drop_own()
        look.say(self.state, text, tone)
        self._changed()
        self._go(self)
        QApplication.alert(self.window())

    def _open_folder(self) -> None:
        if self._signed:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._signed[0].parent)))

    # --- what the story says ------------------------------------------------------------------------------------------

    def show_preparing(self, path: Path, size: int) -> None:
        look.say(self.state, f"Preparando {path.name}…")

    def show_warning(self, message: str) -> None:
        look.say(self.state, message, "bad")

    def ask_which(self, credentials: Sequence[Credential], answer: Callable[[Credential | None], None]) -> None:
        names = [f"{one.certificate.holder} ({one.id[-6:]})" for one in credentials]
        dialog = QInputDialog(self)
        dialog.setComboBoxItems(names)
        dialog.setWindowTitle("Qual certificado?")
        dialog.setLabelText("Assinar com:")
        dialog.textValueSelected.connect(lambda text: answer(credentials[names.index(text)]))
        dialog.rejected.connect(lambda: answer(None))
        dialog.open()

    def show_queueing(self, seconds: int) -> None:
        look.say(self.state, f"Outro pedido espera no celular; tentando de novo em {seconds} s…")

    def show_asked(self, confirmed: Confirmed, labels: Sequence[str]) -> None:
        self._card = self._waiting.own_card(self.give_up)
        more = f" e mais {len(labels) - 3}" if len(labels) > 3 else ""
        self._card.show_asked(", ".join(labels[:3]) + more, confirmed.verification_code, confirmed.expires)
        self._go(self._waiting)
        self._card.give_up.setFocus()

    def show_request_qr(self, text: str) -> None:
        if self._card is not None:
            self._card.show_qr(text)

    def show_waiting(self, seconds_left: int, online: bool) -> None:
        if self._card is not None and not online:
            look.say(self._card.hint, "Sem conexão; tentando de novo…", "bad")
        elif self._card is not None:
            look.say(self._card.hint, "Aprove só se o celular mostrar este mesmo código, ou digite-o, se ele pedir.")

    def show_approved(self) -> None:
        if self._card is not None:
            self._card.show_state("Aprovado no celular. Assinando…", "good")

    def show_signed(self, source: Path, output: Path) -> None:
        self._signed.append(output)
