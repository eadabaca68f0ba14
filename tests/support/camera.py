"""What cameras see: a film for Chromium's fake one (motion JPEG, 30 pictures a second), and a reader of QR codes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy
import qrcode
import zxingcpp
from PIL import Image

SIZE = (1280, 720)
PICTURES_PER_SECOND = 30


def qr_picture(text: str | None, size: tuple[int, int] = SIZE) -> bytes:
    """One picture: a grey desk, and on it a QR code of ``text``, if any. JPEG (4:2:0, as Chromium wants it)."""
    picture = Image.new("RGB", size, (96, 100, 98))
    if text is not None:
        made = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, box_size=8)
        made.add_data(text)
        code = made.make_image().get_image().convert("RGB")
        picture.paste(code, ((size[0] - code.width) // 2, (size[1] - code.height) // 2))
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=85, subsampling="4:2:0")
    return jpeg.getvalue()


def film(path: Path, texts: Iterable[str | None], *, seconds: float = 1.0) -> Path:
    """Write a film that shows each text for ``seconds``."""
    with path.open("wb") as file:
        for text in texts:
            file.write(qr_picture(text) * round(PICTURES_PER_SECOND * seconds))
    return path


def read_qr(picture: Image.Image) -> str | None:
    """The text of the QR code in a picture, as a phone's camera reads it."""
    found = zxingcpp.read_barcodes(picture.convert("L"))
    return str(found[0].text) if found else None


def picture_of_half_blocks(lines: Iterable[str], *, ink: int = 0) -> Image.Image:
    """What a screen shows of a QR drawn in half blocks, eight points a module; ``ink`` 255 is light on dark."""
    ground = 255 - ink
    rows: list[list[int]] = []
    for line in lines:
        rows.append([ink if sign in "▀█" else ground for sign in line])
        rows.append([ink if sign in "▄█" else ground for sign in line])
    return Image.fromarray(numpy.array(rows, dtype=numpy.uint8).repeat(8, axis=0).repeat(8, axis=1))
