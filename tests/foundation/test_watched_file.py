"""A file that is replaced while we run."""

import os
from pathlib import Path

import pytest

from foundation.encoding import BadEncoding
from foundation.watched_file import FileUnreadable, WatchedFile


class Reading:
    """Counts how often it is asked; refuses what begins with x."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, data: bytes | None) -> str:
        self.times += 1
        if data is not None and data.startswith(b"x"):
            raise BadEncoding("begins with x")
        return "nothing" if data is None else data.decode()


def put(file: Path, text: str) -> None:
    """As every file of ours is replaced: whole, by a rename."""
    fresh = file.with_suffix(".fresh")
    fresh.write_text(text)
    os.replace(fresh, file)


def test_it_is_read_again_when_it_changed(tmp_path: Path) -> None:
    """Missing, there, replaced, gone again: the answer is what the file says now, read once for each change."""
    reading = Reading()
    watched = WatchedFile(tmp_path / "f", reading)
    assert (watched(), watched(), reading.times) == ("nothing", "nothing", 1)
    put(tmp_path / "f", "one")
    assert (watched(), watched(), reading.times) == ("one", "one", 2)
    put(tmp_path / "f", "two")
    assert (watched(), reading.times) == ("two", 3)
    (tmp_path / "f").unlink()
    assert watched() == "nothing"


def test_an_old_value_does_not_outlive_its_file(tmp_path: Path) -> None:
    """Damaged, it is refused at every call, by name and without its content, until it is good again."""
    watched = WatchedFile(tmp_path / "f", Reading())
    put(tmp_path / "f", "good")
    assert watched() == "good"
    put(tmp_path / "f", "xsecret")
    for _ in range(2):
        with pytest.raises(FileUnreadable) as refused:
            watched()
        assert refused.value.detail == "f: begins with x"
    put(tmp_path / "f", "good")
    assert watched() == "good"


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    """What cannot be read at all is told by its name."""
    (tmp_path / "f").mkdir()
    with pytest.raises(FileUnreadable, match="f: "):
        WatchedFile(tmp_path / "f", Reading())()
