"""Events to applications' addresses: signed, tried again, given up, and sent to no machine inside."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from foundation.clock import FixedClock
from foundation.database import Database
from foundation.encoding import unb64u
from push.adapters.webhooks import NotPublic, PublicResolver, WebhookCarrier
from push.domain.outbox import MAX_ATTEMPTS, Attempt, Kind, MessageEvent, after_failure
from push.domain.sealing import Seal
from push.domain.silence import LONGEST, Silence
from push.domain.webhooks import WebhookSigner, is_public
from push.errors import CarrierBusy, CarrierRefused
from push.ports import Parcel
from push.service.outbox import OutboxService, OutboxWorker
from tests.push.conftest import KEY

EVENT: dict[str, Any] = {"id": "evt_0000000000000000000000000a", "type": "request.approved", "application": "cli_x"}


class Names(AbstractResolver):
    """A name server that says what a test wants, each time the next."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host, host=one, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
            )
            for one in found
        ]  # fmt: skip

    async def close(self) -> None:
        pass


class Receiver:
    """An application's server: answers by a script, then 204."""

    def __init__(self) -> None:
        self.script: list[web.Response] = []
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.paths: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        self.got.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return self.script.pop(0) if self.script else web.Response(status=204)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    one, app = Receiver(), web.Application()
    app.router.add_route("*", "/{path:.*}", one.take)
    async with TestServer(app, host="127.0.0.1") as server:
        yield one, f"http://127.0.0.1:{server.port}/link-id"


@pytest.fixture
async def carrier(clock: FixedClock) -> AsyncIterator[WebhookCarrier]:
    """As in development: this machine may be told."""
    one = WebhookCarrier(WebhookSigner(KEY), clock, development=True)
    yield one
    await one.close()


def parcel(url: str, clock: FixedClock) -> Parcel:
    return Parcel({"to": url, "event": EVENT}, clock.now() + timedelta(hours=24), clock.now())


async def test_what_arrives_is_signed_over_id_time_and_body(
    receiver: tuple[Receiver, str], carrier: WebhookCarrier, clock: FixedClock
) -> None:
    """By the published key; a byte changed in any of the three and it verifies no more."""
    one, url = receiver
    await carrier.carry(parcel(url, clock))
    ((headers, body),) = one.got
    assert json.loads(body) == EVENT
    published: Any = WebhookSigner(KEY).keys()
    key = Ed25519PublicKey.from_public_bytes(unb64u(published["keys"][0]["x"], max_len=32))
    version, _, signature = headers["webhook-signature"].partition(",")
    assert (version, headers["webhook-id"]) == ("v1a", EVENT["id"])
    assert headers["webhook-timestamp"] == str(int(clock.now().timestamp()))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key.verify(base64.b64decode(signature), signed)
    for place in (4, 40, len(signed) - 3):
        bent = bytearray(signed)
        bent[place] ^= 1
        with pytest.raises(InvalidSignature):
            key.verify(base64.b64decode(signature), bytes(bent))
    assert "authorization" not in headers
    assert "cookie" not in headers


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_any_yes_is_a_yes(
    receiver: tuple[Receiver, str], carrier: WebhookCarrier, clock: FixedClock, status: int
) -> None:
    """2xx, whatever stands in the body."""
    receiver[0].script = [web.Response(status=status, text="x" * 100_000 if status != 204 else None)]
    await carrier.carry(parcel(receiver[1], clock))


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_anything_else_is_tried_again(
    receiver: tuple[Receiver, str], carrier: WebhookCarrier, clock: FixedClock, status: int
) -> None:
    """With the receiver's own wish, up to an hour."""
    receiver[0].script = [web.Response(status=status, headers={"Retry-After": "999999"})]
    with pytest.raises(CarrierBusy) as busy:
        await carrier.carry(parcel(receiver[1], clock))
    assert busy.value.retry_after == 3600
    receiver[0].script = [web.Response(status=status, headers={"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"})]
    with pytest.raises(CarrierBusy) as busy:
        await carrier.carry(parcel(receiver[1], clock))
    assert busy.value.retry_after is None


async def test_gone_is_the_end_and_redirects_are_not_followed(
    receiver: tuple[Receiver, str], carrier: WebhookCarrier, clock: FixedClock
) -> None:
    """410 is never tried again; a redirect is a failure, and what it names is not asked."""
    one, url = receiver
    one.script = [web.Response(status=410)]
    with pytest.raises(CarrierRefused):
        await carrier.carry(parcel(url, clock))
    for status in (301, 302, 307, 308):
        one.script = [web.Response(status=status, headers={"Location": "/inside"})]
        with pytest.raises(CarrierBusy):
            await carrier.carry(parcel(url, clock))
    assert set(one.paths) == {"/link-id"}


async def test_a_receiver_that_says_nothing_is_left(clock: FixedClock) -> None:
    """One that takes the connection and keeps silent, one that hangs up, one that is not there."""

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    async def rude(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    held: list[asyncio.StreamWriter] = []
    carrier = WebhookCarrier(WebhookSigner(KEY), clock, development=True, deadline=0.2)
    for behaviour in (silent, rude):
        server = await asyncio.start_server(behaviour, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(CarrierBusy):
            await carrier.carry(parcel(f"http://127.0.0.1:{port}/", clock))
        server.close()
    with pytest.raises(CarrierBusy):
        await carrier.carry(parcel(f"http://127.0.0.1:{port}/", clock))
    for writer in held:
        writer.close()
    await carrier.close()


async def test_a_receiver_that_keeps_silent_keeps_nobody_waiting(
    clock: FixedClock, receiver: tuple[Receiver, str]
) -> None:
    """It costs the deadline once; then its events are put off at once, one goes to look after each pause, which double,
    and another receiver is told meanwhile. When it answers again it is a receiver like any other."""
    talking = asyncio.Event()
    came: list[str] = []

    async def silent(request: web.Request) -> web.Response:
        came.append(request.path)
        await talking.wait()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", silent)
    hasty, patient = (WebhookCarrier(WebhookSigner(KEY), clock, development=True, deadline=one) for one in (0.2, 10.0))
    patient._silence = hasty._silence
    async with TestServer(app, host="127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.port}/"

        async def puts_off() -> int | None:
            with pytest.raises(CarrierBusy) as busy:
                await hasty.carry(parcel(url, clock))
            return busy.value.retry_after

        assert await asyncio.gather(*(puts_off() for _ in range(4))) == [None] * 4
        gone = len(came)
        assert (await puts_off(), len(came)) == (5, gone)
        await patient.carry(parcel(receiver[1], clock))
        assert len(receiver[0].got) == 1
        clock.advance(timedelta(seconds=5))
        assert sorted(filter(None, await asyncio.gather(*(puts_off() for _ in range(4))))) == [30] * 3
        assert (await puts_off(), len(came) <= gone + 1) == (10, True)
        clock.advance(timedelta(seconds=10))
        talking.set()
        for _ in range(2):
            await patient.carry(parcel(url, clock))
    await hasty.close()
    await patient.close()


def test_silence_is_bounded_in_time_and_number() -> None:
    """No pause is longer than ten minutes, and no more receivers are remembered than there is room for."""
    silence, now = Silence(), datetime(2026, 11, 30, tzinfo=UTC)
    for _ in range(20):
        assert silence.wait("a", now) == 0
        silence.silent("a", now)
        now += LONGEST
    silence.silent("a", now)
    assert silence.wait("a", now) == LONGEST.total_seconds()
    for number in range(10_000):
        silence.silent(f"b{number}", now)
    assert silence.wait("a", now) == 0


INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "2002:7f00:1::", "2002:a9fe:a9fe::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2001:db8::1", "fec0::1", "",
    "x", "127.1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
async def test_no_address_inside_is_public(address: str) -> None:
    """Loopback, private, link, metadata, shared, documentation, multicast, reserved; also inside IPv6."""
    assert not is_public(address)
    with pytest.raises(NotPublic):
        await PublicResolver(Names(["8.8.8.8", address])).resolve("mixed.example")


def test_addresses_of_the_internet_are_public() -> None:
    """So that the rule above is not merely no."""
    assert all(is_public(one) for one in ("8.8.8.8", "200.160.2.3", "2001:4860:4860::8888", "2804::1"))
    assert is_public("::ffff:8.8.8.8")


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/", "http://127.0.0.1/", "https://127.0.0.1/", "https://127.1/", "https://2130706433/",
        "https://0x7f000001/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest/",
        "https://localhost/", "ftp://app.example/", "https://10.0.0.1:8443/x", "https://0/", "file:///etc/passwd",
    ],
)  # fmt: skip
async def test_production_sends_to_no_machine_inside(url: str, clock: FixedClock) -> None:
    """Refused for good, whatever way it is written, and whatever stands in the row."""
    carrier = WebhookCarrier(WebhookSigner(KEY), clock, resolver=Names(["127.0.0.1"]))
    with pytest.raises(CarrierRefused):
        await carrier.carry(parcel(url, clock))
    await carrier.close()


async def test_a_name_that_turns_round_is_caught(receiver: tuple[Receiver, str], clock: FixedClock) -> None:
    """Public when it was registered, inside when it is sent to: each time it is resolved anew, and judged anew; the
    connection goes to the judged address, so there is no second look-up to lie to."""
    names = Names(["93.184.216.34"], ["127.0.0.1"])
    assert (await PublicResolver(names).resolve("rebind.example"))[0]["host"] == "93.184.216.34"
    carrier = WebhookCarrier(WebhookSigner(KEY), clock, resolver=names)
    with pytest.raises(CarrierRefused):
        await carrier.carry(parcel(receiver[1].replace("http://127.0.0.1", "https://rebind.example"), clock))
    assert receiver[0].got == []
    assert names.asked == ["rebind.example", "rebind.example"]
    await carrier.close()


async def test_a_receiver_that_is_down_for_a_night_is_told_in_the_morning(
    receiver: tuple[Receiver, str], carrier: WebhookCarrier, clock: FixedClock, gateway_database: Database
) -> None:
    """Queued sealed, tried later and later, in the end taken: the same id and body, a new time; then dead, if not."""
    one, url = receiver
    seal = Seal(KEY)
    worker = OutboxWorker(gateway_database, clock, seal, {Kind.WEBHOOK: carrier}, random=bytes)
    outbox = OutboxService(gateway_database, clock, seal, worker)

    async def queue() -> None:
        async with gateway_database.transaction() as connection:
            await outbox.queue(connection, url, EVENT, clock.now() + timedelta(hours=24))

    async def state() -> str:
        return str(await gateway_database.fetchval("SELECT state FROM push.outbox ORDER BY id DESC LIMIT 1"))

    await queue()
    row = await gateway_database.fetchval("SELECT outbox::text FROM push.outbox")
    assert "127.0.0.1" not in row
    assert b"127.0.0.1".hex() not in row
    one.script = [web.Response(status=500) for _ in range(3)]
    for _ in range(3):
        await worker.work()
        assert await state() == "queued"
        await worker.work()  # not before its time
        clock.advance(timedelta(hours=1))
    await worker.work()
    assert await state() == "sent"
    assert len(one.got) == 4
    assert {body for _, body in one.got} == {one.got[0][1]}
    assert len({headers["webhook-timestamp"] for headers, _ in one.got}) == 4
    await queue()
    one.script = [web.Response(status=500) for _ in range(20)]
    for _ in range(MAX_ATTEMPTS[Kind.WEBHOOK]):
        await worker.work()
        clock.advance(timedelta(hours=1))
    assert await state() == "dead"
    assert len(one.got) == 4 + MAX_ATTEMPTS[Kind.WEBHOOK]


def test_the_waits_reach_an_hour(clock: FixedClock) -> None:
    """And all together about seven, for webhooks only."""
    expires = clock.now() + timedelta(hours=24)
    waits = []
    for attempts in range(1, MAX_ATTEMPTS[Kind.WEBHOOK]):
        event, due = after_failure(Attempt(Kind.WEBHOOK, attempts, expires), clock.now(), 0.0)
        assert event is MessageEvent.TRY_LATER
        assert due is not None
        waits.append(due - clock.now())
    assert waits[-1] == timedelta(hours=1)
    assert timedelta(hours=4) < sum(waits, timedelta()) < timedelta(hours=8)
    assert after_failure(Attempt(Kind.EMAIL, 7, expires), clock.now(), 0.0)[1] == clock.now() + timedelta(seconds=128)


async def test_the_environments_proxy_is_not_asked(
    receiver: tuple[Receiver, str], carrier: WebhookCarrier, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be the one to resolve the name, and we would judge nothing."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    await carrier.carry(parcel(receiver[1], clock))
    assert len(receiver[0].got) == 1


def test_the_session_is_what_the_tests_believe(carrier: WebhookCarrier) -> None:
    """No cookies are kept, nothing is decompressed."""
    assert isinstance(carrier._session.cookie_jar, aiohttp.DummyCookieJar)
