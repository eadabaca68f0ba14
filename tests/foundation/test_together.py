"""Shared looks: everybody gets what a look of their own would have given."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from foundation.errors import Unavailable
from foundation.together import Together


class Shelf:
    """Answers when it is let, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.error: Exception | None = None

    async def look(self, keys: Sequence[int]) -> Mapping[int, str]:
        self.asked.append(list(keys))
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        return {key: str(key) for key in keys if key >= 0}


async def test_who_comes_during_a_look_goes_together_in_the_next() -> None:
    """The first goes alone; two hundred that come meanwhile share the next, each once; what is not there is None."""
    shelf = Shelf()
    together = Together(shelf.look, most=150)
    first = asyncio.create_task(together.get(0))
    while not shelf.asked:
        await asyncio.sleep(0)
    others = [asyncio.create_task(together.get(key)) for key in (-1, *range(200), 7, 0)]
    await asyncio.sleep(0)
    shelf.go_on.set()

    assert await first == "0"
    assert await asyncio.gather(*others) == [None, *(str(key) for key in range(200)), "7", "0"]
    # what was asked while the first look was on its way is looked at anew: it may have changed
    assert [len(asked) for asked in shelf.asked] == [1, 150, 51]


async def test_an_error_is_everybodys_and_one_who_gives_up_is_nobodys() -> None:
    """Who shared the look has its error; who left does not take others' answers along; the next look is a new one."""
    shelf = Shelf()
    together = Together(shelf.look)
    shelf.error = Unavailable()
    both = [asyncio.create_task(together.get(key)) for key in (1, 2)]
    while not shelf.asked:
        await asyncio.sleep(0)
    shelf.go_on.set()
    for one in both:
        with pytest.raises(Unavailable):
            await one

    shelf.error = None
    leaving, staying = (asyncio.create_task(together.get(3)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()

    assert await staying == "3"
    assert leaving.cancelled()
