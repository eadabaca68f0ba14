"""The description of the public API has every public route, and nothing else; the page shows it to anybody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from html import escape
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, Mock

import jsonschema_rs
import pytest
from aiohttp import web

from foundation.clock import SystemClock
from foundation.errors import Unavailable
from foundation.web import HttpMetrics
from foundation.web.openapi import FORM, JSON, path_of, told_of
from linkid.apidocs.pages import ApiPages
from linkid.apidocs.reading import curl, resolved, rows
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
    assert len(public) > 100
    for beginning in PRIVATE:
        assert any(path.startswith(beginning) for _, path in routes), f"{beginning}: no such route any more"
    assert all(not any(path.startswith(one) for _, path in told_of(SECTIONS)) for one in (*PRIVATE, *COMING))


def described() -> Any:
    """The document, as programs read it."""
    return json.loads(json.dumps(ApiPages(ORIGIN).document))


def test_the_document_holds_together() -> None:
    """Every reference and link leads somewhere, names are used once, every schema is used, both languages are there."""
    told = described()
    operations = [one for _, one in operations_of(told)]
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


def test_every_example_is_one() -> None:
    """What is sent by JSON or form has an example; every example of what is sent, answered or posted keeps to its own
    schema, by a validator that is not ours."""
    told = described()
    bodies = seen = 0
    for label, operation in operations_of(told):
        contents = [*contents_of(operation)]
        for kind in operation.get("requestBody", {}).get("content", {}):
            if kind in (JSON, FORM):
                assert "example" in operation["requestBody"]["content"][kind], f"{label}: no example"
                bodies += 1
        for content in contents:
            if "example" in content:
                schema = {**content["schema"], "components": told["components"]}
                errors = jsonschema_rs.Draft202012Validator(schema).iter_errors(content["example"])
                assert [str(one) for one in errors] == [], label
                seen += 1
    assert (bodies > 30, seen > 45) == (True, True), (bodies, seen)


def test_what_links_fill_in_is_there() -> None:
    """A link names members that the next call takes, and fills them from members that the answer has."""
    told = described()
    by_id = {operation["operationId"]: operation for _, operation in operations_of(told)}
    links = 0
    for label, operation in operations_of(told):
        for status, answer in operation["responses"].items():
            for name, link in answer.get("links", {}).items():
                where, to = f"{label} {status} {name}", by_id[link["operationId"]]
                filled = {**link.get("requestBody", {}), **link.get("parameters", {})}
                assert filled, where
                for member, expression in filled.items():
                    pointer = re.search(r"\$response\.body#/(\w+)", expression)
                    assert pointer is not None, where
                    (content,) = [one for kind, one in answer["content"].items() if kind == JSON]
                    assert pointer[1] in members_of(content["schema"], told), where
                    assert member in taken_by(to, told), f"{where}: {link['operationId']} takes no {member}"
                links += 1
    assert links >= 27


def operations_of(told: Any) -> Iterator[tuple[str, Any]]:
    """Each with its method and path."""
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def contents_of(operation: Any) -> Iterator[Any]:
    """Everything with a schema that travels because of a call."""
    yield from operation.get("parameters", ())
    yield from operation.get("requestBody", {}).get("content", {}).values()
    for answer in operation["responses"].values():
        yield from answer.get("content", {}).values()
    for posted in operation.get("callbacks", {}).values():
        for item in posted.values():
            yield from item["post"]["requestBody"]["content"].values()


def members_of(schema: Any, told: Any) -> set[str]:
    """Of a schema, behind references and in all alternatives."""
    schema = resolved(schema, told["components"]["schemas"])
    found = set(schema.get("properties", ()))
    for one in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        found |= members_of(one, told)
    return found


def taken_by(operation: Any, told: Any) -> set[str]:
    """Members and parameters; the token where there is one."""
    found = {f"{one['in']}.{one['name']}" for one in operation.get("parameters", ())}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        found |= members_of(content["schema"], told)
    return found | ({"header.Authorization"} if operation["security"] else set())


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
    one_or_other = {"oneOf": [{"$ref": "#/components/schemas/One"}, {"type": "object", "properties": {"y": {}}}]}
    assert [row.name for row in rows(one_or_other, schemas)] == ["x", "y"]


def test_the_shell_command_is_whole() -> None:
    """Token, type and an example; a form for the token endpoint."""
    told = described()["paths"]
    words = curl(told["/csc/v2/credentials/list"]["post"], "post", f"{ORIGIN}/csc/v2/credentials/list")
    assert "Authorization: Bearer $TOKEN" in words
    assert "-d '{\"onlyValid\": true}'" in words
    assert "-d grant_type=client_credentials" in curl(told["/oauth2/token"]["post"], "post", f"{ORIGIN}/oauth2/token")
    start = "/psc/birdid/oauth/start"
    words = curl(told[start]["get"], "get", f"{ORIGIN}{start}")
    assert '-u "$CLIENT_ID:$CLIENT_SECRET"' in words
    assert '-G \\\n    --data-urlencode "short_token=$SHORT_TOKEN"' in words
    change = "/v0/oauth/client_maintenance"
    assert curl(told[change]["put"], "put", ORIGIN + change).startswith("curl -s -X PUT ")


def test_what_vendors_share_is_described_once() -> None:
    """The norm's calls name every vendor's address; BirdID's and VIDaaS's own stand by themselves."""
    told = described()["paths"]
    servers = [one["url"] for one in told["/v0/oauth/signature"]["post"]["servers"]]
    assert servers == [ORIGIN, *(f"{ORIGIN}/psc/{vendor}" for vendor in ("safeid", "birdid", "vidaas", "neoid"))]
    assert {path for path in told if path.startswith("/psc/")} == {
        "/psc/birdid/async-signature",
        "/psc/birdid/oauth/notify",
        "/psc/birdid/oauth/start",
        "/psc/vidaas/v0/oauth/authorize",
        "/psc/vidaas/valid/api/v1/trusted-services/authentications",
    }
    assert "{$request.body#/callback_url}" in told["/psc/birdid/oauth/start"]["post"]["callbacks"]["outcome"]
