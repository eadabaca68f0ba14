"""Listening, and the headers that make the origin a hard place for anybody else's script."""

from __future__ import annotations

import asyncio
import signal
from typing import Final

from aiohttp import web

from app_host.files import StaticFile, TrustFile, load_files
from app_host.settings import AppHostSettings
from foundation.tls import server_context
from foundation.web import SERVER_NAME, Server, serve

_TRUST: Final = "/trust.json"
_MAX_BODY: Final = 1024
"""Nobody has anything to send us."""


def content_security_policy(gateway: str) -> str:
    """Scripts, styles and workers from our own files; calls to ourselves and the gateway; nothing else, nothing inline.

    ``wasm-unsafe-eval`` is what WebAssembly needs (Argon2, QR codes); it does not allow ``eval`` of scripts. Trusted
    Types leave one policy, ours, which starts workers of this origin only (phone_app/src/scripts.ts).
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "worker-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "manifest-src 'self'",
            f"connect-src 'self' {gateway}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types linkid",
        )
    )


def make_app(settings: AppHostSettings) -> web.Application:
    """The application. Raises NotBuilt or BadTrust when it has nothing good to serve."""
    files = load_files(settings.dist)
    trust = TrustFile(settings.trust_file)

    async def get(request: web.Request) -> web.Response:
        if request.path == _TRUST:
            return _answer(request, trust.current())
        file = files.get(request.path)
        if file is not None:
            return _answer(request, file)
        if request.path == "/emissao":
            return web.Response(status=308, headers={"Location": "/emissao/"})
        return web.Response(status=404, text="Não encontrado.\n", content_type="text/plain", charset="utf-8")

    async def healthy(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n", headers={"Cache-Control": "no-store"})

    async def prepare(_request: web.Request, response: web.StreamResponse) -> None:
        _secure(response, trust.gateway, https=settings.https)

    app = web.Application(client_max_size=_MAX_BODY)
    app.router.add_get("/healthz", healthy)
    app.router.add_get("/{path:.*}", get)
    app.on_response_prepare.append(prepare)
    return app


def _answer(request: web.Request, file: StaticFile) -> web.Response:
    headers = {"Cache-Control": file.cache, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if file.etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    encoding, body = file.best(request.headers.get("Accept-Encoding", ""))
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    headers["Content-Type"] = file.content_type
    return web.Response(body=body, headers=headers)


def _secure(response: web.StreamResponse, gateway: str, *, https: bool) -> None:
    headers = response.headers
    headers["Content-Security-Policy"] = content_security_policy(gateway)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(self), otp-credentials=(self), geolocation=(), microphone=(), payment=()"
    headers["X-Frame-Options"] = "DENY"
    headers["Server"] = SERVER_NAME
    if https:
        headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"


async def start_app_host(settings: AppHostSettings) -> Server:
    """Listen; ``Server.url`` says where, ``Server.close`` stops. Raises NotBuilt, BadTrust, OSError or ssl.SSLError."""
    tls = None
    if settings.tls_certificate is not None and settings.tls_key is not None:
        tls = server_context(settings.tls_certificate, settings.tls_key)
    return await serve(make_app(settings), settings.host, settings.port, tls=tls)


async def run_app_host(settings: AppHostSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises as ``start_app_host``."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with await start_app_host(settings):
        await stop.wait()
