"""The visible stamp of a PDF signature, drawn by pyHanko: whose, and when. It proves nothing; the signature does."""

# mypy: disable-error-code="no-untyped-call"

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.font.basic import SimpleFontEngineFactory
from pyhanko.pdf_utils.layout import AxisAlignment, BoxConstraints, Margins, SimpleBoxLayoutRule
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.text import TextBoxStyle
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign import fields
from pyhanko.stamp import TextStamp, TextStampStyle

from desktop_agent.domain.stamp import LAST, Sheet, Stamp, box, upright
from desktop_agent.errors import BadCommand

_TEXT: Final = "Assinado digitalmente por\n%(name)s\nem %(when)s"
_LINE: Final = 44
"""Characters of a name in the stamp; the certificate has all of it."""
_DEEPEST: Final = 64
"""Levels of a page tree: what is inherited is looked for this far up."""
_FONT: Final = SimpleFontEngineFactory("Helvetica", 0.5)


def place(reader: PdfFileReader, stamp: Stamp, field: str) -> tuple[fields.SigFieldSpec, TextStampStyle]:
    """Where the field goes and how it looks. Raises BadCommand for a page that is not there."""
    pages = int(reader.root["/Pages"]["/Count"])
    number = pages if stamp.page == LAST else stamp.page
    if not 1 <= number <= pages:
        raise BadCommand(f"O documento não tem a página {number}.", f"Ele tem {pages}.")
    sheet = sheet_of(reader, number - 1)
    style = _Style(
        turned=sheet.turned,
        stamp_text=_TEXT,
        text_box_style=TextBoxStyle(font=_FONT, font_size=10, leading=13),
        inner_content_layout=SimpleBoxLayoutRule(
            AxisAlignment.ALIGN_MIN, AxisAlignment.ALIGN_MID, margins=Margins.uniform(6)
        ),
        background=None,
        border_width=1,
    )
    return fields.SigFieldSpec(field, on_page=number - 1, box=box(stamp, sheet)), style


def words(name: str, at: datetime) -> dict[str, str]:
    """What fills the stamp; given as parameters, so that a name which looks like a template stays a name."""
    plain = name.encode("cp1252", "replace").decode("cp1252")  # what the standard fonts can show
    return {"name": plain[:_LINE], "when": at.astimezone().strftime("%d/%m/%Y às %H:%M:%S (UTC%z)")}


def sheet_of(reader: PdfFileReader, index: int) -> Sheet:
    """How the page lies in its file. Raises what a hostile file makes of it."""
    page = reader.find_page_for_modification(index)[0].get_object()
    media = [float(side) for side in _inherited(page, "/MediaBox") or (0, 0, 612, 792)]
    crop = [float(side) for side in _inherited(page, "/CropBox") or media]
    xs, ys = sorted((crop[0], crop[2])), sorted((crop[1], crop[3]))
    return Sheet(xs[0], ys[0], xs[1], ys[1], int(_inherited(page, "/Rotate") or 0) // 90 * 90 % 360)


def _inherited(page: generic.DictionaryObject, name: str) -> Any:
    """A page's own word, or what a node above it says."""
    node: Any = page
    for _ in range(_DEEPEST):
        if name in node:
            return node[name]
        if "/Parent" not in node:
            return None
        node = node["/Parent"]
    return None


@dataclass(frozen=True)
class _Style(TextStampStyle):
    """Turned against its page, so that it stands upright on a screen."""

    turned: int = 0

    def create_stamp(self, writer: BasePdfFileWriter, box: BoxConstraints, text_params: dict[str, str]) -> "_Turned":
        if self.turned in (90, 270):
            box = BoxConstraints(width=box.height, height=box.width)
        return _Turned(writer, self, text_params=text_params, box=box)


class _Turned(TextStamp):
    def as_form_xobject(self) -> generic.StreamObject:
        drawn = super().as_form_xobject()
        matrix = [generic.NumberObject(number) for number in (*upright(self.style.turned), 0, 0)]
        drawn[generic.pdf_name("/Matrix")] = generic.ArrayObject(matrix)
        return drawn
