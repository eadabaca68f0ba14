"""Keeps the processes of one machine up: starts them in order, brings back the one that died or hangs, stops them all.

It knows nothing of Link ID: it is given a table of `Child`ren (linkid/serve.py) and keeps four promises.

1. A child starts only when every child it stands on is ready.
2. A child that ends, or stops answering its probe, is replaced, later and later while it keeps failing. One that never
   once became ready ends everything instead: that is a mistake to be read, not a fault to sit out. One that says by
   its exit code that it should be replaced, is at once; one that says that trying again does harm, never is. One that
   answers what it waits for (`Held`) is left alone.
3. Ctrl-C or SIGTERM stops all, in the opposite order; a second one at once. Nothing is left behind, not even by
   `kill -9` of the supervisor (the kernel then ends its children).
4. One supervisor per folder: a second one says so and leaves. Files of a dead one do not matter.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, TextIO

from linkid.processes import OsUser, die_with_parent, everybodys_environment

Probe = Callable[[], Awaitable[bool]]
"""Whether the child does its work now. May raise or hang: both count as no, but for `Held`."""

_LONGEST_LINE: Final = 64 * 1024
_COLOURS: Final = (36, 33, 32, 35, 34, 96, 93, 92)


class Held(Exception):
    """Raised by a probe: the child answers, and says why it does not work; killing it would help nobody."""


@dataclass(frozen=True)
class Child:
    """One process to keep up, or (`once`) one task that must end well before others start."""

    name: str
    argv: Sequence[str]
    after: tuple[str, ...] = ()
    """Names of the children that must be ready first."""
    ready: Probe | None = None
    """Asked until it says yes; then asked again and again, to notice a child that hangs. None: ready when started."""
    prepare: Callable[[], None] | None = None
    """Runs (in a thread) before each start; what it raises counts as a failed start."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All that it gets of ours, beside what every program needs (``everybodys_environment``)."""
    run_as: Callable[[], OsUser | None] = lambda: None
    stop_with: signal.Signals = signal.SIGTERM
    once: bool = False
    at_once: frozenset[int] = frozenset()
    """Exit codes after which another is started without a pause, when this one had worked."""
    never_again: Mapping[int, str] = field(default_factory=dict)
    """Exit codes after which none is started, and why: trying again would do harm."""
    advice: str = ""
    """What to look at when it does not become ready; said after that."""
    log: Path | None = None
    """A file for its words, when the terminal is for somebody else's."""


@dataclass(frozen=True)
class Patience:
    """How long the supervisor waits for what, in seconds."""

    first_ready: float = 90.0
    """From start to ready. Making a database or a token for the first time is slow on a slow disk."""
    first_attempts: int = 3
    """Failed starts of a child that was never ready, before everything ends."""
    back_off: tuple[float, ...] = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
    """Before the next start, by the number of failures in a row; then the last one for ever."""
    healthy: float = 30.0
    """A child that was up this long starts its back-off from the beginning."""
    probe_every: float = 5.0
    probe_answer: float = 5.0
    probe_misses: int = 3
    """Unanswered probes in a row that make a child a hanging one, which is killed and replaced."""
    stop: float = 8.0
    """From the polite signal to SIGKILL."""

    @classmethod
    def up_to(cls, longest_pause: float) -> Patience:
        """The usual patience, except that no pause before a new start is longer."""
        return cls(back_off=tuple(min(pause, longest_pause) for pause in cls.back_off))


class GaveUp(Exception):
    """A child that everything needs could not be brought up even once."""


class AlreadyRunning(Exception):
    """Another supervisor keeps this folder; `pid` is its process."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"already running as process {pid}")
        self.pid = pid


class Supervisor:
    """Runs *children*; `run_folder` gets the lock and a `<name>.pid` per child."""

    def __init__(
        self, children: Sequence[Child], run_folder: Path, patience: Patience | None = None, words: TextIO | None = None
    ) -> None:
        self._children = {child.name: child for child in children}
        self._run_folder = run_folder
        self._patience = patience or Patience()
        self._words = words or sys.stdout
        self._ready = {name: asyncio.Event() for name in self._children}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        unknown = {name for child in children for name in child.after} - set(self._children)
        if unknown:
            raise ValueError(f"children stand on others that are not there: {', '.join(sorted(unknown))}")
        for child in children:
            self._refuse_circles(child.name, ())

    def _refuse_circles(self, name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"children stand on each other in a circle: {' on '.join((*above, name))}")
        for below in self._children[name].after:
            self._refuse_circles(below, (*above, name))

    # --- the whole ----------------------------------------------------------------------------------------------------

    async def run(
        self, when_ready: Callable[[], None] = lambda: None, first: Callable[[], None] = lambda: None
    ) -> None:
        """Bring everything up, call *when_ready*, keep it up until told to stop. Raises AlreadyRunning, GaveUp.

        *first* is called when it is sure that no other supervisor runs here, before anything starts; what it raises
        ends everything.
        """
        with _OnlyOne(self._run_folder):
            first()
            loop = asyncio.get_running_loop()
            for signum in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(signum, self._asked_to_stop)
            keepers = {name: asyncio.create_task(self._keep(child)) for name, child in self._children.items()}
            announcing = asyncio.create_task(self._announce(when_ready))
            try:
                await self._until_stop_or_failure(list(keepers.values()))
            finally:
                self._stopping.set()
                announcing.cancel()
                await self._stop_in_order()
                for task in keepers.values():
                    task.cancel()
                await asyncio.gather(*keepers.values(), announcing, return_exceptions=True)
                for signum in (signal.SIGINT, signal.SIGTERM):
                    loop.remove_signal_handler(signum)

    def stop(self) -> None:
        """As if Ctrl-C had been pressed."""
        self._asked_to_stop()

    def pid(self, name: str) -> int | None:
        """The process of child *name* now."""
        process = self._processes.get(name)
        return process.pid if process is not None and process.returncode is None else None

    def _asked_to_stop(self) -> None:
        if self._stopping.is_set():  # the second time: at once
            for name in list(self._processes):
                self._signal(name, signal.SIGKILL)
        self._stopping.set()

    async def _until_stop_or_failure(self, keepers: list[asyncio.Task[None]]) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        waiting: set[asyncio.Task[None] | asyncio.Task[bool]] = {stopping, *keepers}
        try:
            while stopping in waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {stopping}:
                    task.result()  # raises what a keeper raised; a task that ended well is simply over
                if stopping in done:
                    return
        finally:
            stopping.cancel()

    async def _announce(self, when_ready: Callable[[], None]) -> None:
        for event in self._ready.values():
            await event.wait()
        when_ready()

    async def _stop_in_order(self) -> None:
        """Those that nobody stands on first, then what they stood on."""
        left = [name for name in self._children if self.pid(name) is not None]
        while left:
            stood_on = {name for other in left for name in self._foundations(other)}
            batch = [name for name in left if name not in stood_on] or left
            await asyncio.gather(*(self._stop_one(name) for name in batch))
            left = [name for name in left if name not in batch]

    def _foundations(self, name: str) -> set[str]:
        """What *name* stands on, also through others (a database, through the task that prepared it)."""
        direct = self._children[name].after
        return set(direct).union(*(self._foundations(below) for below in direct))

    async def _stop_one(self, name: str) -> None:
        process = self._processes[name]
        self._signal(name, self._children[name].stop_with)
        try:
            await asyncio.wait_for(process.wait(), self._patience.stop)
        except TimeoutError:
            self._say(name, "does not stop by itself: killed")
            self._signal(name, signal.SIGKILL)
            await process.wait()

    # --- one child ----------------------------------------------------------------------------------------------------

    async def _keep(self, child: Child) -> None:
        for name in child.after:
            await self._ready[name].wait()
        failures, ever_ready, loop = 0, False, asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            was_ready, how, code = await self._live_once(child)
            if self._stopping.is_set() or (child.once and was_ready):
                return
            ever_ready = ever_ready or was_ready
            if code is not None and code in child.never_again:
                if not ever_ready:
                    raise GaveUp(f"{child.name} must not be started again: {child.never_again[code]}")
                self._say(child.name, f"{how}; not started again: {child.never_again[code]}")
                await self._stopping.wait()
                return
            if code in child.at_once and was_ready:
                failures = 0
                self._say(child.name, f"{how}, as it should; starting another")
                continue
            failures = 1 if loop.time() - began > self._patience.healthy else failures + 1
            if not ever_ready and failures >= self._patience.first_attempts:
                raise GaveUp(f"{child.name} could not be started ({how}); its words are above{_after(child.advice)}")
            pause = self._patience.back_off[min(failures, len(self._patience.back_off)) - 1]
            self._say(child.name, f"{how}; starting again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _live_once(self, child: Child) -> tuple[bool, str, int | None]:
        """One life from start to end: whether it became ready, how it ended, and with which code."""
        try:
            if child.prepare is not None:
                await asyncio.to_thread(child.prepare)
            process = await self._spawn(child)
        except Exception as error:
            return False, f"cannot start: {error}", None
        self._processes[child.name] = process
        note = self._run_folder / f"{child.name}.pid"
        note.write_text(f"{process.pid}\n")
        pump = asyncio.create_task(self._pump(child.name, process))
        watch = asyncio.create_task(self._watch(child, process))
        try:
            code = await process.wait()
        finally:
            watch.cancel()
            await asyncio.wait({pump}, timeout=0.5)  # its last words; a grandchild may hold the pipe open for longer
            pump.cancel()
            note.unlink(missing_ok=True)
        if child.once and code == 0:
            self._ready[child.name].set()
        was_ready = self._ready[child.name].is_set()
        if not child.once:
            self._ready[child.name].clear()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return was_ready, how, code

    async def _spawn(self, child: Child) -> asyncio.subprocess.Process:
        user = child.run_as()
        identity: dict[str, int | list[int]] = (
            {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": []}
        )
        return await asyncio.create_subprocess_exec(
            *child.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**everybodys_environment(os.environ), "PYTHONUNBUFFERED": "1", **child.environment},
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then stops the children in order
            preexec_fn=die_with_parent(child.stop_with),
            limit=_LONGEST_LINE,
            **identity,  # type: ignore[arg-type]  # Popen's own words, which asyncio's stubs do not spell out
        )

    async def _watch(self, child: Child, process: asyncio.subprocess.Process) -> None:
        """Notice that the child is ready; then notice if it stops answering."""
        if child.once:
            return
        loop = asyncio.get_running_loop()
        until, pause, held = loop.time() + self._patience.first_ready, 0.02, ""
        while (answer := await self._answers(child)) is not True:
            if isinstance(answer, str):
                held, until = self._say_held(child, held, answer), loop.time() + self._patience.first_ready
            if loop.time() > until:
                self._say(child.name, f"not ready after {self._patience.first_ready:g} s: killed{_after(child.advice)}")
                process.kill()
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        self._ready[child.name].set()
        misses = 0
        while misses < self._patience.probe_misses:
            await asyncio.sleep(self._patience.probe_every)
            answer = await self._answers(child)
            if process.returncode is not None:  # a probe may end in an error of its own when we are cancelled
                return
            held = self._say_held(child, held, answer if isinstance(answer, str) else "")
            misses = misses + 1 if answer is False else 0
        self._say(child.name, "does not answer any more: killed")
        process.kill()

    def _say_held(self, child: Child, before: str, now: str) -> str:
        if now != before:
            self._say(child.name, f"does not work: {now}" if now else "works again")
        return now

    async def _answers(self, child: Child) -> bool | str:
        """Yes, no, or what it is held by."""
        if child.ready is None:
            return True
        try:
            return await asyncio.wait_for(child.ready(), self._patience.probe_answer)
        except Held as held:
            return str(held)
        except Exception:
            return False

    def _signal(self, name: str, signum: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._processes[name].send_signal(signum)

    # --- words --------------------------------------------------------------------------------------------------------

    async def _pump(self, name: str, process: asyncio.subprocess.Process) -> None:
        """The child's words, line by line, with its name in front; or as they are, into its own file."""
        assert process.stdout is not None
        log = self._children[name].log
        if log is not None:
            with log.open("ab") as file:
                while words := await process.stdout.read(_LONGEST_LINE):
                    file.write(words)
                    file.flush()
            return
        begun = b""
        while words := await process.stdout.read(_LONGEST_LINE):
            *lines, begun = (begun + words).split(b"\n")
            if len(begun) >= _LONGEST_LINE:
                lines.append(begun)
                begun = b""
            self._say(name, *(line.decode("utf-8", "replace").rstrip("\r") for line in lines))
        if begun:
            self._say(name, begun.decode("utf-8", "replace"))

    def _say(self, name: str, *lines: str) -> None:
        width = max(map(len, self._children))
        label = f"{name:<{width}} |"
        if self._words.isatty():
            label = f"\x1b[{_COLOURS[list(self._children).index(name) % len(_COLOURS)]}m{label}\x1b[0m"
        # whoever reads our words may have gone (a closed terminal); the children matter more
        with suppress(OSError, ValueError):
            self._words.write("".join(f"{label} {line}\n" for line in lines))
            self._words.flush()


def _after(advice: str) -> str:
    return f". {advice}" if advice else ""


def runs_in(folder: Path) -> bool:
    """Whether a supervisor keeps this folder now."""
    try:
        with _OnlyOne(folder):
            return False
    except AlreadyRunning:
        return True


class _OnlyOne:
    """Holds `<folder>/linkid.lock`; the kernel lets go of it when we end, however we end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        file = (self._folder / "linkid.lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            noted = file.read().strip()
            file.close()
            raise AlreadyRunning(int(noted) if noted.isdigit() else 0) from None
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file
        for stale in self._folder.glob("*.pid"):  # of a supervisor that was killed
            stale.unlink(missing_ok=True)

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
