"""Bytes that no honest p11-kit sends: refused, bounded, and the daemon goes on for everybody else."""

from __future__ import annotations

import asyncio
import os
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop_agent.pkcs11 import server
from desktop_agent.pkcs11.calls import CALLS
from desktop_agent.pkcs11.codes import HANDSHAKE, Rv
from desktop_agent.pkcs11.wire import MAX_BODY, Malformed, Reader, blob, put_attribute, read_header, u32, u64
from tests.agent.daemon import fuzz
from tests.agent.daemon.conftest import Running
from tests.agent.daemon.fuzz import GROWTH, VERSIONS, Fuzzer, Run, Tally, one_of_each, page
from tests.agent.daemon.p11_client import NUMBERS, Ckr, P11Client

TEMPLATE = 0x40000211


def nested(depth: int) -> bytes:
    """A template in a template in a …"""
    inner = u32(0)
    for _ in range(depth):
        inner = u32(1) + u32(TEMPLATE) + b"\1" + u32(0) + inner
    return inner


@pytest.mark.parametrize(
    "header",
    [(1, 0, MAX_BODY + 1), (1, 257, 8), (1, 0xFFFFFFFF, 8), (1, 0, 0xFFFFFFFF), (1, 0, 0), (1, 0, 7)],
    ids=str,
)
async def test_a_frame_that_is_none_ends_the_connection(running: Running, header: tuple[int, int, int]) -> None:
    """Too large, too small: nothing is read after it, nothing is allocated for it, and others are served."""
    with pytest.raises(Malformed):
        read_header(struct.pack(">III", *header))
    rude = await P11Client.connect(running.socket)
    rude.writer.write(struct.pack(">III", *header))
    await running.until(rude.reader.at_eof)
    polite = await P11Client.connect(running.socket)
    assert (await polite.call("get_slot_info", u64(0))).blob()
    await rude.close()
    await polite.close()


@pytest.mark.parametrize(
    "body",
    [
        u32(4) + blob(b"yfu") + b"\1",
        u32(4) + blob(b"yfu") + b"\1" + u32(1) + b"more",
        u32(4) + blob(b"uuu") + u64(0) * 3,
        u32(4) + u32(0xFFFFFFFF),
        u32(4) + u32(0x7FFFFFFF),
        u32(4) + blob(b"x" * 33),
        u32(4) + blob("é".encode()),
        u32(26) + blob(b"uaA") + u64(1) + u32(0xFFFFFFF0),
        u32(26) + blob(b"uaA") + u64(1) + nested(4),
        u32(26) + blob(b"uaA") + u64(1) + nested(5000),
        u32(26) + blob(b"uaA") + u64(1) + u32(1) + u32(0) + b"\2" + u32(8) + u64(0),
        u32(26) + blob(b"uaA") + u64(1) + u32(1) + u32(0x40000600) + b"\1" + u32(0) + u32(513) + bytes(513 * 8),
        u32(24) + blob(b"uufA") + u64(1) + u64(1) + u32(129) + bytes(129 * 8),
        u32(43) + blob(b"uayfy") + u64(1) + b"\1" + u32(MAX_BODY),
    ],
    ids=lambda body: body[:24].hex(),
)
async def test_a_body_that_is_no_message_is_refused(running: Running, client: P11Client, body: bytes) -> None:
    """Cut, too long, lying about its letters, counts or nesting: CKR_DEVICE_ERROR, and the connection goes on."""
    with pytest.raises(Ckr) as ended:
        await client.raw(body)
    assert ended.value.rv == Rv.DEVICE_ERROR
    assert (await client.call("get_slot_info", u64(0))).blob()


async def test_calls_out_of_order(running: Running) -> None:
    """Before C_Initialize, twice, with another handshake, after C_Finalize, of sessions and objects that are none."""
    client = await P11Client.connect(running.socket, initialize=False)

    async def rv(name: str, arguments: bytes = b"") -> int:
        with pytest.raises(Ckr) as ended:
            await client.call(name, arguments)
        return ended.value.rv

    hello = b"\1" + blob(HANDSHAKE) + b"\0" + b"\0" + u32(0)
    assert await rv("get_info") == Rv.CRYPTOKI_NOT_INITIALIZED
    assert await rv("open_session", u64(0) + u64(4)) == Rv.CRYPTOKI_NOT_INITIALIZED
    assert await rv("initialize", hello.replace(b"GNOME", b"OTHER")) == Rv.DEVICE_ERROR
    await client.call("initialize", hello)
    assert await rv("initialize", hello) == Rv.CRYPTOKI_ALREADY_INITIALIZED
    assert await rv("open_session", u64(1) + u64(4)) == Rv.SLOT_ID_INVALID
    assert await rv("open_session", u64(0) + u64(0)) == Rv.SESSION_PARALLEL_NOT_SUPPORTED
    session = await client.session()
    assert await rv("find_objects", u64(session) + u32(1)) == Rv.OPERATION_NOT_INITIALIZED
    assert await rv("sign", u64(session) + b"\1" + blob(b"x") + u32(256)) == Rv.OPERATION_NOT_INITIALIZED
    assert await rv("sign_init", u64(session) + client.mechanism(0x40) + u64(999)) == Rv.KEY_HANDLE_INVALID
    assert await rv("get_attribute_value", u64(session) + u64(999) + u32(0)) == Rv.OBJECT_HANDLE_INVALID
    assert await rv("close_session", u64(session + 1)) == Rv.SESSION_HANDLE_INVALID
    with pytest.raises(Ckr) as ended:
        await client.raw(u32(58) + blob(b"uM") + u64(session) + u32(0))  # C_GenerateKey
    assert ended.value.rv == Rv.FUNCTION_NOT_SUPPORTED
    for _ in range(255):
        await client.session()
    assert await rv("open_session", u64(0) + u64(4)) == Rv.SESSION_COUNT
    await client.call("finalize")
    assert await rv("get_session_info", u64(session)) == Rv.CRYPTOKI_NOT_INITIALIZED
    await client.close()


async def test_another_users_process_is_turned_away(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """SO_PEERCRED says whose it is: not ours, not even root's; it gets not one byte."""

    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    reader, writer = await asyncio.open_unix_connection(str(running.socket))
    writer.write(b"\0")
    try:
        answer = await reader.read(1)
    except ConnectionResetError:  # turned away before the byte was read
        answer = b""
    assert answer == b""
    writer.close()


async def test_as_many_programs_as_there_is_room_for(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is turned away; when one leaves, there is room again."""
    monkeypatch.setattr(server, "MAX_PROGRAMS", 3)
    inside = [await P11Client.connect(running.socket) for _ in range(3)]
    reader, writer = await asyncio.open_unix_connection(str(running.socket))
    assert await reader.read() == b""
    writer.close()
    await inside.pop().close()

    async def room() -> bool:
        try:
            await (await P11Client.connect(running.socket)).close()
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        return True

    async with asyncio.timeout(10):
        while not await room():
            await asyncio.sleep(0.01)
    for one in inside:
        await one.close()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(sorted(CALLS)), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, number: int, new: bool) -> None:
    """A reader answers values or Malformed, never anything else, and never values of bytes that are not there."""
    try:
        values = Reader(data, new_mechanisms=new).arguments(CALLS[number].request)
    except Malformed:
        return
    assert len(values) <= len(CALLS[number].request)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted({0x00, 0x01, 0x03, 0x11, 0x86, 0x100, 0x102, 0x80000001})),
    st.binary(max_size=64),
    st.integers(0, 2**64 - 1),
)
def test_attributes_come_back(kind: int, data: bytes, number: int) -> None:
    """What is written as an attribute is read as the same."""
    value = number if kind in (0x00, 0x100) else number % 2 if kind in (0x01, 0x86) else data
    encoded = u32(1) + put_attribute(kind, value)
    assert Reader(encoded, new_mechanisms=True).attributes() == [(kind, value)]


async def test_a_while_of_fuzzing() -> None:
    """The long run is `make fuzz-token`; here a few thousand frames, of every version, and what it writes."""
    fuzzer = Fuzzer(seed=1)
    tally = await fuzzer.run(frames=4000)
    assert tally.frames == 4000
    assert tally.answered + tally.closed > 0
    assert tally.faults == 0
    assert set(NUMBERS.values()) == {number for number, _ in one_of_each(new=True)}
    assert {0, 2, 255} <= set(tally.sent) <= set(VERSIONS)
    text = page(Run(1, tally, [37_700_000, 37_800_000], 2.0), "2026-01-01", "a machine")
    assert f"| answered | {tally.answered:,} |" in text
    assert "| at the end | 37.8 |" in text


def test_a_run_that_grows_or_faults_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leak of every frame would be hundreds of megabytes; one fault is one too many. No page then: main says 1."""
    sizes = iter([10_000_000, 10_000_000 + GROWTH, 10_000_001 + GROWTH])
    monkeypatch.setattr(fuzz, "resident_bytes", lambda: next(sizes))
    monkeypatch.setattr(fuzz, "PART", 1)
    assert Run(1).go(4) == "memory grew"

    async def faulty(self: Fuzzer, frames: int) -> Tally:
        return Tally(frames=frames, faults=1)

    monkeypatch.setattr(fuzz.Fuzzer, "run", faulty)
    monkeypatch.setattr(fuzz, "resident_bytes", lambda: 1)
    assert Run(1).go(4) == "a fault"
    assert fuzz.main(["4"]) == 1
