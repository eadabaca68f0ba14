"""The server's end: calls by name, listening at a private address."""

import asyncio
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, TypeAlias

import structlog

from foundation.channel.frames import ANSWERED, FAILED, NOT_TAKEN, Frames, Wire, frame
from foundation.channel.wire import (
    MAX_MESSAGE,
    AlreadyServed,
    NoSuchCall,
    NotAnObject,
    UnixAddress,
    error_to_wire,
    parse_address,
    to_json,
)
from foundation.encoding import strict_json
from foundation.errors import Internal, JsonObject, LinkIdError
from foundation.logs import get_logger
from foundation.tls import TlsFiles, private_server_context

Call: TypeAlias = Callable[[JsonObject], Awaitable[JsonObject]]
"""A call's implementation: the body's object in, the answer's object out, or an error of ours raised."""

MOST_UNDER_WAY: Final = 1024
"""Calls of one connection at once; what comes beyond waits unread."""
LINGER_SECONDS: Final = 0.5
"""How long, at least, a server that drains says so on connections that clients keep: a busy client has used each."""

_QUEUE_SECONDS: Final = 0.05
"""From taking the socket's name away to closing it: who is in the queue already is told, not cut off."""
_ALWAYS: Final = "status"
"""Answered also while draining: it says so."""
_STATUS: Final = b"status\n"
_EVERY_OTHER: Final = "*"
_REQUEST_ID: Final = 64

_log = get_logger(__name__)


@dataclass(frozen=True)
class PrivateApp:
    """What a process answers: calls by name, and how long a message may be."""

    calls: Mapping[str, Call]
    max_message: int = MAX_MESSAGE


def private_app(calls: Mapping[str, Call], *, max_message: int = MAX_MESSAGE) -> PrivateApp:
    """For ``serve_private``."""
    return PrivateApp(dict(calls), max_message)


def out_of_order(error: LinkIdError, also: JsonObject | None = None) -> Mapping[str, Call]:
    """The calls of a process that stays up without doing its work: ``status`` says why, everything else raises it.

    For what must not be tried again, as a token's PIN: whoever keeps processes up would start one that ends.
    """

    async def status(_body: JsonObject) -> JsonObject:
        return {**(also or {}), "ready": False, "why": error.code}

    async def refuse(_body: JsonObject) -> JsonObject:
        raise error

    return {_ALWAYS: status, _EVERY_OTHER: refuse}


class _Connection(Wire):
    """One caller. Each of its calls is a task of its own."""

    def __init__(self, app: PrivateApp, server: "PrivateServer") -> None:
        super().__init__(Frames(app.max_message, preface=True))
        self._app, self._server = app, server
        self._under_way = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server.connections.add(self)

    def lost(self) -> None:
        self._server.connections.discard(self)

    def foreign(self) -> None:
        _log.info("not_our_protocol")

    def received(self, number: int, content: bytes) -> None:
        if self._server.closing and not content.startswith(_STATUS):
            self.send(frame(number, NOT_TAKEN, b"{}"))
            return
        self._under_way += 1
        if self._under_way == MOST_UNDER_WAY and self.transport is not None:
            self.transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self._answer(number, content))
        self._server.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._server.tasks.discard(task)
        self._under_way -= 1
        if self._under_way == MOST_UNDER_WAY - 1 and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    async def _answer(self, number: int, content: bytes) -> None:
        """Our errors travel whole: both ends are ours. Unknown exceptions say nothing, also here."""
        call, _, rest = content.partition(b"\n")
        identity, _, body = rest.partition(b"\n")
        name = call.decode("ascii", "replace")[:_REQUEST_ID]
        # Private peers may name the request: so one id leads through the logs of all processes.
        structlog.contextvars.bind_contextvars(request_id=identity.decode("ascii", "replace")[:_REQUEST_ID])
        try:
            mark, answer = ANSWERED, await self._call(name, body)
        except LinkIdError as raised:
            error = raised
        except Exception:
            _log.exception("unexpected_error", call=name)
            error = Internal()
        else:
            self.send(frame(number, mark, to_json(answer)))
            return
        _log.info("call_refused", call=name, error_code=error.code, detail=error.detail)
        self.send(frame(number, FAILED, to_json(error_to_wire(error))))

    async def _call(self, name: str, data: bytes) -> JsonObject:
        call = self._app.calls.get(name) or self._app.calls.get(_EVERY_OTHER)
        if call is None:
            raise NoSuchCall(name)
        body = strict_json(data, max_bytes=self._app.max_message)
        if not isinstance(body, dict):
            raise NotAnObject
        return await call(body)


class PrivateServer:
    """A listening private application. ``address`` is what clients are given."""

    def __init__(self, address: str, socket_file: Path | None, grace_seconds: float) -> None:
        """Use ``serve_private``."""
        self.address = address
        self.connections: set[_Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.closing = False
        self._socket_file = socket_file
        self._inode = socket_file.stat().st_ino if socket_file else None
        self._grace_seconds = grace_seconds
        self._listening: asyncio.Server | None = None

    def listens(self, listening: asyncio.Server) -> None:
        """From now on."""
        self._listening = listening

    async def drain(self) -> None:
        """Take no more calls: new ones hear that they were not taken, and go elsewhere. Returns when those under way
        have ended.

        Then ``close``. Nobody's call is cut: what was taken is answered, what comes later was not delivered.
        """
        self.closing = True
        await asyncio.sleep(LINGER_SECONDS)
        while self.tasks:
            await asyncio.wait(self.tasks)
        self._remove_socket()  # who connects from now on finds nobody
        await asyncio.sleep(_QUEUE_SECONDS)

    async def close(self) -> None:
        """Take no more calls (who calls hears that it was not taken, and goes elsewhere), let those under way end
        (briefly), close, and remove the socket if it is still ours."""
        self.closing = True
        if self._listening is not None:
            self._listening.close()
        self._remove_socket()
        if self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=self._grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await asyncio.gather(*(connection.close() for connection in list(self.connections)))

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
    app: PrivateApp,
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
    loop = asyncio.get_running_loop()
    if isinstance(address, UnixAddress):
        listening = await asyncio.to_thread(_bind_unix, address.path, mode, group)
        server = PrivateServer(listen, address.path, grace_seconds)
        server.listens(await loop.create_unix_server(lambda: _Connection(app, server), sock=listening))
        return server
    if tls is None:
        raise ValueError("a tls: address needs certificate, key and authorities")
    server = PrivateServer(listen, None, grace_seconds)
    bound = await loop.create_server(
        lambda: _Connection(app, server), address.host, address.port, ssl=private_server_context(tls)
    )
    server.listens(bound)
    server.address = f"tls:{address.host}:{bound.sockets[0].getsockname()[1]}"
    return server


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
