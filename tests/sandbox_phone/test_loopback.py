"""``localhost`` on a machine where nobody knows it."""

import socket

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import desktop_agent.client.loopback
import sandbox_phone.loopback


@pytest.mark.parametrize("module", [sandbox_phone.loopback, desktop_agent.client.loopback], ids=["phone", "agent"])
async def test_localhost_is_this_machine_whatever_the_system_says(
    module: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without /etc/hosts the system does not know the name; our clients do, and ask nobody."""

    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="here")

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    app = web.Application()
    app.router.add_get("/", hello)
    async with TestServer(app) as server:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        connector: aiohttp.TCPConnector = module.connector()  # type: ignore[attr-defined]
        async with aiohttp.ClientSession(connector=connector) as session:
            async with session.get(f"http://localhost:{server.port}/") as answer:
                assert await answer.text() == "here"
            with pytest.raises(aiohttp.ClientConnectorDNSError):
                await session.get("http://localhost.example.com/")
