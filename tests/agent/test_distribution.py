"""`linkid-desktop` as a distribution of its own: what it imports is what it declares, and none of it is the server."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "desktop_agent"


def imported() -> set[str]:
    """Top-level names of everything the agent imports, wherever in a file."""
    names: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"desktop_agent"}


def declared() -> set[str]:
    content = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))
    lines = [*content["project"]["dependencies"], *content["project"]["optional-dependencies"]["window"]]
    return {re.split(r"[<>=;\[ ]", line)[0].lower().replace("_", "-") for line in lines}


def test_every_import_is_declared_and_every_declaration_used() -> None:
    """Whoever installs the agent alone gets what it needs, and nothing of the server."""
    known = packages_distributions()
    used = {known[name][0].lower().replace("_", "-") for name in imported()}

    assert used == declared()


def test_the_lock_holds_what_is_declared() -> None:
    """locks/window.txt was made after the last change of the requirements."""
    locked = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "locks" / "window.txt").read_text(), re.MULTILINE))

    assert declared() <= locked


def test_the_page_travels_with_the_program() -> None:
    """No file of the local page is left out, and none refers to another host."""
    files = {path.name for path in (PACKAGE / "ui" / "static").iterdir()}
    assert files == {"page.html", "page.css", "page.js"}
    for name in files:
        text = (PACKAGE / "ui" / "static" / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "//" not in re.sub(r"^//.*|\s//.*", "", text, flags=re.MULTILINE)
