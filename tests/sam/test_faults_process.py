"""Faults that cost a process, or must not: a hung call, a refused PIN, a library that grew; under a real supervisor."""

import asyncio
import io
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import Certificate

from foundation.channel import PrivateClient
from foundation.clock import SystemClock
from foundation.errors import LinkIdError
from foundation.exits import NEVER_AGAIN, RECYCLED, REPLACE_ME
from hsm_service.hsm.facade import Hsm
from linkid.serve import private_answers
from linkid.supervisor import Child as Kept
from linkid.supervisor import GaveUp, Patience, Supervisor
from softhsm_config.tokens import Token as TokenFiles
from tests.sam.children import Child, over
from tests.sam.world import Authority, World
from tests.support.postgres import TestDatabase

QUICK = Patience(back_off=(0.2,), probe_every=0.2, probe_answer=3.0, probe_misses=25, first_ready=30.0, stop=3.0)


@pytest.fixture
def authority() -> Authority:
    """Of today: these processes have the real clock."""
    return Authority(SystemClock().now())


def kept(child: Child) -> Kept:
    """The same process, for a supervisor, as `linkid serve` keeps it."""
    return Kept(
        child.settings["name"], child.argv, ready=private_answers(child.settings["listen"]),
        environment=child.environment, at_once=frozenset({REPLACE_ME, RECYCLED}), never_again={NEVER_AGAIN: "the PIN"},
    )  # fmt: skip


@asynccontextmanager
async def supervised(*children: Child, patience: Patience = QUICK) -> AsyncIterator[tuple[Supervisor, io.StringIO]]:
    """All ready inside the block."""
    words, ready = io.StringIO(), asyncio.Event()
    folder = children[0].file.parent / "run"
    supervisor = Supervisor([kept(child) for child in children], folder, patience, words)
    running = asyncio.create_task(supervisor.run(ready.set))
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        assert ready.is_set(), words.getvalue()
        yield supervisor, words
    finally:
        waiting.cancel()
        supervisor.stop()
        await asyncio.gather(running, return_exceptions=True)
        print(words.getvalue())


async def until(done: Any, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.02)


class Signing:
    """Some holders who sign without a pause, from ask to verified signature; counts what came back."""

    def __init__(self, world: World, holders: list[tuple[str, Any, Certificate]]) -> None:
        self.world, self.holders = world, holders
        self.good = 0
        self.bad: list[str] = []
        self._stop = False

    @classmethod
    async def prepared(cls, world: World, holders: int) -> "Signing":
        made = []
        for _ in range(holders):
            credential = await world.credential("P-256")
            made.append((credential, await world.phone(credential), await world.certificate(credential)))
        return cls(world, made)

    async def once(self, credential: str, phone: Any, certificate: Certificate) -> None:
        caller = await self.world.register()  # a new one: what an outage interrupted still waits for the old one
        request = await self.world.ask(credential, algorithm="ECDSA-SHA256", caller=caller)
        activation = (await self.world.approve(phone, request))["activation"]
        self.world.verify(certificate, request, await self.world.sign(request, activation))

    async def _keep_on(self, *holder: Any) -> None:
        while not self._stop:
            try:
                await self.once(*holder)
            except LinkIdError as error:
                self.bad.append(str(error))
                await asyncio.sleep(0.05)
            else:
                self.good += 1

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator["Signing"]:
        running = [asyncio.create_task(self._keep_on(*holder)) for holder in self.holders]
        try:
            yield self
        finally:
            self._stop = True
            await asyncio.gather(*running)
            self._stop = False


@contextmanager
def locked(files: Sequence[Path]) -> Iterator[None]:
    """Another process holds write locks on them, as a backup program or a hung neighbour may."""
    script = (
        "import fcntl, sys\n"
        f"files = [open(name, 'r+b') for name in {[str(file) for file in files]!r}]\n"
        "[fcntl.lockf(file, fcntl.LOCK_EX) for file in files]; print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            assert holder.stdin is not None
            holder.stdin.close()


def copy_of(token: TokenFiles, folder: Path) -> tuple[Path, Path]:
    """The same keys in other files: what happens to them happens to one SAM alone. Its configuration, its slot."""
    slot, conf = folder / "slot", folder / "softhsm2.conf"
    shutil.copytree(token.conf.parent / "slot", slot)
    conf.write_text(re.sub(r"(tokendir *= *).*", rf"\g<1>{slot}", token.conf.read_text()))
    return conf, slot


async def test_a_hung_call_costs_one_process(
    children: list[Child], hsm: Hsm, database: TestDatabase, authority: Authority, sam_token: TokenFiles, tmp_path: Path
) -> None:
    """Every thread of one SAM hangs inside the library: it says so and ends, the other goes on answering, and when the
    files are free again both do."""
    first, second = children
    first.conf, slot = copy_of(sam_token, tmp_path / "copy")
    for child in children:
        child.settings["hsm"] |= {"deadline_seconds": 1.0, "threads": 2}
    generations = list(slot.glob("*/generation"))
    client = PrivateClient([child.settings["listen"] for child in children], patience=5.0)
    async with supervised(first, second) as (supervisor, words), client:
        world = await over(client, hsm, database, authority, tmp_path / "unused.head")
        try:
            signing = await Signing.prepared(world, 3)
            pids = supervisor.pid("sam-0"), supervisor.pid("sam-1")
            async with signing.going_on():
                await until(lambda: signing.good > 5)
                with locked(generations):
                    await until(lambda: supervisor.pid("sam-0") != pids[0])
                    # a call inside the hung process was told so, within its deadline
                    assert 0 < len(signing.bad) <= 3 * 4, signing.bad
                    assert all("hsm" in one or "answer_lost" in one or "sam_refuses" in one for one in signing.bad)
                    before, told = signing.good, len(signing.bad)
                    await until(lambda: signing.good > before + 10)
                    assert len(signing.bad) == told, signing.bad[told:]
                await until(lambda: ready(supervisor, first))
            async with asyncio.timeout(20):
                while not await answers(first):
                    await asyncio.sleep(0.1)
            assert supervisor.pid("sam-1") == pids[1]
            assert f"sam-0 | ended with code {REPLACE_ME}, as it should" in words.getvalue()
        finally:
            await world.close()


def ready(supervisor: Supervisor, child: Child) -> bool:
    return supervisor.pid(child.settings["name"]) is not None


async def answers(child: Child) -> bool:
    with suppress(LinkIdError):
        return (await child.client.call("status"))["ready"] is True
    return False


async def test_a_refused_pin_is_tried_once_and_its_sam_stays_up(children: list[Child]) -> None:
    """Started alone it stays, not ready, and says why; under a supervisor that would restart it every second, too."""
    (first, _) = children
    first.settings["hsm"]["pin"] = "not the PIN"
    await first.start()
    said = await first.client.call("status")
    assert (said["ready"], said["why"]) == (False, "hsm_login_refused")
    for call in ("documents/sign", "signatures/sign", "anything"):
        with pytest.raises(LinkIdError) as refused:
            await first.client.call(call)
        assert refused.value.code == "hsm_login_refused"
    first.process.terminate()  # type: ignore[union-attr]
    assert await first.process.wait() == 0  # type: ignore[union-attr]
    assert first.logins.read_text() == "C_Login\n"

    first.logins.unlink()
    words, ready = io.StringIO(), asyncio.Event()
    hasty = Patience(back_off=(0.01,), first_ready=4.0, first_attempts=3, probe_every=0.1, probe_misses=1)
    supervisor = Supervisor([kept(first)], first.file.parent / "run", hasty, words)
    running = asyncio.create_task(supervisor.run(ready.set))
    await until(lambda: "sam-0 | does not work: hsm_login_refused" in words.getvalue())
    pid = supervisor.pid("sam-0")
    await asyncio.sleep(4.5)  # longer than a silent child is given
    assert supervisor.pid("sam-0") == pid
    assert not ready.is_set()
    supervisor.stop()
    await running
    assert first.logins.read_text() == "C_Login\n"


async def test_what_says_never_again_is_not_started_again(tmp_path: Path) -> None:
    """An exit code for it (a token's PIN refused while keys are made, or to the AC): once, and everything says why."""
    mark = tmp_path / "starts"
    text = f"open({str(mark)!r}, 'a').write('x'); raise SystemExit({NEVER_AGAIN})"
    child = Kept("hsm-sam", [sys.executable, "-S", "-c", text], once=True, never_again={NEVER_AGAIN: "its PIN"})
    with pytest.raises(GaveUp, match="must not be started again: its PIN"):
        await Supervisor([child], tmp_path, QUICK, io.StringIO()).run()
    assert mark.read_text() == "x"


async def test_two_sams_make_room_and_no_call_fails(
    children: list[Child], hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """After so many unwraps each ends in order and another takes its place, one after the other: all the while
    signatures are made, and each of them verifies."""
    for child in children:
        child.settings["hsm"] |= {"recycle_unwraps": 40}
    client = PrivateClient([child.settings["listen"] for child in children], patience=20.0)
    async with supervised(*children) as (supervisor, words), client:
        world = await over(client, hsm, database, authority, tmp_path / "unused.head")
        try:
            signing = await Signing.prepared(world, 4)
            pids = {name: supervisor.pid(name) for name in ("sam-0", "sam-1")}
            async with signing.going_on():
                await until(lambda: all(f"{name} | ended with code {RECYCLED}" in words.getvalue() for name in pids))
                await until(lambda: all(supervisor.pid(name) not in (None, pids[name]) for name in pids))
                made = signing.good
                await until(lambda: signing.good > made + 5)
            assert signing.bad == []
            rows = await world.sql("SELECT count(*) AS n FROM sam.signatures")
            events = await world.events()
            assert rows[0]["n"] == signing.good == events.count("signatures.made")
        finally:
            await world.close()


async def test_the_only_sam_makes_room_and_its_callers_wait(
    children: list[Child], hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """With one SAM a call that nobody takes is offered again until its successor listens."""
    (only, _) = children
    only.settings["hsm"] |= {"recycle_unwraps": 20}
    client = PrivateClient(only.settings["listen"], patience=20.0)
    async with supervised(only) as (supervisor, words), client:
        world = await over(client, hsm, database, authority, tmp_path / "unused.head")
        try:
            signing = await Signing.prepared(world, 2)
            async with signing.going_on():
                await until(lambda: f"ended with code {RECYCLED}" in words.getvalue())
                made = signing.good
                await until(lambda: signing.good > made + 3)
            assert signing.bad == []
            assert supervisor.pid("sam-0") is not None
        finally:
            await world.close()
