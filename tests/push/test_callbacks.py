"""What Twilio tells later of a message: believed under its signature, counted once, and only ever forward."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from foundation.clock import FixedClock
from foundation.database import Database
from foundation.web import new_app
from push.adapters.twilio_sms import TwilioSignature, TwilioSms
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.service.deliveries import DeliveryService
from push.service.numbers import PushNumbers
from push.service.outbox import OutboxService, OutboxWorker
from push.settings import TwilioSettings
from push.web import CALLBACK_PATH, callback_routes
from tests.push.conftest import KEY, Post, without_proxies
from tests.support.fake_twilio import FakeTwilio

ORIGIN = "https://gateway.example.com"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Line:
    """An SMS from the outbox to the stand-in, and what it tells back."""

    def __init__(self, post: Post, fake: FakeTwilio, registry: CollectorRegistry, client: TestClient[Any, Any]) -> None:
        self.post, self.fake, self.registry, self.client = post, fake, registry, client

    async def tell(self, url: str, form: dict[str, str], signature: str, **headers: str) -> int:
        """As Twilio's server posts it; the answer's status."""
        path = url.removeprefix(ORIGIN)
        response = await self.client.post(path, data=form, headers={"X-Twilio-Signature": signature, **headers})
        return response.status

    async def delivery(self) -> str | None:
        """Of the first message."""
        found: str | None = await self.post.database.fetchval("SELECT delivery FROM push.outbox ORDER BY id LIMIT 1")
        return found

    def counted(self, delivery: str) -> float:
        """How often, in the metrics."""
        labels = {"kind": "sms", "delivery": delivery}
        return self.registry.get_sample_value("linkid_push_deliveries_total", labels) or 0


@pytest.fixture
async def line(gateway_database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    without_proxies(monkeypatch)
    fake = FakeTwilio()
    await fake.start()
    settings = TwilioSettings(
        account=fake.account, api_key=fake.key, api_secret=SecretStr(fake.secret), sender="+15005550006"
    )
    carrier = TwilioSms(settings, clock, callback=ORIGIN + CALLBACK_PATH, base_url=fake.url)
    post, seal = Post(gateway_database, clock), Seal(KEY)
    post.worker = OutboxWorker(gateway_database, clock, seal, {Kind.SMS: carrier})
    post.outbox = OutboxService(gateway_database, clock, seal, post.worker)
    registry = CollectorRegistry()
    service = DeliveryService(gateway_database, TwilioSignature(fake.auth_token), PushNumbers(registry))
    app = new_app()
    app.add_routes(callback_routes(service, ORIGIN))
    async with TestClient(TestServer(app)) as client:
        yield Line(post, fake, registry, client)
    await carrier.close()
    await fake.stop()
    assert fake.faults == []


async def test_what_became_of_a_message_is_counted_once_and_goes_forward(line: Line) -> None:
    """Callbacks come twice and in any order: after the end of a message nothing undoes it."""
    await line.post.queue()
    await line.post.worker.work()
    for status in ("queued", "sent", "sent", "delivered", "sent", "delivered", "undelivered", "read"):
        assert await line.tell(*line.fake.callback(0, status)) == 204

    assert await line.delivery() == "delivered"
    assert [line.counted(word) for word in ("on_its_way", "delivered", "undelivered")] == [1, 1, 0]


async def test_a_callback_may_come_before_our_own_report(line: Line) -> None:
    """Twilio may be quicker than the worker that writes down that it took the message."""
    await line.post.queue()
    await line.post.worker.work()
    await line.post.database.execute("UPDATE push.outbox SET state = 'taken', finished_at = NULL, sealed = '\\x00'")
    assert await line.tell(*line.fake.callback(0, "undelivered")) == 204

    assert await line.delivery() == "undelivered"


async def test_only_twilio_is_believed(line: Line) -> None:
    """No signature, another's, another message's, another form's: refused, and nothing changes."""
    await line.post.queue()
    await line.post.queue("two")
    await line.post.worker.work()
    url, form, signature = line.fake.callback(0, "delivered")
    other_url, _, other_signature = line.fake.callback(1, "delivered")
    stranger = FakeTwilio()
    for attempt in (
        (url, form, ""),
        (url, form, "é"),
        (url, form, ("B" if signature[0] == "A" else "A") + signature[1:]),
        (url, form, stranger.signature(url, form)),
        (url, form, other_signature),
        (other_url, form, signature),
        (url + "?x=1", form, signature),
        (url, {**form, "MessageStatus": "failed"}, signature),
        (url, {**form, "New": "x"}, signature),
        (url, {}, signature),
    ):
        assert await line.tell(*attempt) == 403

    assert await line.delivery() is None


async def test_the_address_that_counts_is_ours_not_the_requests(line: Line) -> None:
    """A proxy's Host, or a forged one, does not decide what a signature is over."""
    await line.post.queue()
    await line.post.worker.work()
    url, form, _ = line.fake.callback(0, "delivered")
    forged = "https://evil.example.com" + url.removeprefix(ORIGIN)
    host = {"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": "https"}

    assert await line.tell(url, form, line.fake.signature(forged, form), **host) == 403
    assert await line.tell(url, form, line.fake.signature(url, form), **host) == 204


async def test_messages_that_are_none_change_nothing_and_answer_the_same(line: Line) -> None:
    """Forgotten ones, ones that never were, ones of another kind, numbers beyond the database's."""
    async with line.post.database.transaction() as connection:
        await line.post.outbox.enqueue(connection, Kind.EMAIL, {}, line.post.clock.now())
    for number in ("1", "77", "9223372036854775808"):
        url = ORIGIN + CALLBACK_PATH + number
        form = {"MessageStatus": "delivered"}
        assert await line.tell(url, form, line.fake.signature(url, form)) == 204

    assert await line.delivery() is None
    assert line.counted("delivered") == 0


@pytest.mark.parametrize("path", ["", "x", "-1", "1/2", "1" * 20, "%31%00"])
async def test_other_addresses_are_nobodys(line: Line, path: str) -> None:
    """Only a number of ours."""
    assert await line.tell(ORIGIN + CALLBACK_PATH + path, {}, "") == 404


async def test_what_is_no_small_form_is_refused(line: Line) -> None:
    """JSON, files, a megabyte, the same parameter twice."""
    path = CALLBACK_PATH + "1"
    cases: list[dict[str, Any]] = [
        {"json": {"MessageStatus": "delivered"}},
        {"data": "MessageStatus=delivered&MessageStatus=failed", "headers": _FORM},
        {"data": "A=" + "a" * 100_000, "headers": _FORM},
    ]
    for words in cases:
        response = await line.client.post(path, **words)
        assert response.status in (400, 413), words
