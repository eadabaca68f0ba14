"""Sessions: one approval, many signatures; opened here, seen here, ended here. And the yeses that came late."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from PySide6.QtWidgets import QComboBox, QFormLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from desktop_agent import places
from desktop_agent.commands_daemon import FAMILIES, SESSION_ENDED, SESSION_FORGOTTEN
from desktop_agent.daemon.control import call
from desktop_agent.errors import AgentError
from desktop_agent.profiles import Profiles
from desktop_agent.window import look
from desktop_agent.window.tables import Table
from desktop_agent.window.worker import Errand, Worker

_TIMES = (("10 minutos", 600), ("1 hora", 3600), ("8 horas", 8 * 3600))
_USES = (("assinar documentos", "documento"), ("sites e servidores (TLS)", "tls"), ("ssh", "ssh"),
         ("certificado de curva elíptica", "ec"))  # fmt: skip


class SessionsPage(QWidget):
    """The daemon holds them; this shows them."""

    def __init__(self, worker: Worker, profiles: Profiles) -> None:
        super().__init__()
        self._worker = worker
        self._control = places.runtime_folder(profiles.home) / places.CONTROL
        self._opening: Errand | None = None
        self._names: list[str] = []
        self.state = look.words()
        self.table = Table("Sessões abertas", ("Para quê", "Programa", "Usada", "Até"))
        self.end_button = look.button("Encerrar")
        self.end_button.setAccessibleName("Encerrar a sessão escolhida")
        self.end_button.clicked.connect(self.end)
        self.table.itemSelectionChanged.connect(self._changed)
        column = QVBoxLayout(self)
        for thing in (look.title("Sessões"), self.state, self.table):
            column.addWidget(thing)
        column.addLayout(look.beside(self.end_button))
        column.addWidget(self._form())
        self._changed()

    def _form(self) -> QWidget:
        self.purpose, self.program = QLineEdit(), QLineEdit()
        self.purpose.setPlaceholderText("o que o celular mostra")
        self.program.setPlaceholderText("qualquer um")
        self.time, self.use = QComboBox(), QComboBox()
        for words, seconds in _TIMES:
            self.time.addItem(words, seconds)
        for words, use in _USES:
            self.use.addItem(words, use)
        self.count = QSpinBox()
        self.count.setRange(1, 100_000)
        self.count.setValue(20)
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for label, field in (("&Para quê", self.purpose), ("P&rograma", self.program), ("&Uso", self.use),
                             ("Por quanto &tempo", self.time), ("Quantas &assinaturas", self.count)):  # fmt: skip
            form.addRow(label, field)
            field.setAccessibleName(label.replace("&", ""))
        self.open_button = look.button("Abrir sessão com o celular", main=True)
        self.open_button.clicked.connect(self.open)
        return look.card(form, look.beside(self.open_button))

    def refresh(self) -> None:
        """Ask the daemon."""
        self._worker.do(call(self._control, "sessions"), self._show, self._failed)

    def open(self) -> None:
        """The phone is asked; its code stands in the desktop's notice, and on the waiting page."""
        if self._opening is not None:
            return
        family, hash_name = FAMILIES[self.use.currentData()]
        look.say(self.state, "Aprove a sessão no celular; o código de verificação está no aviso do sistema.")
        self.open_button.setEnabled(False)
        self._opening = self._worker.do(
            call(
                self._control, "open-session", seconds=self.time.currentData(), maximum=self.count.value(),
                family=family, hash=hash_name, program=self.program.text().strip() or None,
                purpose=self.purpose.text().strip() or None, certificate=None,
            ),
            self._opened, self._failed,
        )  # fmt: skip

    def end(self) -> None:
        """At once, here and for the service."""
        row = self.table.currentRow()
        if 0 <= row < len(self._names):
            self._worker.do(call(self._control, "end-session", activation=self._names[row]), self._ended, self._failed)

    def _opened(self, _told: Mapping[str, Any]) -> None:
        self._opening = None
        self.open_button.setEnabled(True)
        look.say(self.state, "Sessão aberta.", "good")
        self.refresh()

    def _ended(self, told: Mapping[str, Any]) -> None:
        look.say(self.state, SESSION_ENDED if told["told"] else SESSION_FORGOTTEN, "good" if told["told"] else "")
        self.refresh()

    def _show(self, told: Mapping[str, Any]) -> None:
        found = told["sessions"]
        self._names = [one["activation"] for one in found]
        self.table.fill([session_row(one) for one in found])
        if not self.state.text():
            look.say(self.state, "Uma sessão é aprovada uma vez, e vale por um tempo e um número de assinaturas.")
        self._changed()

    def _failed(self, error: AgentError) -> None:
        self._opening = None
        self.open_button.setEnabled(True)
        look.say(self.state, f"{error} {error.advice}".strip(), "bad")

    def _changed(self) -> None:
        self.end_button.setEnabled(self.table.currentRow() >= 0 and bool(self._names))


def session_row(one: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Purpose, program, how much of it is used, and until when."""
    until = datetime.fromtimestamp(one["until"], UTC).astimezone().strftime("%d/%m %H:%M")
    return one["purpose"], one["program"] or "qualquer um", f"{one['used']} de {one['maximum']}", until
