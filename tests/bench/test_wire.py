"""The load generator's HTTP: it reads what our servers send however it is cut, and takes nothing else for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from bench.wire import Connection, WireError, request

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}'


async def answered(*parts: bytes, close: bool = False) -> tuple[int, bytes]:
    """What a client reads when a server sends these pieces, one after the other."""

    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.01)
            if not close:
                await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    connection = await Connection.open(port=server.sockets[0].getsockname()[1])
    try:
        return await asyncio.wait_for(connection.call(request("GET", "/x", "")), 5)
    finally:
        connection.close()
        await ended.wait()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    "parts", [[OK], [OK[:5], OK[5:40], OK[40:]], [OK[:-3], OK[-3:]], [OK.replace(b"Content-Length", b"content-length")]]
)
async def test_an_answer_is_read_whole_however_it_is_cut(parts: Sequence[bytes]) -> None:
    """Status and body."""
    assert await answered(*parts) == (200, b'{"a":1}')


async def test_an_answer_without_a_body_is_one() -> None:
    """204 has no length."""
    assert await answered(b"HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\n\r\n") == (204, b"")


@pytest.mark.parametrize(
    "parts",
    [
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"],
        [b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"],
        [OK + OK],
    ],
    ids=["chunked", "HTTP/1.0", "two answers"],
)
async def test_what_it_cannot_read_is_no_answer(parts: Sequence[bytes]) -> None:
    """Rather an error than a number that means something else."""
    with pytest.raises(WireError):
        await answered(*parts)


async def test_a_connection_that_ends_is_no_answer() -> None:
    """Also in the middle of one."""
    with pytest.raises(WireError):
        await answered(OK[:50], close=True)


async def test_an_idle_connection_that_the_server_closed_is_opened_again() -> None:
    """Between two calls; the second one is answered."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    connection = await Connection.open(port=server.sockets[0].getsockname()[1])
    for _ in range(2):
        assert await connection.call(request("GET", "/x", "")) == (200, b'{"a":1}')
        await asyncio.sleep(0.05)
    assert connections == 2
    connection.close()
    server.close()
    await server.wait_closed()
