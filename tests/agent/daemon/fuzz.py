"""Frames that are nearly right, against whole conversations: `make fuzz-token`, or
`python -m tests.agent.daemon.fuzz [FRAMES] [--seed N] [--page docs/desktop-fuzz.md]`.

Each conversation begins as an honest client's, of p11-kit 0.24, 0.25, 0.26 or one newer than we know, and is then bent:
bytes flipped, lengths and counts changed, pieces cut, doubled, swapped, calls in any order, both encodings of a
mechanism. Counted are answers, refusals and hang-ups. What stops the run: a fault (CKR_GENERAL_ERROR, which only our
own mistakes end in, or an exception), a conversation that does not end, or memory that grew. The same seed makes the
same frames. The page is written only by a run that came through.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from desktop_agent.domain.certificate import read_chain
from desktop_agent.pkcs11.calls import CALLS
from desktop_agent.pkcs11.codes import HANDSHAKE, Rv
from desktop_agent.pkcs11.content import Content
from desktop_agent.pkcs11.mechanisms import Wanted
from desktop_agent.pkcs11.peer import Program
from desktop_agent.pkcs11.server import Conversation
from desktop_agent.pkcs11.token import Handles, Held, Key, Token
from desktop_agent.pkcs11.wire import NULL, Malformed, blob, frame, put_attribute, u32, u64
from tests.agent.pki import Authority, Holder

PER_CONVERSATION = 200
PART = 100_000
"""Frames between two looks at memory."""
HANG_SECONDS = 300.0
"""A conversation takes some milliseconds; this is for machines that are busy with something else."""
GROWTH = 16 * 1024 * 1024
"""Bytes more than after the first part, at most: what an allocator keeps, not one byte for each frame."""
VERSIONS = {0: "p11-kit 0.24", 1: "p11-kit 0.25", 2: "p11-kit 0.26", 3: "newer by one", 255: "the highest byte"}
"""First byte of a client: who sends it. From 2 on mechanisms have the new encoding."""
_EDGES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


class Still:
    """A Signer whose holder approves at once: the signature is the digest, padded."""

    def __init__(self) -> None:
        authority = Authority()
        holders = Holder(authority), Holder(authority, "B:2", ecdsa=True)
        held = [Held("p", f"c{number}", read_chain(one.chain)) for number, one in enumerate(holders)]
        self.token = Token(held, Handles())
        self._dsa = bytes.fromhex("3006020101020101")

    async def ready(self) -> None:
        pass

    async def sign(self, program: Program, key: Key, wanted: Wanted, content: Content) -> bytes:
        return wanted.digest.ljust(256, b"\0") if key.shape.family == "RSA" else self._dsa


@dataclass
class Tally:
    """What came back."""

    frames: int = 0
    answered: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    closed: int = 0
    faults: int = 0
    sent: Counter[int] = field(default_factory=Counter)
    """Frames by the client's version."""

    def add(self, part: Tally) -> None:
        """All of another one."""
        self.frames += part.frames
        self.answered += part.answered
        self.closed += part.closed
        self.faults += part.faults
        self.refused.update(part.refused)
        self.sent.update(part.sent)


def one_of_each(*, new: bool) -> Iterator[tuple[int, bytes]]:
    """An honest body of every call, for session 1 and handle 3 (a private key)."""
    bare = u32(0x40) if new else u32(0x40) + u32(NULL)
    salted = u64(0x250) + u64(2) + u64(32)
    pss = u32(0x0D) + (b"\1" if new else b"") + salted
    template = u32(2) + put_attribute(0x00, 3) + put_attribute(0x03, b"MARIA DA SILVA")
    arguments = {
        1: [b"\1" + blob(HANDSHAKE) + b"\0" + b"\0" + u32(0)], 2: [b""], 3: [b""],
        4: [b"\1" + u32(8), b"\0" + u32(0)], 5: [u64(0)], 6: [u64(0)], 7: [u64(0) + u32(64)], 8: [u64(0) + u64(0x40)],
        10: [u64(0) + u64(4)], 11: [u64(1)], 12: [u64(0)], 13: [u64(1)], 18: [u64(1) + u64(1) + b"\1" + blob(b"1234")],
        19: [u64(1)], 23: [u64(1) + u64(3)],
        24: [u64(1) + u64(3) + u32(3) + u32(0) + u32(8) + u32(0x120) + u32(0) + u32(0x40000211) + u32(1) + u32(0)],
        26: [u64(1) + template, u64(1) + u32(0)], 27: [u64(1) + u32(20)], 28: [u64(1)],
        42: [u64(1) + bare + u64(3), u64(1) + pss + u64(3), u64(1) + u32(NULL) + u64(0)],
        43: [u64(1) + b"\1" + blob(bytes(32)) + u32(512), u64(1) + b"\1" + blob(b"x") + u32(0)],
        44: [u64(1) + b"\1" + blob(b"data")], 45: [u64(1) + u32(512)], 63: [u64(1) + b"\1" + blob(b"seed")],
        64: [u64(1) + u32(16)], 65: [u64(1)], 66: [u64(1) + u64(1) + b"\0" + u32(0) + b"\0" + u32(0)],
        67: [u64(1) + u64(0)],
    }  # fmt: skip
    for number, variants in arguments.items():
        for variant in variants:
            yield number, u32(number) + blob(CALLS[number].request.encode()) + variant


class Fuzzer:
    """The same ``seed`` makes the same frames."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._signer = Still()

    async def run(self, frames: int) -> Tally:
        tally = Tally()
        while tally.frames < frames:
            await self._conversation(tally, min(PER_CONVERSATION, frames - tally.frames))
        return tally

    async def _conversation(self, tally: Tally, count: int) -> None:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=theirs)
        conversation = Conversation(self._signer, Program(1, "fuzz", "fuzz"), reader, writer)
        task = asyncio.create_task(conversation.run())
        back, out = await asyncio.open_connection(sock=ours)
        version = self._random.choice([*VERSIONS])
        honest = [*one_of_each(new=version >= 2)]
        listening = asyncio.create_task(self._listen(back, tally))
        out.write(bytes([version]))
        out.write(frame(0, honest[0][1]))
        out.write(frame(0, u32(10) + blob(b"uu") + u64(0) + u64(4)))
        try:
            for serial in range(count):
                tally.frames += 1
                tally.sent[version] += 1
                out.write(self._bend(serial, honest))
                if serial % 20 == 0:
                    await out.drain()
                    await asyncio.sleep(0)
            await out.drain()
        except ConnectionError:
            pass
        if out.can_write_eof():
            with suppress(OSError):
                out.write_eof()
        await asyncio.wait([task], timeout=HANG_SECONDS)
        end = task.exception() if task.done() and not task.cancelled() else TimeoutError("it does not end")
        if not isinstance(end, asyncio.IncompleteReadError | ConnectionError | Malformed):
            tally.faults += 1
            task.cancel()
            print("fault:", repr(end))
        writer.close()
        await asyncio.gather(listening, return_exceptions=True)
        out.close()

    async def _listen(self, back: asyncio.StreamReader, tally: Tally) -> None:
        try:
            await back.readexactly(1)
            while True:
                _, _, length = struct.unpack(">III", await back.readexactly(12))
                body = await back.readexactly(length)
                if body[:4] != bytes(4):
                    tally.answered += 1
                    continue
                rv = int.from_bytes(body[-8:], "big")
                tally.refused[rv] += 1
                if rv == Rv.GENERAL_ERROR:
                    tally.faults += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            tally.closed += 1

    def _bend(self, serial: int, honest: list[tuple[int, bytes]]) -> bytes:
        """One frame: three of ten as they should be, one of a thousand with a header that lies."""
        chance = self._random
        number, body = chance.choice(honest)
        if number in (1, 2) and chance.random() < 0.9:
            number, body = honest[8]
        if chance.random() > 0.3:
            bent = bytearray(body)
            for _ in range(chance.choice((1, 1, 1, 2, 4))):
                self._once(bent, chance)
            body = bytes(bent)
        framed = frame(serial, body.ljust(8, b"\0"))
        if chance.random() < 0.001:
            return struct.pack(">III", serial, chance.choice(_EDGES), chance.choice(_EDGES)) + framed[12:]
        return framed

    @staticmethod
    def _once(bent: bytearray, chance: random.Random) -> None:
        at = chance.randrange(len(bent)) if bent else 0
        match chance.randrange(6):
            case 0 if bent:
                bent[at] ^= 1 << chance.randrange(8)
            case 1:
                bent[at : at + 4] = u32(chance.choice(_EDGES))
            case 2:
                del bent[at:]
            case 3:
                bent[at:at] = bent[at : at + chance.randrange(1, 40)]
            case 4:
                bent += chance.randbytes(chance.randrange(1, 64))
            case _:
                del bent[at : at + chance.randrange(1, 16)]


@dataclass
class Run:
    """A long run in parts; memory (bytes in use) is looked at after each."""

    seed: int
    tally: Tally = field(default_factory=Tally)
    memory: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def go(self, frames: int) -> str:
        """Why it stopped early; "" when it came through. Says after each part how far it is."""
        started, fuzzer = time.monotonic(), Fuzzer(self.seed)
        while self.tally.frames < frames:
            self.tally.add(asyncio.run(fuzzer.run(min(PART, frames - self.tally.frames))))
            self.memory.append(resident_bytes())
            self.seconds = time.monotonic() - started
            left = self.seconds / self.tally.frames * (frames - self.tally.frames)
            print(
                f"{self.tally.frames:>10,} of {frames:,} frames  {self.seconds:>7.0f} s, {left:.0f} s left  "
                f"{self.memory[-1] / 1e6:.1f} MB  faults {self.tally.faults}",
                flush=True,
            )
            if self.tally.faults:
                return "a fault"
            if self.memory[-1] > self.memory[0] + GROWTH:
                return "memory grew"
        return ""


def resident_bytes() -> int:
    """This process's memory in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def page(run: Run, date: str, machine: str) -> str:
    """docs/desktop-fuzz.md."""
    tally = run.tally
    half = run.memory[len(run.memory) // 2]
    refused = "\n".join(f"| {_name(rv)} | {count:,} |" for rv, count in tally.refused.most_common())
    sent = "\n".join(
        f"| {version} | {VERSIONS[version]} | {count:,} |" for version, count in sorted(tally.sent.items())
    )
    return _PAGE.format(
        date=date,
        machine=machine,
        frames=tally.frames,
        seed=run.seed,
        minutes=run.seconds / 60,
        rate=tally.frames / max(run.seconds, 1e-9),
        answered=tally.answered,
        closed=tally.closed,
        refused=refused,
        sent=sent,
        first=run.memory[0] / 1e6,
        half=half / 1e6,
        last=run.memory[-1] / 1e6,
        most=max(run.memory) / 1e6,
        part=PART,
        growth=GROWTH // 2**20,
    )


def _name(rv: int) -> str:
    return f"CKR_{_NAMES[rv]}" if rv in _NAMES else hex(rv)


_NAMES: Mapping[int, str] = {each.value: each.name for each in Rv}
_PAGE = """# The token, fed with nonsense

Written by `make fuzz-token` on {date}; do not edit. {machine}.

{frames:,} frames, seed {seed}, {minutes:.0f} minutes ({rate:,.0f} a second): **no crash, no hang, no memory growth.**
Each conversation begins as an honest client's and is then bent (`tests/agent/daemon/fuzz.py` says how); three frames of
ten are as they should be, so that the others arrive in every state of a session. A fault, a conversation that does not
end, or {growth} MB more memory than after the first {part:,} frames stops the run, and no page is written.

| first byte | as | frames |
|---|---|---|
{sent}

| answer | times |
|---|---|
| answered | {answered:,} |
{refused}
| connection ended | {closed:,} |

| memory in use | MB |
|---|---|
| after the first {part:,} frames | {first:.1f} |
| half-way | {half:.1f} |
| at the end | {last:.1f} |
| at most | {most:.1f} |
"""


def main(words: list[str]) -> int:
    """The exit status: 0 when no frame did harm."""
    parser = argparse.ArgumentParser(prog="python -m tests.agent.daemon.fuzz")
    parser.add_argument("frames", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, help="where to write what came of it")
    given = parser.parse_args(words)
    run = Run(given.seed)
    stopped = run.go(given.frames)
    print(f"answered {run.tally.answered}, hung up {run.tally.closed}, refused: {_counted(run.tally.refused)}")
    if stopped:
        print(f"stopped: {stopped}")
        return 1
    if given.page:
        date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
        given.page.write_text(page(run, date, machine), encoding="utf-8")
    return 0


def _counted(refused: Mapping[int, int]) -> str:
    return ", ".join(f"{_name(rv)} {count}" for rv, count in sorted(refused.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
