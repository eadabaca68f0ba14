"""Write docs/psc-vendors.md from the published shapes and docs/psc-api.md: `python -m tools.psc_vendors_page`.

A test sees whether it was run, and that every published member has its line in docs/psc-api.md.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs/psc-vendors.md"
API: Final = ROOT / "docs/psc-api.md"
PUBLISHED: Final = ROOT / "tests/psc/published.toml"
VENDORS: Final = ("ITI", "SafeID", "BirdID", "VIDaaS", "NeoID")
WAYS: Final = ("qr", "push", "session")

_HEAD: Final = """# The Brazilian API, vendor by vendor

Written by `python -m tools.psc_vendors_page` from the shapes that the norm and the vendors publish
(`tests/psc/published.toml`) and from [psc-api](psc-api.md); do not edit. What is different here, and why:
[decision 0040](decisions/0040-what-vendors-publish-and-we-do-not-do.md).

## Each vendor's applications sign in three ways

Applications written from the published shapes alone do it against a running Link ID, with a phone and a SoftHSM;
openssl verifies what they get (`tests/psc/test_journeys.py`).

| vendor | by QR | by push | in a session |
|---|---|---|---|
"""
_MEMBERS: Final = """
## Every published member

"●": published there. "Yes" and "off" are shown by the test that [psc-api](psc-api.md) names for the member; "→" is of
the answer.

| endpoint | member | {vendors} | here |
|---|---|{lines}---|
"""
_MISSING: Final = """
## Not here

| what | of | why |
|---|---|---|
"""


@dataclass(frozen=True)
class Line:
    """A line of docs/psc-api.md."""

    there: str
    test: str


def published() -> dict[str, Any]:
    """As written down."""
    return tomllib.loads(PUBLISHED.read_text("utf-8"))


def members(entry: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """A published endpoint's members, and who publishes each."""
    found = {str(name): tuple(entry["by"]) for name in entry.get("members", ())}
    for vendor, names in entry.get("only", {}).items():
        found |= {str(name): (str(vendor),) for name in names}
    return found


def told() -> dict[str, dict[str, Line]]:
    """The lines of docs/psc-api.md, by endpoint and member."""
    found: dict[str, dict[str, Line]] = {}
    for title, table in re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", API.read_text("utf-8"), re.M | re.S):
        endpoint = re.match(r"`(\w+) <base>(\S+)`", title)
        name = f"{endpoint[1]} {endpoint[2]}" if endpoint else title
        lines = re.findall(r"^\| (→ )?(?:text )?`?([^|]*?)`? \| (\w+) \| .*?\| (?:`([^`]+)`)? ?\|$", table, re.M)
        found.setdefault(name, {}).update({arrow + member: Line(there, test) for arrow, member, there, test in lines})
    return found


def page() -> str:
    """The whole of it."""
    shapes, lines = published(), told()
    ways = "".join(
        f"| {vendor} | {' | '.join(told_ways[way] for way in WAYS)} |\n" for vendor, told_ways in shapes["ways"].items()
    )
    rows, missing = [], []
    for endpoint, entry in shapes.items():
        if endpoint == "ways":
            continue
        if "why" in entry:
            missing.append(f"| {endpoint} | {', '.join(entry['by'])} | {entry['why']} |\n")
            continue
        for member, by in members(entry).items():
            line = lines.get(endpoint, {}).get(member)
            marks = " | ".join("●" if vendor in by else "" for vendor in VENDORS)
            rows.append(f"| `{endpoint}` | `{member}` | {marks} | {line.there if line else '**nothing said**'} |\n")
    head = _MEMBERS.format(vendors=" | ".join(VENDORS), lines="---|" * len(VENDORS))
    return _HEAD + ways + head + "".join(rows) + _MISSING + "".join(missing)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
