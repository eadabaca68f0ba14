"""The walkthroughs of docs/walkthroughs/ hold against the code.

A row is ``| step | where | what happens |``; *where* reads ``path``: ``function``, ``function``; ``path``: ``function``
(a function of a class as ``Class.function``; a path alone means anywhere in that file).
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "walkthroughs"
_STEP = re.compile(r"[AEIKPU]?[0-9]*[a-z]?")
_PLACE = re.compile(r"`([^`]+)`(?:: ((?:`[^`]+`(?:, )?)+))?")


@dataclass(frozen=True)
class Place:
    """Where a walkthrough says a step is."""

    walkthrough: str
    step: str
    path: str
    function: str | None

    def __str__(self) -> str:
        return f"{self.walkthrough}-{self.step}-{self.path}-{self.function or 'file'}"


def rows() -> Iterator[tuple[str, str, str]]:
    """Walkthrough, step, where."""
    for file in sorted(FOLDER.glob("*.md")):
        for line in file.read_text("utf-8").splitlines():
            cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| ") else []
            if len(cells) == 3 and cells[0] not in ("step", "-"):
                yield file.stem, cells[0], cells[1]


def places() -> Iterator[Place]:
    """Every place that a walkthrough names."""
    for walkthrough, step, where in rows():
        for path, functions in _PLACE.findall(where):
            for function in re.findall("`([^`]+)`", functions) or [None]:
                yield Place(walkthrough, step, path, function)


def comments(source: str, suffix: str) -> dict[int, str]:
    """What people read in a file: comments and strings, by line."""
    if suffix == ".py":
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        kinds = (tokenize.COMMENT, tokenize.STRING)
        return {
            line: text
            for token in tokens
            if token.type in kinds
            for line, text in enumerate(token.string.splitlines(), token.start[0])
        }
    marked = (line.strip() for line in source.splitlines())
    return {
        number: line
        for number, line in enumerate(marked, 1)
        if line.startswith(("//", "/*", "*", "--")) or "//" in line
    }


def span(source: str, name: str) -> range | None:
    """The lines of a Python function, with the comment above it."""
    found: list[ast.AST] = [ast.parse(source)]
    for part in name.split("."):
        found = [
            node
            for parent in found
            for node in ast.iter_child_nodes(parent)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == part
        ]
    if not found:
        return None
    (node,) = found
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    assert node.end_lineno is not None
    lines = source.splitlines()
    first = node.lineno
    while first > 1 and (not lines[first - 2].strip() or lines[first - 2].strip().startswith(("#", "@"))):
        first -= 1
    return range(first, node.end_lineno + 1)


def says(text: str, step: str) -> bool:
    """Whether a comment names a step: ``7c``, ``(I5)``, ``# 3.``, ``step 4``, ``steps 8 to 10``; not "3 tries"."""
    number = re.escape(step)
    if len(step) > 1 and not step.isdigit():
        return re.search(rf"(?<![\w.-]){number}(?![\w-])", text) is not None
    return (
        re.search(rf"(?:^|# |// |\"\"\"|\* |; |, |\()[(]?{number}(?:[.:)]|, [0-9a-z]\b|$)", text.strip()) is not None
        or re.search(rf"[Ss]teps? (?:\w+ (?:to|and|or) |\w+, )*{number}(?!\w)", text) is not None
    )


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("# 3 tries", "3"),
        ("# step 30", "3"),
        ("# 7fold", "7f"),
        ("# at 10:30", "10"),
        ("# section 4.3", "4"),
        ("# a key", "a"),
    ],
)
def test_a_number_by_chance_is_no_step(text: str, step: str) -> None:
    """Otherwise the tests below could not fail."""
    assert not says(text, step)


def test_there_are_walkthroughs() -> None:
    """An empty table would let everything else here pass."""
    assert {walkthrough for walkthrough, _, _ in rows()} >= {
        "keys-to-the-house",
        "one-association",
        "one-emission",
        "one-pairing",
        "one-session",
        "one-signature",
    }
    assert [step for walkthrough, step, _ in rows() if walkthrough == "one-signature"] == (
        ["1", "2", "3", "4", "5", "6", "7a", "7b", "7c", "7d", "7e", "7f", "8", "9", "10"]
    )


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row[0]}-{row[1]}")
def test_every_step_says_where_it_is(row: tuple[str, str, str]) -> None:
    """Nobody has to search."""
    _, step, where = row
    assert _STEP.fullmatch(step)
    rest = re.sub(r"[;,\s]|there|and", "", _PLACE.sub("", where))
    assert _PLACE.search(where), "no file"
    assert not rest, f"not understood: {rest}"


@pytest.mark.parametrize("place", list(places()), ids=str)
def test_what_a_walkthrough_names_is_there_and_carries_its_number(place: Place) -> None:
    """Follow the numbers with two windows open: neither window may be out of date."""
    file = ROOT / place.path
    assert file.is_file(), f"{place.path} is no file"
    source = file.read_text("utf-8")
    written = comments(source, file.suffix)
    if place.function is not None and file.suffix == ".py":
        lines = span(source, place.function)
        assert lines is not None, f"{place.path} has no {place.function}"
        written = {line: text for line, text in written.items() if line in lines}
    elif place.function is not None:
        assert re.search(rf"\b(?:function|const|class|async) {place.function}\b", source), f"no {place.function}"
    assert any(says(text, place.step) for text in written.values()), f"{place.path} does not carry {place.step}"
