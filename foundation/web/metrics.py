"""Prometheus: how often, how long, with which outcome; by route template, so that no path of a holder is a label."""

import time
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import SecretStr

from foundation.errors import NotAuthenticated
from foundation.ids import same
from foundation.web.caller import Handler, route_template

_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds. A signature takes 2 to 50 ms, a page waits at most ten seconds."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpMetrics:
    """The HTTP numbers of one process. Slices register theirs on the same ``registry``."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """A registry of our own by default: the library's global one cannot be filled twice in one process."""
        self.registry = registry or CollectorRegistry()
        self.requests = Counter(
            "linkid_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "linkid_http_request_seconds",
            "Time until the answer was ready.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.open = Gauge("linkid_http_requests_open", "Requests being answered now.", registry=self.registry)


def metrics_middleware(metrics: HttpMetrics) -> Middleware:
    """Count and time every request."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        # Anybody may invent methods; a label for each would fill the memory.
        method = request.method if request.method in _METHODS else "other"
        route = route_template(request)
        started = time.perf_counter()
        status = "aborted"
        metrics.open.inc()
        try:
            response = await handler(request)
            status = str(response.status)
            return response
        except web.HTTPException as raised:
            status = str(raised.status)
            raise
        finally:
            metrics.open.dec()
            metrics.requests.labels(method, route, status).inc()
            metrics.seconds.labels(method, route).observe(time.perf_counter() - started)

    return middleware


def metrics_route(registry: CollectorRegistry, token: SecretStr | None = None) -> web.RouteDef:
    """``GET /metrics``: for a private listener, or guarded by a bearer token."""

    async def metrics(request: web.Request) -> web.Response:
        if token is not None:
            given = request.headers.get("Authorization", "")
            if not same(given, f"Bearer {token.get_secret_value()}"):
                raise NotAuthenticated("metrics need the bearer token")
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return web.get("/metrics", metrics)
