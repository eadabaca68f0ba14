"""The certificate in programs: the daemon beside `p11-kit server` with SoftHSM, which is what one would run otherwise.

Both are asked through the same library, p11-kit's client, by the same programs. A signature of ours goes to a whole
Link ID, within a session that the phone approved; what the daemon adds is its time less that of the same signature
asked of the API alone, in the same round. What `p11-kit server` adds to SoftHSM alone stands beside.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import ClientSession

from bench.bed import SETTINGS, Say
from bench.measures import DESKTOP, DESKTOP_ROWS, Pace
from bench.p11_program import Program
from bench.report import Row
from bench.usage import memory_bytes
from demo.computer import Session
from demo.stack import Stack
from demo.world import World, settled
from desktop_agent.daemon.control import call
from desktop_agent.domain.trust import read_trust
from desktop_agent.keychain import FileKeychain
from desktop_agent.profiles import Profile, Profiles
from linkid.platform import ROOT, program
from sandbox_phone.loopback import connector
from softhsm_config.tokens import LABELS, ensure_token

PROGRAMS: Final = 50
SIGNATURES: Final = 30
"""Of a round, one after the other."""
LASTS: Final = 8 * 3600
MOST: Final = 100_000
_START_SECONDS: Final = 30.0


@dataclass(frozen=True)
class _Token:
    """Something that programs use. ``environment``: by which they find it."""

    module: Path
    label: str
    environment: dict[str, str]

    def program(self) -> Program:
        """A program that has found the key."""
        made = self.start()
        made.hear()
        return made

    def start(self) -> Program:
        """The same, not waited for."""
        return Program(self.module, self.label, self.environment)


@dataclass
class _Rounds:
    """Rates a second, times in ms, one for each round."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    many_ours: list[float] = field(default_factory=list)
    many_theirs: list[float] = field(default_factory=list)
    fifty: list[float] = field(default_factory=list)
    signed: list[float] = field(default_factory=list)
    api: list[float] = field(default_factory=list)
    added: list[float] = field(default_factory=list)
    added_theirs: list[float] = field(default_factory=list)


async def run(names: Sequence[str], folder: Path, pace: Pace, *, again: bool, say: Say) -> list[Row]:
    """The four rows. ``again``: one holder is made in seconds."""
    if DESKTOP not in names:
        return []
    place = folder / "desktop"
    await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
    async with AsyncExitStack() as stack:
        short = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lk", dir="/tmp")))  # a socket's name
        say("a Link ID of its own, a holder and a computer …")
        linkid = await stack.enter_async_context(Stack(place, SETTINGS))
        world = await stack.enter_async_context(settled(linkid))
        pid = await stack.enter_async_context(_daemon(world, place / "home", short / "ours"))
        bare, served = stack.enter_context(_soft_token(place / "reference", short))
        address = f"unix:path={short / 'ours' / 'p11'}"
        ours = _Token(program("p11-kit-client"), "Link ID", {"P11_KIT_SERVER_ADDRESS": address})
        first = await asyncio.to_thread(ours.program)
        idle = memory_bytes(pid)
        await _session_of_daemon(world, short / "ours")
        api = await _session_of_api(world)
        rounds = await _measured(world, api, (ours, served, bare), first, pace, say)
        return _rows(rounds, idle, memory_bytes(pid))


@asynccontextmanager
async def _daemon(world: World, home: Path, sockets: Path) -> AsyncIterator[int]:
    """The daemon as a process of its own, with the association of the world's computer; its pid."""
    profiles = Profiles(home)
    async with ClientSession(connector=connector()) as session, session.get(f"{world.stack.app}/trust.json") as answer:
        trust = read_trust(await answer.read())
    profile = Profile("bench", world.computer.id, "Computador de prova", "file", "2026-01-01T00:00:00Z")
    await FileKeychain(profiles.home).save(profile, world.computer.key)
    profiles.save(profile, trust)
    environment = {**os.environ, "LINKID_DESKTOP_HOME": str(home)}
    words = [sys.executable, "-m", "desktop_agent", "daemon", str(sockets)]
    process = await asyncio.create_subprocess_exec(*words, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        await asyncio.to_thread(_wait_for, sockets / "p11")
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


@contextmanager
def _soft_token(folder: Path, short: Path) -> Iterator[tuple[_Token, _Token]]:
    """SoftHSM with one RSA-2048 key: asked directly, and through `p11-kit server`."""
    module = program("softhsm-module")
    token = ensure_token("ac", folder / "tokens", folder / "secrets", module)
    kept = {"SOFTHSM2_CONF": str(token.conf), "BENCH_PIN": token.pin}
    made = Program(module, LABELS["ac"], {**kept, "BENCH_MAKE": "1"})
    made.hear()
    made.close()
    socket = short / "theirs"
    words = [str(program("p11-kit-server")), "-f", "-n", str(socket), "--provider", str(module)]
    server = subprocess.Popen(
        [*words, "pkcs11:?write-protected=no"],
        env={**os.environ, **kept},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = {"P11_KIT_SERVER_ADDRESS": f"unix:path={socket}"}
    try:
        _wait_for(socket)
        yield _Token(module, LABELS["ac"], kept), _Token(program("p11-kit-client"), LABELS["ac"], {**kept, **address})
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=20)


async def _session_of_daemon(world: World, sockets: Path) -> None:
    asked = {"seconds": LASTS, "maximum": MOST, "family": "RSA-PKCS1", "hash": "SHA-256", "purpose": "Medidas"}
    opening = asyncio.ensure_future(call(sockets / "control", "open-session", **asked))
    await world.phone.approve(await world.phone.wait_for("session"), world.holder.password)
    await opening


async def _session_of_api(world: World) -> Session:
    ask = await world.computer.ask_session(world.credential, seconds=LASTS, maximum=MOST)
    await world.phone.approve(await world.phone.fetch(ask.request), world.holder.password)
    return await world.computer.session(ask)


async def _measured(
    world: World, api: Session, tokens: tuple[_Token, _Token, _Token], ours: Program, pace: Pace, say: Say
) -> _Rounds:
    rounds, counter = _Rounds(), 0
    theirs, bare = await asyncio.to_thread(tokens[1].program), await asyncio.to_thread(tokens[2].program)
    try:
        for number in range(1, pace.rounds + 1):
            rounds.theirs.append(await asyncio.to_thread(_rate, [theirs], pace.seconds))
            rounds.ours.append(await asyncio.to_thread(_rate, [ours], pace.seconds))
            alone = await asyncio.to_thread(_median_ms, bare)
            rounds.added_theirs.append(await asyncio.to_thread(_median_ms, theirs) - alone)
            signed, asked = [], []
            for _ in range(SIGNATURES):  # in turns: what else the machine does meets both alike
                counter += 1
                signed.append(await asyncio.to_thread(_median_ms, ours, 1))
                asked.append(await _api_ms(world, api, counter))
            rounds.signed.append(statistics.median(signed))
            rounds.api.append(statistics.median(asked))
            rounds.added.append(rounds.signed[-1] - rounds.api[-1])
            rounds.many_theirs.append((await asyncio.to_thread(_many, tokens[1], pace.seconds, one_by_one=True))[0])
            rate, seconds = await asyncio.to_thread(_many, tokens[0], pace.seconds)
            rounds.many_ours.append(rate)
            rounds.fifty.append(seconds)
            ratio = rounds.ours[-1] / rounds.theirs[-1]
            say(
                f"round {number} of {pace.rounds}: {ratio:.3f} of the calls of p11-kit server, "
                f"{rounds.added[-1]:.2f} ms added to a signature, {PROGRAMS} programs signed in {seconds:.1f} s"
            )
    finally:
        for one in (ours, theirs, bare):
            await asyncio.to_thread(one.close)
    return rounds


def _rate(programs: Sequence[Program], seconds: float) -> float:
    """Attributes read a second (two calls each: how long, and what), of all programs together."""
    for one in programs:
        one.tell("read", seconds=seconds)
    said = [one.hear() for one in programs]
    return sum(one["count"] / one["seconds"] for one in said)


def _median_ms(one: Program, times: int = SIGNATURES) -> float:
    one.tell("sign", times=times)
    return one.hear()["median"] * 1000


async def _api_ms(world: World, api: Session, counter: int) -> float:
    """One use of a session by the agent's own client, verified as the daemon does."""
    began = time.perf_counter()
    digest = os.urandom(32)
    (made,) = await world.computer.use(world.credential, api, counter, [digest])
    world.verify(digest, made)
    return (time.perf_counter() - began) * 1000


def _many(token: _Token, seconds: float, *, one_by_one: bool = False) -> tuple[float, float]:
    """Fifty programs at once: attributes read a second, then one signature each; the seconds until all had theirs.

    They also come at once, unless ``one_by_one``: `p11-kit server` turns some of fifty away that come together.
    """
    programs: list[Program] = []
    try:
        for _ in range(PROGRAMS):
            programs.append(token.start())
            if one_by_one:
                programs[-1].hear()
        if not one_by_one:
            for one in programs:
                one.hear()
        rate = _rate(programs, seconds)
        began = time.perf_counter()
        for one in programs:
            one.tell("sign", times=1)
        for one in programs:
            one.hear()
        return rate, time.perf_counter() - began
    finally:
        for one in programs:
            one.close()


def _rows(rounds: _Rounds, idle: tuple[int, int], after: tuple[int, int]) -> list[Row]:
    ratios = [mine / other for mine, other in zip(rounds.ours, rounds.theirs, strict=True)]
    many = [mine / other for mine, other in zip(rounds.many_ours, rounds.many_theirs, strict=True)]
    medians = {name: statistics.median(values) for name, values in vars(rounds).items()}
    return [
        _row("desktop_calls_vs_p11kit", "attributes read through the daemon by one program (two calls each)", ratios,
             rate=medians["ours"], reference_rate=medians["theirs"], reference="p11-kit server with SoftHSM"),
        _row("desktop_50_programs_vs_p11kit", f"the same by {PROGRAMS} programs at once", many,
             rate=medians["many_ours"], reference_rate=medians["many_theirs"], reference="p11-kit server with SoftHSM",
             remarks=f"Then each signs once: all had theirs after {medians['fifty']:.1f} s. Ours come at once, those "
             "of p11-kit server one by one, since it turns some away"),
        _row("desktop_sign_added_ms", "what the daemon adds to a signature of the API within a session", rounds.added,
             unit="ms", reference=f"p11-kit server adds {medians['added_theirs']:.2f} ms to SoftHSM",
             remarks=f"C_Sign {medians['signed']:.1f} ms, the API alone {medians['api']:.1f} ms"),
        _row("desktop_memory_mb", "memory of the idle daemon (PSS), asked by one program", [idle[1] / 1e6], unit="MB",
             once=True, remarks=f"RSS {idle[0] / 1e6:.0f} MB; after all of the above PSS {after[1] / 1e6:.0f} MB"),
    ]  # fmt: skip


def _row(
    name: str, what: str, values: Sequence[float], *, unit: str = "ratio", once: bool = False,
    rate: float | None = None, reference: str = "", reference_rate: float | None = None, remarks: str = "",
) -> Row:  # fmt: skip
    floor, goal = DESKTOP_ROWS[name]
    return Row(
        name=name,
        what=what,
        value=round(statistics.median(values), 4),
        unit=unit,
        floor=floor,
        goal=goal,
        rounds=[round(value, 4) for value in values],
        more_is_better=unit == "ratio",
        rate=rate,
        reference=reference,
        reference_rate=reference_rate,
        remarks=remarks,
        once=once,
    )


def _wait_for(path: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while not path.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"nobody listens at {path}")
        time.sleep(0.02)
