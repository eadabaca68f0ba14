"""The visible stamp, drawn by pyHanko: name, date, where to verify, and the same address as a QR code."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from pyhanko.pdf_utils.font.basic import SimpleFontEngineFactory
from pyhanko.pdf_utils.text import TextBoxStyle
from pyhanko.sign import fields, signers
from pyhanko.stamp import QRStampStyle

from hsm_service.documents.domain.stamp import Stamp
from hsm_service.documents.errors import UnsuitableDocument

_BRASILIA: Final = ZoneInfo("America/Sao_Paulo")
_TEXT: Final = "Assinado digitalmente por\n%(name)s\nem %(when)s (horário de Brasília)\nConfira: %(url)s"
_LINE: Final = 44
"""Characters of a name on one line of the stamp; longer ones are cut, the certificate has all of it."""


def stamped(
    metadata: signers.PdfSignatureMetadata,
    signer: signers.ExternalSigner,
    stamp: Stamp | None,
    *,
    pages: int,
) -> signers.PdfSigner:
    """The PDF signer, with the stamp where one is wanted. Raises UnsuitableDocument for a page that is not there."""
    if stamp is None:
        return signers.PdfSigner(metadata, signer)
    page = stamp.page if stamp.page >= 0 else pages + stamp.page
    if not 0 <= page < pages:
        raise UnsuitableDocument("the stamp's page is not there")
    assert metadata.field_name is not None, "we named it"
    font = SimpleFontEngineFactory("Helvetica", 0.5)
    style = QRStampStyle(
        stamp_text=_TEXT,
        text_box_style=TextBoxStyle(font=font, font_size=8, leading=10),
        background=None,
        border_width=1,
    )
    return signers.PdfSigner(
        metadata,
        signer,
        stamp_style=style,
        new_field_spec=fields.SigFieldSpec(metadata.field_name, on_page=page, box=stamp.box),
    )


def words(stamp: Stamp, name: str, at: datetime) -> dict[str, str]:
    """What the stamp says; filled into it as parameters, so a name that looks like a template stays a name."""
    when = at.astimezone(_BRASILIA).strftime("%d/%m/%Y às %H:%M:%S")
    return {"name": _plain(name)[:_LINE], "when": when, "url": stamp.verification}


def _plain(name: str) -> str:
    """What the standard fonts can show (WinAnsi): others become a question mark."""
    return name.encode("cp1252", "replace").decode("cp1252")
