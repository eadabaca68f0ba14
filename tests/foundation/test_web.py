"""The plumbing around handlers, through real sockets."""

import asyncio
import contextlib
import io
import json
import logging
from collections.abc import AsyncIterator, Mapping
from ipaddress import ip_network
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from foundation.errors import Internal, NotPermitted, Unavailable
from foundation.ids import is_id
from foundation.web import (
    Cors,
    Health,
    HttpMetrics,
    SecurityHeaders,
    Server,
    WireModel,
    answer,
    client_address,
    health_routes,
    metrics_route,
    new_app,
    read_json,
    request_id,
    serve,
)

APP = "https://app.example"


class Item(WireModel):
    """A body's part."""

    label: str
    size: int | None = None


class Body(WireModel):
    """A body."""

    name: str
    items: tuple[Item, ...] = ()


async def _take(request: web.Request) -> web.Response:
    body = await read_json(request, Body, 1000)
    return answer({"name": body.name, "items": len(body.items)})


async def _optional(request: web.Request) -> web.Response:
    class Empty(WireModel):
        name: str = "nobody"

    return answer({"name": (await read_json(request, Empty, may_be_empty=True)).name})


async def _refuse(_request: web.Request) -> web.Response:
    raise NotPermitted("because of row 7")


async def _break(_request: web.Request) -> web.Response:
    raise RuntimeError("the PIN is 1234")


async def _redirect(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/elsewhere")


async def _http(request: web.Request) -> web.Response:
    status = int(request.match_info["status"])
    if status == 413:
        raise web.HTTPRequestEntityTooLarge(1, 2)
    kinds: dict[int, type[web.HTTPException]] = {
        403: web.HTTPForbidden,
        415: web.HTTPUnsupportedMediaType,
        502: web.HTTPBadGateway,
        503: web.HTTPServiceUnavailable,
    }
    raise kinds[status](text="internal text")


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(f"data: {request_id(request)}\n\n".encode())
    if "break" in request.query:
        raise RuntimeError("after the headers")
    return response


async def _page(_request: web.Request) -> web.Response:
    return web.Response(text="<p>", headers={"Content-Security-Policy": "default-src 'self'"})


async def _slow(_request: web.Request) -> web.Response:
    await asyncio.sleep(0.3)
    return answer({})


ROUTES = [
    web.post("/api/take", _take),
    web.post("/api/optional", _optional),
    web.get("/api/refuse/{secret}", _refuse),
    web.get("/api/break", _break),
    web.get("/redirect", _redirect),
    web.get("/api/stream", _stream),
    web.get("/api/http/{status}", _http),
    web.get("/page", _page),
    web.get("/api/slow", _slow),
]


@pytest.fixture
def metrics() -> HttpMetrics:
    """Numbers of the server under test."""
    return HttpMetrics()


@pytest_asyncio.fixture
async def server(metrics: HttpMetrics) -> AsyncIterator[Server]:
    """A server with every part of the plumbing."""
    app = new_app(security=SecurityHeaders(https=True), cors=Cors([APP], ["/api/"]), metrics=metrics)
    app.add_routes(ROUTES)
    async with await serve(app, "127.0.0.1", 0, grace_seconds=0.5) as server:
        yield server


@pytest_asyncio.fixture
async def client(server: Server) -> AsyncIterator[ClientSession]:
    """A client of it that follows no redirects."""
    async with ClientSession(server.url) as client:
        yield client


async def post(client: ClientSession, body: bytes, path: str = "/api/take", **headers: str) -> tuple[int, Any]:
    """Status and JSON of a POST."""
    sent = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with client.post(path, data=io.BytesIO(body), headers=sent) as response:
        return response.status, await response.json()


# --- bodies ------------------------------------------------------------------------------------------------------


async def test_a_good_body(client: ClientSession) -> None:
    """Arrives as the model; the answer is never cached."""
    async with client.post("/api/take", json={"name": "João", "items": [{"label": "x", "size": 1}]}) as response:
        assert await response.json() == {"name": "João", "items": 1}
        assert response.headers["Cache-Control"] == "no-store"


BAD_BODIES: Mapping[str, tuple[bytes, int, str, str | None]] = {
    "nothing": (b"", 400, "bad_encoding", None),
    "not JSON": (b"{", 400, "bad_encoding", None),
    "a list": (b"[]", 400, "invalid_field", ""),
    "missing": (b"{}", 400, "invalid_field", "name"),
    "wrong type": (b'{"name":7}', 400, "invalid_field", "name"),
    "null": (b'{"name":null}', 400, "invalid_field", "name"),
    "unknown": (b'{"name":"a","nome":"b"}', 400, "invalid_field", "nome"),
    "deeper": (b'{"name":"a","items":[{"label":"x"},{"label":"x","size":"1"}]}', 400, "invalid_field", "items.1.size"),
    "a flag as number": (b'{"name":"a","items":[{"label":"x","size":true}]}', 400, "invalid_field", "items.0.size"),
    "a fraction": (b'{"name":"a","items":[{"label":"x","size":1.5}]}', 400, "invalid_field", "items.0.size"),
    "twice": (b'{"name":"a","name":"b"}', 400, "bad_encoding", None),
    "NaN": (b'{"name":NaN}', 400, "bad_encoding", None),
    "deep": (b"[" * 900, 400, "bad_encoding", None),
    "large": (b'{"name":"' + b"a" * 1000 + b'"}', 413, "body_too_large", None),
    "huge": (b" " * 3_000_000, 413, "body_too_large", None),
    "not UTF-8": (b'{"name":"\xff"}', 400, "bad_encoding", None),
}


@pytest.mark.parametrize("what", BAD_BODIES)
async def test_bad_bodies(client: ClientSession, what: str) -> None:
    """Each is a clear refusal in our form, naming the field where there is one."""
    body, expected_status, code, field = BAD_BODIES[what]

    status, said = await post(client, body)

    assert (status, said["code"], said.get("field")) == (expected_status, code, field)
    assert said["message"]
    assert is_id(said["request_id"], "rq")


async def test_the_value_is_never_repeated(client: ClientSession) -> None:
    """What was sent may be a password in the wrong place."""
    for body in (b'{"name":["hunter2"]}', b'{"name":"a","items":"hunter2"}', b'{"name":"hunter2"'):
        _, said = await post(client, body)
        assert "hunter2" not in json.dumps(said)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "x"])
async def test_only_json(client: ClientSession, kind: str) -> None:
    """What a foreign page's form could send is not read."""
    assert (await post(client, b'{"name":"a"}', Content_Type=kind))[0] == 415


async def test_chunks_are_counted(client: ClientSession) -> None:
    """Without Content-Length the limit holds all the same."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b" " * 100

    async with client.post("/api/take", data=chunks(), headers={"Content-Type": "application/json"}) as response:
        assert response.status == 413


async def test_an_empty_body_where_allowed(client: ClientSession) -> None:
    """Is an empty object; something else is still checked."""
    assert await post(client, b"", "/api/optional") == (200, {"name": "nobody"})
    assert (await post(client, b"[]", "/api/optional"))[0] == 400


async def test_a_body_that_never_ends(client: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holding a connection open with a body that does not come is ended."""
    monkeypatch.setattr("foundation.web.bodies.BODY_SECONDS", 0.1)
    ended = asyncio.Event()

    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        await ended.wait()

    async with client.post("/api/take", data=trickle(), headers={"Content-Type": "application/json"}) as response:
        said = await response.json()
        ended.set()

    assert (response.status, said["code"]) == (400, "body_too_slow")


# --- errors ------------------------------------------------------------------------------------------------------


async def test_refusals_say_their_family_only(client: ClientSession) -> None:
    """The reason stays inside."""
    async with client.get("/api/refuse/x") as response:
        said = await response.json()

    assert response.status == 403
    assert said == {
        "code": "not_permitted",
        "message": NotPermitted.message,
        "request_id": response.headers["X-Request-Id"],
    }


async def test_the_unexpected_is_opaque_and_logged(client: ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    """500, no word of why; the log has the traceback."""
    async with client.get("/api/break") as response:
        text = await response.text()

    assert response.status == 500
    assert json.loads(text)["code"] == "internal_error"
    assert "1234" not in text
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize(
    ("status", "ours", "code"),
    [
        (403, 400, "bad_request"),
        (413, 413, "body_too_large"),
        (415, 415, "unsupported_media_type"),
        (503, 503, "unavailable"),
        (502, 500, "internal_error"),
    ],
)
async def test_what_aiohttp_raises_speaks_our_dialect(client: ClientSession, status: int, ours: int, code: str) -> None:
    """With none of its texts."""
    async with client.get(f"/api/http/{status}") as response:
        said = await response.json()

    assert (response.status, said["code"]) == (ours, code)
    assert "internal text" not in json.dumps(said)


async def test_no_route_and_no_method(client: ClientSession) -> None:
    """In our form too; Allow says what there is; redirects are left alone."""
    async with client.get("/nowhere?x=1") as response:
        assert (response.status, (await response.json())["code"]) == (404, "route_not_found")
    async with client.get("/api/take") as response:
        assert (response.status, (await response.json())["code"]) == (405, "method_not_allowed")
        assert response.headers["Allow"] == "POST"
    async with client.get("/redirect", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "/elsewhere")


# --- request id, headers -----------------------------------------------------------------------------------------


async def test_request_ids_are_ours(client: ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever was sent; the same in header, body and log."""
    caplog.set_level(logging.INFO)
    async with client.get("/api/refuse/x", headers={"X-Request-Id": "forged\tline"}) as response:
        identity = response.headers["X-Request-Id"]
        assert (await response.json())["request_id"] == identity

    assert is_id(identity, "rq")
    assert identity in caplog.text
    assert "forged" not in caplog.text


async def test_the_access_log_has_no_path_and_no_query(client: ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    """The route's template only: ids and tokens in paths stay out."""
    caplog.set_level(logging.INFO)
    async with client.get("/api/refuse/s3cret?token=s3cret", headers={"Authorization": "Bearer s3cret"}):
        pass
    async with client.get("/s3cret/s3cret"):
        pass

    assert "/api/refuse/{secret}" in caplog.text
    assert "s3cret" not in caplog.text


EVERY_ANSWER = ["/api/refuse/x", "/api/break", "/api/stream", "/nowhere", "/redirect", "/page"]


@pytest.mark.parametrize("path", EVERY_ANSWER)
async def test_every_answer_has_the_headers(client: ClientSession, path: str) -> None:
    """Errors, streams and redirects too."""
    async with client.get(path, allow_redirects=False) as response:
        headers = response.headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert headers["Server"] == "Link ID"
    assert is_id(headers["X-Request-Id"], "rq")
    expected = "default-src 'self'" if path == "/page" else "default-src 'none'; frame-ancestors 'none'"
    assert headers["Content-Security-Policy"] == expected


async def test_no_hsts_without_https() -> None:
    """A browser that once heard it would refuse plain HTTP on localhost for two years."""
    async with await serve(new_app(), "127.0.0.1", 0) as server, ClientSession(server.url) as client:
        async with client.get("/") as response:
            assert "Strict-Transport-Security" not in response.headers


async def test_a_stream_that_breaks_is_cut(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """After the headers no error answer can be sent: the stream ends unfinished, with no second answer inside."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /api/stream?break HTTP/1.1\r\nHost: x\r\n\r\n")
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while chunk := await reader.read(1000):
            received += chunk
    writer.close()

    assert received.count(b"HTTP/1.1") == 1
    assert b"internal_error" not in received
    assert not received.endswith(b"0\r\n\r\n")
    assert "after the headers" in caplog.text


# --- CORS --------------------------------------------------------------------------------------------------------


async def preflight(client: ClientSession, origin: str, path: str = "/api/take") -> ClientResponse:
    """What a browser asks before a cross-origin POST."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,dpop",
    }
    async with client.options(path, headers=headers) as response:
        return response


async def test_the_app_may_call(client: ClientSession) -> None:
    """Preflight and answer name the origin, the headers it may send and those it may read; no cookies."""
    response = await preflight(client, APP)
    assert response.status == 204
    assert response.headers["Access-Control-Allow-Origin"] == APP
    assert set(response.headers["Access-Control-Allow-Headers"].split(", ")) == {
        "authorization",
        "content-type",
        "dpop",
    }
    assert "Access-Control-Allow-Credentials" not in response.headers

    for path in ("/api/refuse/x", "/api/break", "/api/stream", "/api/none"):
        async with client.get(path, headers={"Origin": APP}) as answered:
            assert answered.headers["Access-Control-Allow-Origin"] == APP
            exposed = set(answered.headers["Access-Control-Expose-Headers"].split(", "))
            assert exposed == {"date", "dpop-nonce", "retry-after", "x-request-id"}
            assert "Origin" in answered.headers["Vary"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "https://app.example.evil.example",
        "http://app.example",
        "https://APP.example",
        "",
    ],
)
async def test_no_other_origin_may(client: ClientSession, origin: str) -> None:
    """Exact comparison; a stranger gets no CORS header at all."""
    response = await preflight(client, origin)
    assert response.status == 405
    assert not any(name.lower().startswith("access-control") for name in response.headers)


async def test_pages_are_not_open_to_the_app(client: ClientSession) -> None:
    """Only the prefixes meant for it."""
    async with client.get("/page", headers={"Origin": APP}) as response:
        assert "Access-Control-Allow-Origin" not in response.headers
    assert (await preflight(client, APP, "/page")).status == 405


# --- metrics and health ------------------------------------------------------------------------------------------


async def test_metrics_count_by_route(client: ClientSession, metrics: HttpMetrics) -> None:
    """Templates, known methods and statuses only: nobody outside can grow the list."""
    for path in ("/api/refuse/a", "/api/refuse/b", "/nowhere/a", "/nowhere/b"):
        async with client.get(path):
            pass
    async with client.request("PROPFIND", "/api/break"):
        pass

    counted = {
        tuple(sample.labels.values()): sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "linkid_http_requests_total"
    }
    assert counted == {
        ("GET", "/api/refuse/{secret}", "403"): 2.0,
        ("GET", "(no route)", "404"): 2.0,
        ("other", "(no route)", "405"): 1.0,
    }


async def private_server(*routes: web.RouteDef) -> Server:
    """A listener for operators."""
    app = new_app()
    app.add_routes(routes)
    return await serve(app, "127.0.0.1", 0)


async def test_metrics_can_be_guarded() -> None:
    """With a token configured, only who has it reads."""
    async with await private_server(metrics_route(CollectorRegistry(), SecretStr("t0ken"))) as server:
        async with ClientSession(server.url) as client:
            for given, status in (("Bearer t0ken", 200), ("Bearer t0kem", 401), ("t0ken", 401), ("Bearer çã", 401)):
                async with client.get("/metrics", headers={"Authorization": given}) as response:
                    assert response.status == status
            async with client.get("/metrics") as response:
                assert response.status == 401


async def test_health() -> None:
    """Alive whatever happens; ready when every check passes in time, with one word for each."""
    health = Health()
    state: dict[str, Exception | None] = {"database": None}

    async def database() -> None:
        if state["database"]:
            raise state["database"]

    async def sam() -> None:
        await asyncio.sleep(0)

    async def slow() -> None:
        await asyncio.sleep(10)

    health.add("database", database)
    health.add("sam", sam)
    async with await private_server(*health_routes(health)) as server, ClientSession(server.url) as client:

        async def ready() -> tuple[int, Any]:
            async with client.get("/health/ready") as response:
                return response.status, (await response.json())["checks"]

        assert await ready() == (200, {"database": "ok", "sam": "ok"})
        state["database"] = Unavailable("secret host name")
        assert await ready() == (503, {"database": "unavailable", "sam": "ok"})
        state["database"] = RuntimeError("secret host name")
        assert await ready() == (503, {"database": "failed", "sam": "ok"})
        state["database"] = None
        health.add("slow", slow, seconds=0.05)
        assert await ready() == (503, {"database": "ok", "sam": "ok", "slow": "slow"})
        async with client.get("/health/live") as response:
            assert response.status == 200


# --- serving -----------------------------------------------------------------------------------------------------


async def test_stopping_lets_open_requests_end() -> None:
    """Not ready any more at once; what was begun is answered."""
    health = Health()
    app = new_app()
    app.add_routes([*ROUTES, *health_routes(health)])
    server = await serve(app, "127.0.0.1", 0, health=health, drain_seconds=1, grace_seconds=5)
    async with ClientSession(server.url) as client:
        begun = asyncio.create_task(client.get("/api/slow"))
        await asyncio.sleep(0.05)
        closing = asyncio.create_task(server.close())
        while not health.stopping:
            await asyncio.sleep(0)
        async with client.get("/health/ready") as response:
            assert (response.status, (await response.json())["checks"]) == (503, {"process": "stopping"})
        async with await begun as response:
            assert response.status == 200
        await closing
        with pytest.raises(OSError):
            await client.get("/api/slow")


async def test_a_taken_port_is_told() -> None:
    """OSError, and nothing is left open."""
    async with await serve(new_app(), "127.0.0.1", 0) as server:
        with pytest.raises(OSError):
            await serve(new_app(), "127.0.0.1", int(server.url.rpartition(":")[2]))


# --- who is calling ----------------------------------------------------------------------------------------------

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),  # a stranger may say what it likes
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),  # further left is the client's own writing
        ("10.0.0.1", ["1.2.3.4", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["rubbish"], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4, rubbish, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("", ["203.0.113.9"], "unknown"),
    ],
)
def test_client_address(peer: str, forwarded: list[str], expected: str) -> None:
    """Forwarded addresses count only as far as our own proxies wrote them."""
    from multidict import CIMultiDict

    request = make_mocked_request("GET", "/", CIMultiDict([("X-Forwarded-For", value) for value in forwarded]))

    assert client_address(request.clone(remote=peer), PROXIES) == expected


def test_internal_is_never_shown() -> None:
    """The family of our own faults does not disclose."""
    assert not Internal.may_disclose
