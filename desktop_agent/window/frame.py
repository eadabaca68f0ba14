"""The window: sections on the left, a page on the right; and what the desktop around it gets to see."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QIcon, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QListWidget,
    QMainWindow,
    QMenu,
    QScrollArea,
    QStackedWidget,
    QSystemTrayIcon,
    QWidget,
)

from desktop_agent.profiles import Profiles
from desktop_agent.setup.desktop import APPLICATION, ICON
from desktop_agent.window import look
from desktop_agent.window.associate_page import AssociatePage
from desktop_agent.window.computer_page import ComputerPage
from desktop_agent.window.sessions_page import SessionsPage
from desktop_agent.window.sign_page import SignPage
from desktop_agent.window.sites_page import SitesPage
from desktop_agent.window.tables import CertificatesPage, HistoryPage
from desktop_agent.window.waiting_page import WaitingPage
from desktop_agent.window.worker import Worker


class Frame(QMainWindow):
    """Everything joined."""

    def __init__(self, worker: Worker, profiles: Profiles, profile: str | None = None) -> None:
        super().__init__()
        self._worker, self._profiles = worker, profiles
        self.setWindowTitle("Link ID")
        self.waiting = WaitingPage(worker, profiles)
        self.sign = SignPage(worker, profiles, profile, self.waiting, self.go, self.isActiveWindow)
        self.certificates = CertificatesPage(worker, profiles, profile)
        self.sessions = SessionsPage(worker, profiles)
        self.sites = SitesPage(worker, profiles)
        self.history = HistoryPage(profiles)
        self.computer = ComputerPage(worker, profiles)
        self.associate = AssociatePage(worker, profiles)
        self._sections: list[tuple[str, QWidget]] = [
            ("Assinar", self.sign), ("Esperando", self.waiting), ("Certificados", self.certificates),
            ("Sessões", self.sessions), ("Sites", self.sites), ("Histórico", self.history),
            ("Este computador", self.computer), ("Associar", self.associate),
        ]  # fmt: skip
        self._build()
        self.certificates.asked.connect(self.sign.offer)
        self.associate.associated.connect(self._began)
        self.computer.ended.connect(self._ended)
        self.waiting.counted.connect(self._counted)
        self._fit()
        self.go(self.sign if profiles.names() else self.associate)
        (self.sign.add_button if profiles.names() else self.associate.server).setFocus()
        if profiles.names():
            self.certificates.refresh()

    def _build(self) -> None:
        self.sections = QListWidget()
        self.sections.setObjectName("sections")
        self.sections.setAccessibleName("Seções")
        self.pages = QStackedWidget()
        for name, page in self._sections:
            self.sections.addItem(name)
            area = QScrollArea()
            area.setWidget(page)
            area.setWidgetResizable(True)
            area.setFrameShape(QFrame.Shape.NoFrame)
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self.pages.addWidget(area)
        self.sections.setFixedWidth(self.sections.sizeHintForColumn(0) + look.em(1.6))
        self.sections.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.sections.currentRowChanged.connect(self._turned)
        for number in range(len(self._sections)):
            keys = QKeySequence(f"Ctrl+{number + 1}")
            QShortcut(keys, self, lambda number=number: self.sections.setCurrentRow(number))
        whole = QWidget()
        row = QHBoxLayout(whole)
        row.setContentsMargins(8, 10, 10, 10)
        row.addWidget(self.sections)
        row.addWidget(self.pages, 1)
        self.setCentralWidget(whole)
        self.setMinimumSize(look.SMALLEST)
        self.resize(QSize(look.em(54), look.em(38)))

    def go(self, page: QWidget) -> None:
        """Turn to a page."""
        self.sections.setCurrentRow(next(row for row, (_, known) in enumerate(self._sections) if known is page))

    @property
    def page(self) -> QWidget:
        """The one that is seen."""
        return self._sections[self.sections.currentRow()][1]

    def _turned(self, row: int) -> None:
        self.pages.setCurrentIndex(row)
        page = self._sections[row][1]
        if isinstance(page, CertificatesPage | SessionsPage | SitesPage | HistoryPage | ComputerPage):
            page.refresh()

    def _began(self) -> None:
        self._fit()
        self.certificates.refresh()
        self.go(self.sign)

    def _ended(self) -> None:
        self._fit()
        if not self._profiles.names():
            self.go(self.associate)

    def _fit(self) -> None:
        """Whoever is associated already finds the association at the end; whoever is not, first of all."""
        known = bool(self._profiles.names())
        self.sections.item(len(self._sections) - 1).setText("Associar outro" if known else "Associar")

    def _counted(self, count: int) -> None:
        text = f"Esperando ({count})" if count else "Esperando"
        item = self.sections.item(1)
        if item.text() != text:
            item.setText(text)
            self.setWindowTitle(f"({count}) Link ID" if count else "Link ID")

    def come_back(self) -> None:
        """To the front."""
        self.showNormal()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent) -> None:
        """What this window asked of the phone leaves it."""
        self.sign.give_up()
        self.associate.cancel()
        super().closeEvent(event)


def tray(frame: Frame) -> QSystemTrayIcon | None:
    """An icon among the desktop's, where the desktop has such a place."""
    if not QSystemTrayIcon.isSystemTrayAvailable():
        return None
    icon = QSystemTrayIcon(QIcon(str(ICON)), frame)
    icon.setToolTip("Link ID")
    menu = QMenu(frame)
    menu.addAction("Abrir", frame.come_back)
    menu.addAction("Sair", frame.close)
    icon.setContextMenu(menu)
    icon.activated.connect(lambda _: frame.come_back())
    icon.show()
    return icon


def run(files: Sequence[Path], profile: str | None) -> int:
    """Until the window is closed. ``files``: to sign, as a file manager hands them over."""
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Link ID")
    app.setDesktopFileName(APPLICATION)
    app.setWindowIcon(QIcon(str(ICON)))
    look.dress(app)
    worker = Worker()
    frame = Frame(worker, Profiles(), profile)
    frame.sign.add(files)
    frame.show()
    shown = tray(frame)
    for number in (signal.SIGTERM, signal.SIGINT):  # heard when the next timer wakes Python, within a second
        signal.signal(number, lambda *_: frame.close())
    try:
        return app.exec()
    finally:
        if shown is not None:
            shown.hide()
        worker.close()
