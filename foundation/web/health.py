"""Health: alive (this process runs) and ready (everything it needs answers)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web

from foundation.errors import LinkIdError
from foundation.logs import get_logger

Check: TypeAlias = Callable[[], Awaitable[object]]
"""Good when it returns, bad when it raises."""

_log = get_logger(__name__)


@dataclass(frozen=True)
class _Named:
    name: str
    check: Check
    seconds: float


class Health:
    """What this process needs in order to be useful, as checks with a time limit each."""

    def __init__(self) -> None:
        """Nothing to check, and not stopping."""
        self._checks: list[_Named] = []
        self.stopping = False
        """Set when shutting down: load balancers are told first, and requests still come through for a while."""

    def add(self, name: str, check: Check, *, seconds: float = 2.0) -> None:
        """Register a check, as ``health.add("database", database.ping)``."""
        self._checks.append(_Named(name, check, seconds))

    async def report(self) -> dict[str, str]:
        """``ok``, ``slow``, or the error's code, by name. All checks run at once."""
        results = await asyncio.gather(*(_run(one) for one in self._checks))
        report = {one.name: result for one, result in zip(self._checks, results, strict=True)}
        if self.stopping:
            report["process"] = "stopping"
        return report


async def _run(one: _Named) -> str:
    try:
        async with asyncio.timeout(one.seconds):
            await one.check()
    except TimeoutError:
        return "slow"
    except LinkIdError as error:
        return error.code
    except Exception:
        _log.exception("health_check_failed", check=one.name)
        return "failed"
    return "ok"


def health_routes(health: Health) -> list[web.RouteDef]:
    """``GET /health/live`` (always 200) and ``GET /health/ready`` (200 or 503, with a word per check)."""

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "live"}, headers={"Cache-Control": "no-store"})

    async def ready(_request: web.Request) -> web.Response:
        report = await health.report()
        good = all(word == "ok" for word in report.values())
        return web.json_response(
            {"status": "ready" if good else "not_ready", "checks": report},
            status=200 if good else 503,
            headers={"Cache-Control": "no-store"},
        )

    return [web.get("/health/live", live), web.get("/health/ready", ready)]
