"""Serves the description. Everything is made once, when the gateway starts: it does not depend on who asks."""

from __future__ import annotations

import hashlib
from importlib import metadata, resources
from typing import Any, Final

import jinja2
from aiohttp import web

from foundation.errors import JsonObject
from foundation.web.openapi import document
from linkid.apidocs.reading import curl, kind_of, resolved, rows
from linkid.apidocs.sections import SECTIONS

CSP: Final = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_KEPT: Final = "public, max-age=300"
_FOLDER = resources.files("linkid.apidocs").joinpath("page")


class ApiPages:
    """`/openapi.json`, and the page in two languages. The page has no script: there is nothing to run."""

    def __init__(self, origin: str) -> None:
        """``origin``: our address as the outside knows it."""
        self.document: JsonObject = document(
            SECTIONS, server=origin, title="Link ID", version=metadata.version("linkid")
        )
        self._css = _FOLDER.joinpath("api.css").read_bytes()
        self._css_path = f"/docs/api/assets/{hashlib.sha256(self._css).hexdigest()[:16]}/api.css"
        self._pages = {language: self._rendered(language, origin) for language in ("pt", "en")}

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        return [
            web.get("/openapi.json", self.as_json),
            web.get("/docs/api/", self.in_portuguese),
            web.get("/docs/api/en/", self.in_english),
            web.get("/docs/api/assets/{version}/api.css", self.style),
        ]

    async def as_json(self, _request: web.Request) -> web.Response:
        """For programs, also those of other origins: there is nothing private in it."""
        headers = {
            "Cache-Control": _KEPT,
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return web.json_response(self.document, headers=headers)

    async def in_portuguese(self, _request: web.Request) -> web.Response:
        return self._html("pt")

    async def in_english(self, _request: web.Request) -> web.Response:
        return self._html("en")

    async def style(self, request: web.Request) -> web.Response:
        """The one file of the page; its address changes with its content."""
        if request.path != self._css_path:
            raise web.HTTPNotFound
        keep = "public, max-age=31536000, immutable"
        return web.Response(body=self._css, content_type="text/css", charset="utf-8", headers={"Cache-Control": keep})

    def _html(self, language: str) -> web.Response:
        headers = {"Content-Security-Policy": CSP, "Cache-Control": _KEPT}
        return web.Response(text=self._pages[language], content_type="text/html", headers=headers)

    def _rendered(self, language: str, origin: str) -> str:
        templates = jinja2.Environment(
            loader=jinja2.FunctionLoader(lambda name: _FOLDER.joinpath(name).read_text(encoding="utf-8")),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        told: Any = self.document
        schemas = told["components"]["schemas"]
        return templates.get_template("api.html").render(
            pt=language == "pt",
            sections=SECTIONS,
            document=told,
            css=self._css_path,
            origin=origin,
            members=lambda schema: list(rows(schema, schemas)),
            behind=lambda schema: resolved(schema, schemas),
            kind=kind_of,
            curl=curl,
        )
