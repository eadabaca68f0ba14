"""A QR Code as rows of modules, and as half blocks for a terminal."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import qrcode
from qrcode.constants import ERROR_CORRECT_L

Matrix: TypeAlias = Sequence[Sequence[bool]]

QUIET: Final = 2
"""Modules of margin. The standard says 4; cameras are content with 2, and a terminal has 24 lines."""


def matrix(text: str, quiet: int = QUIET) -> Matrix:
    """Dark modules are True. Lowest error correction: a screen has no scratches, and fewer modules are larger."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_L, border=quiet)
    code.add_data(text)
    code.make(fit=True)
    rows: list[list[bool]] = code.get_matrix()
    return rows


def half_blocks(rows: Matrix) -> list[str]:
    """Two rows of modules a line. Colours are set explicitly, so that dark is dark on every theme."""
    lines = []
    for upper, lower in zip(
        rows[::2], [*rows[1::2], *([[False] * len(rows[0])] if len(rows) % 2 else [])], strict=True
    ):
        line = "".join(_CELLS[top, bottom] for top, bottom in zip(upper, lower, strict=True))
        lines.append(f"\x1b[30;107m{line}\x1b[0m")
    return lines


_CELLS: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def as_text(rows: Matrix) -> list[str]:
    """Rows of 0 and 1, for the page."""
    return ["".join("1" if dark else "0" for dark in row) for row in rows]
