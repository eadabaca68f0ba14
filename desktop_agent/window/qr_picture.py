"""A QR Code, drawn dark on light whatever the scheme, as large as it fits on whole pixels."""

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_agent.ui import qr
from desktop_agent.window import look

_QUIET = 4


class QrPicture(QWidget):
    """Empty until `show_text`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._rows: qr.Matrix = []
        self.setMinimumSize(look.em(14), look.em(14))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_text(self, text: str | None) -> None:
        """None: nothing to read any more."""
        self._rows = qr.matrix(text, quiet=_QUIET) if text else []
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        side = min(self.width(), self.height())
        count = len(self._rows)
        module = side // count if count else 0
        if module == 0:
            return
        whole = module * count
        left, top = (self.width() - whole) // 2, (self.height() - whole) // 2
        painter.fillRect(left, top, whole, whole, Qt.GlobalColor.white)
        for y, row in enumerate(self._rows):
            for x, dark in enumerate(row):
                if dark:
                    painter.fillRect(QRect(left + x * module, top + y * module, module, module), Qt.GlobalColor.black)
        painter.end()
