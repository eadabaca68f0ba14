"""The description of the public API has every public route, and nothing else; the page shows it to anybody."""

from __future__ import annotations

import json
import re
from contextlib import AsyncExitStack
from html import escape
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from aiohttp import web

from foundation.clock import SystemClock
from foundation.errors import Unavailable
from foundation.web import HttpMetrics
from foundation.web.openapi import path_of, told_of
from linkid.apidocs.pages import ApiPages
from linkid.apidocs.reading import curl, rows
from linkid.apidocs.sections import COMING, PRIVATE, SECTIONS, is_private
from linkid.settings import Settings
from linkid.slices import Ground, mount_slices

ORIGIN = "https://id.example"


@pytest.fixture
async def routes(tmp_path: Path) -> set[tuple[str, str]]:
    """Method and path of every route of a gateway, mounted as its process does it, on partners that are nobody."""
    app = web.Application()
    ground = Ground(
        settings=Settings(var=tmp_path),
        clock=SystemClock(),
        database=AsyncMock(**{"fetch.side_effect": Unavailable("nobody")}),
        commits=Mock(),
        audit=Mock(),
        sams=Mock(),
        ac=Mock(),
        replays=Mock(),
        metrics=HttpMetrics(),
        proxies=(),
        origin=ORIGIN,
        app="https://app.example",
    )
    async with AsyncExitStack() as stack:
        await mount_slices(app, ground, stack)
    found = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}
    return {(method, path_of(path)) for method, path in found if method != "HEAD"}


async def test_every_public_route_is_described_and_every_described_one_is_there(
    routes: set[tuple[str, str]],
) -> None:
    """Who adds a call describes it, or says why it is nobody's API; what is gone is described no more."""
    public = {(method, path) for method, path in routes if not is_private(path)}
    assert public == told_of(SECTIONS)
    assert len(public) > 15
    for beginning in PRIVATE:
        assert any(path.startswith(beginning) for _, path in routes), f"{beginning}: no such route any more"
    assert all(not any(path.startswith(one) for _, path in told_of(SECTIONS)) for one in (*PRIVATE, *COMING))


def described() -> Any:
    """The document, as programs read it."""
    return json.loads(json.dumps(ApiPages(ORIGIN).document))


def test_the_document_holds_together() -> None:
    """Every reference and link leads somewhere, names are used once, every schema is used, both languages are there."""
    told = described()
    operations = [one for methods in told["paths"].values() for one in methods.values()]
    names = [one["operationId"] for one in operations]
    assert len(names) == len(set(names))
    text = json.dumps(told)
    used = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert used == set(told["components"]["schemas"])
    for one in operations:
        assert one["summary"]
        assert one["x-resumo"]
        assert {name for scheme in one["security"] for name in scheme} <= set(told["components"]["securitySchemes"])
        for answer in one["responses"].values():
            assert answer["x-descricao"]
            assert all(link["operationId"] in names for link in answer.get("links", {}).values())
    described_members = [member for member in walk(told["components"]["schemas"]) if "description" in member]
    assert len(described_members) > 20
    assert all("x-descricao" in member for member in described_members)


def walk(value: Any) -> Any:
    """Every schema inside."""
    if isinstance(value, dict):
        if "type" in value and isinstance(value["type"], str | list):
            yield value
        for inner in value.values():
            yield from walk(inner)


def test_the_page_shows_every_call_and_runs_nothing() -> None:
    """Both languages; no script, no inline style, no other host."""
    pages = ApiPages(ORIGIN)
    for language, html in pages._pages.items():
        assert f'<html lang="{"pt-BR" if language == "pt" else "en"}">' in html
        for section in SECTIONS:
            for operation in section.operations:
                words = operation.summary.pt if language == "pt" else operation.summary.en
                assert f'id="{operation.id}"' in html
                assert escape(words).replace("&#x27;", "&#39;") in html
        assert "<script" not in html
        assert " style=" not in html
        assert not re.search(r'(?:src|href)="(?:https?:)?//', html)
    assert "obrigatório" in pages._pages["pt"]
    assert "obrigatório" not in pages._pages["en"]


def test_members_are_shown_by_their_path() -> None:
    """Nested ones, those of arrays, and those behind a reference."""
    schemas = {"One": {"type": "object", "properties": {"x": {"const": "2"}}, "required": ["x"]}}
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"], "maxLength": 5},
            "b": {"type": "array", "items": {"$ref": "#/components/schemas/One"}},
        },
    }
    assert [(row.name, row.kind, row.required) for row in rows(schema, schemas)] == [
        ("a", "string 0-5", False),
        ("b", "array", False),
        ("b[].x", '"2"', True),
    ]


def test_the_shell_command_is_whole() -> None:
    """Token, type and an example; a form for the token endpoint."""
    told = described()["paths"]
    words = curl(told["/csc/v2/credentials/list"]["post"], "post", f"{ORIGIN}/csc/v2/credentials/list")
    assert "Authorization: Bearer $TOKEN" in words
    assert "-d '{\"onlyValid\": true}'" in words
    assert "-d grant_type=client_credentials" in curl(told["/oauth2/token"]["post"], "post", f"{ORIGIN}/oauth2/token")
