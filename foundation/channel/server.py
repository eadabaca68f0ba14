"""The server's end: an application with a POST route per call, listening at a private address."""

import asyncio
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, TypeAlias

import structlog
from aiohttp import web

from foundation.channel.wire import (
    MAX_MESSAGE,
    AlreadyServed,
    Draining,
    NoSuchCall,
    NotAnObject,
    UnixAddress,
    error_to_wire,
    parse_address,
)
from foundation.encoding import strict_json
from foundation.errors import Internal, JsonObject, LinkIdError
from foundation.logs import get_logger
from foundation.tls import TlsFiles, private_server_context
from foundation.web.bodies import read_body
from foundation.web.caller import REQUEST_ID, Handler
from foundation.web.errors import FAMILY_STATUS, BodyTooLarge, HeadersTooLarge
from foundation.web.unparsed import SERVER_NAME, Runner

Call: TypeAlias = Callable[[JsonObject], Awaitable[JsonObject]]
"""A call's implementation: the body's object in, the answer's object out, or an error of ours raised."""

LINGER_SECONDS: Final = 0.5
"""How long, at least, a server that drains says so on connections that clients keep: a busy client has used each."""

_QUEUE_SECONDS: Final = 0.05
"""From taking the socket's name away to closing it: who is in the queue already is told, not cut off."""

_ALWAYS: Final = frozenset({"status"})
"""Answered also while draining: it says so."""

_log = get_logger(__name__)


class _Door:
    """Whether calls are taken, and how many are inside."""

    def __init__(self) -> None:
        self.shut = False
        self.inside = 0
        self.empty = asyncio.Event()
        self.empty.set()

    def enter(self) -> None:
        if self.shut:
            raise Draining
        self.inside += 1
        self.empty.clear()

    def leave(self) -> None:
        self.inside -= 1
        if not self.inside:
            self.empty.set()


_DOOR: Final = web.AppKey("door", _Door)
_OPEN: Final = _Door()
"""Never shut."""


def private_app(calls: Mapping[str, Call], *, max_message: int = MAX_MESSAGE) -> web.Application:
    """An application that answers ``POST /<name>`` for each call."""
    app = web.Application(middlewares=[_private_errors], client_max_size=max_message)
    app.on_response_prepare.append(_name_no_program)
    app[_DOOR] = door = _Door()
    for name, call in calls.items():
        app.router.add_post(f"/{name}", _handler(call, max_message, _OPEN if name in _ALWAYS else door))
    return app


def out_of_order(error: LinkIdError, also: JsonObject | None = None) -> Mapping[str, Call]:
    """The calls of a process that stays up without doing its work: ``status`` says why, everything else raises it.

    For what must not be tried again, as a token's PIN: whoever keeps processes up would start one that ends.
    """

    async def status(_body: JsonObject) -> JsonObject:
        return {**(also or {}), "ready": False, "why": error.code}

    async def refuse(_body: JsonObject) -> JsonObject:
        raise error

    return {"status": status, "{call:.+}": refuse}


def _handler(call: Call, max_message: int, door: _Door) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        door.enter()
        try:
            return await answer(request)
        finally:
            door.leave()

    async def answer(request: web.Request) -> web.StreamResponse:
        body = strict_json(await read_body(request, max_bytes=max_message), max_bytes=max_message)
        if not isinstance(body, dict):
            raise NotAnObject
        return web.json_response(await call(body))

    return handle


@web.middleware
async def _private_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Our errors travel whole: both ends are ours. Unknown exceptions say nothing, also here."""
    # Private peers may name the request: so one id leads through the logs of all processes.
    identity = request.headers.get("X-Request-Id", "")[:64]
    request[REQUEST_ID] = identity
    with structlog.contextvars.bound_contextvars(request_id=identity):
        try:
            return await handler(request)
        except LinkIdError as raised:
            error = raised
        except web.HTTPException as raised:
            error = NoSuchCall(f"{request.path[:64]}: {raised.reason}")
        except Exception:
            _log.exception("unexpected_error", call=request.path)
            error = Internal()
        _log.info("call_refused", call=request.path, error_code=error.code, detail=error.detail)
        response = _render(error, identity)
        if isinstance(error, Draining):
            response.force_close()
        return response


def _render(error: LinkIdError, _request_id: str) -> web.Response:
    return web.json_response({"error": error_to_wire(error)}, status=_status(error))


async def _name_no_program(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER_NAME


def _status(error: LinkIdError) -> int:
    if isinstance(error, BodyTooLarge | HeadersTooLarge):
        return 413 if isinstance(error, BodyTooLarge) else 431
    return next((FAMILY_STATUS[kind] for kind in type(error).__mro__ if kind in FAMILY_STATUS), 500)


class PrivateServer:
    """A listening private application. ``address`` is what clients are given."""

    def __init__(self, runner: web.AppRunner, address: str, socket_file: Path | None, door: "_Door | None") -> None:
        """Use ``serve_private``."""
        self._runner = runner
        self._door = door
        self._socket_file = socket_file
        self._inode = socket_file.stat().st_ino if socket_file else None
        self.address = address

    async def drain(self) -> None:
        """Take no more calls: new ones hear ``Draining`` and go elsewhere. Returns when those inside have ended.

        Then ``close``. Nobody's call is cut: what was taken is answered, what comes later was not delivered.
        """
        if self._door is not None:
            self._door.shut = True
        await asyncio.sleep(LINGER_SECONDS)
        if self._door is not None:
            await self._door.empty.wait()
        self._remove_socket()  # who connects from now on finds nobody
        await asyncio.sleep(_QUEUE_SECONDS)

    async def close(self) -> None:
        """Let open calls end (briefly), close, and remove the socket if it is still ours."""
        await self._runner.cleanup()
        self._remove_socket()

    def _remove_socket(self) -> None:
        if self._socket_file is not None:
            try:
                if self._socket_file.lstat().st_ino == self._inode:
                    self._socket_file.unlink()
            except FileNotFoundError:
                pass

    async def __aenter__(self) -> "PrivateServer":
        """Itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()


async def serve_private(
    app: web.Application,
    listen: str,
    *,
    tls: TlsFiles | None = None,
    mode: int = 0o600,
    group: int | None = None,
    grace_seconds: float = 10.0,
) -> PrivateServer:
    """Listen at a private address.

    A Unix socket is born with ``mode`` (and ``group``, where processes have different users): there is no moment in
    which others could connect. A stale socket of a dead process is removed; raises AlreadyServed when it is alive,
    OSError when something else stands there. TLS needs ``tls``; port 0 is any free one, see ``PrivateServer.address``.
    """
    address = parse_address(listen)
    door = app.get(_DOOR)
    runner = Runner(app, render=_render, access_log=None, handle_signals=False, shutdown_timeout=grace_seconds)
    await runner.setup()
    try:
        if isinstance(address, UnixAddress):
            listening = await asyncio.to_thread(_bind_unix, address.path, mode, group)
            await web.SockSite(runner, listening).start()
            return PrivateServer(runner, listen, address.path, door)
        if tls is None:
            raise ValueError("a tls: address needs certificate, key and authorities")
        await web.TCPSite(runner, address.host, address.port, ssl_context=private_server_context(tls)).start()
        return PrivateServer(runner, f"tls:{address.host}:{runner.addresses[0][1]}", None, door)
    except BaseException:
        await runner.cleanup()
        raise


def _bind_unix(path: Path, mode: int, group: int | None) -> socket.socket:
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # On Linux the file takes its mode and owner from the socket at bind: no window, and no process-wide umask.
        os.fchmod(listening.fileno(), mode)
        listening.bind(str(path))
        os.chmod(path, mode)  # a umask may have taken bits away; it never adds any
        if group is not None:
            os.chown(path, -1, group)
        listening.listen(512)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(f"{path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise AlreadyServed(f"another process listens at {path}")
