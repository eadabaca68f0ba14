"""FCM by the real ``firebase-admin``, against a stand-in that checks what Google checks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
from firebase_admin.messaging import _MessagingService

from foundation.clock import FixedClock
from push.adapters.firebase import FirebasePushService
from push.domain.addresses import FcmAddress
from push.errors import AddressDead, CarrierBusy, CarrierRefused
from tests.push.conftest import without_proxies
from tests.support.fake_fcm import FakeFcm

LIFE = timedelta(seconds=180)
PHONE = FcmAddress("installation-of-a-phone")


@pytest.fixture
def fcm(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFcm]:
    without_proxies(monkeypatch)
    fake = FakeFcm()
    fake.start()
    monkeypatch.setattr(_MessagingService, "FCM_URL", fake.send_url)
    yield fake
    fake.stop()


@pytest.fixture
async def sender(fcm: FakeFcm, clock: FixedClock) -> AsyncIterator[FirebasePushService]:
    made = FirebasePushService(fcm.service_account(), clock, deadline=4)
    yield made
    await made.close()


async def test_a_push_carries_an_opaque_id_and_words_that_say_nothing(
    sender: FirebasePushService, fcm: FakeFcm, clock: FixedClock
) -> None:
    """High priority, replaces the one before, thrown away with its request; one token for many pushes."""
    for doorbell in ("not_1", "not_2"):
        await sender.ring(PHONE, doorbell, LIFE)
    first, second = fcm.sent

    assert (first["data"], second["data"]) == ({"id": "not_1"}, {"id": "not_2"})
    assert first["fid"] == PHONE.fid
    assert first["notification"] == {"title": "Link ID", "body": "Há um pedido esperando."}
    assert first["android"] == {
        "collapse_key": "linkid-waiting",
        "priority": "high",
        "ttl": "180s",
        "notification": {"tag": "linkid-waiting", "visibility": "PRIVATE"},
    }
    assert first["apns"] == {
        "headers": {
            "apns-priority": "10",
            "apns-push-type": "alert",
            "apns-expiration": str(int(clock.now().timestamp()) + 180),
            "apns-collapse-id": "linkid-waiting",
        },
        "payload": {"aps": {"sound": "default"}},
    }
    assert fcm.token_fetches == 1


@pytest.mark.parametrize(
    ("state", "error", "retry_after"),
    [
        ("UNREGISTERED", AddressDead, None),
        ("QUOTA_EXCEEDED", CarrierBusy, 60),
        ("DROP", CarrierBusy, None),
        ("SENDER_ID_MISMATCH", CarrierRefused, None),
        ("INVALID_ARGUMENT", CarrierRefused, None),
    ],
)
async def test_answers_are_told_apart_and_not_repeated_here(
    sender: FirebasePushService, fcm: FakeFcm, state: str, error: type[Exception], retry_after: int | None
) -> None:
    """Only UNREGISTERED kills the address: another project's file, or a message of ours, is for us to mend."""
    fcm.state[PHONE.fid] = state
    with pytest.raises(error) as caught:
        await sender.ring(PHONE, "not_1", LIFE)

    assert type(caught.value) is error
    assert getattr(caught.value, "retry_after", None) == retry_after
    assert len(fcm.requests) == 1
    assert PHONE.fid not in str(caught.value)


async def test_a_service_that_hangs_is_left_at_our_deadline(sender: FirebasePushService, fcm: FakeFcm) -> None:
    """Not after the library's two minutes; the push may be tried again, since it replaces itself."""
    await sender.ring(PHONE, "not_1", LIFE)
    sender._deadline = 0.2
    fcm.may_answer.clear()
    fcm.state[PHONE.fid] = "HANG"
    with pytest.raises(CarrierBusy):
        await sender.ring(PHONE, "not_2", LIFE)


async def test_the_loop_runs_on_while_google_keeps_its_token_back(sender: FirebasePushService, fcm: FakeFcm) -> None:
    """The token is fetched in a thread: everybody else's streams go on, and twenty pushes wait for one token."""
    fcm.may_answer.clear()
    pushes = [asyncio.create_task(sender.ring(PHONE, f"not_{number}", LIFE)) for number in range(20)]
    while fcm.token_fetches == 0:  # a blocked loop would never come back here
        await asyncio.sleep(0.01)

    assert not any(push.done() for push in pushes)

    fcm.may_answer.set()
    await asyncio.gather(*pushes)

    assert fcm.token_fetches == 1
    assert len(fcm.sent) == 20


async def test_a_broken_token_endpoint_is_busy_and_heals(sender: FirebasePushService, fcm: FakeFcm) -> None:
    """Nothing was sent, so it may be tried again; the next push asks again."""
    fcm.token_status = 403
    with pytest.raises(CarrierBusy):
        await sender.ring(PHONE, "not_1", LIFE)
    fcm.token_status = 200
    await sender.ring(PHONE, "not_2", LIFE)

    assert [message["data"] for message in fcm.sent] == [{"id": "not_2"}]


async def test_a_token_that_google_took_back_is_replaced_in_a_thread_as_well(
    sender: FirebasePushService, fcm: FakeFcm
) -> None:
    """After a 401 the library would fetch one in the loop; we give that push up, and the next finds a new one."""
    await sender.ring(PHONE, "not_1", LIFE)
    fcm.forget_tokens()
    with pytest.raises(CarrierBusy):
        await sender.ring(PHONE, "not_2", LIFE)
    assert fcm.token_fetches == 1
    await sender.ring(PHONE, "not_2", LIFE)

    assert len(fcm.sent) == 2
    assert fcm.token_fetches == 2


@pytest.mark.parametrize("given", ["", "{}", "[]", "not json", '{"type": "authorized_user"}'])
async def test_a_file_that_is_no_service_account_stops_the_start(clock: FixedClock, given: str) -> None:
    """Told when the gateway starts, and not at the first push at night."""
    with pytest.raises(ValueError):
        FirebasePushService(given, clock)
