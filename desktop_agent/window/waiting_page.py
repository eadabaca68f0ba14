"""What waits on the phone, of this window and of every program: with its code to compare, and how long it lives."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from desktop_agent import places
from desktop_agent.daemon.control import call
from desktop_agent.errors import AgentError
from desktop_agent.profiles import Profiles
from desktop_agent.window import look
from desktop_agent.window.qr_picture import QrPicture
from desktop_agent.window.worker import Worker

LIFE = 180
"""Seconds that a request lives; what the bar is full at."""
_COMPARE = "Aprove só se o celular mostrar este mesmo código, ou digite-o, se ele pedir."


class RequestCard(QWidget):
    """One request. `given_up` where this window may take it back."""

    given_up = Signal()

    def __init__(self, *, ours: bool) -> None:
        super().__init__()
        self._expires: int | None = None
        self.what = look.words()
        self.what.setFont(look.grown(1.0, bold=True))
        self.code = look.code("…")
        self.code.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint = look.words(_COMPARE)
        self.left = look.words("Enviando ao celular…", tone="soft")
        self.bar = QProgressBar()
        self.bar.setRange(0, LIFE)
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(6)
        self.bar.setAccessibleName("Tempo que resta")
        self.qr_words = look.words("O celular não tocou? Abra o Link ID, toque em Ler QR Code e leia:")
        self.qr = QrPicture("QR Code deste pedido")
        self.give_up = look.button("Desistir")
        self.give_up.setAccessibleName("Desistir deste pedido e retirá-lo do celular")
        self.give_up.clicked.connect(self.given_up)
        for hidden in (self.qr_words, self.qr):
            hidden.hide()
        self.give_up.setVisible(ours)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        about = look.beside(self.give_up)
        shown = (self.what, self.code, self.hint, self.left, self.bar, self.qr_words, self.qr)
        column.addWidget(look.card(*shown, about))
        self._timer = QTimer(self)
        self._timer.setInterval(500)
        self._timer.timeout.connect(self.tick)
        self._timer.start()

    def show_asked(self, what: str, code: str, expires: int | None) -> None:
        """``expires``: seconds since 1970, once it is known."""
        look.say(self.what, what)
        look.say(self.code, " ".join(code) or "…")
        self.code.setAccessibleName(f"Código de verificação: {' '.join(code)}" if code else "Ainda sem código")
        self._expires = expires
        self.tick()

    def show_qr(self, text: str) -> None:
        self.qr.show_text(text)
        self.qr_words.show()
        self.qr.show()

    def show_state(self, text: str, tone: str = "") -> None:
        """Instead of the countdown."""
        self._expires = None
        look.say(self.left, text, tone)

    def tick(self) -> None:
        """The countdown."""
        if self._expires is not None:
            left = max(0, self._expires - int(time.time()))
            look.say(self.left, f"Aguardando o celular; restam {look.clock(left)}", "soft")
            self.left.setAccessibleName("Aguardando o celular")  # a screen reader is not told every second
            self.bar.setValue(left)


class WaitingPage(QWidget):
    """Looks at the daemon every second. `counted`: how many wait."""

    counted = Signal(int)

    def __init__(self, worker: Worker, profiles: Profiles) -> None:
        super().__init__()
        self._worker = worker
        self._control = places.runtime_folder(profiles.home) / places.CONTROL
        self._cards: dict[str, RequestCard] = {}
        self._own: RequestCard | None = None
        self._asking = False
        self.nothing = look.words("Nenhum pedido espera o celular.")
        self.daemon = look.words("", tone="soft")
        self._column = QVBoxLayout(self)
        self._column.addWidget(look.title("Esperando o celular"))
        self._column.addWidget(self.nothing)
        self._column.addStretch()
        self._column.addWidget(self.daemon)
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def own_card(self, given_up: Callable[[], object]) -> RequestCard:
        """For a request of this window."""
        self.drop_own()
        self._own = RequestCard(ours=True)
        self._own.given_up.connect(given_up)
        self._column.insertWidget(1, self._own)
        self._count()
        return self._own

    def drop_own(self) -> None:
        """It is over."""
        if self._own is not None:
            self._own.hide()
            self._own.deleteLater()
            self._own = None
        self._count()

    @property
    def cards(self) -> list[RequestCard]:
        """All that is shown."""
        return ([self._own] if self._own else []) + [*self._cards.values()]

    def look(self) -> None:
        """Ask the daemon what programs wait for."""
        if not self._asking:
            self._asking = True
            self._worker.do(call(self._control, "status"), self._show, self._nobody)

    def _show(self, status: Mapping[str, Any]) -> None:
        self._asking = False
        look.say(self.daemon, "O certificado está disponível para os programas deste computador.", "soft")
        now = {f"{one['program']} {one['what']} {one['since']}": one for one in status["waiting"]}
        for gone in set(self._cards) - set(now):
            card = self._cards.pop(gone)
            card.hide()
            card.deleteLater()
        for key, one in now.items():
            card = self._cards.get(key) or self._new_card(key)
            card.show_asked(f"{one['program']}: {one['what']}", one["code"], one["expires"] or None)
        self._count()

    def _nobody(self, _error: AgentError) -> None:
        self._asking = False
        look.say(self.daemon, "Programas não veem o certificado: linkid-desktop setup os prepara.", "soft")

    def _new_card(self, key: str) -> RequestCard:
        card = self._cards[key] = RequestCard(ours=False)
        self._column.insertWidget(self._column.count() - 2, card)
        return card

    def _count(self) -> None:
        self.nothing.setVisible(not self.cards)
        self.counted.emit(len(self.cards))
