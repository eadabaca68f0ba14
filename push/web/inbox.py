"""``/dev/inbox``: what would have been sent, for whoever develops (docs/protocol.md 9.7).

Whoever can read it can take over any phone number, so it answers only a browser or program on this very machine: the
peer's address is a loopback one, no proxy stands in between, and the name asked for is a loopback name (a page
elsewhere that makes its own name point to 127.0.0.1 would otherwise read it).
"""

import ipaddress
import secrets
from datetime import UTC
from typing import Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from foundation.encoding import JsonObject
from foundation.web import RouteNotFound, answer
from push.ports import Inbox, InboxMessage

_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_CSP: Final = (
    "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'"
)
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


def inbox_routes(inbox: Inbox) -> list[web.RouteDef]:
    """Both routes. The roof adds them with ``environment = development`` and never otherwise."""
    templates = Environment(loader=PackageLoader("push.web"), autoescape=True, undefined=StrictUndefined)
    page = templates.get_template("inbox.html")

    async def as_json(request: web.Request) -> web.Response:
        _demand_loopback(request)
        return answer({"messages": [_body(message) for message in inbox.messages()]})

    async def as_page(request: web.Request) -> web.Response:
        _demand_loopback(request)
        nonce = secrets.token_urlsafe(16)
        return web.Response(
            text=page.render(messages=inbox.messages(), nonce=nonce),
            content_type="text/html",
            headers={"Cache-Control": "no-store", "Content-Security-Policy": _CSP.format(nonce=nonce)},
        )

    return [web.get("/dev/inbox", as_page), web.get("/dev/inbox.json", as_json)]


def _demand_loopback(request: web.Request) -> None:
    """Raise RouteNotFound for everybody else: to them this address does not exist."""
    try:
        peer = ipaddress.ip_address(request.remote or "")
    except ValueError:
        raise RouteNotFound() from None
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped:
        peer = peer.ipv4_mapped
    name = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdigit() else request.host
    if not peer.is_loopback or name not in _NAMES or any(header in request.headers for header in _FORWARDED):
        raise RouteNotFound()


def _body(message: InboxMessage) -> JsonObject:
    return {
        "number": message.number,
        "kind": message.kind,
        "to": message.to,
        "subject": message.subject,
        "text": message.text,
        "at": message.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
