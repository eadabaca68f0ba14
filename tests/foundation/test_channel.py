"""The private channel: both ends joined, and each way it can break."""

import asyncio
import contextlib
import os
import socket
import stat
from collections import deque
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import pytest_asyncio
import structlog
import uvloop

from foundation.channel import (
    AlreadyServed,
    AnswerLost,
    BadAnswer,
    Call,
    ErrorRegistry,
    NotDelivered,
    PrivateClient,
    RemoteError,
    TlsAddress,
    UnixAddress,
    error_to_wire,
    parse_address,
    private_app,
    serve_private,
)
from foundation.channel.frames import PREFACE, Frames, frame
from foundation.channel.server import LINGER_SECONDS, MOST_UNDER_WAY
from foundation.channel.waiting import pauses
from foundation.encoding import strict_json
from foundation.errors import BadInput, Gone, Internal, JsonObject, Locked, Unavailable
from foundation.tls import DevelopmentAuthority, TlsFiles
from foundation.web import ErrorTable


class CredentialLocked(Locked):
    """An error of a slice, with a constructor of its own."""

    code = "test_credential_locked"

    def __init__(self, tries: int) -> None:
        """Not the constructor that the wire knows."""
        super().__init__(f"after {tries} tries", retry_after=10_800, data={"tries": tries})


async def _echo(body: JsonObject) -> JsonObject:
    return {"said": body, "request": structlog.contextvars.get_contextvars().get("request_id")}


async def _locked(_body: JsonObject) -> JsonObject:
    raise CredentialLocked(3)


async def _broken(_body: JsonObject) -> JsonObject:
    raise RuntimeError("the PIN is 1234")


async def _slow(_body: JsonObject) -> JsonObject:
    await asyncio.sleep(30)
    return {}


CALLS = {"documents/echo": _echo, "locked": _locked, "broken": _broken, "slow": _slow}


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A socket's path; short, for a socket's address has little room."""
    return tmp_path_factory.mktemp("c") / "sam.sock"


@pytest.fixture
def authority(tmp_path: Path) -> DevelopmentAuthority:
    """The private authority of this installation."""
    return DevelopmentAuthority(tmp_path / "private", datetime.now(UTC))


@pytest_asyncio.fixture
async def client(path: Path) -> AsyncIterator[PrivateClient]:
    """A client of a server on a Unix socket."""
    async with await serve_private(private_app(CALLS), f"unix:{path}", grace_seconds=0.1) as server:
        async with PrivateClient(server.address) as client:
            yield client


async def test_a_call_comes_back(client: PrivateClient) -> None:
    """JSON both ways, also non-ASCII, and with no body at all."""
    assert (await client.call("documents/echo", {"name": "João", "list": [1, {"a": None}]}))["said"] == {
        "name": "João",
        "list": [1, {"a": None}],
    }
    assert (await client.call("documents/echo"))["said"] == {}


async def test_a_message_too_large_is_not_sent(client: PrivateClient) -> None:
    """The other side would refuse it."""
    with pytest.raises(Internal, match="a private message of"):
        await client.call("documents/echo", {"x": "y" * 2_000_000})


async def test_the_request_id_goes_along(client: PrivateClient) -> None:
    """One id leads through the logs of both processes."""
    with structlog.contextvars.bound_contextvars(request_id="rq_1"):
        assert (await client.call("documents/echo"))["request"] == "rq_1"


async def test_an_error_is_raised_again_as_itself(client: PrivateClient) -> None:
    """Class, detail, data and waiting time, whatever constructor the class has."""
    with pytest.raises(CredentialLocked) as caught:
        await client.call("locked")

    error = caught.value
    assert (error.detail, error.retry_after, dict(error.data)) == ("after 3 tries", 10_800, {"tries": 3})


async def test_an_unexpected_error_says_nothing(client: PrivateClient, caplog: pytest.LogCaptureFixture) -> None:
    """Not even to our own processes; the log of the other side has it."""
    with pytest.raises(Internal) as caught:
        await client.call("broken")

    assert "1234" not in str(caught.value)
    assert "1234" not in str(caught.value.data)
    assert "unexpected_error" in caplog.text


async def test_an_unknown_call_is_told(client: PrivateClient) -> None:
    """A client newer than its server hears so."""
    with pytest.raises(BadInput) as caught:
        await client.call("documents/none")

    assert caught.value.code == "no_such_call"


def test_an_error_nobody_knows_keeps_its_meaning() -> None:
    """A gateway does not import the SAM's classes: code, family, sentences and disclosure come along."""
    wire = {**error_to_wire(CredentialLocked(3)), "code": "test_unknown_here"}

    error = ErrorRegistry([Gone]).error(wire)

    assert issubclass(type(error), Locked)
    assert issubclass(type(error), RemoteError)
    assert error.code == "test_unknown_here"
    assert (error.detail, error.retry_after, dict(error.data)) == ("after 3 tries", 10_800, {"tries": 3})
    response = ErrorTable().respond(error, path="/", request_id="rq_1")
    assert response.status == 423
    assert isinstance(response.body, bytes)
    assert strict_json(response.body, max_bytes=1000) == {
        "code": "test_unknown_here",
        "message": CredentialLocked.message,
        "detail": "after 3 tries",
        "tries": 3,
        "retry_after": 10_800,
        "request_id": "rq_1",
    }


def test_an_unknown_error_of_an_unknown_family_is_opaque() -> None:
    """A fault of ours, which shows nothing."""
    error = ErrorRegistry([]).error({"code": "odd", "family": "odd", "detail": "d", "data": {"a": 1}})

    assert issubclass(type(error), Internal)
    assert issubclass(type(error), RemoteError)
    assert not error.may_disclose


@pytest.mark.parametrize(
    "wire", [None, [], "x", {}, {"code": 5}, {"code": "Bad Code"}, {"code": "x" * 1000}, {"code": "a\n"}]
)
def test_what_is_no_error_is_a_bad_answer(wire: Any) -> None:
    """Nothing of it is taken over."""
    assert type(ErrorRegistry().error(wire)) is BadAnswer


def test_odd_members_are_dropped() -> None:
    """A known code with rubbish around it."""
    error = ErrorRegistry().error({"code": "gone", "detail": [], "data": 7, "retry_after": "x"})

    assert type(error) is Gone
    assert (error.detail, error.retry_after, dict(error.data)) == (None, None, {})


def test_registry_refuses_two_classes_with_one_code() -> None:
    """Which one should be raised?"""

    class One(Gone):
        """One."""

        code = "test_same_code"

    class Two(Gone):
        """Another."""

        code = "test_same_code"

    with pytest.raises(ValueError, match="share the code 'test_same_code'"):
        ErrorRegistry([One, Two])
    One.code, Two.code = "test_one", "test_two"


def test_error_on_the_wire() -> None:
    """The whole error: both ends are ours."""
    assert error_to_wire(CredentialLocked(3)) == {
        "code": "test_credential_locked",
        "summary": Locked.summary,
        "detail": "after 3 tries",
        "data": {"tries": 3},
        "retry_after": 10_800,
        "family": "locked",
        "message": Locked.message,
        "may_disclose": True,
    }


def test_a_client_needs_a_target() -> None:
    """An empty list is a mistake in the settings."""
    with pytest.raises(ValueError, match="at least one target"):
        PrivateClient([])


async def test_mappings_of_any_kind_can_be_sent(client: PrivateClient) -> None:
    """Read-only views and tuples too; bytes and objects are a mistake of the caller's."""
    sent: JsonObject = MappingProxyType({"a": (1, 2), "b": MappingProxyType({"c": deque([3])})})
    assert (await client.call("documents/echo", sent))["said"] == {"a": [1, 2], "b": {"c": [3]}}
    for wrong in (b"x", object(), {1}):
        with pytest.raises(TypeError, match="not JSON"):
            await client.call("documents/echo", {"x": wrong})  # type: ignore[dict-item]


async def test_nobody_there_is_not_delivered(path: Path) -> None:
    """The call did not happen; and that is temporary."""
    async with PrivateClient(f"unix:{path}") as client:
        with pytest.raises(NotDelivered) as caught:
            await client.call("x")

    assert isinstance(caught.value, Unavailable)


async def test_too_late_is_answer_lost(client: PrivateClient) -> None:
    """The call may have happened."""
    with pytest.raises(AnswerLost) as caught:
        await client.call("slow", deadline=0.1)

    assert isinstance(caught.value, Unavailable)


async def test_a_server_that_dies_under_a_call_is_answer_lost(path: Path) -> None:
    """Sent, then silence."""

    async def die(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _reader.read(10)
        writer.transport.abort()

    async with await asyncio.start_unix_server(die, path):
        async with PrivateClient(f"unix:{path}") as client:
            with pytest.raises(AnswerLost):
                await client.call("x")


@pytest.mark.parametrize(
    "answer",
    [
        frame(0, b".hello"),
        frame(0, b".[]"),
        frame(0, b'.{"a":1,"a":2}'),
        frame(0, b"?{}"),
        frame(0, b"{}"),
        frame(0),
        frame(0, b"!{}"),
        frame(0, b'!{"code":"Bad Code"}'),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        (3_000_000).to_bytes(4, "big") + b" " * 3_000_000,
        bytes(64),
    ],
)
async def test_an_answer_that_is_not_ours(path: Path, answer: bytes) -> None:
    """Something else listens there, or the other side is broken: never taken for an answer."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(PREFACE) + 8)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(speak, path):
        async with PrivateClient(f"unix:{path}") as client:
            with pytest.raises(BadAnswer):
                await client.call("x")


async def test_an_answer_to_nobody_is_passed_over(path: Path) -> None:
    """A number that no call has, or one whose caller gave up: the next answer still finds its call."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(PREFACE) + 8)
        writer.write(frame(77, b".{}") + frame(0, b'.{"good":true}') + frame(0, b'.{"good":false}'))
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(speak, path):
        async with PrivateClient(f"unix:{path}") as client:
            assert await client.call("x") == {"good": True}


async def test_answers_come_as_they_are_ready(client: PrivateClient) -> None:
    """A slow call holds nobody up, on the same connection; each caller gets its own answer."""
    slow = asyncio.create_task(client.call("slow"))
    answers = await asyncio.gather(*(client.call("documents/echo", {"n": n}) for n in range(200)))

    assert [answer["said"] for answer in answers] == [{"n": n} for n in range(200)]
    assert not slow.done()
    slow.cancel()


async def test_more_calls_than_may_be_under_way_wait(path: Path) -> None:
    """A caller without measure is read more slowly; nothing is lost."""
    open_now, most = 0, 0

    async def count(_body: JsonObject) -> JsonObject:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.05)
        open_now -= 1
        return {}

    async with await serve_private(private_app({"count": count}), f"unix:{path}") as server:
        async with PrivateClient(server.address) as client:
            body: JsonObject = {"filling": "x" * 5_000}  # so that the calls do not come in one piece
            await asyncio.gather(*(client.call("count", body) for _ in range(3 * MOST_UNDER_WAY)))

    assert most < 2 * MOST_UNDER_WAY


async def test_ids_that_end_alike_go_to_one_target(tmp_path: Path) -> None:
    """As long as it is there; then to the next."""
    seen: list[str] = []

    def named(name: str) -> Call:
        async def note(_body: JsonObject) -> JsonObject:
            seen.append(name)
            return {}

        return note

    addresses = [f"unix:{tmp_path}/{name}.s" for name in "abc"]
    servers = [
        await serve_private(private_app({"x": named(name)}), address)
        for name, address in zip("abc", addresses, strict=True)
    ]
    async with PrivateClient(addresses) as client:
        for number in range(6):
            await client.call("x", near=f"cred_{number}k")
        first = set(seen)
        assert len(first) == 1
        await servers["abc".index(seen[0])].close()
        seen.clear()
        await client.call("x", near="req_k")
        assert not first & set(seen)
    for server in servers:
        await server.close()


async def test_a_server_that_closes_lets_calls_end_and_takes_no_more(path: Path) -> None:
    """What runs is answered; what comes meanwhile goes to another target, and never was done here."""
    release, done = asyncio.Event(), []

    async def wait(_body: JsonObject) -> JsonObject:
        await release.wait()
        done.append("first")
        return {"from": "first"}

    async def other(_body: JsonObject) -> JsonObject:
        return {"from": "second"}

    first = await serve_private(private_app({"x": wait}), f"unix:{path}")
    async with await serve_private(private_app({"x": other}), f"unix:{path}2") as second:
        async with PrivateClient([first.address, second.address]) as client:
            running = asyncio.create_task(client.call("x"))
            await asyncio.sleep(0.05)
            closing = asyncio.create_task(first.close())
            await asyncio.sleep(0.05)
            answers = [await client.call("x") for _ in range(4)]
            release.set()
            assert await running == {"from": "first"}
            await closing

    assert answers == [{"from": "second"}] * 4
    assert done == ["first"]


async def test_another_target_takes_over(tmp_path: Path, path: Path) -> None:
    """A SAM process that died is skipped; a call that was delivered is not repeated elsewhere."""
    calls: list[str] = []

    async def count(_body: JsonObject) -> JsonObject:
        calls.append("count")
        return {}

    async def fail(_body: JsonObject) -> JsonObject:
        calls.append("fail")
        raise CredentialLocked(1)

    app = private_app({"count": count, "fail": fail})
    async with await serve_private(app, f"unix:{path}") as server:
        async with PrivateClient([f"unix:{path}.dead", server.address, f"unix:{path}.dead2"]) as client:
            for _ in range(6):
                await client.call("count")
            with pytest.raises(CredentialLocked):
                await client.call("fail")

    assert calls == ["count"] * 6 + ["fail"]


async def test_a_restarted_server_is_found_again(path: Path) -> None:
    """The client keeps no grudge and no dead connection."""
    async with PrivateClient(f"unix:{path}") as client:
        for _ in range(2):
            async with await serve_private(private_app(CALLS), f"unix:{path}") as _:
                await client.call("documents/echo")
            with pytest.raises(Unavailable):
                await client.call("documents/echo")


def test_both_ends_work_on_uvloop(path: Path, authority: DevelopmentAuthority) -> None:
    """Serving processes run on it: calls, errors, what is not ours, a close under way, a death, and TLS."""

    async def story() -> None:
        sam, gateway = authority.peer(["127.0.0.1"], "sam"), authority.peer(["gateway"], "gateway")
        for listen, tls in ((f"unix:{path}", None), ("tls:127.0.0.1:0", sam)):
            server = await serve_private(private_app(CALLS), listen, tls=tls, grace_seconds=0.1)
            async with PrivateClient(server.address, tls=tls and gateway) as client:
                answers = await asyncio.gather(*(client.call("documents/echo", {"n": n}) for n in range(50)))
                assert [answer["said"] for answer in answers] == [{"n": n} for n in range(50)]
                with pytest.raises(CredentialLocked):
                    await client.call("locked")
                if tls is None:
                    assert await _say(path, b"GET / HTTP/1.1\r\n\r\n") == b""
                slow = asyncio.create_task(client.call("slow"))
                await asyncio.sleep(0.05)
                await server.close()
                with pytest.raises(AnswerLost):
                    await slow
                with pytest.raises(NotDelivered):
                    await client.call("documents/echo")

    uvloop.run(story())


# --- the socket --------------------------------------------------------------------------------------------------


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A umask that protects nothing."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
async def test_the_socket_is_the_owners_alone(path: Path) -> None:
    """Whatever the umask; and it disappears with its server."""
    async with await serve_private(private_app(CALLS), f"unix:{path}"):
        found = path.stat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o600

    assert not path.exists()


async def test_a_group_can_be_let_in(path: Path) -> None:
    """Where processes have different users, a group that both are in."""
    async with await serve_private(private_app(CALLS), f"unix:{path}", mode=0o660, group=os.getgid()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


async def test_a_stale_socket_is_replaced(path: Path) -> None:
    """Left behind by a process that was killed."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()

    async with await serve_private(private_app(CALLS), f"unix:{path}") as server:
        async with PrivateClient(server.address) as client:
            assert await client.call("documents/echo")


async def test_a_folder_that_is_not_there_is_told(path: Path) -> None:
    """OSError, and nothing is left open."""
    with pytest.raises(OSError):
        await serve_private(private_app(CALLS), f"unix:{path}/deeper.sock")


async def test_closing_survives_a_removed_socket(path: Path) -> None:
    """Somebody cleaned up before us."""
    async with await serve_private(private_app(CALLS), f"unix:{path}"):
        path.unlink()


async def test_a_live_socket_is_respected(path: Path) -> None:
    """Two servers at one address would be two SAMs where one is meant; the first goes on."""
    async with await serve_private(private_app(CALLS), f"unix:{path}") as server:
        with pytest.raises(AlreadyServed):
            await serve_private(private_app(CALLS), f"unix:{path}")
        async with PrivateClient(server.address) as client:
            assert await client.call("documents/echo")


async def test_a_file_in_the_way_is_not_removed(path: Path) -> None:
    """Only sockets are ours to remove; a link to one is not either."""
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        await serve_private(private_app(CALLS), f"unix:{path}")
    assert path.read_text() == "precious"

    link = path.with_name("link.sock")
    link.symlink_to(path)
    with pytest.raises(FileExistsError):
        await serve_private(private_app(CALLS), f"unix:{link}")


async def test_a_successors_socket_is_left_alone(path: Path) -> None:
    """A server that closes late does not take away its successor's address."""
    first = await serve_private(private_app(CALLS), f"unix:{path}")
    path.unlink()
    async with await serve_private(private_app(CALLS), f"unix:{path}") as second:
        await first.close()
        async with PrivateClient(second.address) as client:
            assert await client.call("documents/echo")


# --- hostile peers -----------------------------------------------------------------------------------------------


async def _say(path: Path, data: bytes) -> bytes:
    """What the server answers to these bytes, until it hangs up or falls silent."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(data)
    answer = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(0.3):
            while more := await reader.read(65536):
                answer += more
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", "not_an_object"),
        (b"", "bad_encoding"),
        (b'{"a":1,"a":2}', "bad_encoding"),
        (b"\xff", "bad_encoding"),
        (b"[" * 100_000, "bad_encoding"),
    ],
)
async def test_a_body_that_is_not_ours(path: Path, body: bytes, code: str) -> None:
    """Refused with an error in our form, whoever is connected."""
    async with await serve_private(private_app(CALLS), f"unix:{path}"):
        answer = await _say(path, PREFACE + frame(7, b"documents/echo\n\n", body))

    (found,) = Frames(10_000, preface=False).take(answer)
    assert found[0] == 7
    assert found[1][:1] == b"!"
    error = strict_json(found[1][1:], max_bytes=10_000)
    assert isinstance(error, dict)
    assert set(error) == set(error_to_wire(Gone()))
    assert error["code"] == code


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"LINKID2\n",
        bytes(100),
        PREFACE + b"\xff" * 8,
        PREFACE + (2**32 - 1).to_bytes(4, "big"),
        PREFACE + (2_000_000).to_bytes(4, "big") + b"x" * 100,
        PREFACE + bytes(8),
    ],
)
async def test_what_is_not_our_protocol_is_hung_up_on(path: Path, data: bytes) -> None:
    """Without a word, and without waiting for the rest of a frame that would be too long; others are served on."""
    async with await serve_private(private_app(CALLS), f"unix:{path}") as server:
        assert await _say(path, data) == b""
        async with PrivateClient(server.address) as client:
            assert await client.call("documents/echo")


@pytest.mark.parametrize("size", [1, 3, 7, 8, 9, 4096])
async def test_frames_in_any_pieces(path: Path, size: int) -> None:
    """However the bytes come: in pieces, several frames at once, or with a name that nobody knows."""
    sent = PREFACE + b"".join(frame(number, b"documents/echo\n\n", b"{}") for number in range(3))
    sent += frame(2**32 - 1, b"\xff" * 500 + b"\n\n{}")
    whole = Frames(10_000, preface=True)
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]

    found = [taken for piece in pieces for taken in whole.take(piece)]

    assert [number for number, _ in found] == [0, 1, 2, 2**32 - 1]
    async with await serve_private(private_app(CALLS), f"unix:{path}"):
        answers = list(Frames(10_000, preface=False).take(await _say(path, sent)))
    assert sorted((number, content[:1]) for number, content in answers) == [
        (0, b"."),
        (1, b"."),
        (2, b"."),
        (2**32 - 1, b"!"),
    ]


# --- mutual TLS --------------------------------------------------------------------------------------------------


async def test_mutual_tls(authority: DevelopmentAuthority, tmp_path: Path) -> None:
    """Peers of the private authority talk; strangers, and clients without certificate, get no answer."""
    sam, gateway = authority.peer(["127.0.0.1"], "sam"), authority.peer(["gateway"], "gateway")
    stranger = DevelopmentAuthority(tmp_path / "other", datetime.now(UTC)).peer(["127.0.0.1"], "stranger")
    mixed = TlsFiles(stranger.certificate, stranger.key, authority.certificate_file)
    async with await serve_private(private_app(CALLS), "tls:127.0.0.1:0", tls=sam) as server:
        async with PrivateClient(server.address, tls=gateway) as client:
            assert (await client.call("documents/echo", {"a": 1}))["said"] == {"a": 1}
        for wrong in (stranger, mixed):
            async with PrivateClient(server.address, tls=wrong) as client:
                with pytest.raises(Unavailable):
                    await client.call("documents/echo")
        host, _, port = server.address.removeprefix("tls:").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(PREFACE + frame(0, b"documents/echo\n\n{}"))
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
        assert b"said" not in answer
        writer.close()


async def test_a_server_with_another_name_is_refused(authority: DevelopmentAuthority) -> None:
    """A gateway's certificate cannot pose as the SAM's."""
    gateway = authority.peer(["gateway"], "gateway")
    async with await serve_private(private_app(CALLS), "tls:127.0.0.1:0", tls=gateway) as server:
        async with PrivateClient(server.address, tls=gateway) as client:
            with pytest.raises(NotDelivered):
                await client.call("documents/echo")


async def test_tls_needs_its_files() -> None:
    """Said before anything listens or connects."""
    with pytest.raises(ValueError, match="needs certificate"):
        await serve_private(private_app({}), "tls:127.0.0.1:0")
    async with PrivateClient("tls:127.0.0.1:1") as client:
        with pytest.raises(ValueError, match="needs certificate"):
            await client.call("x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unix:/run/sam-0.sock", UnixAddress(Path("/run/sam-0.sock"))),
        ("tls:sam.internal:8500", TlsAddress("sam.internal", 8500)),
        ("tls:[::1]:8500", TlsAddress("::1", 8500)),
    ],
)
def test_addresses(text: str, expected: object) -> None:
    """Two forms."""
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "unix:", "unix:relative", "tls:host", "tls::1", "tls:h:x", "tls:h:70000", "tcp:h:1", "http://h:1"]
)
def test_what_is_no_address(text: str) -> None:
    """Everything else is refused, naming the two forms."""
    with pytest.raises(ValueError, match="expected unix:"):
        parse_address(text)


# --- making room -----------------------------------------------------------------------------------------------------


async def test_a_server_that_drains_cuts_nobody(path: Path) -> None:
    """What it took is answered; what comes later was not delivered, on old and on new connections; `status` answers."""
    go, inside = asyncio.Event(), asyncio.Event()

    async def slowly(_body: JsonObject) -> JsonObject:
        inside.set()
        await go.wait()
        return {"done": True}

    async def status(_body: JsonObject) -> JsonObject:
        return {"ready": False}

    calls = {"slowly": slowly, "status": status, "documents/echo": _echo}
    server = await serve_private(private_app(calls), f"unix:{path}")
    async with PrivateClient(server.address) as old, PrivateClient(server.address) as new:
        await old.call("documents/echo")
        taken = asyncio.create_task(old.call("slowly"))
        await inside.wait()
        draining = asyncio.create_task(server.drain())
        await asyncio.sleep(0)
        for client in (old, old, new):
            with pytest.raises(NotDelivered):
                await client.call("documents/echo")
        assert await new.call("status") == {"ready": False}
        await asyncio.sleep(LINGER_SECONDS * 1.2)
        assert not draining.done()
        go.set()
        assert await taken == {"done": True}
        await draining
        await server.close()
        with pytest.raises(NotDelivered):
            await new.call("status")


async def test_a_call_that_drains_away_reaches_another(path: Path) -> None:
    """Another target takes it; with none, a patient client offers it again until one listens."""
    first = await serve_private(private_app(CALLS), f"unix:{path}")
    second = await serve_private(private_app(CALLS), f"unix:{path}2")
    async with PrivateClient([first.address, second.address]) as client:
        await client.call("documents/echo")
        draining = asyncio.create_task(first.drain())
        await asyncio.gather(*(client.call("documents/echo") for _ in range(20)))
        await draining
        await first.close()
        await asyncio.gather(*(client.call("documents/echo") for _ in range(20)))
    await second.close()
    async with PrivateClient(first.address, patience=10.0) as patient:
        offered = asyncio.create_task(patient.call("documents/echo", {"x": 1}))
        await asyncio.sleep(0.3)
        again = await serve_private(private_app(CALLS), f"unix:{path}")
        assert (await offered)["said"] == {"x": 1}
        await again.close()
        with pytest.raises(NotDelivered):
            async with asyncio.timeout(2.0):
                await patient.call("documents/echo", deadline=0.5)


def test_pauses_between_offers() -> None:
    """None without patience; else short ones first, never beyond the patience nor most of the call's own time."""
    assert list(pauses(0.0, 10.0)) == [0.0]
    assert list(pauses(5.0, 10.0))[:4] == [0.0, 0.02, 0.04, 0.08]
    assert sum(pauses(5.0, 10.0)) == pytest.approx(5.0)
    assert sum(pauses(5.0, 1.0)) == pytest.approx(0.9)
    assert max(pauses(5.0, 10.0)) <= 0.25
