"""An aiohttp application with our middlewares in their one right order, and the headers every answer carries.

The headers are put on when a response is *prepared*, not by a middleware: event streams and WebSockets are prepared
inside their handlers, where a middleware would come too late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from foundation.web.bodies import MAX_BODY
from foundation.web.caller import REQUEST_ID, STARTED, Handler, request_id_middleware
from foundation.web.errors import ErrorTable, error_middleware
from foundation.web.metrics import HttpMetrics, metrics_middleware
from foundation.web.unparsed import SERVER_NAME

API_CSP: Final = "default-src 'none'; frame-ancestors 'none'"
"""For origins that serve data, not pages."""

_ALLOW_HEADERS: Final = "authorization, content-type, dpop"
_EXPOSE_HEADERS: Final = "date, dpop-nonce, retry-after, x-request-id"
"""``date`` lets the phone notice that its own clock is wrong, and say so."""
_ALLOW_METHODS: Final = "GET, POST, PUT, DELETE"
_PREFLIGHT_SECONDS: Final = 600


@dataclass(frozen=True)
class SecurityHeaders:
    """What every answer carries. ``csp``: the Content-Security-Policy, unless the handler set its own page's."""

    csp: str = API_CSP
    https: bool = False
    """Whether the outside reaches us by HTTPS: then HSTS is sent (two years, as preload lists want)."""

    def apply(self, response: web.StreamResponse) -> None:
        """Put the headers on; those a handler set stay."""
        headers = response.headers
        headers.setdefault("Content-Security-Policy", self.csp)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers["Server"] = SERVER_NAME
        if self.https:
            headers.setdefault("Strict-Transport-Security", "max-age=63072000; includeSubDomains")


@dataclass(frozen=True)
class Cors:
    """Which origins' pages may read our answers: the app host's, by exact comparison. No cookies, so no credentials."""

    origins: Sequence[str]
    prefixes: Sequence[str] = ("/",)
    """Only paths that begin with one of these are open to them."""

    def origin(self, request: web.Request) -> str | None:
        """The request's origin when it may read this path."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin in self.origins and request.path.startswith(tuple(self.prefixes)):
            return origin
        return None

    def apply(self, request: web.Request, response: web.StreamResponse) -> None:
        """Tell browsers (and caches) what holds for this answer."""
        if not request.path.startswith(tuple(self.prefixes)):
            return
        response.headers.add("Vary", "Origin")
        origin = self.origin(request)
        if origin is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSE_HEADERS
            # the API is meant for another origin: without this, isolated pages could not read it
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"


def cors_middleware(cors: Cors) -> Middleware:
    """Answer preflights of the allowed origins; everything else goes on to its route."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not preflight or cors.origin(request) is None:
            return await handler(request)
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": _ALLOW_METHODS,
                "Access-Control-Allow-Headers": _ALLOW_HEADERS,
                "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
            },
        )

    return middleware


def new_app(
    *,
    errors: ErrorTable | None = None,
    security: SecurityHeaders | None = None,
    cors: Cors | None = None,
    metrics: HttpMetrics | None = None,
    max_body: int = MAX_BODY,
    middlewares: Sequence[Middleware] = (),
) -> web.Application:
    """An application ready for routes. ``middlewares`` of the caller's stand innermost, next to the handlers.

    Order: request id (so that everything logs it), metrics, CORS preflight, errors, the caller's.
    """
    chain: list[Middleware] = [request_id_middleware]
    if metrics is not None:
        chain.append(metrics_middleware(metrics))
    if cors is not None:
        chain.append(cors_middleware(cors))
    chain.append(error_middleware(errors or ErrorTable()))
    app = web.Application(middlewares=[*chain, *middlewares], client_max_size=max_body)
    headers = security or SecurityHeaders()

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        request[STARTED] = response
        headers.apply(response)
        if REQUEST_ID in request:
            response.headers["X-Request-Id"] = request[REQUEST_ID]
        if cors is not None:
            cors.apply(request, response)

    app.on_response_prepare.append(prepare)
    return app
