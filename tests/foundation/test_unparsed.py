"""Bytes that are no HTTP, thrown at a public and a private listener through raw sockets."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from foundation.ids import is_id
from foundation.web import WireModel, answer, new_app, read_json, serve

SECRET = b"s3cret"
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
UNPARSED: dict[str, tuple[bytes, int]] = {
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + SECRET + b"\r\n\r\n", 400),
    "a bad method": (b"G@T /" + SECRET + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "no version": (b"GET /" + SECRET + b" HTTP\r\nHost: x\r\n\r\n", 400),
    "a version of the future": (b"GET /" + SECRET + b" HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    "HTTP/2 by itself": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a header without colon": (b"GET / HTTP/1.1\r\nHost: x\r\n" + SECRET + b"\r\n\r\n", 400),
    "NUL in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0" + SECRET + b"\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}", 400),
    "a length that is no number": (POST + b"Content-Length: 2x\r\n\r\n{}", 400),
    "both length and chunks": (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a long address": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
    "a long header": (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n", 431),
    "garbage for a chunk": (CHUNKED + b"zz\r\n" + SECRET + b"\r\n", 400),
    "garbage after a chunk": (CHUNKED + b"2\r\n{}" + SECRET + b"\r\n0\r\n\r\n", 400),
    "a chunk without end": (CHUNKED + b"f" * 40 + b"\r\n{}", 400),
}


class Anything(WireModel):
    """A body."""


async def _echo(request: web.Request) -> web.Response:
    await read_json(request, Anything)
    return answer({})


@pytest_asyncio.fixture
async def address() -> AsyncIterator[str]:
    """Where the listener is: host:port."""
    app = new_app()
    app.add_routes([web.post("/echo", _echo)])
    async with await serve(app, "127.0.0.1", 0, grace_seconds=0.5) as server:
        yield server.url.removeprefix("http://")


async def throw(address: str, sent: bytes) -> tuple[int, dict[str, str], Any]:
    """Send bytes; the first answer: status, headers (small letters), body."""
    reader, writer = await connect(address)
    try:
        writer.write(sent)
        return await read_whole(reader)
    finally:
        writer.close()


async def connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A raw connection."""
    host, _, port = address.partition(":")
    return await asyncio.open_connection(host, int(port))


async def read_whole(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], Any]:
    """One answer."""
    async with asyncio.timeout(5):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        headers = {name.lower(): value for name, value in re.findall(r"(?m)^([A-Za-z-]+): (.*?)\r$", head)}
        return int(head.split()[1]), headers, json.loads(await reader.readexactly(int(headers["content-length"])))


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, Any]:
    """Its status and body."""
    status, _, body = await read_whole(reader)
    return status, body


@pytest.mark.parametrize("name", UNPARSED)
async def test_what_is_no_http_is_refused_in_our_words(
    address: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A code, a request id where the public reads it, no page of aiohttp's, no version, nothing of what was sent."""
    sent, wanted = UNPARSED[name]
    caplog.set_level(logging.INFO)
    status, headers, body = await throw(address, sent)

    assert status == wanted
    assert headers["content-type"].startswith("application/json")
    assert headers["server"] == "Link ID"
    assert not re.search(r"aiohttp|python|\d\.\d", json.dumps([headers["server"], body]), re.IGNORECASE)
    assert SECRET.decode() not in json.dumps(body) + json.dumps(headers)
    assert body["code"] == ("headers_too_large" if wanted == 431 else "bad_request")
    assert is_id(body["request_id"], "rq")
    assert headers["x-request-id"] == body["request_id"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert body["request_id"] in caplog.text
    assert SECRET.decode() not in caplog.text


async def test_the_listener_lives_on(address: str) -> None:
    """After all of that it answers an honest call, and names no program either."""
    for sent, _ in UNPARSED.values():
        await throw(address, sent)
    status, headers, body = await throw(address, POST + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
    assert (status, body) == (200, {})
    assert headers["server"] == "Link ID"


async def test_garbage_behind_an_honest_call(address: str) -> None:
    """What follows on the same connection is refused on its own, and ends it."""
    reader, writer = await connect(address)
    try:
        writer.write(POST + b"Content-Length: 2\r\n\r\n{}")
        assert await read_answer(reader) == (200, {})
        writer.write(b"G@T / HTTP/1.1\r\n\r\n")
        status, _ = await read_answer(reader)
        assert status == 400
        assert await reader.read() == b""
    finally:
        writer.close()


async def test_garbage_while_the_body_is_read(address: str) -> None:
    """The headers were good, and a handler reads already: still a bad request, and no fault of ours."""
    reader, writer = await connect(address)
    try:
        writer.write(CHUNKED[:-2] + b"Expect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"2\r\n{}\r\nzz" + SECRET + b"\r\n")
        status, headers, body = await read_whole(reader)
    finally:
        writer.close()
    assert (status, body.get("error", body)["code"]) == (400, "bad_request")
    assert headers["server"] == "Link ID"
