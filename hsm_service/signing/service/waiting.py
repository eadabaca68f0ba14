"""A call that waits for the holder itself, and may be cut off while it does (decision 0020).

Some dialects have no handle to ask again with: the call that asks is the call that answers. Its client may give up
after fifteen seconds, a proxy after sixty, and the holder needs ninety. So whoever makes the same call again finds the
same request, and no phone rings twice. Nothing is remembered for it: the request's secret follows from a key that only
whoever makes this very call has.
"""

import asyncio
from typing import Final

from hsm_service.signing.domain.request import Ask, Caller, SessionAsk
from hsm_service.signing.errors import RequestPending
from hsm_service.signing.service.lives import Approved, StillWaiting
from hsm_service.signing.service.requests import SigningService

_NOT_FIXED_YET: Final = 0.2
"""Seconds between looks at a request that the SAM has not fixed: nothing rings for that."""


class WaitingCalls:
    """Made by the roof, one per gateway. Keeps nothing in memory."""

    def __init__(self, signing: SigningService) -> None:
        """The gateway's."""
        self._signing = signing

    async def ask(
        self, caller: Caller, ask: Ask | SessionAsk, *, call_key: bytes, seconds: float
    ) -> Approved | StillWaiting:
        """Ask, unless this very call did already; then wait up to so many seconds for the holder.

        ``call_key``: 32 bytes from the caller's own secret and all that it says. Raises what ``SigningService.ask`` and
        ``check`` raise; RequestPending when the caller waits for something else.
        """
        handle = await self._signing.of_call(caller, ask.credential, call_key)
        if handle is None:
            try:
                handle = (await self._signing.ask(caller, ask, call_key=call_key)).handle
            except RequestPending:
                # The same call, made twice at the same moment: the faster one's request is this one's too.
                handle = await self._signing.of_call(caller, ask.credential, call_key)
                if handle is None:
                    raise
        return await self._decided(caller, handle, seconds)

    async def _decided(self, caller: Caller, handle: str, seconds: float) -> Approved | StillWaiting:
        """Not the clock that decides about expiry, only how long this answer is held back."""
        loop = asyncio.get_running_loop()
        over = loop.time() + seconds
        while True:
            began = loop.time()
            state = await self._signing.check(caller, handle, wait=max(0.0, over - began))
            left = over - loop.time()
            if isinstance(state, Approved) or left <= 0:
                return state
            if loop.time() - began < _NOT_FIXED_YET:
                await asyncio.sleep(min(_NOT_FIXED_YET, left))
