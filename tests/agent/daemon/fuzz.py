"""Frames that are nearly right, against whole conversations: `python -m tests.agent.daemon.fuzz [FRAMES] [SEED]`.

Each conversation begins as an honest client's and is then bent: bytes flipped, lengths and counts changed, pieces cut,
doubled, swapped, calls in any order, both encodings of a mechanism. Counted are answers, refusals and hang-ups; a fault
(CKR_GENERAL_ERROR, which only our own mistakes end in, or an exception) stops the run and prints the frame. Memory is
looked at between: it must not grow with the number of frames.
"""

from __future__ import annotations

import asyncio
import random
import resource
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

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
    refused: dict[int, int] = field(default_factory=dict)
    closed: int = 0
    faults: int = 0


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
        new = self._random.random() < 0.5
        honest = [*one_of_each(new=new)]
        listening = asyncio.create_task(self._listen(back, tally))
        out.write(b"\2" if new else b"\0")
        out.write(frame(0, honest[0][1]))
        out.write(frame(0, u32(10) + blob(b"uu") + u64(0) + u64(4)))
        try:
            for serial in range(count):
                tally.frames += 1
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
        done = await asyncio.gather(task, return_exceptions=True)
        if not isinstance(done[0], asyncio.IncompleteReadError | ConnectionError | Malformed):
            tally.faults += 1
            print("fault:", repr(done[0]))
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
                tally.refused[rv] = tally.refused.get(rv, 0) + 1
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


def main(frames: int, seed: int) -> int:
    """Answers the exit status: 0 when no frame did harm."""
    started, tally, before = time.monotonic(), Tally(), 0
    fuzzer = Fuzzer(seed)
    while tally.frames < frames:
        part = asyncio.run(fuzzer.run(min(100_000, frames - tally.frames)))
        tally.frames += part.frames
        tally.answered += part.answered
        tally.closed += part.closed
        tally.faults += part.faults
        for rv, count in part.refused.items():
            tally.refused[rv] = tally.refused.get(rv, 0) + count
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{tally.frames:>10} frames  {time.monotonic() - started:>7.0f} s  {memory} MB  faults {tally.faults}",
            flush=True,
        )
        before = before or memory
        if tally.faults:
            return 1
    counts = sorted(tally.refused.items())
    refused = ", ".join(f"{Rv(rv).name} {count}" for rv, count in counts)
    print(f"answered {tally.answered}, hung up {tally.closed}, refused: {refused}")
    print(f"memory at most {memory} MB, after the first part {before} MB")
    return 0


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(main(int(words[0]) if words else 1_000_000, int(words[1]) if len(words) > 1 else 1))
