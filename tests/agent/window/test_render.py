"""Pages are drawn by a process that is believed for nothing, and that can do little."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from desktop_agent.errors import UnsuitablePdf
from tests.agent import pdfs
from tests.agent.window.conftest import Desk  # noqa: F401  (it prepares Qt)

from desktop_agent.window import preview  # isort: skip

GOOD = {"pages": 1, "width": 2, "height": 2, "stride": 8, "points": [10, 10]}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\n",
        b"[]\n",
        b'"x"\n',
        b"x" * 100_000,
        json.dumps(GOOD).encode() + b"\n" + bytes(15),
        *[
            json.dumps(GOOD | lie).encode() + b"\n" + bytes(64)
            for lie in (
                {"width": 10**9}, {"height": 10**9}, {"width": -1}, {"height": 0}, {"stride": 4}, {"stride": 10**6},
                {"points": [0, 5]}, {"points": [5]}, {"points": None}, {"points": [1, "x"]}, {"pages": None},
                {"pages": 0}, {"width": 1e400}, {"points": ["nan", 1]},
            )
        ],
    ],
)  # fmt: skip
async def test_what_it_says_is_checked(answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too large, too short, not a number: no picture, and no memory for it."""
    (tmp_path / "answer").write_bytes(answer)
    monkeypatch.setattr(preview, "own_command", lambda: ["/bin/sh", "-c", f"cat '{tmp_path}/answer'"])
    with pytest.raises(UnsuitablePdf):
        await preview.picture_of(tmp_path / "a.pdf", 1)


async def test_one_that_is_killed_or_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same; it does not stay behind."""
    monkeypatch.setattr(preview, "PATIENCE", 0.05)
    for words in ("kill -9 $$", "exec sleep 1000"):
        monkeypatch.setattr(preview, "own_command", lambda words=words: ["/bin/sh", "-c", words])
        with pytest.raises(UnsuitablePdf):
            await preview.picture_of(tmp_path / "a.pdf", 1)


async def test_a_page_as_it_is(tmp_path: Path) -> None:
    """By the real one: the page that was asked for, or the nearest."""
    paper = pdfs.blank(tmp_path / "a.pdf", pages=2)
    picture = await preview.picture_of(paper, 9)
    assert (picture.pages, picture.points) == (2, (595.0, 842.0))
    assert len(picture.pixels) == picture.stride * picture.height
    assert set(picture.pixels[:3]) == {255}


def test_it_can_do_little(tmp_path: Path) -> None:
    """It writes no file and gets no endless memory."""
    code = f"""if True:
        from desktop_agent.window.render import _bound
        import signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _bound()
        for act in (lambda: open({str(tmp_path / "x")!r}, "w").write("x" * 10_000_000), lambda: bytearray(4 * 1024**3)):
            try:
                act()
            except (OSError, MemoryError) as error:
                print(type(error).__name__)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["OSError", "MemoryError"], done.stderr
    assert (tmp_path / "x").stat().st_size == 0
