"""What every process of ours does around its work: logs in one style, tasks of its own, an orderly end when told."""

from __future__ import annotations

import asyncio
import errno
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

import uvloop

from foundation.errors import LinkIdError
from foundation.exits import NEVER_AGAIN
from foundation.logs import configure, get_logger
from foundation.settings import SettingsError
from linkid.platform import ProgramMissing
from linkid.processes import keep_memory_private
from linkid.profiling import profiled
from linkid.settings import Settings


def run_process(settings: Settings, name: str, work: Callable[[], Coroutine[Any, Any, int | None]]) -> int:
    """Run *work* until it ends (returning the exit code) or we are told to stop. A failure is told in a line.

    On uvloop: sockets cost a serving process half of what they do on asyncio's own loop (docs/benchmarks.md).
    """
    keep_memory_private()
    configure("json" if settings.environment == "production" else "console", process=name, for_good=True)
    try:
        return profiled(settings, name, lambda: _on_uvloop(work))
    except (LinkIdError, SettingsError, ProgramMissing, FileNotFoundError) as error:
        get_logger(__name__).error("process_failed", reason=type(error).__name__)
        print(f"linkid {name}: {error}", file=sys.stderr)
        return code_for(error)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(f"linkid {name}: another program listens there already: {error.strerror}", file=sys.stderr)
        return 1


def _on_uvloop(work: Callable[[], Coroutine[Any, Any, int | None]]) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_until_told(work))


def code_for(error: Exception) -> int:
    """The exit code of a command that *error* ended: a refused PIN is not to be tried again by whoever keeps us up."""
    return NEVER_AGAIN if isinstance(error, LinkIdError) and error.code == "hsm_login_refused" else 1


async def _until_told(work: Callable[[], Coroutine[Any, Any, int | None]]) -> int:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, told.set)
    running = asyncio.create_task(work())
    stop = asyncio.create_task(told.wait())
    await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if running.done():
        return running.result() or 0
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return 0


def in_background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run *work* until the stack closes."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)
