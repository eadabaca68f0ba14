"""The development inbox: loud, and for this machine only."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from foundation.web import new_app
from push.adapters.inbox import DevelopmentInbox
from push.domain.outbox import Kind
from push.ports import Parcel
from push.web import inbox_routes

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def parcel(text: str, to: str = "+5531987654321", **more: str) -> Parcel:
    return Parcel({"to": to, "text": text, **more}, NOW + timedelta(minutes=10), NOW)


@pytest.fixture
async def inbox() -> DevelopmentInbox:
    inbox = DevelopmentInbox()
    await inbox.carrier(Kind.SMS).carry(parcel("123456 e o seu codigo"))
    await inbox.carrier(Kind.EMAIL).carry(parcel("Olá <b>", "maria@example.com", subject="Novo <celular>"))
    return inbox


@pytest.fixture
async def client(inbox: DevelopmentInbox) -> AsyncIterator[TestClient[Any, Any]]:
    app = new_app()
    app.add_routes(inbox_routes(inbox))
    client = TestClient(TestServer(app))
    await client.start_server()
    yield client
    await client.close()


async def test_messages_are_listed_newest_first(client: TestClient[Any, Any]) -> None:
    """Programs read them as JSON."""
    body = await (await client.get("/dev/inbox.json")).json()

    assert body["messages"] == [
        {
            "number": 2,
            "kind": "email",
            "to": "maria@example.com",
            "subject": "Novo <celular>",
            "text": "Olá <b>",
            "at": "2026-11-23T12:00:00Z",
        },
        {
            "number": 1,
            "kind": "sms",
            "to": "+5531987654321",
            "subject": "",
            "text": "123456 e o seu codigo",
            "at": "2026-11-23T12:00:00Z",
        },
    ]


async def test_the_page_is_marked_and_escaped(client: TestClient[Any, Any]) -> None:
    """Nobody takes it for the real thing, and a message is text, whatever is in it."""
    response = await client.get("/dev/inbox")
    page = await response.text()

    assert "AMBIENTE DE DESENVOLVIMENTO" in page
    assert "Novo &lt;celular&gt;" in page
    assert "Olá &lt;b&gt;" in page
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


async def test_an_empty_inbox_says_what_to_do() -> None:
    """The first page a developer sees tells what will appear there."""
    app = new_app()
    app.add_routes(inbox_routes(DevelopmentInbox()))
    async with TestClient(TestServer(app)) as client:
        assert "Peça um código no aplicativo" in await (await client.get("/dev/inbox")).text()


@pytest.mark.parametrize("path", ["/dev/inbox", "/dev/inbox.json"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "inbox.attacker.example"},
        {"Host": "localhost.attacker.example:8441"},
        {"Host": "192.168.0.7:8441"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
    ],
    ids=lambda headers: next(iter(headers.values())),
)
async def test_names_and_proxies_that_are_not_this_machine_get_nothing(
    client: TestClient[Any, Any], path: str, headers: dict[str, str]
) -> None:
    """DNS rebinding and forwarded requests find no such address."""
    assert (await client.get(path, headers=headers)).status == 404


@pytest.mark.parametrize("remote", ["192.168.0.9", "203.0.113.7", "2001:db8::1", "not an address"])
async def test_peers_beyond_this_machine_get_nothing(inbox: DevelopmentInbox, remote: str) -> None:
    """With LAN=1 the gateway listens to the network; the inbox does not."""

    @web.middleware
    async def from_elsewhere(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request.clone(remote=remote))
        return response

    app = new_app(middlewares=[from_elsewhere])
    app.add_routes(inbox_routes(inbox))
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/dev/inbox.json")).status == 404


async def test_it_holds_the_last_messages_only(inbox: DevelopmentInbox) -> None:
    """A test that sends for hours does not fill the memory."""
    for number in range(500):
        await inbox.carrier(Kind.SMS).carry(parcel(str(number)))

    assert len(inbox.messages()) == 200
    assert inbox.messages()[0].text == "499"
