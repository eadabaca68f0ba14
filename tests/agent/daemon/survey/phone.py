"""The service and the holder's phone of one world: the double of the tests, with a person who takes their time."""

from __future__ import annotations

import asyncio

from aiohttp import web

from tests.agent.daemon.survey.columns import Column
from tests.agent.gateway_double import AgentGateway
from tests.agent.pki import Authority, Holder
from tests.sandbox_phone.roots import Roots

RETRY = 10
"""Seconds after which a computer may ask again while its request waits (policy.PENDING_RETRY_SECONDS)."""


class Phone(AgentGateway):
    """Answers each request as its column says, so many seconds after it came; holds the line open until then.

    As the service does, it takes one request of a computer at a time: one that nobody took back stands until the
    person has answered it.
    """

    def __init__(self, roots: Roots, authority: Authority, *holders: Holder) -> None:
        super().__init__(roots, authority, *holders)
        self.column = Column("", "")
        self._due = 0.0
        self._waits = False

    async def authorize(self, request: web.Request) -> web.Response:
        now = asyncio.get_running_loop().time()
        if self._waits and now < self._due:
            body = {"error": "request_pending", "error_description": "…", "linkid": {"why": "pending"}}
            left = max(1, min(RETRY, round(self._due - now)))
            return web.json_response(body, status=429, headers={"Retry-After": str(left)})
        answer = await super().authorize(request)
        self._due, self._waits = now + self.column.after, True
        return answer

    async def authorize_check(self, request: web.Request) -> web.Response:
        loop, asked, due = asyncio.get_running_loop(), self.requests[-1], self._due
        patience = float((request.headers.get("Prefer") or "wait=0").removeprefix("wait="))
        await request.read()
        await asyncio.sleep(max(0.0, min(patience, due - loop.time())))
        if asked is not self.requests[-1]:  # who asked for this one is gone
            return web.json_response({"error": "expired_token", "error_description": "…"}, status=400)
        answered = loop.time() >= due
        self.answer = self.column.answer if answered else "never"
        self._waits = self._waits and not answered
        return await super().authorize_check(request)

    async def withdraw(self, request: web.Request) -> web.Response:
        self._waits = False
        return await super().withdraw(request)
