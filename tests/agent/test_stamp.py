"""The visible stamp: where a person put it on the page that they see, upright, and never off the paper."""

# mypy: disable-error-code="no-untyped-call"

from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from desktop_agent import copies, pdf
from desktop_agent.domain.certificate import read_chain
from desktop_agent.domain.stamp import HEIGHT, LAST, WIDTH, Sheet, Stamp, box, place, read_stamp
from desktop_agent.errors import BadCommand
from tests.agent.pdfs import all_valid
from tests.agent.pki import Authority, Holder

SIDES = st.floats(min_value=1, max_value=14_400)
ANYWHERE = st.floats(min_value=-5, max_value=5)


@given(SIDES, SIDES, st.sampled_from([0, 90, 180, 270]), ANYWHERE, ANYWHERE, st.floats(-500, 500))
def test_the_stamp_stays_on_the_paper(
    width: float, height: float, turned: int, left: float, top: float, origin: float
) -> None:
    """Whatever page, turn and corner: within the visible box, and of its own size where that fits."""
    sheet = Sheet(origin, origin, origin + width, origin + height, turned)
    x0, y0, x1, y1 = box(Stamp(1, left, top), sheet)
    assert sheet.x0 - 1 <= x0 <= x1 <= sheet.x1 + 1
    assert sheet.y0 - 1 <= y0 <= y1 <= sheet.y1 + 1
    if min(width, height) > WIDTH:
        assert sorted((x1 - x0, y1 - y0)) == pytest.approx(sorted((WIDTH, HEIGHT)), abs=1)


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("última", Stamp()),
        ("", Stamp()),
        ("-1", Stamp()),
        ("3", Stamp(3)),
        ("1:", Stamp(1)),
        ("2:10,80", Stamp(2, 0.1, 0.8)),
        ("2:0,100", Stamp(2, 0, 1)),
    ],
)
def test_what_people_write(text: str, stamp: Stamp) -> None:
    """A page, and a corner in per cent."""
    assert read_stamp(text) == stamp


@pytest.mark.parametrize("text", ["0", "-2", "x", "1:5", "1:5,101", "1:nan,5", "1:inf,1", "1,5", "9" * 40, "1:5,5,5"])
def test_what_makes_no_sense(text: str) -> None:
    """Is told with examples."""
    with pytest.raises(BadCommand, match="carimbo"):
        read_stamp(text)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_it_is_drawn_where_it_was_put(tmp_path: Path, maria: Holder, authority: Authority, turned: int) -> None:
    """Drawn by somebody else: ink only where the preview showed it, wider than high; and the signature holds."""
    source, output = sheet_of_paper(tmp_path / "a.pdf", turned), tmp_path / "b.pdf"
    prepared = pdf.prepare(source, tmp_path, read_chain(maria.chain), stamp=Stamp(LAST, 0.2, 0.3))
    prepared.finish(maria.sign(prepared.digest))
    copies.publish(prepared.copy, prepared.source, output, overwrite=False)

    document = pypdfium2.PdfDocument(output)
    document.init_forms()
    page = document[1]
    picture = page.render(may_draw_forms=True, grayscale=True).to_pil().point(lambda value: 255 if value < 200 else 0)
    ink, expected = picture.getbbox(), place(0.2, 0.3, page.get_size())
    assert ink is not None
    assert ink == pytest.approx(expected, abs=2)
    assert all_valid(output, authority)


def test_a_page_that_is_not_there(tmp_path: Path, maria: Holder) -> None:
    """Told before anybody is asked, and nothing is left behind."""
    source = sheet_of_paper(tmp_path / "a.pdf", 0)
    with pytest.raises(BadCommand, match="não tem a página 3"):
        pdf.prepare(source, tmp_path, read_chain(maria.chain), stamp=Stamp(3))
    assert [path.name for path in tmp_path.iterdir()] == ["a.pdf"]


def sheet_of_paper(path: Path, turned: int) -> Path:
    """Two pages, the second turned and cut by what its parent says."""
    writer = PdfFileWriter()
    for _ in range(2):
        content = writer.add_object(generic.StreamObject(stream_data=b"q Q"))
        writer.insert_page(PageObject(contents=content, media_box=(0, 0, 700, 900)))
    tree = writer.root["/Pages"]
    tree[generic.pdf_name("/Rotate")] = generic.NumberObject(turned)
    tree[generic.pdf_name("/CropBox")] = generic.ArrayObject(map(generic.NumberObject, (50, 30, 600, 800)))
    written = BytesIO()
    writer.write(written)
    path.write_bytes(written.getvalue())
    return path
