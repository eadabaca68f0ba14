"""A page on 127.0.0.1 for one operator: whoever started it with a pinned operator's key, on this machine.

Other programs, other users and other pages in the same browser can reach the port too. So, for each request, in this
order:

D1 `Host` is this very address (a name that somebody rebinds to 127.0.0.1 is refused), and nothing was forwarded ·
D2 `Origin` and `Sec-Fetch-Site` are our own; what changes something carries an Origin · D3 the address opens the page
once, and becomes a cookie (HttpOnly, SameSite=Strict); a quarter of an hour of silence ends it · D4 a policy that runs
nothing, loads only our style, sends forms to ourselves, and is framed by nobody.

Each look and each order goes the way of the commands: an audit line before anything is shown, an order signed by the
operator's key that the SAM verifies. What is left: a program of the same user may read the address from the terminal
and be first; then the operator sees that the page does not open.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final, Self

from aiohttp import web

from foundation.clock import Clock
from foundation.errors import LinkIdError, NotFound
from linkid.desk.pages import Pages

IDLE_SECONDS: Final = 900.0
_MAX_BODY: Final = 4096
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; img-src data:; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Desk:
    """An async context manager; ``url`` opens it, once."""

    def __init__(self, pages: Pages, clock: Clock, port: int = 0) -> None:
        """``pages``: of the operator who signed in by starting this."""
        self._pages, self._clock = pages, clock
        self._token: str | None = secrets.token_urlsafe(32)
        self._session: str | None = secrets.token_urlsafe(32)
        self._heard = clock.now()
        self._port, self._runner = port, web.AppRunner(self._app(), access_log=None, shutdown_timeout=1)

    @property
    def url(self) -> str:
        """The address, with what opens it once."""
        return f"{self.origin}/?t={self._token}"

    @property
    def origin(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        """Listens."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nobody is signed in any more."""
        await self._runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=_MAX_BODY)
        app.router.add_get("/desk.css", self._style)
        app.router.add_get("/", self._home)
        app.router.add_post("/find", self._find)
        app.router.add_get("/holder/{holder}", self._holder)
        app.router.add_post("/holder/{holder}", self._order)
        app.router.add_get("/messages", self._messages)
        app.router.add_post("/messages", self._resume)
        app.router.add_post("/leave", self._leave)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response: web.StreamResponse
        if not self._is_ours(request):  # D1, D2
            response = self._refusal("Este endereço só atende à página aberta por linkid desk.")
        elif request.path == "/" and (given := request.query.get("t")) is not None:
            response = self._open(given)  # D3
        elif request.path == "/desk.css":
            response = await handler(request)  # what refusals look like, too
        elif not self._signed_in(request):
            response = self._refusal("Sua sessão terminou, ou começou em outro lugar. Abra de novo: linkid desk")
        else:
            response = await self._answered(request, handler)
        if not response.prepared:
            response.headers.update(_HEADERS)  # D4
        return response

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except LinkIdError as error:
            status = 404 if isinstance(error, NotFound) else 400
            return _page(self._pages.problem(error.detail or error.summary), status)
        except web.HTTPException as error:
            return _page(
                self._pages.problem("Não há nada neste endereço, ou o formulário não é o nosso."), error.status
            )

    def _is_ours(self, request: web.Request) -> bool:
        if request.headers.getall("Host", []) != [f"127.0.0.1:{self._port}"]:
            return False
        if any(header in request.headers for header in _FORWARDED):
            return False
        origin = request.headers.get("Origin")
        if origin != self.origin and (origin is not None or request.method != "GET"):
            return False
        return request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")

    def _open(self, given: str) -> web.Response:
        if self._token is None or not hmac.compare_digest(given.encode(), self._token.encode()):
            return self._refusal("Este endereço já foi usado. Continue na página aberta, ou abra de novo: linkid desk")
        self._token, self._heard = None, self._clock.now()
        answer = web.Response(status=303, headers={"Location": "/"})
        assert self._session is not None, "it ends after it began"
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="Strict", path="/")
        return answer

    def _signed_in(self, request: web.Request) -> bool:
        if self._session is None or self._token is not None:  # over, or not yet opened
            return False
        now = self._clock.now()
        if (now - self._heard).total_seconds() > IDLE_SECONDS:
            self._session = None
            return False
        if not hmac.compare_digest(request.cookies.get(self._cookie, "").encode(), self._session.encode()):
            return False
        self._heard = now
        return True

    @property
    def _cookie(self) -> str:
        """Cookies do not know ports."""
        return f"linkid-desk-{self._port}"

    def _refusal(self, words: str) -> web.Response:
        return _page(self._pages.refusal(words), 403)

    async def _style(self, _request: web.Request) -> web.Response:
        return web.Response(text=files("linkid.desk").joinpath("page/desk.css").read_text("utf-8"),
                            content_type="text/css")  # fmt: skip

    async def _home(self, _request: web.Request) -> web.Response:
        return _page(self._pages.home())

    async def _find(self, request: web.Request) -> web.Response:
        return _page(await self._pages.found(_text(await request.post(), "text")))

    async def _holder(self, request: web.Request) -> web.Response:
        return _page(await self._pages.holder(request.match_info["holder"], request.query.get("done")))

    async def _order(self, request: web.Request) -> web.Response:
        form, holder = await request.post(), request.match_info["holder"]
        done = await self._pages.ordered(
            holder,
            act=_text(form, "act"),
            credential=_text(form, "credential"),
            phone=_text(form, "phone") or None,
            reason=_text(form, "reason"),
            case=_text(form, "case"),
        )
        return web.Response(status=303, headers={"Location": f"/holder/{holder}?done={done}"})

    async def _messages(self, request: web.Request) -> web.Response:
        return _page(await self._pages.messages(request.query.get("done")))

    async def _resume(self, request: web.Request) -> web.Response:
        form = await request.post()
        done = await self._pages.resumed(_text(form, "prefix"), _text(form, "case"))
        return web.Response(status=303, headers={"Location": f"/messages?done={done}"})

    async def _leave(self, _request: web.Request) -> web.Response:
        self._session = None
        return _page(self._pages.refusal("Você saiu. Para abrir de novo: linkid desk"))


def _text(form: object, name: str) -> str:
    value = form.get(name) if hasattr(form, "get") else None
    return value.strip() if isinstance(value, str) else ""


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")
