"""One association as a caller of the service. The key store and HTTP are opened when they are first needed."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from desktop_agent.daemon.grants import OpenSession
from desktop_agent.domain.algorithm import Algorithm
from desktop_agent.pkcs11.token import Held
from desktop_agent.profiles import Profile, Profiles

if TYPE_CHECKING:
    from desktop_agent.approval import Approval, ApprovalView, Pace
    from desktop_agent.client.csc_client import Credential, CscClient
    from desktop_agent.client.http import Caller
    from desktop_agent.domain.trust import Trust

MOST_TOGETHER: Final = 1
"""The service takes one request of a computer at a time; the next one queues here rather than there."""


class Service:
    """``line``: who holds it may ask the phone. ``held``: told what `Approval` holds there."""

    def __init__(
        self,
        profiles: Profiles,
        profile: Profile,
        trust: "Trust",
        clock: Callable[[], int] | None,
        held: Callable[[str], None],
    ) -> None:
        self._held = held
        self._profiles = profiles
        self.profile = profile
        self.trust = trust
        self.line = asyncio.Semaphore(MOST_TOGETHER)
        self._clock = clock
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._open: tuple[Caller, CscClient] | None = None

    async def held(self) -> list[Held]:
        """Its usable certificates now. Raises AgentError."""
        _, csc = await self._opened()
        return [Held(self.profile.name, item.id, item.certificate) for item in await csc.credentials() if item.usable]

    async def approval(self, view: "ApprovalView", pace: "Pace") -> "Approval":
        """For one request. Raises KeychainProblem, StateLost."""
        from desktop_agent.approval import Approval

        caller, csc = await self._opened()
        return Approval(caller, csc, self.trust, view, pace, self._held)

    async def withdraw(self, handle: str) -> None:
        """Take off the phone what an earlier daemon asked there. Raises AgentError."""
        _, csc = await self._opened()
        await csc.withdraw(handle)

    async def use(self, session: OpenSession, counter: int, held: Held, way: Algorithm, digest: bytes) -> bytes:
        """One use of a session. Raises ServiceRefused (over, used up), NoConnection, UntrustedServer."""
        from desktop_agent.domain.ask import signed_use

        caller, csc = await self._opened()
        said = {"use": signed_use(caller.key, session.activation, counter, session.terms, [digest])}
        (made,) = await csc.sign(
            held.credential, session.sad, held.certificate, [digest], way, client_data=json.dumps(said)
        )
        return made

    async def close(self) -> None:
        await self._stack.aclose()

    async def _opened(self) -> "tuple[Caller, CscClient]":
        async with self._opening:
            if self._open is None:
                from desktop_agent import keychain
                from desktop_agent.client.csc_client import CscClient
                from desktop_agent.client.http import Caller, wall_clock
                from desktop_agent.client.tls import tls_for

                key = await keychain.named(self.profile.keychain, self._profiles.home).load(self.profile)
                tls = await asyncio.to_thread(tls_for, self.profile.ca)
                caller = Caller(self.trust.gateway, key, tls=tls, clock=self._clock or wall_clock)
                await self._stack.enter_async_context(caller)
                self._open = caller, CscClient(caller, self.profile.computer)
            return self._open


def credential_of(held: Held) -> "Credential":
    """In the words of the signing API's client."""
    from desktop_agent.client.csc_client import Credential

    return Credential(held.credential, held.certificate, usable=True, batch=1)
