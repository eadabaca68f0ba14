"""What is broken, in an order that a seed fixes, and how it is put right again."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from demo.stack import Stack

SECONDS: Final = (2.0, 6.0)
"""How long what is not a kill lasts: shorter than the supervisor's patience with a hanging process, and longer than
the SAM's with the token."""


@dataclass(frozen=True)
class Fault:
    """One injection: a kind, and what it needs to know."""

    kind: str
    target: str
    seconds: float

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.kind} {self.target}{lasting}".replace("  ", " ")


Breaker = Callable[[Stack, Fault], Awaitable[None]]


def schedule(seed: int, sams: int) -> Iterator[Fault]:
    """For ever; every kind once, in an order of its own, before any comes again."""
    dice = random.Random(seed)
    while True:
        for kind in dice.sample(sorted(BREAKERS), len(BREAKERS)):
            sam = f"sam-{dice.randrange(sams)}"
            target = {"kill": "", "stop": sam, "head": sam}.get(kind.partition(" ")[0], "")
            if kind == "kill sam":
                target = sam
            seconds = 0.0 if kind.startswith("kill") or kind == "connections cut" else round(dice.uniform(*SECONDS), 1)
            yield Fault(kind, target, seconds)


# --- breaking ---------------------------------------------------------------------------------------------------------


async def kill(stack: Stack, fault: Fault) -> None:
    """kill -9; the supervisor brings back another."""
    stack.kill(fault.target or fault.kind.removeprefix("kill "))


async def stand_still(stack: Stack, fault: Fault) -> None:
    """SIGSTOP, and SIGCONT after a while: a process that neither answers nor ends."""
    pid = stack.pid(fault.target)
    if pid is None:
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


async def take_the_token_away(stack: Stack, fault: Fault) -> None:
    """The folder of the SAMs' token is renamed, and comes back."""
    token = stack.settings.places.tokens / "sam"
    away = token.with_name("sam-away")
    token.rename(away)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        away.rename(token)


async def lock_the_token(stack: Stack, fault: Fault) -> None:
    """Somebody else holds the lock that SoftHSM takes for every operation; it waits without end."""
    files = list((stack.settings.places.tokens / "sam").rglob("generation"))
    handles = [os.open(file, os.O_RDWR) for file in files]
    try:
        for handle in handles:
            await asyncio.to_thread(fcntl.lockf, handle, fcntl.LOCK_EX)
        await asyncio.sleep(fault.seconds)
    finally:
        for handle in handles:
            os.close(handle)


async def cut_connections(stack: Stack, _fault: Fault) -> None:
    """Every session of ours at PostgreSQL ends at once."""
    connection = await asyncpg.connect(superuser(stack), timeout=5)
    try:
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'linkid_%'")
    finally:
        await connection.close()


async def bar_the_head(stack: Stack, fault: Fault) -> None:
    """Where the audit head belongs stands a folder: not even root can rename a file over it."""
    head = stack.settings.places.head(fault.target)
    away = head.with_name(f"{head.name}.away")
    await asyncio.to_thread(_replace_by_folder, head, away)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        head.rmdir()
        with suppress(FileExistsError):  # a newer head came at once
            os.link(away, head)
        away.unlink()


def _replace_by_folder(head: Path, away: Path) -> None:
    while True:  # the SAM may write a new head between the two
        with suppress(FileNotFoundError):
            head.rename(away)
        with suppress(FileExistsError):
            head.mkdir()
            return


BREAKERS: Final[dict[str, Breaker]] = {
    "kill sam": kill,
    "kill gateway": kill,
    "kill ac": kill,
    "kill database": kill,
    "stop": stand_still,
    "token away": take_the_token_away,
    "token locked": lock_the_token,
    "connections cut": cut_connections,
    "head unwritable": bar_the_head,
}


def superuser(stack: Stack) -> str:
    """Address of the embedded database for its own superuser."""
    return stack.settings.places.postgres().dsn("linkid")
