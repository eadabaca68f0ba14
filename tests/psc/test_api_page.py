"""docs/psc-api.md against what vendors publish, what the routes are, and what the tests test."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final
from unittest.mock import Mock

from hsm_service.psc.openapi import SECTION
from hsm_service.psc.openapi.schemas import WAITING
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.web.mounting import psc_routes
from linkid.apidocs.reading import rows
from tests.psc.test_journeys import JOURNEYS
from tools.psc_vendors_page import PAGE, VENDORS, WAYS, members, page, published, told

OURS: Final = {
    "GET /v0/oauth/authorize/continue", "POST /v0/oauth/authorize/wait", "POST /v0/oauth/authorize/leave",
}  # fmt: skip
"""Where our own pages go."""


def test_every_published_member_is_in_the_table() -> None:
    """What an application may have read in a vendor's documentation has its line here, be it "no"."""
    lines = told()
    for endpoint, entry in published().items():
        if endpoint != "ways" and "why" not in entry:
            assert set(members(entry)) - set(lines[endpoint]) == set(), endpoint
            assert {vendor for by in members(entry).values() for vendor in by} <= set(VENDORS)


def test_the_vendors_page_is_what_they_publish() -> None:
    """`python -m tools.psc_vendors_page` was run after either changed."""
    assert PAGE.read_text("utf-8") == page()


def test_every_vendor_signs_in_every_way() -> None:
    """The journeys that the page tells are those that the tests go."""
    ways = published()["ways"]
    assert set(ways) == set(JOURNEYS) == set(VENDORS) - {"ITI"}
    assert all(set(told_ways) == set(WAYS) for told_ways in ways.values())


def test_what_is_there_has_a_test_and_the_rest_has_none() -> None:
    """ "Yes" and "off" name a test that exists; "no" claims nothing."""
    names = {
        f"tests/psc/{file.name}::{node.name}"
        for file in Path(__file__).parent.glob("test_*.py")
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    everything = [line for lines in told().values() for line in lines.items()]
    assert len(everything) > 120
    for member, line in everything:
        assert line.there in ("yes", "off", "no"), member
        assert (line.test in names) == (line.there != "no"), (member, line)


def test_the_description_has_the_same_members() -> None:
    """What `/openapi.json` says of each call, the table says too, member by member, and nothing else is there."""
    lines = told()
    for one in SECTION.operations:
        name = f"{one.method} {re.sub('^/psc/[a-z]+', '', one.path)}"
        there = {member for member, line in lines[name].items() if line.there == "yes"}
        sent = {parameter.name for parameter in one.parameters}
        if one.body is not None:
            sent |= {row.name for row in rows(one.body.schema, SECTION.schemas)}
        assert sent == {member for member in there if not member.startswith("→ ")}, name
        schemas = [*(it.schema for it in one.answers.values()), *(it.schema for it in one.callbacks.values())]
        back = {
            f"→ {row.name}" for schema in schemas if schema != WAITING.schema for row in rows(schema, SECTION.schemas)
        }
        answered = {member for member in there if member.startswith("→ ") and not re.fullmatch(r"→ \d{3}", member)}
        assert back == (answered if back else set()), name
    errors = {f"→ {row.name}" for row in rows(SECTION.schemas[SECTION.error], SECTION.schemas)}
    assert errors == set(lines["Errors, everywhere"])


def test_every_route_is_in_the_table() -> None:
    """And what the table says is there has a route, in the variant it is said of."""
    routes = {
        f"{route.method} {re.sub('^/psc/[a-z]+', '', route.path)}"
        for route in psc_routes(Mock(settings=PscSettings()))
        if not route.path.startswith("/v0/oauth/assets/")
    }
    there = {
        name for name, lines in told().items() if " /" in name and any(one.there != "no" for one in lines.values())
    }
    assert routes - OURS == there
