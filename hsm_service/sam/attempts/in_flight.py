"""Tries whose password is being tried at this moment: a ladder that is full of them may be open again in a moment.

Three right passwords at once stand on the ladder as three wrong ones would, until each is known to be right. Whoever
comes fourth waits for one of them rather than hear that the certificate is locked. Nothing is let through by that: who
waited reads the row again.
"""

import asyncio
from typing import Any, Final

from hsm_service.sam.attempts.domain import Purpose

LONGEST_WAIT: Final = 5.0
"""Seconds; a gateway waits ten for its answer."""

_Task = asyncio.Task[Any]


class InFlight:
    """Of this process. A try is in flight until ``ended``, and no longer than the task that took it."""

    def __init__(self) -> None:
        """None."""
        self._tasks: dict[tuple[str, Purpose], set[_Task]] = {}

    def began(self, credential: str, purpose: Purpose) -> None:
        """The task that runs now took a try."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.setdefault((credential, purpose), set()).add(task)
            task.add_done_callback(lambda done: self._forget(credential, purpose, done))

    def ended(self, credential: str, purpose: Purpose) -> None:
        """The try of the task that runs now is known to be right or wrong, or was given back."""
        task = asyncio.current_task()
        if task is not None:
            self._forget(credential, purpose, task)

    async def one_ends(self, credential: str, purpose: Purpose, until: float) -> bool:
        """Wait for any other's try, until ``until`` (the loop's seconds) at most. False: there is none to wait for."""
        others = self._tasks.get((credential, purpose), set()) - {asyncio.current_task()}
        patience = until - asyncio.get_running_loop().time()
        if not others or patience <= 0:
            return False
        done, _ = await asyncio.wait(others, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    def _forget(self, credential: str, purpose: Purpose, task: _Task) -> None:
        tasks = self._tasks.get((credential, purpose))
        if tasks is not None:
            tasks.discard(task)
            if not tasks:
                self._tasks.pop((credential, purpose))
