"""The private channel between our processes: JSON POST over a Unix socket, or over mutual TLS across machines.

The server side is an aiohttp application made by ``private_app`` with one POST route per call; ``serve_private``
listens. The client side, ``PrivateClient``, posts and either returns the answer's object or raises *the same error
class* that the other process raised, found by its code. Addresses are text: ``unix:/run/linkid/sam-0.sock`` or
``tls:sam.internal:8500``.

Who may connect is decided below HTTP: by the socket's file mode, or by a certificate of the private authority. What
a caller says once connected is not believed more for that.
"""

import asyncio
import itertools
import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeAlias

import aiohttp
import structlog
from aiohttp import web

from foundation.encoding import strict_json
from foundation.errors import FAMILIES, BadInput, Internal, JsonObject, JsonValue, LinkIdError, Unavailable, every_error
from foundation.logs import get_logger
from foundation.tls import TlsFiles, private_client_context, private_server_context
from foundation.web.bodies import read_body
from foundation.web.caller import REQUEST_ID, Handler
from foundation.web.errors import FAMILY_STATUS, BodyTooLarge

Call: TypeAlias = Callable[[JsonObject], Awaitable[JsonObject]]
"""A call's implementation: the body's object in, the answer's object out, or an error of ours raised."""

MAX_MESSAGE: Final = 1024 * 1024
"""Bytes of a private message either way. 100 signatures of RSA-4096 in base64 are 70 KiB."""
DEADLINE: Final = 10.0
CONNECT_SECONDS: Final = 2.0

_log = get_logger(__name__)


class NotDelivered(Unavailable):
    """No process answered at the address: the call did not happen, and may be made again."""

    code = "not_delivered"


class AnswerLost(Unavailable):
    """The call was sent and no answer came (deadline, broken connection): it may have happened."""

    code = "answer_lost"


class NoSuchCall(BadInput):
    """The other process does not know this call: the two are of different versions."""

    code = "no_such_call"
    summary = "There is no such call."


class NotAnObject(BadInput):
    """A private call's body is no JSON object."""

    code = "not_an_object"
    summary = "A private call needs a JSON object."


class AlreadyServed(Internal):
    """Another live process listens at this address."""

    code = "already_served"


class RemoteError(Internal):
    """The other process raised something whose code this one does not know. ``remote_code`` has it."""

    code = "remote_error"

    @property
    def remote_code(self) -> str:
        """The code as the other side said it."""
        return str(self.data.get("remote_code", ""))


@dataclass(frozen=True)
class UnixAddress:
    """``unix:/path``."""

    path: Path


@dataclass(frozen=True)
class TlsAddress:
    """``tls:host:port``."""

    host: str
    port: int


def parse_address(text: str) -> UnixAddress | TlsAddress:
    """Raises ValueError saying which forms there are."""
    kind, _, rest = text.partition(":")
    if kind == "unix" and rest.startswith("/"):
        return UnixAddress(Path(rest))
    host, _, port = rest.rpartition(":")
    if kind == "tls" and host and port.isascii() and port.isdigit() and int(port) < 65536:
        return TlsAddress(host.strip("[]"), int(port))
    raise ValueError(f"{text!r} is no private address; expected unix:/path/name.sock or tls:host:port")


# --- the server side ---------------------------------------------------------------------------------------------


def private_app(calls: Mapping[str, Call], *, max_message: int = MAX_MESSAGE) -> web.Application:
    """An application that answers ``POST /<name>`` for each call."""
    app = web.Application(middlewares=[_private_errors], client_max_size=max_message)
    for name, call in calls.items():
        app.router.add_post(f"/{name}", _handler(call, max_message))
    return app


def _handler(call: Call, max_message: int) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
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
        return web.json_response({"error": error_to_wire(error)}, status=_status(error))


def _status(error: LinkIdError) -> int:
    if isinstance(error, BodyTooLarge):
        return 413
    return next((FAMILY_STATUS[kind] for kind in type(error).__mro__ if kind in FAMILY_STATUS), 500)


def error_to_wire(error: LinkIdError) -> JsonObject:
    """An error as it travels between our processes."""
    return {
        "code": error.code,
        "summary": error.summary,
        "detail": error.detail,
        "data": dict(error.data),
        "retry_after": error.retry_after,
    }


class PrivateServer:
    """A listening private application. ``address`` is what clients are given."""

    def __init__(self, runner: web.AppRunner, address: str, socket_file: Path | None) -> None:
        """Use ``serve_private``."""
        self._runner = runner
        self._socket_file = socket_file
        self._inode = socket_file.stat().st_ino if socket_file else None
        self.address = address

    async def close(self) -> None:
        """Let open calls end (briefly), close, and remove the socket if it is still ours."""
        await self._runner.cleanup()
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
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=grace_seconds)
    await runner.setup()
    try:
        if isinstance(address, UnixAddress):
            listening = await asyncio.to_thread(_bind_unix, address.path, mode, group)
            await web.SockSite(runner, listening).start()
            return PrivateServer(runner, listen, address.path)
        if tls is None:
            raise ValueError("a tls: address needs certificate, key and authorities")
        await web.TCPSite(runner, address.host, address.port, ssl_context=private_server_context(tls)).start()
        return PrivateServer(runner, f"tls:{address.host}:{runner.addresses[0][1]}", None)
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


# --- the client side ---------------------------------------------------------------------------------------------


class ErrorRegistry:
    """Error classes by code: what a private answer's error becomes again."""

    def __init__(self, classes: Sequence[type[LinkIdError]] | None = None, *, strict: bool = True) -> None:
        """Every class imported so far, unless told. Two with one code: ValueError, or the first if not ``strict``."""
        self._classes: dict[str, type[LinkIdError]] = {}
        for kind in [*FAMILIES, *(every_error() if classes is None else classes)]:
            known = self._classes.setdefault(kind.code, kind)
            if strict and known is not kind and "code" in vars(kind):
                raise ValueError(f"{kind.__qualname__} and {known.__qualname__} share the code {kind.code!r}")

    def error(self, wire: Mapping[str, Any]) -> LinkIdError:
        """The error that a private answer describes; RemoteError for a code that nobody here knows."""
        code, detail = wire.get("code"), wire.get("detail")
        retry_after, data = wire.get("retry_after"), wire.get("data")
        kind = self._classes.get(code) if isinstance(code, str) else None
        fields: dict[str, JsonValue] = dict(data) if isinstance(data, Mapping) else {}
        if kind is None:
            kind = RemoteError
            fields["remote_code"] = str(code)[:64]
        # Subclasses may have constructors of their own; what travels is what the root's has.
        error = kind.__new__(kind)
        LinkIdError.__init__(
            error,
            detail if isinstance(detail, str) else None,
            retry_after=retry_after if isinstance(retry_after, int) else None,
            data=fields,
        )
        return error


class PrivateClient:
    """Calls another process of ours. Several targets are alternatives: tried in turn while a call is *not delivered*.

    A call that was delivered is never repeated here: whether that is safe is the caller's knowledge.
    """

    def __init__(
        self,
        targets: str | Sequence[str],
        *,
        tls: TlsFiles | None = None,
        registry: ErrorRegistry | None = None,
        max_message: int = MAX_MESSAGE,
    ) -> None:
        """Opens nothing yet. ``registry``: made at the first error when not given, so that all slices are imported."""
        addresses = [targets] if isinstance(targets, str) else list(targets)
        if not addresses:
            raise ValueError("a private client needs at least one target")
        self._addresses = [(text, parse_address(text)) for text in addresses]
        self._tls = tls
        self._registry = registry
        self._max_message = max_message
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._turn = itertools.count()

    async def call(self, name: str, body: JsonObject | None = None, *, deadline: float = DEADLINE) -> JsonObject:
        """Post ``body`` to ``/<name>`` and return the answer's object.

        Raises the error the other side raised; NotDelivered when no target took the call; AnswerLost when none answered
        within ``deadline`` seconds; RemoteError for answers that are not ours.
        """
        content = json.dumps(dict(body or {}), ensure_ascii=False, allow_nan=False, default=_plain).encode("utf-8")
        if len(content) > self._max_message:
            raise Internal(f"{name}: a private message of {len(content)} bytes")
        start = next(self._turn)
        refusal = NotDelivered("no target")
        async with _Deadline(deadline, name):
            for offset in range(len(self._addresses)):
                text, address = self._addresses[(start + offset) % len(self._addresses)]
                try:
                    return await self._post(text, address, name, content)
                except NotDelivered as error:
                    refusal = error
        raise refusal

    async def _post(self, text: str, address: UnixAddress | TlsAddress, name: str, content: bytes) -> JsonObject:
        headers = {"Content-Type": "application/json"}
        identity = structlog.contextvars.get_contextvars().get("request_id")
        if isinstance(identity, str) and identity:
            headers["X-Request-Id"] = identity
        base = "http://private" if isinstance(address, UnixAddress) else f"https://{_host(address)}"
        try:
            session = self._session(text, address)
            async with session.post(f"{base}/{name}", data=content, headers=headers, allow_redirects=False) as response:
                status, answer = response.status, await response.content.read(self._max_message + 1)
                while len(answer) <= self._max_message and not response.content.at_eof():
                    answer += await response.content.read(self._max_message + 1)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as cause:
            raise NotDelivered(f"{text}: {type(cause).__name__}") from cause
        except (aiohttp.ClientError, OSError) as cause:
            raise AnswerLost(f"{text} {name}: {type(cause).__name__}") from cause
        return self._answer(status, answer, name)

    def _answer(self, status: int, content: bytes, name: str) -> JsonObject:
        try:
            body = strict_json(content, max_bytes=self._max_message)
        except LinkIdError as cause:
            raise RemoteError(f"{name}: the answer (status {status}) is not strict JSON: {cause.detail}") from cause
        if not isinstance(body, dict):
            raise RemoteError(f"{name}: the answer (status {status}) is not an object")
        if status == 200:
            return body
        wire = body.get("error")
        if self._registry is None:
            self._registry = ErrorRegistry(strict=False)  # in the middle of a call is no time to find a defect
        raise self._registry.error(wire if isinstance(wire, dict) else {})

    def _session(self, text: str, address: UnixAddress | TlsAddress) -> aiohttp.ClientSession:
        session = self._sessions.get(text)
        if session is None or session.closed:
            connector: aiohttp.BaseConnector
            if isinstance(address, UnixAddress):
                connector = aiohttp.UnixConnector(str(address.path), limit=0)
            elif self._tls is None:
                raise ValueError("a tls: address needs certificate, key and authorities")
            else:
                connector = aiohttp.TCPConnector(ssl=private_client_context(self._tls), limit=0)
            timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS)
            session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, trust_env=False, auto_decompress=False
            )
            self._sessions[text] = session
        return session

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def __aenter__(self) -> "PrivateClient":
        """Itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()


class _Deadline:
    """asyncio.timeout that ends in AnswerLost."""

    def __init__(self, seconds: float, name: str) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._name = name
        self._seconds = seconds

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as cause:
            raise AnswerLost(f"{self._name}: no answer within {self._seconds} s") from cause


def _host(address: TlsAddress) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def _plain(value: object) -> Any:
    """Mappings and sequences that are not dict and list."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"not JSON: {type(value).__name__}")
