"""This computer and a phone come together: the QR that changes every second, and starts again when its time is over."""

import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QRegularExpression, Qt, Signal
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import QFormLayout, QLineEdit, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from desktop_agent import desk
from desktop_agent.domain.link import Link, LinkState
from desktop_agent.domain.trust import Trust
from desktop_agent.errors import AgentError, LinkTimedOut, Stopped
from desktop_agent.profiles import Profiles
from desktop_agent.window import look
from desktop_agent.window.qr_picture import QrPicture
from desktop_agent.window.views import WindowAssociation
from desktop_agent.window.worker import Errand, Worker

_STEPS = "1. No celular, abra o aplicativo Link ID.\n2. Toque em Ler QR Code.\n3. Aponte a câmera para este código."


class AssociatePage(QWidget):
    """An `AssociationFace`. `associated` when it is done."""

    associated = Signal()

    def __init__(self, worker: Worker, profiles: Profiles) -> None:
        super().__init__()
        self._worker, self._profiles = worker, profiles
        self._errand: Errand | None = None
        self._answer: Callable[[str], None] | None = None
        self.state = look.words("Associe este computador ao seu celular para assinar com o seu certificado em nuvem.")
        self.service = look.words("", tone="soft")
        self.stages = QStackedWidget()
        self.stages.addWidget(self._beginning())
        self.stages.addWidget(self._scanning())
        self.stages.addWidget(self._checking())
        self._turn(0)
        column = QVBoxLayout(self)
        for thing in (look.title("Associar este computador"), self.state, self.stages, self.service):
            column.addWidget(thing)
        column.addStretch()

    def _beginning(self) -> QWidget:
        self.server = QLineEdit(os.environ.get("LINKID_SERVER", ""))
        self.server.setPlaceholderText("https://app.exemplo")
        self.server.setAccessibleName("Endereço do serviço")
        self.name = QLineEdit(desk.computer_name())
        self.name.setAccessibleName("Nome deste computador")
        self.name.setMaxLength(60)
        self.begin_button = look.button("Mostrar o QR Code", main=True)
        self.begin_button.clicked.connect(self.begin)
        for field in (self.server, self.name):
            field.returnPressed.connect(self.begin)
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow("&Endereço do serviço", self.server)
        form.addRow("&Nome deste computador", self.name)
        return look.card(form, look.beside(self.begin_button), rest=True)

    def _scanning(self) -> QWidget:
        self.qr = QrPicture("QR Code que muda a cada segundo; leia-o com o aplicativo Link ID")
        self.by_hand = look.code("…")
        self.by_hand.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.left = look.words("", tone="soft")
        self.cancel_button = look.button("Cancelar")
        self.cancel_button.clicked.connect(self.cancel)
        self.steps = look.words(_STEPS)
        by_hand = look.words("Sem câmera? Digite no aplicativo:")
        return look.card(self.steps, self.qr, by_hand, self.by_hand, self.left, look.beside(self.cancel_button))

    def _checking(self) -> QWidget:
        self.digits = QLineEdit()
        self.digits.setValidator(QRegularExpressionValidator(QRegularExpression("[0-9]{0,3}"), self.digits))
        self.digits.setAccessibleName("Os 3 números que o celular mostra")
        self.digits.setFont(look.grown(2, bold=True))
        self.digits.setMaximumWidth(look.em(8))
        self.wrong = look.words("", tone="bad")
        self.finish_button = look.button("Concluir", main=True)
        self.finish_button.clicked.connect(self._give_digits)
        self.digits.returnPressed.connect(self._give_digits)
        return look.card(
            look.words("Digite os 3 números que o celular mostra:"), self.digits, self.wrong,
            look.beside(self.finish_button), rest=True,
        )  # fmt: skip

    def _turn(self, stage: int) -> None:
        """Each stage takes the room that it needs, and not that of the largest."""
        for number in range(self.stages.count()):
            policy = QSizePolicy.Policy.Preferred if number == stage else QSizePolicy.Policy.Ignored
            if (one := self.stages.widget(number)) is not None:
                one.setSizePolicy(policy, policy)
        self.stages.setCurrentIndex(stage)

    # --- what the person does -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Ask the service for a link; its QR is shown as soon as there is one."""
        if self._errand is not None:
            return
        order = desk.Order(server=self.server.text().strip() or None, name=self.name.text().strip() or None)
        look.say(self.state, "Falando com o serviço…")
        self.begin_button.setEnabled(False)
        self._errand = self._worker.do(self._associate(order), failed=self._failed)

    async def _associate(self, order: desk.Order) -> None:
        """Over there."""
        association = await desk.prepare(self._profiles, order)
        await association.run(WindowAssociation(self._worker, self))

    def cancel(self) -> None:
        """The phone does not go on offering it."""
        if self._errand is not None:
            self._errand.cancel()

    def _give_digits(self) -> None:
        if len(self.digits.text()) != 3:
            look.say(self.wrong, "São exatamente 3 números.", "bad")
        elif self._answer is not None:
            answer, self._answer = self._answer, None
            self.finish_button.setEnabled(False)
            answer(self.digits.text())

    # --- what the story says ------------------------------------------------------------------------------------------

    def show_trust(self, trust: Trust, known: bool) -> None:
        seen = "já conhecida" if known else "confira-a com a que o serviço publica"
        look.say(
            self.service,
            f"Serviço: {trust.app} ({trust.environment}). Impressão digital ({seen}): {trust.fingerprint}",
            "soft",
        )

    def show_link(self, link: Link) -> None:
        if self.stages.currentIndex() != 2:
            self._turn(1)
        self.qr.show_text(link.frame)
        look.say(self.by_hand, link.code or "…")
        look.say(self.left, f"Restam {look.clock(link.seconds_left)}; depois o código se renova sozinho.", "soft")
        if link.state is LinkState.CLAIMED:
            look.say(self.state, f"Código lido por {link.phone}. Confira o nome deste computador no celular e aprove.")
        elif link.state is LinkState.WAITING:
            look.say(self.state, "Leia o código com o celular.")

    def show_offline(self) -> None:
        look.say(self.state, "Sem resposta do serviço; tentando de novo…", "bad")

    def ask_digits(self, phone: str | None, tries_left: int | None, answer: Callable[[str], None]) -> None:
        self._answer = answer
        self._turn(2)
        look.say(self.state, f"Aprovado em {phone or 'seu celular'}. Falta conferir.")
        look.say(self.wrong, f"Código errado. Tentativas restantes: {tries_left}." if tries_left else "", "bad")
        self.digits.clear()
        self.finish_button.setEnabled(True)
        self.digits.setFocus()

    def show_associated(self, computer_name: str, holders: Sequence[str], key_place: str) -> None:
        self._rest()
        look.say(self.state, f"Pronto: “{computer_name}” está associado. A chave está no {key_place}.", "good")
        self.associated.emit()

    def _failed(self, error: AgentError) -> None:
        self._rest()
        if isinstance(error, LinkTimedOut) and self.isVisible():
            self.begin()  # the QR renews itself as long as somebody may look at it
        elif isinstance(error, Stopped):
            look.say(self.state, "A associação foi cancelada.")
        else:
            look.say(self.state, f"{error} {error.advice}".strip(), "bad")

    def _rest(self) -> None:
        self._errand, self._answer = None, None
        self.qr.show_text(None)
        self.begin_button.setEnabled(True)
        self._turn(0)
