"""The SAMs as a gateway sees them: asked for their `status` now and then, told to health and metrics.

Ready is the gateway when one of them is: calls go to whichever takes them. What is wrong with the others is for whoever
looks at `/metrics`, and for the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from foundation.channel import PrivateClient
from foundation.channel.wire import ErrorRegistry
from foundation.errors import JsonObject, LinkIdError
from foundation.logs import get_logger
from foundation.tls import TlsFiles

EVERY_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 1.8
"""Less than what a health check may take."""

_log = get_logger(__name__)


class Sams:
    """Use as an async context manager; ``keep_looking`` runs beside."""

    def __init__(self, targets: Sequence[str], tls: TlsFiles | None, registry: CollectorRegistry) -> None:
        """One client for each, so that each is asked."""
        self._clients = {target: PrivateClient(target, tls=tls) for target in targets}
        self._errors = ErrorRegistry(strict=False)
        self._why: dict[str, str | None] = {}
        self._process: dict[str, object] = {}
        self._ready = Gauge("linkid_sam_ready", "Whether a SAM answers calls.", ["sam"], registry=registry)
        self._hsm = Gauge(
            "linkid_sam_hsm",
            "A SAM's own numbers of its HSM since its process began: faults by kind, renewals, session objects.",
            ["sam", "what"],
            registry=registry,
        )
        self._why_not = Gauge(
            "linkid_sam_not_ready", "1 for what is wrong with a SAM.", ["sam", "why"], registry=registry
        )
        self._starts = Counter(
            "linkid_sam_replaced", "Times that another process answered in a SAM's place.", ["sam"], registry=registry
        )

    async def look(self) -> None:
        """Ask each of them now."""
        await asyncio.gather(*(self._look_at(target, client) for target, client in self._clients.items()))

    async def demand_one_ready(self) -> None:
        """For health: raises what is wrong with the first when no SAM is ready."""
        await self.look()
        if all(why is not None for why in self._why.values()):
            raise self._errors.error({"code": next(iter(self._why.values())), "family": "unavailable"})

    async def keep_looking(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_SECONDS)

    async def __aenter__(self) -> Sams:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.close()

    async def _look_at(self, target: str, client: PrivateClient) -> None:
        try:
            said = await client.call("status", {}, deadline=_ANSWER_SECONDS)
        except LinkIdError as error:
            self._note(target, error.code, {})
            return
        why = said.get("why")
        if why is None and said.get("ready") is not True:
            why = "not_ready"
        self._note(target, why if isinstance(why, str) else None, said)

    def _note(self, target: str, why: str | None, said: JsonObject) -> None:
        before = self._why.get(target)
        if before != why:
            _log.warning("sam_changed", sam=target, why=why or "ready")
            if before is not None:
                self._why_not.remove(target, before)
            if why is not None:
                self._why_not.labels(target, why).set(1)
        self._why[target] = why
        self._ready.labels(target).set(why is None)
        process, known = said.get("process"), self._process.get(target)
        if process is not None and process != known:
            self._process[target] = process
            if known is not None:
                self._starts.labels(target).inc()
        numbers = said.get("hsm")
        for name, number in numbers.items() if isinstance(numbers, dict) else ():
            if isinstance(number, int):
                self._hsm.labels(target, name).set(number)
