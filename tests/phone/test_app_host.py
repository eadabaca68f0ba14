"""The app host serves a closed list of files, with headers that make its origin a hard place for anybody else."""

from __future__ import annotations

import gzip
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from pydantic import ValidationError

from app_host import AppHostSettings, start_app_host
from app_host.files import BadTrust, NotBuilt, TrustFile, check_trust, load_files
from foundation.tls import DevelopmentAuthority
from tests.sandbox_phone.roots import Roots

PAGE = b"<!doctype html><title>x</title>" + b"x" * 600


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A small build of its own."""
    dist = tmp_path / "dist"
    for name, body in {
        "index.html": PAGE,
        "sw.js": b"//",
        "emissao/index.html": b"<title>e</title>",
        "leia/index.html": b"<title>l</title>",
        "assets/phone-AbC_d-12.js": b"let a = 1",
        "assets/plain.js": b"let b = 1",
        "assets/reader-AbCdEf12.wasm": b"\0asm",
        "manifest.webmanifest": b"{}",
        ".hidden": b"secret",
        "notes.txt": b"secret",
    }.items():
        (dist / name).parent.mkdir(parents=True, exist_ok=True)
        (dist / name).write_bytes(body)
    (dist / "index.html.gz").write_bytes(gzip.compress(PAGE))
    (dist / "index.html.br").write_bytes(b"pretend this is brotli")
    (tmp_path / "outside.js").write_bytes(b"secret")
    (dist / "assets/link.js").symlink_to(tmp_path / "outside.js")
    return dist


@pytest.fixture
def trust_file(tmp_path: Path) -> Path:
    path = tmp_path / "trust.json"
    path.write_bytes(Roots(gateway="http://localhost:8441").trust())
    return path


@pytest_asyncio.fixture
async def host(built: Path, trust_file: Path) -> AsyncIterator[str]:
    async with await start_app_host(AppHostSettings(port=0, dist=built, trust_file=trust_file)) as server:
        yield server.url


@pytest_asyncio.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def test_pages_are_where_the_protocol_says(host: str, client: aiohttp.ClientSession) -> None:
    """`/`, `/emissao/`, `/l` and `/r` are pages; each page has one address only."""
    for path, body in (("/", PAGE), ("/emissao/", b"<title>e</title>"), ("/l", b"<title>l</title>"), ("/r", None)):
        async with client.get(host + path, headers={"Accept-Encoding": ""}) as answer:
            assert answer.status == 200
            assert answer.content_type == "text/html"
            assert body is None or await answer.read() == body
    async with client.get(f"{host}/emissao", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (308, "/emissao/")
    async with client.get(f"{host}/index.html") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/.hidden",
        "/notes.txt",
        "/assets/link.js",
        "/assets/",
        "/../outside.js",
        "/%2e%2e/outside.js",
        "/assets/..%2f..%2foutside.js",
        "//etc/passwd",
        "/trust.json/",
        "/index.html.br",
        "/l/x",
        "/nothing",
    ],
)
async def test_nothing_else_is_served(host: str, client: aiohttp.ClientSession, path: str) -> None:
    """Hidden files, symbolic links, paths that climb: not in the list, so not there. The answer has the headers too."""
    target = host.removeprefix("http://")
    name, port = target.split(":")
    with socket.create_connection((name, int(port)), timeout=5) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n".encode())
        raw.settimeout(5)
        answer = await _read_all(raw)
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"Content-Security-Policy" in answer
    assert b"secret" not in answer


@pytest.mark.parametrize("sent", [b"G@T / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n"])
async def test_what_is_no_http_gets_no_page_of_the_librarys(host: str, sent: bytes) -> None:
    """Refused before any file is looked for: our JSON, no program's name (more in tests/foundation)."""
    name, port = host.removeprefix("http://").split(":")
    with socket.create_connection((name, int(port)), timeout=5) as raw:
        raw.sendall(sent)
        answer = await _read_all(raw)
    assert answer.split()[1] in (b"400", b"431")
    assert b"request_id" in answer
    assert b"Server: Link ID" in answer
    assert b"aiohttp" not in answer


async def _read_all(raw: socket.socket) -> bytes:
    import asyncio

    raw.setblocking(False)
    loop, parts = asyncio.get_running_loop(), []
    while part := await loop.sock_recv(raw, 65536):
        parts.append(part)
    return b"".join(parts)


async def test_only_reading_is_possible(host: str, client: aiohttp.ClientSession) -> None:
    """Other methods than GET and HEAD are refused."""
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        async with client.request(method, host + "/") as answer:
            assert answer.status == 405
    async with client.head(host + "/") as answer:
        assert answer.status == 200


async def test_every_answer_carries_the_policy(host: str, client: aiohttp.ClientSession) -> None:
    """Scripts from our own files, calls to ourselves and the gateway, nothing inline, no frames."""
    for path in ("/", "/trust.json", "/nothing", "/assets/phone-AbC_d-12.js"):
        async with client.get(host + path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "script-src 'self' 'wasm-unsafe-eval';" in policy
            assert "connect-src 'self' http://localhost:8441;" in policy
            assert "default-src 'none'" in policy
            assert "require-trusted-types-for 'script'; trusted-types linkid" in policy
            assert "unsafe-inline" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert "Strict-Transport-Security" not in answer.headers
            assert "Set-Cookie" not in answer.headers


async def test_what_never_changes_is_kept_for_ever_and_the_rest_asked_about(
    host: str, client: aiohttp.ClientSession
) -> None:
    """Names with a digest are immutable; pages, the worker and trust.json are asked about each time, by ETag."""
    for path, kept in (
        ("/assets/phone-AbC_d-12.js", "immutable"),
        ("/assets/reader-AbCdEf12.wasm", "immutable"),
        ("/assets/plain.js", "no-cache"),
        ("/", "no-cache"),
        ("/sw.js", "no-cache"),
        ("/trust.json", "no-cache"),
    ):
        async with client.get(host + path) as answer:
            assert kept in answer.headers["Cache-Control"]
            etag = answer.headers["ETag"]
        async with client.get(host + path, headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304
            assert await answer.read() == b""


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"), ("identity", None), ("gzip;q=x", None)],
)
async def test_the_best_encoding_that_is_accepted(
    host: str, client: aiohttp.ClientSession, accepts: str, encoding: str | None
) -> None:
    """Brotli before gzip before nothing, as the client says."""
    async with client.get(host + "/", headers={"Accept-Encoding": accepts}) as answer:
        assert answer.headers.get("Content-Encoding") == encoding
        assert answer.headers["Vary"] == "Accept-Encoding"
        if encoding is None:
            assert await answer.read() == PAGE


async def test_a_changed_trust_file_is_served_and_a_bad_one_is_not(
    host: str, client: aiohttp.ClientSession, trust_file: Path
) -> None:
    """A rotation reaches phones without a restart; a file that became bad does not replace the good one."""
    newer = Roots(gateway="http://localhost:9999")
    trust_file.write_bytes(newer.trust())
    os.utime(trust_file, (1, 1))  # both may have been written in one tick of the file system's clock
    async with client.get(f"{host}/trust.json") as answer:
        assert await answer.read() == newer.trust()
        assert "http://localhost:9999" in answer.headers["Content-Security-Policy"]
    for bad in (b"{", b"[]", b""):
        trust_file.write_bytes(bad)
        os.utime(trust_file, (1, len(bad)))
        async with client.get(f"{host}/trust.json") as answer:
            assert await answer.read() == newer.trust()


def _trust(**change: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(Roots(gateway="https://api.example.com").trust())
    return made | change


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"sam": []},
        {"ac": None},
        {"gateway": "https://api.example.com/path"},
        {"gateway": "https://api.example.com; script-src *"},
        {"gateway": "javascript:alert(1)"},
        {"gateway": "*"},
        {"gateway": None},
        {"sam": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "private!"}]},
    ],
)
def test_a_trust_file_that_phones_would_not_take_is_refused(change: dict[str, Any]) -> None:
    """Other versions, no keys, a gateway that is more than an origin, and above all a private key."""
    check_trust(_trust())
    with pytest.raises(ValueError, match=r"."):
        check_trust(_trust(**change))


def test_starting_without_files_says_what_to_do(tmp_path: Path, built: Path) -> None:
    """No build and no trust file are one clear line each."""
    with pytest.raises(NotBuilt, match="make web"):
        load_files(tmp_path / "nowhere")
    (built / "emissao/index.html").unlink()
    with pytest.raises(NotBuilt, match="emissao"):
        load_files(built)
    with pytest.raises(BadTrust, match="linkid hsm init"):
        TrustFile(tmp_path / "nowhere.json")


async def test_https_when_it_is_given_a_certificate(
    built: Path, trust_file: Path, tmp_path: Path, client: aiohttp.ClientSession
) -> None:
    """A phone has no camera without HTTPS: with certificate and key it is served, and browsers are told to stay."""
    files = DevelopmentAuthority(tmp_path / "tls", datetime.now(UTC)).server(["localhost", "127.0.0.1"])
    settings = AppHostSettings(
        port=0, dist=built, trust_file=trust_file, tls_certificate=files.certificate, tls_key=files.key
    )
    context = ssl.create_default_context(cafile=str(files.authorities))
    async with await start_app_host(settings) as server:
        assert server.url.startswith("https://")
        async with client.get(server.url + "/", ssl=context) as answer:
            assert answer.status == 200
            assert "max-age=63072000" in answer.headers["Strict-Transport-Security"]


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    """Half a TLS setting would silently serve plain HTTP."""
    with pytest.raises(ValidationError, match="go together"):
        AppHostSettings(tls_certificate=tmp_path / "x.crt")
    with pytest.raises(ValidationError):
        AppHostSettings.model_validate({"port": 70_000})
    with pytest.raises(ValidationError):
        AppHostSettings.model_validate({"prot": 1})
