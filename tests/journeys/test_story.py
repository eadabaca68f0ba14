"""`make demo` as a test: the story of one person, told with each kind of phone (demo/story.py has its steps)."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.stack import Stack
from demo.story import Story

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["simulated", pytest.param("chromium", marks=pytest.mark.browser)])
async def test_the_whole_story(tmp_path: Path, kind: str) -> None:
    """Emitted, paired, associated by a filmed QR code, signed and believed by strangers; refused, guessed, revoked."""
    told: list[str] = []
    async with Stack(tmp_path / "linkid") as stack:
        await Story(stack, tmp_path, kind, told.append).tell()
    assert sum(line.startswith("\n") for line in told) == 9
    assert (tmp_path / "signed.pdf").exists()
    assert (tmp_path / "evidence.json").exists()
