"""Who is asking, as far as plumbing can tell: a request id of ours, and the client's address."""

import ipaddress
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Final, TypeAlias

import structlog
from aiohttp import web

from foundation.ids import new_id
from foundation.logs import get_logger

REQUEST_ID: Final = web.RequestKey("request_id", str)
STARTED: Final = web.RequestKey("started", web.StreamResponse)
"""The answer whose headers have gone out: from then on there can be no other."""

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_log = get_logger(__name__)


def request_id(request: web.Request) -> str:
    """This request's id, as in ``rq_…``: in the answer's ``X-Request-Id``, in error bodies, in every log line."""
    return request[REQUEST_ID]


def route_template(request: web.Request) -> str:
    """The route as registered (``/phone/v1/documents/{id}``): safe to log and to count, unlike the path itself."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(no route)"


@web.middleware
async def request_id_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id (ours: one from outside would be written into our logs as it is), and log its end."""
    identity = new_id("rq")
    request[REQUEST_ID] = identity
    started = time.perf_counter()
    with structlog.contextvars.bound_contextvars(request_id=identity):
        status = 0
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as raised:
            status = raised.status
            raise
        finally:
            route = route_template(request)
            # A supervisor asks for health every few seconds; a good answer to it is no news.
            say = _log.debug if status == 200 and route.startswith("/health/") else _log.info
            say(
                "http_request",
                method=request.method,
                route=route,
                status=status or "aborted",
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
            )


def client_address(request: web.Request, trusted: Collection[Network] = ()) -> str:
    """The address the request came from: the peer's, or behind proxies of ours the one they say.

    ``X-Forwarded-For`` is read from the right and only through ``trusted`` proxies: what stands further left was
    written by the client. Unix sockets and unparsable peers give ``"unknown"``.
    """
    peer = _parse(request.remote or "")
    if peer is None:
        return "unknown"
    hops = [hop.strip() for value in request.headers.getall("X-Forwarded-For", []) for hop in value.split(",")]
    while hops and any(peer in network for network in trusted if network.version == peer.version):
        hop = _parse(hops.pop())
        if hop is None:
            break
        peer = hop
    return str(peer)


def peer_in(request: web.Request, networks: Collection[Network]) -> bool:
    """Whether the connection itself comes from one of these, whatever its headers say."""
    peer = _parse(request.remote or "")
    return peer is not None and any(peer in one for one in networks if one.version == peer.version)


def _parse(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
