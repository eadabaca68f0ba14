"""Requests that never become one: what aiohttp's parser refuses, answered in our words instead of its own page.

A bad request line, headers without end, garbage between chunks: no application sees these, so no middleware of ours
does either. aiohttp's own answer repeats what it got and names its version; ours has a code and a request id, as every
other refusal (docs/protocol.md section 12), and the connection ends.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from aiohttp import http_exceptions, web
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from foundation.errors import Internal, LinkIdError, Unavailable
from foundation.ids import new_id
from foundation.logs import get_logger
from foundation.web.errors import BadRequest, HeadersTooLarge

Render: TypeAlias = Callable[[LinkIdError, str], web.Response]
"""An error and the request's id, as an answer."""

SERVER_NAME: Final = "Link ID"
"""What every answer says in ``Server``: no program, no version."""

_log = get_logger(__name__)


def error_of(status: int, cause: BaseException | None) -> LinkIdError:
    """What aiohttp refused, as an error of ours. Nothing of what was sent is in it."""
    if isinstance(cause, http_exceptions.LineTooLong):
        return HeadersTooLarge()
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        return Unavailable()
    return BadRequest() if status < HTTPStatus.INTERNAL_SERVER_ERROR else Internal()


class Runner(web.AppRunner):
    """aiohttp's, whose connections answer with ``render`` what no application saw."""

    __slots__ = ("_render",)

    def __init__(self, app: web.Application, *, render: Render, **settings: Any) -> None:
        """``settings``: as ``web.AppRunner`` takes them."""
        super().__init__(app, **settings)
        self._render = render

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made, self._render)


class _Server(web.Server):
    """Makes a protocol for each connection."""

    def __init__(self, made: web.Server, render: Render) -> None:
        super().__init__(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **made._kwargs,
        )
        self.render = render

    def __call__(self) -> RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class _Protocol(RequestHandler):
    """One connection."""

    __slots__ = ("_render",)

    def __init__(self, manager: _Server, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._render = manager.render

    def data_received(self, data: bytes) -> None:
        """As aiohttp's; but who reads a body hears at once that no more of it will come (aiohttp lets them wait)."""
        super().data_received(data)
        last = self._messages[-1][0] if self._messages else None
        if isinstance(last, _ErrInfo):
            reading = [] if self._current_request is None else [self._current_request.content]
            for body in (*reading, *(payload for _, payload in self._messages)):
                if not body.is_eof():
                    body.set_exception(last.exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """In place of aiohttp's page. ``message`` quotes the request: it goes nowhere, not even into the log."""
        error, identity = error_of(status, exc), new_id("rq")
        cause = None if exc is None else type(exc).__name__
        if isinstance(error, Internal):
            _log.error("unexpected_error", request_id=identity, cause=cause, exc_info=exc)
        else:
            _log.info("request_not_read", request_id=identity, error_code=error.code, cause=cause)
        if request.writer.output_size > 0:  # as aiohttp's: a second answer would be read as the first one's content
            raise ConnectionError("an answer has begun already")
        response = self._render(error, identity)
        response.headers["Server"] = SERVER_NAME
        response.headers["X-Request-Id"] = identity
        response.force_close()
        return response
