"""Where phones come in that open a stream: so many at a time, and the others are told when to come back.

When a gateway starts again, or a network heals, all of its phones come at one moment, each with a proof to be verified
and rows to be looked at. Let in together they would all be late, and so would everybody who asks for something else.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from foundation.ids import Random
from push.domain.streams import INSIDE, Admission, whole_seconds
from push.errors import StreamsBusy


class Door:
    """One for each gateway."""

    def __init__(
        self, admission: Admission | None = None, *, inside: int = INSIDE, random: Random = secrets.token_bytes
    ) -> None:
        """``inside``: as ``admission`` has it."""
        self._admission = admission or Admission(inside)
        self._places = asyncio.Semaphore(inside)
        self._random = random

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """A place inside for the length of the block. Raises StreamsBusy, which says when to come back."""
        loop = asyncio.get_running_loop()
        wait = self._admission.enter(loop.time())
        if wait is not None:
            raise StreamsBusy(retry_after=whole_seconds(wait, self._random))
        took: float | None = None
        try:
            async with self._places:
                began = loop.time()
                yield
                took = loop.time() - began
        finally:
            self._admission.leave(took)
