"""docs/phone-attacks.md promises a test for each row: each is there, under that name."""

import re
from pathlib import Path

import pytest

from linkid.platform import ROOT

PAGE = Path(ROOT) / "docs" / "phone-attacks.md"
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
_ROW = re.compile(r"^\| (?!what |-)(?P<what>[^|]+)\|.*\|$", re.MULTILINE)


@pytest.mark.parametrize("named", sorted(set(_NAMED.findall(PAGE.read_text(encoding="utf-8")))), ids="::".join)
def test_what_the_page_names_is_there(named: tuple[str, str]) -> None:
    """The file, and in it a test of that name."""
    file, test = named
    assert re.search(rf"^(async )?def {test}\(", (Path(ROOT) / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_no_row_is_a_claim() -> None:
    """Each row of each table names a test."""
    rows = [match[0] for match in _ROW.finditer(PAGE.read_text(encoding="utf-8"))]
    assert len(rows) > 30
    assert [row for row in rows if not _NAMED.search(row)] == []
