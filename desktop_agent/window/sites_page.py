"""Sites that may see a certificate on this computer: allowed on the phone, taken back here."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_agent import places
from desktop_agent.daemon.control import call
from desktop_agent.errors import AgentError
from desktop_agent.overview import site_row
from desktop_agent.profiles import Profiles
from desktop_agent.window import look
from desktop_agent.window.tables import Table
from desktop_agent.window.worker import Worker

_ABOUT = "Cada site pergunta uma vez, no celular, se pode ver o certificado. Assinar é sempre aprovado à parte."


class SitesPage(QWidget):
    """The daemon knows them; this shows them."""

    def __init__(self, worker: Worker, profiles: Profiles) -> None:
        super().__init__()
        self._worker = worker
        self._control = places.runtime_folder(profiles.home) / places.CONTROL
        self._origins: list[str] = []
        self.state = look.words()
        self.table = Table("Sites permitidos", ("Site", "Certificado de", "Desde"))
        self.forget_button = look.button("Retirar")
        self.forget_button.setAccessibleName("Retirar o site escolhido")
        self.forget_button.clicked.connect(self.forget)
        self.table.itemSelectionChanged.connect(self._changed)
        column = QVBoxLayout(self)
        for thing in (look.title("Sites"), self.state, self.table):
            column.addWidget(thing)
        column.addLayout(look.beside(self.forget_button))
        column.addWidget(look.words(_ABOUT, tone="soft"))
        self._changed()

    def refresh(self) -> None:
        """Ask the daemon."""
        self._worker.do(call(self._control, "sites"), self._show, self._failed)

    def forget(self) -> None:
        """At once: what the site asks just now leaves the phone, too."""
        row = self.table.currentRow()
        if 0 <= row < len(self._origins):
            origin = self._origins[row]
            self._worker.do(call(self._control, "forget-site", origin=origin), self._forgotten, self._failed)

    def _forgotten(self, _told: Mapping[str, Any]) -> None:
        look.say(self.state, "Retirado. Se voltar a pedir, o celular pergunta de novo.", "good")
        self.refresh()

    def _show(self, told: Mapping[str, Any]) -> None:
        found = told["sites"]
        self._origins = [one["origin"] for one in found]
        self.table.fill([site_row(one) for one in found])
        if not found and not self.state.text():
            look.say(self.state, "Nenhum site foi permitido ainda.")
        self._changed()

    def _failed(self, error: AgentError) -> None:
        look.say(self.state, f"{error} {error.advice}".strip(), "bad")

    def _changed(self) -> None:
        self.forget_button.setEnabled(self.table.currentRow() >= 0 and bool(self._origins))
