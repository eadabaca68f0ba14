"""The one table from our errors to wire answers; opaque by default.

A dialect knows, for error classes, the HTTP status and the wire's own code, and how its body looks. The table picks
the dialect by path prefix. A class without an entry of its own has its nearest ancestor's, down to the families; what
is not ours at all is a 500 that says nothing, and a log line with the traceback.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Middleware

from foundation import errors
from foundation.errors import BadInput, Internal, JsonObject, JsonValue, LinkIdError, NotFound
from foundation.logs import get_logger
from foundation.web.caller import STARTED, Handler, request_id

_log = get_logger(__name__)

FAMILY_STATUS: Final[Mapping[type[LinkIdError], int]] = MappingProxyType(
    {
        errors.BadInput: 400,
        errors.NotAuthenticated: 401,
        errors.NotPermitted: 403,
        errors.NotFound: 404,
        errors.Conflict: 409,
        errors.Gone: 410,
        errors.TooMany: 429,
        errors.Locked: 423,
        errors.Unavailable: 503,
        errors.Internal: 500,
        LinkIdError: 500,
    }
)
"""Which status a family has where a dialect says nothing else (docs/protocol.md section 12)."""

_DEFAULT_RETRY: Final[Mapping[int, int]] = MappingProxyType({429: 30, 503: 5})
"""Seconds of Retry-After where the error names none: these two statuses always carry one."""


class RouteNotFound(NotFound):
    """No handler for this path."""

    code = "route_not_found"
    summary = "There is nothing at this address."


class MethodNotAllowed(BadInput):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    summary = "This address does not take this method."


class BodyTooLarge(BadInput):
    """More bytes than this address takes."""

    code = "body_too_large"
    summary = "The request is too large."
    message = "O pedido é grande demais."


class UnsupportedMedia(BadInput):
    """Another content type than the address takes."""

    code = "unsupported_media_type"
    summary = "The content type is not supported here."


class BadRequest(BadInput):
    """HTTP that aiohttp itself refused."""

    code = "bad_request"


class HeadersTooLarge(BadInput):
    """The request line or a header is longer than any of ours."""

    code = "headers_too_large"
    summary = "The address or a header of the request is too long."
    message = "O endereço ou um cabeçalho do pedido é longo demais."


@dataclass(frozen=True)
class WireError:
    """What a body renderer gets: an error with only what may leave."""

    status: int
    code: str
    summary: str
    message: str
    detail: str | None
    data: JsonObject
    retry_after: int | None
    request_id: str


Renderer: TypeAlias = Callable[[WireError], JsonObject]
Entry: TypeAlias = int | tuple[int, str]
"""A status, or a status and the wire's own code (otherwise the error's code is used)."""

OAUTH_FAMILIES: Final[Mapping[type[LinkIdError], Entry]] = MappingProxyType(
    {
        errors.BadInput: (400, "invalid_request"),
        errors.NotAuthenticated: (401, "invalid_token"),
        errors.NotPermitted: (403, "access_denied"),
        errors.NotFound: (404, "invalid_request"),
        errors.Conflict: (400, "invalid_request"),
        errors.Gone: (400, "invalid_request"),
        errors.TooMany: (429, "temporarily_unavailable"),
        errors.Locked: (403, "access_denied"),
        errors.Unavailable: (503, "temporarily_unavailable"),
        errors.Internal: (500, "server_error"),
        LinkIdError: (500, "server_error"),
        # HTTP's own
        MethodNotAllowed: (405, "invalid_request"),
        BodyTooLarge: (413, "invalid_request"),
        UnsupportedMedia: (415, "invalid_request"),
    }
)
"""The families in RFC 6749's words, as every dialect made of OAuth says them: what none of its own lines names."""


@dataclass(frozen=True)
class Dialect:
    """How errors look on one part of the API. ``headers`` stand on every error answer (no-store and the like)."""

    name: str
    render: Renderer
    entries: Mapping[type[LinkIdError], Entry] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    challenge: str | None = None
    """The WWW-Authenticate value that goes with 401."""
    texts: Mapping[type[LinkIdError], str] = field(default_factory=dict)
    """The sentence a standard wants for a class, instead of the class's own summary and detail."""

    def lookup(self, kind: type[LinkIdError]) -> tuple[int, str]:
        """Status and wire code of a class: its own entry's, else its nearest ancestor's, else its family's status."""
        for table in (self.entries, FAMILY_STATUS):
            for ancestor in kind.__mro__:
                entry = table.get(ancestor)
                if entry is not None:
                    return entry if isinstance(entry, tuple) else (entry, kind.code)
        return 500, Internal.code


def _default_body(error: WireError) -> JsonObject:
    body: dict[str, JsonValue] = dict(error.data)
    if error.detail:
        body["detail"] = error.detail
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
    # Last, so that no data can pose as these.
    body.update(code=error.code, message=error.message, request_id=error.request_id)
    return body


def default_dialect(entries: Mapping[type[LinkIdError], Entry] | None = None) -> Dialect:
    """Ours: {"code", "message", "request_id", …data} (docs/protocol.md section 12)."""
    ours: dict[type[LinkIdError], Entry] = {
        BodyTooLarge: 413,
        UnsupportedMedia: 415,
        MethodNotAllowed: 405,
        HeadersTooLarge: 431,
    }
    return Dialect("linkid", _default_body, {**ours, **(entries or {})}, {"Cache-Control": "no-store"})


class ErrorTable:
    """Dialects by path prefix; the longest prefix wins, ``/csc/v2`` covering itself and everything below."""

    def __init__(self, default: Dialect | None = None, by_prefix: Mapping[str, Dialect] | None = None) -> None:
        """``default`` answers wherever no prefix fits."""
        self.default = default or default_dialect()
        self._by_prefix = sorted((by_prefix or {}).items(), key=lambda item: len(item[0]), reverse=True)

    def dialects(self) -> Iterable[Dialect]:
        """Every dialect of the table, for the test that walks all errors through all of them."""
        return [self.default, *(dialect for _, dialect in self._by_prefix)]

    def dialect_for(self, path: str) -> Dialect:
        """The dialect spoken at a path."""
        for prefix, dialect in self._by_prefix:
            stem = prefix.rstrip("/")
            if path == stem or path.startswith(stem + "/"):
                return dialect
        return self.default

    def respond(self, error: LinkIdError, *, path: str, request_id: str) -> web.Response:
        """The answer for an error, in the dialect of the path."""
        dialect = self.dialect_for(path)
        status, code = dialect.lookup(type(error))
        text = dialect.texts.get(type(error))
        shown = type(error).may_disclose
        wire = WireError(
            status=status,
            code=code,
            summary=text or error.summary,
            message=error.message,
            detail=error.detail if shown and text is None else None,
            data=error.data if shown else {},
            retry_after=error.retry_after if error.retry_after is not None else _DEFAULT_RETRY.get(status),
            request_id=request_id,
        )
        headers = dict(dialect.headers)
        if wire.retry_after is not None:
            headers["Retry-After"] = str(wire.retry_after)
        if status == 401 and dialect.challenge:
            headers["WWW-Authenticate"] = dialect.challenge
        return web.json_response(dialect.render(wire), status=status, headers=headers)


def error_middleware(table: ErrorTable) -> Middleware:
    """Catch everything a handler raises and answer by the table. Redirects pass; cancellation passes."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except LinkIdError as raised:
            error = raised
        except web.HTTPException as raised:
            if raised.status < 400:
                raise
            error = _from_aiohttp(raised)
            return _with_allow(table.respond(error, path=request.path, request_id=request_id(request)), raised)
        except ConnectionResetError:  # the client left; there is nobody to answer
            raise
        except Exception:
            _log.exception("unexpected_error")
            error = Internal()
        _note(error)
        if STARTED in request:
            # A second answer inside the first would be read as its content: cut the line instead.
            if request.transport is not None:
                request.transport.abort()
            return request[STARTED]
        return table.respond(error, path=request.path, request_id=request_id(request))

    return middleware


def _note(error: LinkIdError) -> None:
    """Every error answer leaves its reason in the log, since the answer may not say it."""
    level = "error" if isinstance(error, Internal) else "info"
    getattr(_log, level)("request_refused", error_code=error.code, detail=error.detail, exc_info=level == "error")


def _from_aiohttp(raised: web.HTTPException) -> LinkIdError:
    match raised.status:
        case 404:
            return RouteNotFound()
        case 405:
            return MethodNotAllowed()
        case 413:
            return BodyTooLarge()
        case 415:
            return UnsupportedMedia()
        case status if status < 500:
            return BadRequest()
        case 503:
            return errors.Unavailable()
        case _:
            return Internal()


def _with_allow(response: web.Response, raised: web.HTTPException) -> web.Response:
    if "Allow" in raised.headers:
        response.headers["Allow"] = raised.headers["Allow"]
    return response
