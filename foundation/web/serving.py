"""Listening, and stopping without cutting anybody off."""

import asyncio
import ssl
from types import TracebackType
from typing import Any

from aiohttp import web

from foundation.errors import LinkIdError
from foundation.web.app import SecurityHeaders
from foundation.web.errors import ErrorTable
from foundation.web.health import Health
from foundation.web.unparsed import Runner

_BACKLOG = 512
_KEEPALIVE_SECONDS = 30.0
_MAX_LINE = 8190
"""Bytes of request line and of one header. The longest of ours, a DPoP proof, has about 700."""


class Server:
    """A listening application. ``url`` is where; ``close`` stops it."""

    def __init__(self, runner: web.AppRunner, url: str, health: Health | None, drain_seconds: float) -> None:
        """Use ``serve``."""
        self._runner = runner
        self._health = health
        self._drain_seconds = drain_seconds
        self.url = url

    async def listen(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> str:
        """Listen at one more address with the same application; where. Raises OSError."""
        before = len(self._runner.addresses)
        await web.TCPSite(self._runner, host, port, ssl_context=tls, backlog=_BACKLOG).start()
        return _url(self._runner.addresses[before], tls)

    async def close(self) -> None:
        """Not ready any more; wait ``drain_seconds``; accept nothing new; let open requests end; then close."""
        if self._health is not None:
            self._health.stopping = True
            await asyncio.sleep(self._drain_seconds)
        await self._runner.cleanup()

    async def __aenter__(self) -> "Server":
        """Itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()


async def serve(
    app: web.Application,
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    health: Health | None = None,
    drain_seconds: float = 0.0,
    grace_seconds: float = 10.0,
) -> Server:
    """Listen (port 0: any free one, see ``Server.url``). Raises OSError when the address cannot be had.

    ``drain_seconds``: how long load balancers get to notice, in ``close``; ``grace_seconds``: how long open requests
    get to end.
    """
    runner = Runner(
        app,
        render=_render,
        access_log=None,  # ours (foundation.web.caller) has no paths and no queries
        handle_signals=False,
        shutdown_timeout=grace_seconds,
        keepalive_timeout=_KEEPALIVE_SECONDS,
        max_line_size=_MAX_LINE,
        max_field_size=_MAX_LINE,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls, backlog=_BACKLOG)
        await site.start()
    except BaseException:
        await runner.cleanup()
        raise
    return Server(runner, _url(runner.addresses[0], tls), health, drain_seconds)


def _url(address: Any, tls: ssl.SSLContext | None) -> str:
    name = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{'https' if tls else 'http'}://{name}:{address[1]}"


def _render(error: LinkIdError, request_id: str) -> web.Response:
    """What no application saw has no path, so no dialect of its own: the default one."""
    response = ErrorTable().respond(error, path="", request_id=request_id)
    SecurityHeaders().apply(response)
    return response
