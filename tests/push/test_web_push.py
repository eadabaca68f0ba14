"""Web Push on the wire: what leaves is read by the browser it is for, and by nobody else; answers are told apart."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime

import pytest

from foundation.clock import FixedClock
from push.adapters.web_push import WebPushService
from push.domain.addresses import WebPushAddress, application_server_key, vapid_key
from push.domain.waits import seconds_of
from push.errors import AddressDead, CarrierBusy, CarrierRefused
from tests.push.conftest import KEY, without_proxies
from tests.support.fake_push_service import Browser, FakePushService

LIFE = timedelta(seconds=180)
DOORBELL = "not_01J"


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakePushService]:
    without_proxies(monkeypatch)
    fake = FakePushService(application_server_key(vapid_key(KEY)))
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def sender(service: FakePushService, clock: FixedClock) -> AsyncIterator[WebPushService]:
    made = WebPushService(vapid_key(KEY), "equipe@example.com", clock, connector=service.connector(), deadline=2)
    yield made
    await made.close()


async def test_only_the_browser_it_is_for_reads_it(sender: WebPushService, service: FakePushService) -> None:
    """An opaque id, encrypted anew each time, in a request by which the service knows us and how long to keep it."""
    browser, other = Browser("a"), Browser("b")
    for _ in range(2):
        await sender.ring(WebPushAddress(**browser.subscription), DOORBELL, LIFE)
    first, second = service.arrived

    assert json.loads(browser.open(first.body)) == {"id": DOORBELL}
    assert first.body != second.body
    assert DOORBELL.encode() not in first.body
    assert first.path == "/wpush/v2/a"
    headers = {name: first.headers[name] for name in ("TTL", "Urgency", "Topic", "Content-Encoding")}
    assert headers == {"TTL": "180", "Urgency": "high", "Topic": "linkid-waiting", "Content-Encoding": "aes128gcm"}
    with pytest.raises(Exception, match=r".*"):
        other.open(first.body)


async def test_a_push_lives_as_long_as_its_request_and_never_not_at_all(
    sender: WebPushService, service: FakePushService
) -> None:
    """A life of zero would lose it for every phone that is not connected this very moment."""
    for seconds in (59.9, 0.2, -5):
        await sender.ring(WebPushAddress(**Browser().subscription), DOORBELL, timedelta(seconds=seconds))

    assert [one.headers["TTL"] for one in service.arrived] == ["59", "1", "1"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, AddressDead),
        (410, AddressDead),
        (429, CarrierBusy),
        (500, CarrierBusy),
        (503, CarrierBusy),
        (400, CarrierRefused),
        (401, CarrierRefused),
        (403, CarrierRefused),
        (413, CarrierRefused),
        (301, CarrierRefused),
        (307, CarrierRefused),
    ],
)
async def test_answers_are_told_apart(
    sender: WebPushService, service: FakePushService, status: int, error: type[Exception]
) -> None:
    """Gone kills the address, busy is for later, the rest is ours to mend; one request each, no redirect followed."""
    service.answers = [(status, {"Location": "https://fcm.googleapis.com/elsewhere", "Retry-After": "7"})]
    browser = Browser()
    with pytest.raises(error) as caught:
        await sender.ring(WebPushAddress(**browser.subscription), DOORBELL, LIFE)

    assert type(caught.value) is error
    assert len(service.arrived) == 1
    assert browser.endpoint not in str(caught.value)
    assert getattr(caught.value, "retry_after", None) == (7 if error is CarrierBusy else None)


async def test_a_key_of_somebody_else_is_refused(service: FakePushService, clock: FixedClock) -> None:
    """The stand-in knows our signature from another's, so the tests above mean something."""
    stranger = WebPushService(vapid_key(bytes(32)), "equipe@example.com", clock, connector=service.connector())
    with pytest.raises(CarrierRefused, match="403"):
        await stranger.ring(WebPushAddress(**Browser().subscription), DOORBELL, LIFE)
    await stranger.close()


async def test_nobody_there_and_a_wrong_certificate_are_for_later(service: FakePushService, clock: FixedClock) -> None:
    """What never arrived may be tried again; an impostor gets nothing to read."""
    strict = WebPushService(vapid_key(KEY), "equipe@example.com", clock, connector=service.connector())
    address = WebPushAddress(**{**Browser().subscription, "endpoint": "https://web.push.apple.com/a"})
    with pytest.raises(CarrierBusy):
        await strict.ring(address, DOORBELL, LIFE)
    await service.stop()
    with pytest.raises(CarrierBusy) as caught:
        await strict.ring(WebPushAddress(**Browser().subscription), DOORBELL, LIFE)
    await strict.close()

    assert service.arrived == []
    assert "mozilla" not in str(caught.value)


def test_retry_after_is_read_in_both_forms(clock: FixedClock) -> None:
    """Seconds or a date (RFC 9110), never longer than an hour, never in the past; nonsense is nothing."""
    now = clock.now()
    cases = {
        "0": 1,
        "120": 120,
        "9" * 40: 3600,
        format_datetime(now + timedelta(minutes=2), usegmt=True): 120,
        format_datetime(now - timedelta(minutes=2), usegmt=True): 1,
        "-5": None,
        "soon": None,
        "": None,
        "²": None,
    }

    assert {text: seconds_of(text, now) for text in cases} == cases
    assert seconds_of(None, now) is None
