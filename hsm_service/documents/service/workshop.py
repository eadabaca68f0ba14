"""The gateway's side of the processes that parse (``process``): who asks, waits, and kills what takes too long.

One nursery for a gateway, started at the first job and again when it is gone; one child for each job. What comes back
is believed as much as its document: it is of a size, it is one of our errors or a parcel, and who asked looks at it.
"""

import asyncio
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Final

from foundation.errors import LinkIdError, TooMany, Unavailable
from foundation.logs import get_logger
from hsm_service.documents.domain.parcel import Parcel
from hsm_service.documents.errors import (
    BadCertificate,
    BadPreparation,
    DocumentTooCostly,
    FormNotPossible,
    UnsuitableDocument,
)
from hsm_service.documents.service.jobs import answered

DEADLINE_SECONDS: Final = 40.0
"""More than the processor time that a child has: then it is killed, whatever it waits for."""
MAX_ANSWER: Final = 64 * 1024 * 1024
"""Bytes: the largest document, with evidence and a stamp."""
_WAITING: Final = 8
_RETRY_SECONDS: Final = 10
_SILENT_SECONDS: Final = 30
"""A nursery that is alive and says nothing for so long is replaced as one that is gone."""
_NOTHING: Final = subprocess.DEVNULL
_PROCESS: Final = "hsm_service.documents.process"
_ERRORS: Final[Mapping[str, type[LinkIdError]]] = {
    each.code: each for each in (BadCertificate, BadPreparation, FormNotPossible, UnsuitableDocument)
}
"""What a child may say of a document; whatever else it says is UnsuitableDocument."""

_log = get_logger(__name__)


class WorkshopBusy(TooMany):
    """As many documents as we parse at once are being parsed, and others wait already."""

    code = "documents_busy"
    summary = "Too many documents are being read. Try again in a moment."
    message = "Há muitos documentos em andamento. Tente de novo em instantes."


class WorkshopAway(Unavailable):
    """The process that parses could not be started."""

    code = "documents_unavailable"


class Hold:
    """One child, and no other: its number could be another process's as soon as it ended."""

    def __init__(self, pidfd: int) -> None:
        """``pidfd`` is ours to close from now on."""
        self.pidfd = pidfd

    def kill(self) -> None:
        """Nothing when it ended by itself."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def __del__(self) -> None:
        """Whoever gave up waiting for it lets go as well."""
        os.close(self.pidfd)


class Nursery:
    """The process that forks children. Of threads: `child` blocks for milliseconds, and a second when it starts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def child(self, connection: socket.socket) -> Hold:
        """A child that works on ``connection``. Raises WorkshopAway."""
        with self._lock:
            for _ in range(2):  # one that was gone is followed by a fresh one
                control = self._control or self._started()
                try:
                    socket.send_fds(control, [b"j"], [connection.fileno()])
                    _, held, _, _ = socket.recv_fds(control, 1, 1, socket.MSG_CMSG_CLOEXEC)
                except OSError:
                    held = []
                if held:
                    return Hold(held[0])
                self._gone()
        raise WorkshopAway("the nursery does not answer")

    def close(self) -> None:
        """Nobody works here any more."""
        with self._lock:
            self._gone()

    def _started(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _SILENT_SECONDS, 0))
        words = (sys.executable, "-I", "-m", _PROCESS)
        try:
            with theirs:  # an empty environment: no secret of ours is in it
                self._process = subprocess.Popen(
                    words, stdin=theirs.fileno(), stdout=_NOTHING, stderr=_NOTHING, env={}, cwd="/"
                )
        except OSError as cause:
            ours.close()
            raise WorkshopAway(f"not started: {cause.strerror}") from cause
        self._control = ours
        return ours

    def _gone(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


class Workshop:
    """See ``ports.Parsing``. ``at_once`` children; eight wait; who comes then hears so."""

    def __init__(self, nursery: Nursery, *, at_once: int = 2, deadline: float = DEADLINE_SECONDS) -> None:
        """Several may share a nursery: strangers' work then keeps nobody's signature waiting."""
        self._nursery = nursery
        self._room = asyncio.Semaphore(at_once)
        self._most = at_once + _WAITING
        self._here = 0
        self._deadline = deadline

    async def do(self, job: str, asked: Parcel) -> Parcel:
        """Raises what the document is refused for; DocumentTooCostly, WorkshopBusy, WorkshopAway."""
        if self._here >= self._most:
            raise WorkshopBusy(retry_after=_RETRY_SECONDS)
        self._here += 1
        try:
            async with self._room:
                written = await self._asked(job.encode("ascii") + b"\n" + asked.to_bytes())
        finally:
            self._here -= 1
        return understood(written)

    async def _asked(self, data: bytes) -> bytes:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                child = await asyncio.to_thread(self._nursery.child, theirs)
            except BaseException:
                ours.close()
                raise
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        collected = bytearray()
        try:
            async with asyncio.timeout(self._deadline):
                writer.write(data)
                writer.write_eof()
                while len(collected) <= MAX_ANSWER and (chunk := await reader.read(256 * 1024)):
                    collected += chunk
        except (TimeoutError, OSError):
            collected.clear()
        finally:
            if not reader.at_eof():  # it lives, or just ended: this reaches nobody else
                child.kill()
            writer.close()
        return bytes(collected) if len(collected) <= MAX_ANSWER else b""


class InThread:
    """The same without a process, for who signs documents of their own: demonstrations and tests."""

    async def do(self, job: str, asked: Parcel) -> Parcel:
        """As ``Workshop.do``."""
        return understood(await asyncio.to_thread(answered, job.encode("ascii") + b"\n" + asked.to_bytes()))


def understood(written: bytes) -> Parcel:
    """The answer of a child. Raises what it says, as one of our errors; DocumentTooCostly when it said nothing."""
    if not written:  # out of memory or time, or killed by its limits
        _log.warning("document_too_costly")
        raise DocumentTooCostly
    answer = Parcel.from_bytes(written)
    if "error" in answer.head:
        code, detail = answer.head["error"], answer.head.get("detail")
        raise _ERRORS.get(str(code), UnsuitableDocument)(str(detail)[:200])
    return answer
