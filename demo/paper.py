"""The contract that gets signed: a small PDF with words on it."""

from __future__ import annotations

from pathlib import Path

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter


def contract(file: Path, title: str) -> Path:
    """One page with a title, written to *file*."""
    writer = PdfFileWriter()
    font = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Font"),
            pdf_name("/Subtype"): pdf_name("/Type1"),
            pdf_name("/BaseFont"): pdf_name("/Helvetica"),
        }
    )
    words = f"BT /F1 20 Tf 72 760 Td ({title}) Tj 0 -40 Td /F1 12 Tf (As partes concordam com o que segue.) Tj ET"
    resources = generic.DictionaryObject(
        {pdf_name("/Font"): generic.DictionaryObject({pdf_name("/F1"): writer.add_object(font)})}
    )
    page = PageObject(
        contents=writer.add_object(generic.StreamObject(stream_data=words.encode("latin-1"))),
        media_box=(0, 0, 595, 842),
        resources=resources,
    )
    writer.insert_page(page)
    with file.open("wb") as stream:
        writer.write(stream)
    return file
