"""The files to sign, as a list; and what is said of one that has no pages to be shown."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidget, QListWidgetItem

from desktop_agent.plan import Form, form_of, named
from desktop_agent.ui.terminal import size_words
from desktop_agent.window import look

MOST_FILES: Final = 500
_EXCERPT: Final = 4096
"""Bytes that are looked at of a file that may be text."""
_LINES, _LETTERS = 12, 60
_HOW: Final = {
    Form.PDF: "A assinatura fica dentro do PDF.",
    Form.XML: "A assinatura fica dentro do XML (XAdES): {result}",
    Form.BESIDE: "A assinatura fica em um arquivo ao lado (CAdES): {result}",
}


class FileList(QListWidget):
    """Rows with a name each; the path is behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("files")
        self.setAccessibleName("Arquivos a assinar")
        self.setMinimumHeight(look.em(4))

    @property
    def paths(self) -> list[Path]:
        """All of them, in order."""
        return [self._path(row) for row in range(self.count())]

    @property
    def current(self) -> Path | None:
        """The one that is looked at."""
        row = self.currentRow()
        return self._path(row) if row >= 0 else None

    def add(self, paths: Sequence[Path]) -> tuple[int, list[str]]:
        """Files, and the PDFs of folders. How many came, and the names of folders that have none."""
        known, came, empty = set(self.paths), 0, []
        for path in paths:
            inside = sorted(path.glob("*.[pP][dD][fF]")) if path.is_dir() else [path]
            if not inside:
                empty.append(path.name)
            for file in inside:
                came += 1
                if file not in known and self.count() < MOST_FILES:
                    known.add(file)
                    self._append(file)
        if self.currentRow() < 0 and self.count():
            self.setCurrentRow(0)
        return came, empty

    def remove_current(self) -> Path | None:
        """Which it was."""
        path = self.current
        if path is not None:
            self.takeItem(self.currentRow())
        return path

    def _append(self, file: Path) -> None:
        item = QListWidgetItem(file.name)
        item.setData(Qt.ItemDataRole.UserRole, str(file))
        item.setToolTip(str(file).replace("<", "‹"))
        self.addItem(item)

    def _path(self, row: int) -> Path:
        return Path(self.item(row).data(Qt.ItemDataRole.UserRole))


def described(path: Path, *, beside: bool) -> tuple[str, str]:
    """In plain words: what it is and where its signature will be; and how it begins, if it is text. Nothing of it is
    parsed."""
    form = Form.BESIDE if beside else form_of(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            begin = file.read(_EXCERPT)
    except OSError:
        return f"{path.name}\n\nNão foi possível ler este arquivo.", ""
    how = _HOW[form].format(result=named(path, form).name)
    return f"{path.name}\n{size_words(size)}\n\n{how}", _excerpt(begin)


def _excerpt(begin: bytes) -> str:
    """The first lines, without what a terminal or a right-to-left mark would do; empty when it is no text."""
    if b"\0" in begin:
        return ""
    text = begin.decode("utf-8", errors="replace")
    if text.count("\ufffd") > len(text) // 20:
        return ""
    lines = text.splitlines()[:_LINES]
    return "\n".join(_clean(line) for line in lines)


def _clean(line: str) -> str:
    shown = "".join(char if unicodedata.category(char)[0] != "C" else " " for char in line[: 2 * _LETTERS])
    return shown[:_LETTERS] + ("…" if len(line) > _LETTERS else "")
