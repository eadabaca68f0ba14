"""How it looks: the desktop's own colours, light or dark, and sizes that grow with its font."""

from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetrics, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

BRAND_LIGHT: Final = "#0b5cad"
GOOD: Final = ("#1a7f37", "#6fd08c")
BAD: Final = ("#b3261e", "#ff8a80")
_SOFT: Final = ("#51606e", "#a9b6c2")
_LIGHT: Final = {
    QPalette.ColorRole.Window: "#f4f6f8", QPalette.ColorRole.Base: "#ffffff", QPalette.ColorRole.Text: "#14202b",
    QPalette.ColorRole.WindowText: "#14202b", QPalette.ColorRole.ButtonText: "#14202b",
    QPalette.ColorRole.Button: "#e6ebef", QPalette.ColorRole.AlternateBase: "#f4f6f8",
    QPalette.ColorRole.ToolTipBase: "#ffffff", QPalette.ColorRole.ToolTipText: "#14202b",
    QPalette.ColorRole.PlaceholderText: "#51606e", QPalette.ColorRole.Mid: "#d5dce2",
}  # fmt: skip
_DARK: Final = {
    QPalette.ColorRole.Window: "#10161c", QPalette.ColorRole.Base: "#1a232c", QPalette.ColorRole.Text: "#eef2f5",
    QPalette.ColorRole.WindowText: "#eef2f5", QPalette.ColorRole.ButtonText: "#eef2f5",
    QPalette.ColorRole.Button: "#26323d", QPalette.ColorRole.AlternateBase: "#202b35",
    QPalette.ColorRole.ToolTipBase: "#1a232c", QPalette.ColorRole.ToolTipText: "#eef2f5",
    QPalette.ColorRole.PlaceholderText: "#a9b6c2", QPalette.ColorRole.Mid: "#33404c",
}  # fmt: skip


def dress(app: QApplication) -> None:
    """One style on every system, in the desktop's scheme, and again whenever that changes."""
    app.setStyle("Fusion")
    app.styleHints().colorSchemeChanged.connect(lambda scheme: paint(app, dark=scheme == Qt.ColorScheme.Dark))
    paint(app, dark=app.styleHints().colorScheme() == Qt.ColorScheme.Dark)


def paint(app: QApplication, *, dark: bool) -> None:
    """The two sets of colours; each text has a contrast of 4.5 or more on its ground."""
    palette = QPalette()
    for role, colour in (_DARK if dark else _LIGHT).items():
        palette.setColor(role, QColor(colour))
    brand = QColor("#6fb1f5" if dark else BRAND_LIGHT)
    for role in (QPalette.ColorRole.Highlight, QPalette.ColorRole.Accent, QPalette.ColorRole.Link):
        palette.setColor(role, brand)
    palette.setColor(QPalette.ColorRole.HighlightedText, QColor("#0b1620" if dark else "#ffffff"))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(_SOFT[dark]))
    app.setPalette(palette)
    app.setStyleSheet(_SHEET.replace("@good", GOOD[dark]).replace("@bad", BAD[dark]).replace("@soft", _SOFT[dark]))


_SHEET: Final = """
QFrame#card { background: palette(base); border: 1px solid palette(mid); border-radius: 8px; }
QLabel[tone="good"] { color: @good; }
QLabel[tone="bad"] { color: @bad; }
QLabel[tone="soft"] { color: @soft; }
QPushButton { padding: 6px 14px; }
QPushButton[main="true"] { background: palette(highlight); color: palette(highlighted-text); border: 2px solid
  palette(highlight); border-radius: 6px; font-weight: 600; }
QPushButton[main="true"]:disabled { background: palette(mid); color: @soft; border-color: palette(mid); }
QPushButton[main="true"]:focus { border-color: palette(window-text); }
QListWidget#sections { border: none; background: palette(window); outline: none; }
QListWidget#sections::item { padding: 9px 12px; border-radius: 6px; }
QListWidget#sections::item:selected { background: palette(highlight); color: palette(highlighted-text); }
QListWidget#sections:focus { border: 2px solid palette(highlight); border-radius: 6px; }
QTableWidget, QListWidget#files { background: palette(base); border: 1px solid palette(mid); border-radius: 6px; }
QListWidget#files::item { padding: 3px 4px; }
QHeaderView::section { background: palette(window); padding: 6px; border: none; border-bottom: 1px solid palette(mid); }
"""


# --- pieces that every page uses --------------------------------------------------------------------------------------


def title(text: str) -> QLabel:
    """A page's heading."""
    label = words(text)
    label.setFont(grown(1.5, bold=True))
    return label


def words(text: str = "", *, tone: str = "") -> QLabel:
    """A text that wraps, and that mouse and keyboard can mark for copying. Never read as markup."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)  # more lines where it is narrower
    label.setSizePolicy(policy)
    if tone:
        label.setProperty("tone", tone)
    return label


def say(label: QLabel, text: str, tone: str = "") -> None:
    """Change a text and its colour."""
    if label.text() != text:
        label.setText(text)
        label.setAccessibleName(text)
    if label.property("tone") != tone:
        label.setProperty("tone", tone)
        label.style().unpolish(label)
        label.style().polish(label)


def code(text: str = "") -> QLabel:
    """Something to compare or to type: large, and every letter as wide as the others."""
    label = words(text)
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(QApplication.font().pointSizeF() * 2)
    font.setBold(True)
    label.setFont(font)
    return label


def grown(factor: float, *, bold: bool = False) -> QFont:
    """The desktop's font, larger."""
    font = QFont(QApplication.font())
    font.setPointSizeF(font.pointSizeF() * factor)
    font.setBold(bold)
    return font


def button(text: str, *, main: bool = False) -> QPushButton:
    """``main``: what one most likely wants to press."""
    made = QPushButton(text)
    made.setProperty("main", main)
    made.setAutoDefault(True)  # Enter presses what has the focus
    return made


def card(*things: QWidget | QLayout, rest: bool = False) -> QFrame:
    """Things that belong together. ``rest``: what room is left stays below them, and not between."""
    frame = QFrame()
    frame.setObjectName("card")
    column = QVBoxLayout(frame)
    column.setContentsMargins(16, 14, 16, 14)
    for thing in things:
        if isinstance(thing, QWidget):
            column.addWidget(thing)
        else:
            column.addLayout(thing)
    if rest:
        column.addStretch(1)
    return frame


def beside(*things: QWidget) -> QHBoxLayout:
    """In a row, no wider than they need to be."""
    row = QHBoxLayout()
    for thing in things:
        row.addWidget(thing)
    row.addStretch()
    return row


def clock(seconds: int) -> str:
    """``2:05``."""
    return f"{max(0, seconds) // 60}:{max(0, seconds) % 60:02d}"


def em(count: float) -> int:
    """Pixels of so many letters' height: sizes that follow the desktop's font."""
    return round(QFontMetrics(QApplication.font()).height() * count)


SMALLEST: Final = QSize(540, 420)
"""What the window needs at least; below that it scrolls."""
