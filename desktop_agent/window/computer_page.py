"""This computer: its associations, and how one ends. The list of all computers is on the phone."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMessageBox, QVBoxLayout, QWidget

from desktop_agent import desk
from desktop_agent.errors import AgentError
from desktop_agent.overview import ELSEWHERE, moment, status_of
from desktop_agent.profiles import Profiles
from desktop_agent.window import look
from desktop_agent.window.tables import Table
from desktop_agent.window.worker import Worker


class ComputerPage(QWidget):
    """`ended` when an association is over."""

    ended = Signal()

    def __init__(self, worker: Worker, profiles: Profiles) -> None:
        super().__init__()
        self._worker, self._profiles = worker, profiles
        self._names: list[str] = []
        self._details: list[str] = []
        self.details = look.words("", tone="soft")
        self.state = look.words()
        self.table = Table("Associações deste computador", ("Computador", "Serviço", "Desde"))
        self.table.itemSelectionChanged.connect(self._changed)
        self.end_button = look.button("Encerrar a associação…")
        self.end_button.clicked.connect(self.ask)
        column = QVBoxLayout(self)
        for thing in (look.title("Este computador"), self.state, self.table, self.details):
            column.addWidget(thing)
        column.addLayout(look.beside(self.end_button))
        column.addWidget(look.words(ELSEWHERE, tone="soft"))

    def refresh(self) -> None:
        """What is on file here; the service is not asked."""
        try:
            found = status_of(self._profiles)
        except AgentError as error:
            look.say(self.state, f"{error} {error.advice}", "bad")
            return
        self._names = [one["profile"] for one in found]
        self._details = [
            f"Chave deste computador: {one['key']}.\n{one['key_against']}\nImpressão digital do serviço: {one['trust']}"
            for one in found
        ]
        self.table.fill([(one["name"], one["service"], moment(one["associated_at"])[:10]) for one in found])
        if found and self.table.currentRow() < 0:
            self.table.selectRow(0)
        self._changed()

    def ask(self) -> None:
        """Ending is asked once more."""
        row = self.table.currentRow()
        if not 0 <= row < len(self._names):
            return
        name = self._names[row]
        question = QMessageBox(QMessageBox.Icon.Question, "Encerrar a associação?", "", parent=self)
        question.setText("Este computador não poderá mais pedir assinaturas, e a chave dele será apagada.")
        yes = question.addButton("Encerrar", QMessageBox.ButtonRole.DestructiveRole)
        question.addButton("Voltar", QMessageBox.ButtonRole.RejectRole)
        question.finished.connect(lambda _: self.end(name) if question.clickedButton() is yes else None)
        question.open()

    def end(self, name: str) -> None:
        """There and here."""
        look.say(self.state, "Encerrando…")
        self._worker.do(desk.end(self._profiles, name), self._done, self._failed)

    def _done(self, told: bool) -> None:
        text = "A associação foi encerrada e a chave deste computador, apagada."
        if not told:
            text += " O serviço não foi avisado: remova este computador também no aplicativo do celular."
        look.say(self.state, text)
        self.refresh()
        self.ended.emit()

    def _failed(self, error: AgentError) -> None:
        look.say(self.state, f"{error} {error.advice}".strip(), "bad")

    def _changed(self) -> None:
        row = self.table.currentRow()
        chosen = 0 <= row < len(self._names)
        self.end_button.setEnabled(chosen)
        look.say(self.details, self._details[row] if chosen else "", "soft")
