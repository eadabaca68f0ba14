"""Many callers' looks in one statement: who asks while others are being asked about goes together in the next one.

    phones = Together(store.by_tokens)            # by_tokens(tokens) -> {token: phone}
    phone = await phones.get(token)

Alone, a caller waits for nothing; in a crowd, one round trip serves all that came during the last one. A look begins
after it was asked for, never before: who asks has what was true then or later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST = 256
"""Keys of one statement."""


class Together(Generic[K, V]):
    """``get(key)``. One statement at a time."""

    def __init__(self, ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], most: int = MOST) -> None:
        """``ask``: what is there of these keys, each of which it gets once."""
        self._ask, self._most = ask, most
        self._next: dict[K, list[asyncio.Future[V | None]]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """What is there of it, or None. Raises what ``ask`` raised."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._next.setdefault(key, []).append(answer)
        if self._asking is None:
            self._asking = asyncio.create_task(self._run(), name="together")
        return await answer

    async def _run(self) -> None:
        try:
            while self._next:
                await self._some({key: self._next.pop(key) for key in list(islice(self._next, self._most))})
        finally:
            self._asking = None

    async def _some(self, asked: "Mapping[K, Sequence[asyncio.Future[V | None]]]") -> None:
        waiting = [(key, answer) for key, answers in asked.items() for answer in answers]
        try:
            found = await self._ask(list(asked))
        except Exception as error:
            for _, answer in waiting:
                if not answer.done():  # its caller may have given up meanwhile
                    answer.set_exception(error)
        except BaseException:  # cancelled: the process ends
            for _, answer in waiting:
                answer.cancel()
            raise
        else:
            for key, answer in waiting:
                if not answer.done():
                    answer.set_result(found.get(key))
