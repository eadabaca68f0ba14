"""docs/settings.md tells an operator every key."""

from __future__ import annotations

import re

from tools.settings_page import PAGE, page


def test_the_page_is_what_the_models_say() -> None:
    """`python -m tools.settings_page` was run after a model changed."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_setting_says_what_it_means() -> None:
    """A name alone is no explanation."""
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert [row[0] for row in rows if len(row) != 4 or not row[3].strip(" |")] == []


def test_every_secret_says_what_its_thief_gains() -> None:
    """A secret without a meaning is one nobody thought about."""
    secrets = [line for line in page().splitlines() if "| **secret** |" in line]
    assert len(secrets) > 8
    for line in secrets:
        assert re.search(r"Whoever has it|Only for", line), line
