"""Pages for people: a common frame and look, templates that escape, files whose addresses change with their content.

    pages = Pages(resources.files(__package__).joinpath("page"), "/verificar/assets", ("verify.js",), csp=CSP)
    pages.html("verify.html", {"title": "…"})    # an answer
    pages.asset(request)                          # one to web.get("/verificar/assets" + FILES, …)

A template extends ``frame.html``; its folder has a ``page.css`` with what is its own beside ``look.css``. Not exported
by the package: the app host serves files, and needs no templates.
"""

import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import jinja2
from aiohttp import hdrs, web

FILES: Final = "/{version}/{name}"
"""The route of files, below a prefix."""
_COMMON: Final = resources.files("foundation.web").joinpath("page")
_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Pages:
    """The pages of one slice, and their files."""

    def __init__(self, folder: Traversable, prefix: str, scripts: Sequence[str], *, csp: str) -> None:
        """``folder``: its templates, ``page.css`` and ``scripts``; ``prefix``: where its files are served; ``csp``: its
        Content-Security-Policy."""
        self._csp = csp
        style = _COMMON.joinpath("look.css").read_bytes() + b"\n" + folder.joinpath("page.css").read_bytes()
        self._content = {"page.css": style, "icon.svg": _COMMON.joinpath("icon.svg").read_bytes()}
        self._content |= {name: folder.joinpath(name).read_bytes() for name in scripts}
        # The address changes with the content: browsers may keep a file for ever, and never mix versions.
        self.assets: Mapping[str, str] = {
            name: f"{prefix}/{hashlib.sha256(content).hexdigest()[:16]}/{name}"
            for name, content in self._content.items()
        }
        self._templates = jinja2.Environment(
            loader=jinja2.FunctionLoader(lambda name: _template(folder, name)),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
        )

    def asset(self, request: web.Request) -> web.Response:
        """One file, by its whole address (``FILES`` below the prefix)."""
        name = request.match_info["name"]
        if self.assets.get(name) != request.path:
            raise web.HTTPNotFound
        headers = {
            hdrs.CONTENT_TYPE: f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8",
            hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable",
        }
        return web.Response(body=self._content[name], headers=headers)

    def html(self, template: str, values: Mapping[str, object], *, status: int = 200) -> web.Response:
        """A page that nobody keeps."""
        text = self._templates.get_template(template).render(assets=self.assets, **values)
        headers = {"Content-Security-Policy": self._csp, hdrs.CACHE_CONTROL: "no-store"}
        return web.Response(text=text, content_type="text/html", status=status, headers=headers)


def _template(folder: Traversable, name: str) -> str:
    found = _COMMON if name == "frame.html" else folder
    return found.joinpath(name).read_text(encoding="utf-8")
