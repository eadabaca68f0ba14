"""Blocking calls beside the loop: every caller gets its own result, nobody is forgotten, few run at once."""

import asyncio
import subprocess
import sys
import threading

import pytest

from foundation.threads import Call, Threads


async def test_each_gets_its_own() -> None:
    """A thousand calls by three threads, some of which fail: each answer in its place, at most three at once."""
    threads, inside, most = Threads(3, "test"), [0], [0]
    lock = threading.Lock()

    def work(number: int) -> int:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        try:
            if number % 7 == 0:
                raise ValueError(number)
            return number
        finally:
            with lock:
                inside[0] -= 1

    def begin(number: int) -> "asyncio.Future[int]":
        return threads.submit(lambda: work(number)).future

    answers = await asyncio.gather(*map(begin, range(1000)), return_exceptions=True)
    for number, answer in enumerate(answers):
        assert answer == number or (isinstance(answer, ValueError) and answer.args == (number,) and number % 7 == 0)
    assert 1 <= most[0] <= 3
    threads.close()


async def test_withdrawn_or_begun() -> None:
    """A call that no thread began can be withdrawn, once, and never runs; one that began cannot. Its end is told, also
    when nobody waits for it any more."""
    threads, release, ran, over = Threads(1, "test"), threading.Event(), [], asyncio.Event()
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang() -> str:
        loop.call_soon_threadsafe(began.set)
        release.wait()
        return "late"

    def ended(call: Call[str], error: BaseException | None) -> None:
        assert (call, error) == (hanging, None)
        over.set()

    hanging = threads.submit(hang, ended)
    waiting = threads.submit(lambda: ran.append(1))
    await began.wait()
    assert not hanging.withdraw()
    assert waiting.withdraw()
    assert not waiting.withdraw()
    hanging.future.cancel()
    release.set()
    await over.wait()
    assert await threads.submit(lambda: "next").future == "next"
    assert ran == []
    threads.close()


async def test_closing() -> None:
    """Who waits is cancelled, who is inside gets its answer, and nothing more is taken."""
    threads, release = Threads(1, "test"), threading.Event()
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang() -> int:
        loop.call_soon_threadsafe(began.set)
        release.wait()
        return 1

    inside, waiting = threads.submit(hang), threads.submit(lambda: 2)
    await began.wait()
    threads.close()
    threads.close()
    release.set()
    assert await inside.future == 1
    with pytest.raises(asyncio.CancelledError):
        await waiting.future
    with pytest.raises(RuntimeError):
        threads.submit(lambda: 3)


def test_the_process_ends() -> None:
    """An interpreter ends with idle threads of ours at once, waits for a call under way, and not for ever for one that
    hangs; a loop that is closed meanwhile is no fault."""
    program = """
import asyncio, threading, time
from foundation import threads as ours
ours._PATIENCE = 0.3
async def main():
    await ours.Threads(2, "idle").submit(lambda: 1).future
    ours.Threads(1, "busy").submit(lambda: (time.sleep(0.1), print("done", flush=True)))
    ours.Threads(1, "hanging").submit(threading.Event().wait)
asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")
