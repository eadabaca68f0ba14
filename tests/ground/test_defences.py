"""The table of defences is true of the code: `python -m tools.defences` can turn each one off."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.defences import ROOT, Defence, read_table

TABLE = read_table()


def names_in(file: Path) -> set[str]:
    """Names of its tests."""
    tree = ast.parse(file.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("defence", TABLE, ids=lambda defence: defence.name)
def test_the_line_and_its_test_are_there(defence: Defence) -> None:
    """Its line stands once in its file, what replaces it is something else, and the test it names exists."""
    text = (ROOT / defence.file).read_text("utf-8")
    assert text.count(defence.find) == 1, f"the line of {defence.name!r} in tests/attacks/defences.toml is out of date"
    changed = text.replace(defence.find, defence.instead)
    assert changed != text
    if defence.file.endswith(".py"):
        ast.parse(changed)
    file, _, name = defence.test.partition("::")
    assert (ROOT / file).is_file()
    assert not name or name in names_in(ROOT / file)


def test_each_defence_is_named_once() -> None:
    """And the attackers of the issue are all in it: clients, SAM, AC, rows, token."""
    assert len({defence.name for defence in TABLE}) == len(TABLE) > 50
    assert {"sandbox_phone", "desktop_agent", "phone_app", "hsm_service", "issuance", "protocol"} <= {
        defence.file.split("/")[0] for defence in TABLE
    }
