"""A page of a document as it looks, and on it the visible stamp, which mouse and arrow keys move."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFontDatabase, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from desktop_agent.domain.stamp import HEIGHT, WIDTH, Stamp
from desktop_agent.errors import UnsuitablePdf
from desktop_agent.places import own_command
from desktop_agent.window import look
from desktop_agent.window.render import MOST_SIDE

PIXELS: Final = 1000
"""Width of the picture that is asked for; it is shown smaller."""
PATIENCE: Final = 15.0
_EDGE: Final = 3
"""Pixels around the page, for its border and the focus's."""
_STEP: Final = 0.01
"""Part of a page by which an arrow key moves the stamp; with Shift, ten times that."""
_STAMP: Final = "Assinado digitalmente por\n(o seu nome)\nem (data e hora)"
_LIES: Final = (
    ValueError, TypeError, LookupError, OverflowError, TimeoutError, asyncio.IncompleteReadError
)  # fmt: skip
"""What comes of answers that are not as `render.py` gives them."""
_ARROWS: Final = "As setas movem o carimbo; com Shift, em passos maiores."
_NO_PICTURE: Final = "Não foi possível mostrar esta página."


@dataclass(frozen=True)
class Picture:
    """``pixels``: see `render.py`."""

    pages: int
    width: int
    height: int
    stride: int
    points: tuple[float, float]
    """The page's seen size; a point is 1/72 inch."""
    pixels: bytes


async def picture_of(path: Path, page: int) -> Picture:
    """Raises UnsuitablePdf when there is no picture of it, whatever the reason."""
    process = await asyncio.create_subprocess_exec(
        *own_command(), "render-page", str(path), str(page), str(PIXELS),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        limit=4096,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            told = json.loads(await process.stdout.readline())
            pages, width, height, stride = (int(told[key]) for key in ("pages", "width", "height", "stride"))
            if not (0 < width <= MOST_SIDE + 1 and 0 < height <= MOST_SIDE + 1 and 4 * width <= stride <= 8 * width):
                raise ValueError("a picture of an impossible size")
            points = float(told["points"][0]), float(told["points"][1])
            if not min(points) > 0 or pages < 1:
                raise ValueError("a page without a size")
            pixels = await process.stdout.readexactly(stride * height)
            return Picture(pages, width, height, stride, points, pixels)
    except _LIES as cause:
        raise UnsuitablePdf(_NO_PICTURE, "") from cause
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()  # what it had still said is read away: asyncio waits for the end of that, too


class Preview(QWidget):
    """Shows a picture, and a stamp when there is one. `moved` tells where the person put it."""

    moved = Signal(object)
    """A `Stamp`."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Prévia da página")
        self.setAccessibleDescription(_ARROWS)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(look.em(11), look.em(12))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._image: QImage | None = None
        self._points = (595.0, 842.0)
        self._text, self._excerpt = "Nenhum documento escolhido.", ""
        self._stamp: Stamp | None = None
        self._grip: QPointF | None = None

    def show_picture(self, picture: Picture) -> None:
        form = QImage.Format.Format_RGB32
        image = QImage(picture.pixels, picture.width, picture.height, picture.stride, form)
        self._image = image.copy()  # its own memory
        self._points, self._text, self._excerpt = picture.points, "", ""
        self.setAccessibleDescription(_ARROWS)
        self.update()

    def show_text(self, text: str, excerpt: str = "") -> None:
        """Instead of a picture; ``excerpt``: how the file begins."""
        self._image, self._stamp = None, None
        self._text, self._excerpt = text, excerpt
        self.setAccessibleDescription(f"{text} {excerpt}".strip())
        self.update()

    def show_stamp(self, stamp: Stamp | None) -> None:
        self._stamp = stamp
        self.update()

    @property
    def text(self) -> str:
        """What stands in place of a picture."""
        return self._text

    @property
    def page_area(self) -> QRectF:
        """Where the page is drawn."""
        if self._image is None:
            return QRectF()
        factor = min(
            (self.width() - 2 * _EDGE) / self._image.width(), (self.height() - 2 * _EDGE) / self._image.height()
        )
        width, height = self._image.width() * factor, self._image.height() * factor
        return QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)

    @property
    def stamp_area(self) -> QRectF:
        """Where the stamp is drawn; empty without one."""
        area = self.page_area
        if self._stamp is None or area.isEmpty():
            return QRectF()
        width, height = self._part_of_page()
        left = min(max(self._stamp.left, 0.0), 1 - width)
        top = min(max(self._stamp.top, 0.0), 1 - height)
        return QRectF(
            area.x() + left * area.width(), area.y() + top * area.height(), width * area.width(), height * area.height()
        )

    def _part_of_page(self) -> tuple[float, float]:
        """The stamp's size as parts of the page."""
        return min(1.0, WIDTH / self._points[0]), min(1.0, HEIGHT / self._points[1])

    # --- drawing ------------------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self._image is None:
            self._draw_text(painter)
        else:
            painter.drawImage(self.page_area, self._image)
            painter.setPen(QPen(self.palette().mid().color()))
            painter.drawRect(self.page_area)
            self._draw_stamp(painter)
        if self.hasFocus():
            painter.setPen(QPen(self.palette().highlight().color(), 2))
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        painter.end()

    def _draw_text(self, painter: QPainter) -> None:
        """The words in the middle; above a text file's first lines, where there are some."""
        area = QRectF(self.rect()).adjusted(look.em(1), look.em(1), -look.em(1), -look.em(1))
        wrapped = Qt.TextFlag.TextWordWrap
        painter.setPen(self.palette().text().color())
        if not self._excerpt:
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | wrapped, self._text)
            return
        top = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter | wrapped
        used = painter.boundingRect(area, top, self._text)
        painter.drawText(area, top, self._text)
        below = area.adjusted(0, used.height() + look.em(1), 0, 0)
        painter.setPen(self.palette().placeholderText().color())
        painter.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        painter.drawText(below, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft | wrapped, self._excerpt)

    def _draw_stamp(self, painter: QPainter) -> None:
        area = self.stamp_area
        if area.isEmpty():
            return
        painter.fillRect(area, QColor(11, 92, 173, 40))
        painter.setPen(QPen(QColor(look.BRAND_LIGHT), 2))
        painter.drawRect(area)
        font = self.font()
        font.setPixelSize(max(6, round(area.height() / 4.4)))
        painter.setFont(font)
        inside = area.adjusted(4, 0, -2, 0)
        painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter, _STAMP)

    # --- moving -------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._stamp is None or not self.page_area.contains(event.position()):
            return
        area = self.stamp_area
        inside = area.contains(event.position())
        self._grip = event.position() - area.topLeft() if inside else QPointF(area.width() / 2, area.height() / 2)
        self._follow(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None:
            self._follow(event.position())

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._grip = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}
        step = steps.get(Qt.Key(event.key()))
        if step is None or self._stamp is None or self._image is None:
            super().keyPressEvent(event)
            return
        far = _STEP * (10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
        area, page = self.stamp_area, self.page_area
        left = (area.x() - page.x()) / page.width() + step[0] * far
        top = (area.y() - page.y()) / page.height() + step[1] * far
        self._put(left, top)

    def _follow(self, position: QPointF) -> None:
        assert self._grip is not None
        corner, page = position - self._grip, self.page_area
        self._put((corner.x() - page.x()) / page.width(), (corner.y() - page.y()) / page.height())

    def _put(self, left: float, top: float) -> None:
        assert self._stamp is not None
        width, height = self._part_of_page()
        left, top = min(max(left, 0.0), 1 - width), min(max(top, 0.0), 1 - height)
        self._stamp = Stamp(self._stamp.page, round(left, 4), round(top, 4))
        self.update()
        self.moved.emit(self._stamp)
