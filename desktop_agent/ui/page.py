"""The local page of the association: 127.0.0.1, a random port, and nobody else's business.

Other programs, other users of this machine and other pages in the same browser can reach the port too. So:

1. the address carries a token that opens the page once and becomes a cookie (HttpOnly, SameSite=Strict); 2. `Host` must
be this very address (a name that somebody rebinds to 127.0.0.1 is refused); 3. `Origin` and `Sec-Fetch-Site` must be
our own; what changes something must carry an Origin; 4. a policy that lets the page load nothing but itself and be
framed by nobody.

What is left: a program of the same user could read the token from the browser's command line and be first. It would see
a QR that expires in seconds, and the person would see that the page does not open.
"""

import asyncio
import hmac
import json
import secrets
from collections.abc import Sequence
from importlib.resources import files
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web

from desktop_agent.domain.link import Link, LinkState
from desktop_agent.domain.trust import Trust
from desktop_agent.ui import qr

CHECK_DIGITS: Final = 3
FAREWELL_SECONDS: Final = 1.5
"""How long the last news is given to reach the browser before the program ends."""
_FILES: Final = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class LocalPage:
    """An AssociationView in a browser. An async context manager; :attr:`url` opens it, once."""

    def __init__(self, computer_name: str) -> None:
        self._state: dict[str, Any] = {"stage": "connecting", "computer": computer_name, "checking": False}
        self._changed = asyncio.Condition()
        self._version = 0
        self._typed: asyncio.Queue[str] = asyncio.Queue()
        self._token: str | None = secrets.token_urlsafe(16)
        self._session = secrets.token_urlsafe(32)
        self._listeners = 0
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The address with its one-time token."""
        return f"http://127.0.0.1:{self._port}/?t={self._token}"

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._guard], client_max_size=1024)
        for path in _FILES:
            app.router.add_get(path, self._file)
        app.router.add_get("/events", self._events)
        app.router.add_post("/check", self._check)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def farewell(self) -> None:
        """Wait until the last state was shown wherever the page is open, for a moment at most."""
        try:
            async with asyncio.timeout(FAREWELL_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._listeners == 0)
        except TimeoutError:
            pass

    # --- what the story says ------------------------------------------------------------------------------------------

    async def trust(self, trust: Trust, *, known: bool) -> None:
        await self._show(app=trust.app, environment=trust.environment, fingerprint=trust.fingerprint)

    async def link(self, link: Link) -> None:
        news: dict[str, Any] = {"left": link.seconds_left, "phone": link.phone, "code": link.code, "offline": False}
        if link.state in (LinkState.WAITING, LinkState.CLAIMED, LinkState.APPROVED):
            news["stage"] = link.state.value
        news["qr"] = qr.as_text(qr.matrix(link.frame, quiet=4)) if link.frame else None
        await self._show(**news)

    async def offline(self) -> None:
        await self._show(offline=True)

    async def ask_check(self, phone: str | None, tries_left: int | None) -> str:
        await self._show(stage="approved", phone=phone, tries_left=tries_left, checking=False)
        code = await self._typed.get()
        await self._show(checking=True, tries_left=None)
        return code

    async def associated(self, computer_name: str, holders: Sequence[str], key_place: str) -> None:
        await self._show(stage="associated", holders=list(holders))

    async def failed(self, message: str, advice: str) -> None:
        await self._show(stage="failed", message=message, advice=advice)

    async def _show(self, **news: Any) -> None:
        async with self._changed:
            self._state.update(news)
            self._version += 1
            self._changed.notify_all()

    # --- what the browser asks ----------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Steps 1 to 4 above, in the order 2, 3, 1, 4."""
        answer: web.StreamResponse
        if not self._is_ours(request):
            answer = _refusal("Este endereço só atende à página aberta pelo linkid-desktop.")
        elif (given := request.query.get("t")) is not None:
            answer = self._open(given)
        elif not hmac.compare_digest(request.cookies.get(self._cookie, "").encode(), self._session.encode()):
            answer = _refusal("Abra a página pelo endereço que o linkid-desktop mostra no terminal.")
        else:
            try:
                answer = await handler(request)
            except web.HTTPException as error:
                error.headers.update(_HEADERS)
                raise
        if not answer.prepared:
            answer.headers.update(_HEADERS)
        return answer

    def _is_ours(self, request: web.Request) -> bool:
        host = f"127.0.0.1:{self._port}"
        if request.headers.getall("Host", []) != [host]:
            return False
        origin = request.headers.get("Origin")
        if origin != f"http://{host}" and (origin is not None or request.method != "GET"):
            return False
        return request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")

    def _open(self, given: str) -> web.Response:
        """The token opens the page once; a second browser with the same address gets nothing."""
        if self._token is None or not hmac.compare_digest(given.encode(), self._token.encode()):
            return _refusal("Este endereço já foi usado. Continue na página aberta, ou no terminal.")
        self._token = None
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="Strict", path="/")
        return answer

    @property
    def _cookie(self) -> str:
        """Cookies do not know ports: the name says which of several programs it belongs to."""
        return f"linkid-{self._port}"

    async def _file(self, request: web.Request) -> web.Response:
        name, kind = _FILES[request.path]
        body = files("desktop_agent.ui").joinpath("static", name).read_bytes()
        return web.Response(body=body, content_type=kind, charset="utf-8")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the whole state, whenever it changes."""
        answer = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        await answer.prepare(request)
        self._listeners += 1
        seen, last = -1, False
        try:
            while not last:
                seen, news, last = await self._newer_than(seen)
                await answer.write(f"data: {news}\n\n".encode())
        except ConnectionError:  # the page was closed
            pass
        finally:
            async with self._changed:
                self._listeners -= 1
                self._changed.notify_all()
        return answer

    async def _newer_than(self, seen: int) -> tuple[int, str, bool]:
        """(version, state as JSON, whether it is the last)."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._version != seen)
            return self._version, json.dumps(self._state), self._state["stage"] in ("associated", "failed")

    async def _check(self, request: web.Request) -> web.Response:
        try:
            code = (await request.json())["code"]
        except (ValueError, TypeError, KeyError):
            code = None
        good = isinstance(code, str) and len(code) == CHECK_DIGITS and code.isascii() and code.isdigit()
        if not good or self._state["stage"] != "approved" or self._state["checking"]:
            return web.json_response({}, status=400)
        self._typed.put_nowait(str(code))
        return web.json_response({}, status=202)


def _refusal(text: str) -> web.Response:
    return web.Response(status=403, text=text, content_type="text/plain", charset="utf-8")
