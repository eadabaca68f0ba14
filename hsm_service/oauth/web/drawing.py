"""A QR code as one SVG path: small enough to send every second, and nothing of it can carry markup."""

from dataclasses import dataclass
from functools import lru_cache

import qrcode
from qrcode.constants import ERROR_CORRECT_M


@dataclass(frozen=True)
class Drawing:
    """``path``: the ``d`` of an SVG path of unit squares; ``view_box`` goes with it. The quiet zone is the page's."""

    view_box: str
    path: str


EMPTY = Drawing("0 0 1 1", "")


@lru_cache(maxsize=64)
def draw(text: str) -> Drawing:
    """Level M: a frame of a link then has 37 to 41 modules, which a phone reads from a screen at arm's length."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=0)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    return Drawing(f"0 0 {len(rows)} {len(rows)}", "".join(_runs(number, row) for number, row in enumerate(rows)))


def _runs(number: int, row: list[bool]) -> str:
    """Neighbouring dark modules of a row as one rectangle: a third of the bytes."""
    path: list[str] = []
    start: int | None = None
    for column, dark in enumerate([*row, False]):
        if dark and start is None:
            start = column
        elif not dark and start is not None:
            path.append(f"M{start} {number}h{column - start}v1H{start}z")
            start = None
    return "".join(path)
