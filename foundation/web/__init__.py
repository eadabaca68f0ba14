"""Public HTTP: what every web floor of ours needs around its handlers, on aiohttp.

* ``app``: ``new_app`` puts the middlewares in their one right order, and the security and CORS headers on everything.
* ``errors``: the one table from our errors to wire answers, per dialect and path prefix.
* ``bodies``: JSON in, checked by a model; JSON out.
* ``caller``: request id, the client's address.
* ``certificates``: the one a connection brought, or a trusted proxy's word about it.
* ``proofs``: DPoP on a request; not exported here, since it needs the database and the app host has none.
* ``pages``: pages for people, in one frame and look; not exported here, since the app host has no templates.
* ``openapi``: how a slice describes its calls to others.
* ``handover``: connections that outlive the handler of their request: streams.
* ``health``, ``metrics``: what operators ask, on a listener of their own.
* ``serving``: listening, and stopping without cutting anybody off.
* ``unparsed``: what is no HTTP, refused in our words.
* ``turns``: so many at once of one caller, in memory.
* ``window``: a sliding window for rate limits, in memory.
"""

from foundation.web.app import Cors, SecurityHeaders, new_app
from foundation.web.bodies import WireModel, answer, read_json
from foundation.web.caller import REQUEST_ID, client_address, request_id
from foundation.web.errors import (
    BodyTooLarge,
    Dialect,
    ErrorTable,
    MethodNotAllowed,
    RouteNotFound,
    UnsupportedMedia,
    WireError,
    default_dialect,
    error_middleware,
)
from foundation.web.health import Health, health_routes
from foundation.web.metrics import HttpMetrics, metrics_route
from foundation.web.serving import Server, serve
from foundation.web.unparsed import SERVER_NAME
from foundation.web.window import AddressWindow, SlidingWindow

__all__ = [
    "REQUEST_ID",
    "SERVER_NAME",
    "AddressWindow",
    "BodyTooLarge",
    "Cors",
    "Dialect",
    "ErrorTable",
    "Health",
    "HttpMetrics",
    "MethodNotAllowed",
    "RouteNotFound",
    "SecurityHeaders",
    "Server",
    "SlidingWindow",
    "UnsupportedMedia",
    "WireError",
    "WireModel",
    "answer",
    "client_address",
    "default_dialect",
    "error_middleware",
    "health_routes",
    "metrics_route",
    "new_app",
    "read_json",
    "request_id",
    "serve",
]
