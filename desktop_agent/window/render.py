"""`linkid-desktop render-page FILE PAGE WIDTH`: one page of a PDF as pixels, for the window's preview.

A process of its own: what is dropped into the window may be anybody's file, and pdfium is a large parser of foreign
bytes. Here it has no key, no network of ours, little memory and little time; if it dies, a picture is missing.

Out: one line of JSON (``pages``, ``width``, ``height``, ``stride``, and ``points``: the page's seen size), then the
pixels, four bytes each (blue, green, red, nothing). Exit 0; anything else means that there is no picture.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

MOST_BYTES: Final = 3 * 1024**3
"""Address space: a mapped file of 200 MB, and what pdfium makes of a page."""
MOST_SECONDS: Final = 10
MOST_SIDE: Final = 3000
"""Pixels of a picture's side: pages may be 5 m long and 1 mm wide."""


def main(arguments: Sequence[str]) -> int:
    """Answers the exit status."""
    name, page, width = arguments[0], int(arguments[1]), int(arguments[2])
    _bound()
    import pypdfium2

    document = pypdfium2.PdfDocument(name)
    pages = len(document)
    sheet = document[min(max(page, 1), pages) - 1]
    seen_width, seen_height = sheet.get_size()
    scale = min(width / seen_width, MOST_SIDE / max(seen_height, seen_width))
    bitmap = sheet.render(scale=scale, prefer_bgrx=True, fill_color=(255, 255, 255, 255))
    told = {"pages": pages, "width": bitmap.width, "height": bitmap.height, "stride": bitmap.stride,
            "points": [seen_width, seen_height]}  # fmt: skip
    if bitmap.n_channels != 4 or max(bitmap.width, bitmap.height) > MOST_SIDE + 1:
        return 1
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n")
    sys.stdout.buffer.write(bytes(bitmap.buffer))
    sys.stdout.buffer.flush()
    return 0


def _bound() -> None:
    """Memory, time, and no file written. Where the system has no such bounds, the parent's patience is what is left."""
    with suppress(ImportError):
        import resource

        for what, most in (
            (resource.RLIMIT_AS, MOST_BYTES),
            (resource.RLIMIT_CPU, MOST_SECONDS),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            with suppress(ValueError, OSError):
                resource.setrlimit(what, (most, most))
