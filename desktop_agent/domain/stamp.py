"""Where the visible stamp stands: on the page as people see it, and from there in the file's own coordinates.

A page may be turned (``/Rotate``) and cut (``/CropBox``). Screens show it turned and cut, files count in points from
the lower left corner of the sheet before that.
"""

from dataclasses import dataclass
from typing import Final

from desktop_agent.errors import BadCommand

WIDTH: Final = 210.0
HEIGHT: Final = 48.0
"""Points; a point is 1/72 inch."""
LAST: Final = -1
MOST_PAGES: Final = 100_000
_MATRICES: Final = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


@dataclass(frozen=True)
class Stamp:
    """``page`` from 1, or `LAST`. ``left`` and ``top``: of the stamp's corner, as parts of the seen page, 0 to 1."""

    page: int = LAST
    left: float = 0.58
    top: float = 0.9


@dataclass(frozen=True)
class Sheet:
    """A page in its file: the visible box in points, and by how much it is shown turned, clockwise."""

    x0: float
    y0: float
    x1: float
    y1: float
    turned: int = 0

    @property
    def seen(self) -> tuple[float, float]:
        """Width and height on a screen, in points."""
        width, height = self.x1 - self.x0, self.y1 - self.y0
        return (height, width) if self.turned in (90, 270) else (width, height)


def place(left: float, top: float, seen: tuple[float, float]) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) in points from the seen page's upper left corner; never outside of it."""
    width, height = min(WIDTH, seen[0]), min(HEIGHT, seen[1])
    x = min(max(left * seen[0], 0.0), seen[0] - width)
    y = min(max(top * seen[1], 0.0), seen[1] - height)
    return x, y, x + width, y + height


def box(stamp: Stamp, sheet: Sheet) -> tuple[int, int, int, int]:
    """The stamp's rectangle as PDF wants it: lower left and upper right corner, whole points."""
    left, top, right, bottom = place(stamp.left, stamp.top, sheet.seen)
    corners = [_in_file(sheet, u, v) for u, v in ((left, top), (right, bottom))]
    xs, ys = sorted(x for x, _ in corners), sorted(y for _, y in corners)
    return round(xs[0]), round(ys[0]), round(xs[1]), round(ys[1])


def upright(turned: int) -> tuple[int, int, int, int]:
    """The matrix that turns what is drawn against the page, so that it stands upright on a screen."""
    return _MATRICES[turned]


def _in_file(sheet: Sheet, u: float, v: float) -> tuple[float, float]:
    match sheet.turned:
        case 90:
            return sheet.x0 + v, sheet.y0 + u
        case 180:
            return sheet.x1 - u, sheet.y0 + v
        case 270:
            return sheet.x1 - v, sheet.y1 - u
        case _:
            return sheet.x0 + u, sheet.y1 - v


def read_stamp(text: str) -> Stamp:
    """``1``, ``última``, ``2:10,80`` (page, and the corner in per cent from left and top). Raises BadCommand."""
    page, _, corner = text.partition(":")
    try:
        number = LAST if page in ("", "última", "ultima") else int(page)
        left, top = (float(part) / 100 for part in corner.split(",")) if corner else (Stamp.left, Stamp.top)
    except ValueError:
        number, left, top = 0, 0.0, 0.0
    if not (number == LAST or 1 <= number <= MOST_PAGES) or not (0 <= left <= 1 and 0 <= top <= 1):
        raise BadCommand(
            f"“{text}” não diz onde fica o carimbo.",
            "Exemplos: --stamp última; --stamp 1; --stamp 2:10,80 (página 2, 10% da esquerda, 80% do topo).",
        )
    return Stamp(number, left, top)
