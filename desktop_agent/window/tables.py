"""Lists to read: certificates, history; and how a list of rows is shown."""

from collections.abc import Sequence
from datetime import UTC, datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from desktop_agent import desk
from desktop_agent.client.csc_client import Credential
from desktop_agent.daemon.diary import Diary
from desktop_agent.errors import AgentError
from desktop_agent.overview import told
from desktop_agent.profiles import Profiles
from desktop_agent.window import look
from desktop_agent.window.worker import Worker

SOON_DAYS = 30
"""A certificate that ends in less is said to end."""


class Table(QTableWidget):
    """Rows to read and to walk with the arrow keys; nothing can be written in them."""

    def __init__(self, name: str, columns: Sequence[str]) -> None:
        super().__init__(0, len(columns))
        self.setAccessibleName(name)
        self.setHorizontalHeaderLabels(columns)
        self.verticalHeader().hide()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(True)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(look.em(4.5))
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setMinimumHeight(look.em(9))

    def fill(self, rows: Sequence[Sequence[str]]) -> None:
        """Texts as they are: a name that looks like markup stays a name."""
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setToolTip(text[:500].replace("<", "‹"))
                self.setItem(number, column, item)
        self.resizeRowsToContents()


class CertificatesPage(QWidget):
    """With the days that each has left. `asked` when the service said which there are: a list of `Credential`."""

    asked = Signal(list)

    def __init__(self, worker: Worker, profiles: Profiles, profile: str | None) -> None:
        super().__init__()
        self._worker, self._profiles, self._profile = worker, profiles, profile
        self.found: list[Credential] = []
        self.state = look.words()
        self.table = Table("Certificados", ("Titular", "Emissor", "Vence em", "Faltam", "Situação"))
        again = look.button("Atualizar")
        again.clicked.connect(self.refresh)
        column = QVBoxLayout(self)
        for thing in (look.title("Certificados"), self.state, self.table):
            column.addWidget(thing)
        column.addLayout(look.beside(again))

    def refresh(self) -> None:
        """Ask the service."""
        self.state.show()
        look.say(self.state, "Perguntando ao serviço…")
        self._worker.do(desk.credentials(self._profiles, self._profile), self._show, self._failed)

    def _show(self, found: list[Credential]) -> None:
        self.found = found
        self.table.fill([certificate_row(one, datetime.now(UTC)) for one in found])
        look.say(self.state, "" if found else "Nenhum certificado está disponível neste computador.")
        self.state.setVisible(not found)
        self.asked.emit(found)

    def _failed(self, error: AgentError) -> None:
        self.state.show()
        look.say(self.state, f"{error} {error.advice}".strip(), "bad")


def certificate_row(credential: Credential, now: datetime) -> tuple[str, str, str, str, str]:
    """Holder, issuer, last day, days left, and whether it can be used."""
    leaf = credential.certificate.leaf
    days = (leaf.not_valid_after_utc - now).days
    if days < 0:
        left, state = "vencido", "vencido"
    else:
        left = f"{days} dia{'' if days == 1 else 's'}"
        state = "pode assinar" if credential.usable else "revogado ou suspenso"
        if credential.usable and days < SOON_DAYS:
            state = "vence em breve"
    return (
        credential.certificate.holder, credential.certificate.issuer,
        leaf.not_valid_after_utc.astimezone().strftime("%d/%m/%Y"), left, state,
    )  # fmt: skip


class HistoryPage(QWidget):
    """What programs and this window asked for, newest first."""

    def __init__(self, profiles: Profiles) -> None:
        super().__init__()
        self._diary = Diary(profiles.home)
        self.state = look.words("O que foi pedido neste computador, e como terminou.")
        self.table = Table("Histórico", ("O quê", "Programa", "Quando", "Como terminou"))
        column = QVBoxLayout(self)
        for thing in (look.title("Histórico"), self.state, self.table):
            column.addWidget(thing)

    def refresh(self) -> None:
        """The diary, as it is now."""
        entries = self._diary.read(200)
        self.table.fill([(one.what, one.program, one.at, one.outcome) for one in map(told, reversed(entries))])
        look.say(self.state, "O que foi pedido neste computador." if entries else "Nada foi pedido ainda.")
