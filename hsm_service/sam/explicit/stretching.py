"""Argon2id in the SAM (E6): elsewhere the phone stretches the password, here an application sent it as it is.

Each costs its credential's memory (19 MiB and more) and some 20 ms of a core. So they run in a few threads of their
own, few wait for a place, and whoever finds no place is told to come back: a flood of them takes neither the memory nor
the threads that signatures need.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from foundation.errors import Unavailable
from protocol import passwords
from protocol.passwords import Argon2

_NO_PASSWORD: Final = "x" * 8
"""Stretched in the place of a text that cannot be a usage password, so that it takes as long."""


class StretchingFull(Unavailable):
    """More passwords wait to be stretched than this SAM has places for."""

    code = "stretching_full"
    summary = "Too many passwords are being checked just now. Try again in a moment."
    message = "Muitas senhas estão sendo conferidas agora. Tente de novo em instantes."


class StretchingRoom:
    """``with room.place(): await room.stretch(…)``."""

    def __init__(self, threads: int, places: int) -> None:
        """``places``: of those being stretched and those that wait, together."""
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="argon2")
        self._places, self._taken = places, 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Before anything is counted against anybody. Raises StretchingFull."""
        if self._taken >= self._places:
            raise StretchingFull(retry_after=2)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def stretch(self, password: str, salt: bytes, parameters: Argon2) -> bytes | None:
        """None for a text that is no usage password; it took as long."""
        possible = passwords.possible(password)
        text = password if possible else _NO_PASSWORD
        loop = asyncio.get_running_loop()
        stretched = await loop.run_in_executor(self._pool, passwords.stretch, text, salt, parameters)
        return stretched if possible else None

    def close(self) -> None:
        """Take no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
