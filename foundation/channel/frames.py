"""How calls and answers lie on the wire: frames with a number, any number of them under way on one connection.

    connection  = preface frames          preface: the caller's first bytes, so that foreign speakers are told apart
    frame       = length number content   length: 4 bytes, big-endian, of all that follows; number: 4 bytes
    call        = name LF request-id LF body
    answer      = mark body               mark: "." an answer, "!" an error, "-" not taken: the call did not happen

Bodies are JSON objects in UTF-8. The caller numbers its calls as it likes; an answer has its call's number, and comes
when it is ready, whatever was asked before. Why not HTTP: docs/decisions/0015-frames-between-processes.md.
"""

import asyncio
import contextlib
import struct
from collections.abc import Iterator
from typing import Final, cast

PREFACE: Final = b"LINKID1\n"
ANSWERED: Final = b"."
FAILED: Final = b"!"
NOT_TAKEN: Final = b"-"

_HEAD: Final = struct.Struct(">II")
_NUMBER_BYTES: Final = 4
OVERHEAD: Final = 256
"""Bytes of a frame beside the body: number, name, request id, mark."""
NUMBERS: Final = 2**32


class NotFrames(Exception):
    """What came is not ours, or too long. The connection is of no use any more."""


def frame(number: int, *parts: bytes) -> bytes:
    """One frame."""
    return b"".join((_HEAD.pack(_NUMBER_BYTES + sum(map(len, parts)), number), *parts))


class Frames:
    """Bytes as they come in, frames out. Pure; bounded by the longest frame."""

    def __init__(self, max_content: int, *, preface: bool) -> None:
        """``preface``: whether the other end owes us one."""
        self._buffer = bytearray()
        self._most = max_content + OVERHEAD
        self._owes_preface = preface

    def take(self, data: bytes) -> "Iterator[tuple[int, bytes]]":
        """Number and content of every frame that is whole by now. Raises NotFrames."""
        self._buffer += data
        if self._owes_preface:
            begun = bytes(self._buffer[: len(PREFACE)])
            if not PREFACE.startswith(begun):
                raise NotFrames("another protocol")
            if len(begun) < len(PREFACE):
                return
            del self._buffer[: len(PREFACE)]
            self._owes_preface = False
        at = 0
        while len(self._buffer) - at >= _HEAD.size:
            length, number = _HEAD.unpack_from(self._buffer, at)
            if not _NUMBER_BYTES <= length <= self._most:
                raise NotFrames("a frame of impossible length")
            end = at + _HEAD.size - _NUMBER_BYTES + length
            if len(self._buffer) < end:
                break
            yield number, bytes(self._buffer[at + _HEAD.size : end])
            at = end
        del self._buffer[:at]


class Wire(asyncio.Protocol):
    """Either end of a connection: frames in by ``received``, frames out by ``send``; ``lost`` once, at the end."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self.transport: asyncio.Transport | None = None
        self._ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's has another ancestor

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._ended.set()
        self.lost()

    async def close(self, seconds: float = 1.0) -> None:
        """What was written leaves, if the other end takes it in time; then the connection is over."""
        if self.transport is None:
            return
        if not self.transport.is_closing():  # a TLS transport of Python 3.11.2 that is closed twice cannot be aborted
            self.transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        if not self._ended.is_set():
            self.transport.abort()
            await self._ended.wait()

    def data_received(self, data: bytes) -> None:
        """asyncio's. A peer that does not speak frames is hung up on."""
        try:
            for number, content in self._frames.take(data):
                self.received(number, content)
        except NotFrames:
            self.foreign()
            if self.transport is not None:
                self.transport.abort()

    def send(self, data: bytes) -> None:
        """Write; nothing happens when the connection is gone."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def received(self, number: int, content: bytes) -> None:
        """A frame."""
        raise NotImplementedError

    def foreign(self) -> None:
        """The other end speaks something else; the connection ends next."""

    def lost(self) -> None:
        """The connection is over."""
