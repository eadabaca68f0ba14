"""A film for Chromium's fake camera: motion JPEG, played at 30 pictures a second in a loop."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import qrcode
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
