"""The supervisor, with small real processes."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from linkid.processes import is_running
from linkid.supervisor import AlreadyRunning, Child, GaveUp, Held, Patience, Supervisor

QUICK = Patience(
    first_ready=10,
    first_attempts=2,
    back_off=(0.01,),
    healthy=60,
    probe_every=0.05,
    probe_answer=1,
    probe_misses=2,
    stop=2,
)
LIVES = "import time, sys; print('here', flush=True); time.sleep(600)"


def python(text: str) -> list[str]:
    return [sys.executable, "-S", "-c", text]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


def exists(path: Path) -> Callable[[], Awaitable[bool]]:
    async def probe() -> bool:
        return path.exists()

    return probe


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[None]:
    """Up and ready inside the block; stopped, and whatever went wrong raised, after it."""
    ready = asyncio.Event()
    task = asyncio.create_task(supervisor.run(ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=15)
    waiting.cancel()
    try:
        if not task.done():
            yield
    finally:
        supervisor.stop()
        await task


async def test_a_child_starts_when_what_it_stands_on_is_ready(tmp_path: Path) -> None:
    """Not merely started: ready. And a task that must run once is over before the next one begins."""
    mark, order = tmp_path / "ready", tmp_path / "order"
    slow = f"import time; time.sleep(0.3); open({str(mark)!r}, 'w').close(); time.sleep(600)"
    once = f"open({str(order)!r}, 'a').write('once ' if __import__('os').path.exists({str(mark)!r}) else 'too early')"
    last = f"open({str(order)!r}, 'a').write('last'); import time; time.sleep(600)"
    children = [
        Child("last", python(last), after=("task",)),
        Child("task", python(once), after=("slow",), once=True),
        Child("slow", python(slow), ready=exists(mark)),
    ]
    async with running(Supervisor(children, tmp_path, QUICK, io.StringIO())):
        await until(lambda: order.exists() and order.read_text() == "once last")


async def test_a_killed_child_comes_back(tmp_path: Path) -> None:
    """kill -9 of a child: another takes its place, and its pid is noted for whoever looks."""
    words = io.StringIO()
    supervisor = Supervisor([Child("sam", python(LIVES))], tmp_path, QUICK, words)
    async with running(supervisor):
        first = supervisor.pid("sam")
        assert first is not None
        assert (tmp_path / "sam.pid").read_text() == f"{first}\n"
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.pid("sam") not in (None, first))
    assert "sam | killed by SIGKILL; starting again" in words.getvalue()
    assert not (tmp_path / "sam.pid").exists()


async def test_a_child_that_hangs_is_replaced(tmp_path: Path) -> None:
    """A process that lives but does not answer its probe (a dead HSM library) is killed and started anew."""
    answers, words = True, io.StringIO()

    async def probe() -> bool:
        return answers

    supervisor = Supervisor([Child("sam", python(LIVES), ready=probe)], tmp_path, QUICK, words)
    async with running(supervisor):
        first = supervisor.pid("sam")
        answers = False
        await until(lambda: supervisor.pid("sam") != first)
        answers = True
        await until(lambda: supervisor.pid("sam") is not None)
    assert "sam | does not answer any more: killed" in words.getvalue()


async def test_one_that_asks_to_be_replaced_is_at_once(tmp_path: Path) -> None:
    """By its exit code, when it had worked: no pause, and not a failure. One that never worked waits as any other."""
    words, patience, asked = io.StringIO(), replace(QUICK, back_off=(60.0,)), Counter[int | None]()
    worked = f"{str(tmp_path)!r} + f'/{{os.getpid()}}.worked'"
    text = f"import os, time\nwhile not os.path.exists({worked}): time.sleep(0.01)\nraise SystemExit(75)"

    async def probe() -> bool:
        pid = supervisor.pid("sam")
        asked[pid] += 1
        if asked[pid] > 1:  # asked once more: by now it is known to have worked
            (tmp_path / f"{pid}.worked").touch()
        return True

    supervisor = Supervisor(
        [Child("sam", python(text), ready=probe, at_once=frozenset({75}))], tmp_path, patience, words
    )
    async with running(supervisor):
        await until(lambda: words.getvalue().count("starting another") >= 3)
    assert "sam | ended with code 75, as it should; starting another" in words.getvalue()
    never = Child("sam", python("raise SystemExit(75)"), ready=exists(tmp_path / "never"), at_once=frozenset({75}))
    with pytest.raises(GaveUp):
        async with asyncio.timeout(15):
            await Supervisor([never], tmp_path, QUICK, words).run()


async def test_one_that_must_never_be_started_again_is_not(tmp_path: Path) -> None:
    """It had worked: the others go on without it, and the reason is said once."""
    words, mark = io.StringIO(), tmp_path / "go"
    text = f"import os, time\nwhile not os.path.exists({str(mark)!r}): time.sleep(0.01)\nraise SystemExit(77)"
    children = [Child("ac", python(text), never_again={77: "the token refuses its PIN"}), Child("sam", python(LIVES))]
    supervisor = Supervisor(children, tmp_path, QUICK, words)
    async with running(supervisor):
        mark.touch()
        await until(
            lambda: "ac  | ended with code 77; not started again: the token refuses its PIN" in words.getvalue()
        )
        await asyncio.sleep(0.2)
        assert supervisor.pid("ac") is None
        assert supervisor.pid("sam") is not None


async def test_one_that_says_what_it_waits_for_is_left_alone(tmp_path: Path) -> None:
    """Not killed for not being ready, nor later: its reason is said when it changes, and that it works again."""
    words, reason, asked = io.StringIO(), ["hsm_unavailable"], 0

    async def probe() -> bool:
        nonlocal asked
        asked += 1
        if reason:
            raise Held(reason[0])
        return True

    async def asked_more(often: int) -> None:
        so_far = asked
        await until(lambda: asked >= so_far + often)

    supervisor = Supervisor(
        [Child("sam", python(LIVES), ready=probe)], tmp_path, replace(QUICK, first_ready=0.1), words
    )
    task = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.pid("sam") is not None)
    first = supervisor.pid("sam")
    await asked_more(7)  # for longer than a child may take to become ready
    reason.clear()
    await asked_more(2)  # by the second time its first yes has been heard
    reason.append("database_unavailable")
    await until(lambda: "sam | does not work: database_unavailable" in words.getvalue())
    await asked_more(QUICK.probe_misses + 1)
    reason.clear()
    await until(lambda: words.getvalue().count("sam | works again") == 2)
    assert supervisor.pid("sam") == first
    assert words.getvalue().count("does not work") == 2
    supervisor.stop()
    await task


async def test_nobody_watches_a_process_that_is_gone(tmp_path: Path) -> None:
    """Its probe failed in the very moment in which it died: asyncio may lose the cancellation then, the watch ends."""
    asked: list[asyncio.Future[bool]] = []

    async def probe() -> bool:
        asked.append(asyncio.get_running_loop().create_future())
        return await asked[-1]

    class Gone(asyncio.subprocess.Process):
        returncode: int | None = None

        def __init__(self) -> None:
            pass

        def kill(self) -> None:
            raise ProcessLookupError

    child, process, words = Child("sam", python(LIVES), ready=probe), Gone(), io.StringIO()
    watch = asyncio.create_task(Supervisor([child], tmp_path, QUICK, words)._watch(child, process))
    await until(lambda: len(asked) == 1)
    asked[0].set_result(True)
    await until(lambda: len(asked) == 2)
    asked[1].set_exception(OSError("the connection broke"))
    await asyncio.sleep(0)
    process.returncode = -9
    watch.cancel()
    await asyncio.wait({watch}, timeout=1)
    assert watch.done()
    assert len(asked) == 2
    assert words.getvalue() == ""


async def test_a_probe_that_raises_or_hangs_means_not_ready(tmp_path: Path) -> None:
    """Readiness is a yes, nothing less."""
    asked = 0

    async def probe() -> bool:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise OSError("not yet")
        return asked > 2

    async with running(Supervisor([Child("x", python(LIVES), ready=probe)], tmp_path, QUICK, io.StringIO())):
        assert asked >= 3


async def test_what_never_came_up_ends_everything(tmp_path: Path) -> None:
    """A mistake in the settings is shown and ends the run; it is not retried for ever."""
    words = io.StringIO()
    wrong = python("import sys; sys.exit('no such key: databse')")
    children = [Child("good", python(LIVES)), Child("bad", wrong, ready=exists(tmp_path / "never"))]
    supervisor = Supervisor(children, tmp_path, QUICK, words)
    async with asyncio.timeout(15):
        with pytest.raises(GaveUp, match="bad could not be started"):
            await supervisor.run()
    assert "bad  | no such key: databse" in words.getvalue()
    assert supervisor.pid("good") is None


async def test_a_prepare_that_fails_is_a_failed_start(tmp_path: Path) -> None:
    """Its reason is said."""
    words = io.StringIO()

    def prepare() -> None:
        raise OSError("the disk is full")

    async with asyncio.timeout(15):
        with pytest.raises(GaveUp, match="the disk is full"):
            await Supervisor([Child("db", python(LIVES), prepare=prepare)], tmp_path, QUICK, words).run()


async def test_children_stop_in_the_opposite_order(tmp_path: Path) -> None:
    """What others stand on goes last, also what they stand on through a task that is long over."""
    log = tmp_path / "log"
    text = (
        "import signal, sys, time\n"
        f"def end(*_): open({str(log)!r}, 'a').write(sys.argv[1] + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); open(sys.argv[2], 'w').close(); time.sleep(600)"
    )
    names = {"database": (), "sam": ("migrate",), "gateway": ("sam",)}
    children = [
        Child(name, [*python(text), name, str(tmp_path / f"{name}.up")], after, exists(tmp_path / f"{name}.up"))
        for name, after in names.items()
    ]
    children.append(Child("migrate", python(""), ("database",), once=True))
    async with running(Supervisor(children, tmp_path, QUICK, io.StringIO())):
        pass
    assert log.read_text() == "gateway sam database "


async def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    """Ctrl-C never waits for long."""
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(tmp_path / 'up')!r}, 'w').close(); time.sleep(600)"
    )
    patience = Patience(stop=0.2)
    words = io.StringIO()
    supervisor = Supervisor([Child("x", python(stubborn), ready=exists(tmp_path / "up"))], tmp_path, patience, words)
    async with running(supervisor):
        pass
    assert "x | does not stop by itself: killed" in words.getvalue()


async def test_words_have_a_name_in_front_however_long_or_broken(tmp_path: Path) -> None:
    """A line longer than any buffer, bytes that are no text, and a last line without an end neither stop nor block."""
    said = "import sys, time; w = sys.stdout.buffer; w.write(b'x' * 300000 + b'\\nb\\xff\\nlast'); w.flush()"
    words = io.StringIO()
    await _run_once(Supervisor([Child("app", python(said), once=True)], tmp_path, QUICK, words))
    lines = words.getvalue().splitlines()
    assert all(line.startswith("app | ") for line in lines)
    assert "app | b\ufffd" in lines
    assert lines[-1] == "app | last"
    assert sum(line.count("x") for line in lines) == 300000


async def _run_once(supervisor: Supervisor) -> None:
    async with running(supervisor):
        pass


async def test_a_second_one_says_so(tmp_path: Path) -> None:
    """Two supervisors in one folder would fight over sockets; the second names the process of the first."""
    async with running(Supervisor([Child("x", python(LIVES))], tmp_path, QUICK, io.StringIO())):
        with pytest.raises(AlreadyRunning) as refused:
            await Supervisor([Child("x", python(LIVES))], tmp_path, QUICK, io.StringIO()).run()
        assert refused.value.pid == os.getpid()


async def test_files_of_a_dead_one_do_not_matter(tmp_path: Path) -> None:
    """After a power cut the lock and pid files name processes of long ago, or of somebody else."""
    (tmp_path / "linkid.lock").write_text("1\n")
    (tmp_path / "gone.pid").write_text("1\n")
    async with running(Supervisor([Child("x", python(LIVES))], tmp_path, QUICK, io.StringIO())):
        assert not (tmp_path / "gone.pid").exists()


async def test_kill_9_of_the_supervisor_leaves_no_orphans(tmp_path: Path) -> None:
    """The kernel ends the children, whatever happened to the parent."""
    script = (
        "import asyncio, sys; from pathlib import Path; from linkid.supervisor import *\n"
        f"supervisor = Supervisor([Child('x', {python(LIVES)!r})], Path({str(tmp_path)!r}))\n"
        "asyncio.run(supervisor.run(lambda: print('up', flush=True)))"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    async with asyncio.timeout(15):
        await parent.stdout.readuntil(b"up\n")
    child = int((tmp_path / "x.pid").read_text())
    assert is_running(child, "time.sleep(600)")
    parent.kill()
    await parent.communicate()
    await until(lambda: not is_running(child, "time.sleep(600)"))


def test_a_child_cannot_stand_on_nobody(tmp_path: Path) -> None:
    """A misspelt dependency, or a circle, is found before anything starts."""
    with pytest.raises(ValueError, match="databse"):
        Supervisor([Child("x", ["true"], after=("databse",))], tmp_path)
    with pytest.raises(ValueError, match="x on y on x"):
        Supervisor([Child("x", ["true"], after=("y",)), Child("y", ["true"], after=("x",))], tmp_path)
