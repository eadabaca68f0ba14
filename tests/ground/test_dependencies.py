"""Every library is there on purpose: docs/decisions/dependencies.md says what it is for."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "decisions" / "dependencies.md").read_text("utf-8")
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


def part(heading: str) -> str:
    """One part of the page."""
    (found,) = re.findall(rf"^## {heading}.*?\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    return str(found).lower()


def listed(heading: str) -> set[str]:
    """The libraries in the first column of a part's table."""
    rows = re.findall(r"^\| (.+?) \|", part(heading), re.M)
    plain = (re.sub(r"\(.*?\)", "", row) for row in rows if not row.startswith(("library", "-")))
    return {name.strip() for row in plain for name in row.split(",")}


def required(file: str, *, group: str | None = None) -> set[str]:
    """Names in a pyproject.toml."""
    told = tomllib.loads((ROOT / file).read_text("utf-8"))
    project = told["project"]
    extras = [word for words in project.get("optional-dependencies", {}).values() for word in words]
    words = told["dependency-groups"][group] if group else project["dependencies"] + extras
    return {_REQUIREMENT.findall(word)[0].lower() for word in words}


@pytest.mark.parametrize(
    ("heading", "file"),
    [("The server's", "pyproject.toml"), ("The desktop agent's own", "desktop_agent/pyproject.toml")],
    ids=["server", "agent"],
)
def test_every_library_has_its_line(heading: str, file: str) -> None:
    """What is installed is in the table, and the table names nothing that is gone."""
    assert listed(heading) == required(file)


def test_every_library_of_the_phone_app_has_its_line() -> None:
    """Likewise; what it is built with stands below the table."""
    told = json.loads((ROOT / "phone_app" / "package.json").read_text("utf-8"))
    assert listed("The phone app's own") == set(told["dependencies"])
    below = part("The phone app's own")
    assert {name for name in told["devDependencies"] if name.split("/")[-1] not in below} <= {"@types/node"}


def test_every_tool_is_named() -> None:
    """What only builds and tests is named in the text: pytest-xdist as -xdist, stubs by their library."""
    text = part("For working on it")
    names = required("pyproject.toml", group="dev")
    short = {name: re.sub(r"^(pytest|types)-|-(stubs|python-headless)$", "", name) for name in names}
    assert {name for name, word in short.items() if word not in text} == set()


def test_playwright_runs_on_a_bare_machine_wherever_it_starts() -> None:
    """Its own Node.js wants a library that a bare Debian lacks; tests prepare it once, for all of them."""
    outside = [
        path
        for folder in ("demo", "bench", "linkid", "phone_app/tools", "tools", "tests/agent/daemon/survey")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\ba?sync_playwright\(\)", path.read_text("utf-8"))
    ]
    assert {path.name for path in outside} >= {"chromium.py", "icons.py", "browsers.py"}
    assert [path.name for path in outside if "prepare_playwright()" not in path.read_text("utf-8")] == []
