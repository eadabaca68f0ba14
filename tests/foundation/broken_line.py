"""A wire to PostgreSQL that can be cut: a proxy on a Unix socket of its own, for tests of what breaks in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class BrokenLine:
    """Passes bytes both ways until told otherwise."""

    def __init__(self, target: Path, folder: Path) -> None:
        """``target``: the server's real socket; ``folder``: where ours appears."""
        self.folder = folder
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None
        self.cut_after: bytes | None = None
        """When a client's message contains this, it is passed on, and the answer never arrives."""
        self.silent = False
        """Swallow everything, both ways, without closing: a network that lost its route."""
        self._answer_is_lost = False

    async def listen(self) -> None:
        """Open for connections."""
        self._listening = await asyncio.start_unix_server(self._connected, self.folder / ".s.PGSQL.5432")

    async def vanish(self) -> None:
        """Nobody listens any more, and every open connection is cut."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        (self.folder / ".s.PGSQL.5432").unlink(missing_ok=True)
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Cut every open connection; new ones are welcome."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(self._target)
        self._open |= {writer, there_writer}
        up = asyncio.create_task(self._pass(reader, there_writer, watch=True))
        down = asyncio.create_task(self._pass(there_reader, writer, watch=False))
        self._tasks |= {up, down}
        await asyncio.gather(up, down, return_exceptions=True)
        self._tasks -= {up, down}
        self._open -= {writer, there_writer}
        for one in (writer, there_writer):
            one.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, watch: bool) -> None:
        try:
            while chunk := await reader.read(65536):
                if self.silent:
                    continue
                if not watch and self._answer_is_lost:
                    self._answer_is_lost = False
                    self.cut()
                    return
                if watch and self.cut_after is not None and self.cut_after in chunk:
                    self.cut_after = None
                    self._answer_is_lost = True
                writer.write(chunk)
                await writer.drain()
        except (ConnectionError, OSError):
            pass
        finally:
            writer.transport.abort() if not watch else writer.close()


@asynccontextmanager
async def broken_line(dsn: str, folder: Path) -> AsyncIterator[tuple[BrokenLine, str]]:
    """The line, and the address that leads through it."""
    host = parse_qs(urlsplit(dsn).query)["host"][0]
    line = BrokenLine(Path(host) / ".s.PGSQL.5432", folder)
    await line.listen()
    try:
        yield line, through(dsn, folder)
    finally:
        await line.vanish()


def through(dsn: str, folder: Path) -> str:
    """The same address by another socket folder."""
    parts = urlsplit(dsn)
    return parts._replace(query=f"host={folder}").geturl()
