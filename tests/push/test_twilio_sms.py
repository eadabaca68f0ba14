"""The Twilio adapter: one POST per message, our deadline, and three kinds of failure kept apart."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr, ValidationError

from foundation.clock import FixedClock
from push.adapters.twilio_sms import TwilioSms
from push.errors import CarrierBusy, CarrierRefused, CarrierUnsure
from push.ports import Parcel
from push.settings import PushSettings, SmtpSettings, TwilioSettings
from tests.push.conftest import without_proxies
from tests.support.fake_twilio import FakeTwilio

TO = "+5531987654321"


@pytest.fixture
async def twilio(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeTwilio]:
    without_proxies(monkeypatch)
    fake = FakeTwilio()
    await fake.start()
    yield fake
    await fake.stop()
    assert fake.faults == []  # neither we nor the stand-in left Twilio's document


def settings(fake: FakeTwilio, **changes: object) -> TwilioSettings:
    good = {
        "account": fake.account,
        "api_key": fake.key,
        "api_secret": SecretStr(fake.secret),
        "sender": "+15005550006",
    }
    return TwilioSettings.model_validate({**good, **changes})


@pytest.fixture
async def sms(twilio: FakeTwilio, clock: FixedClock) -> AsyncIterator[TwilioSms]:
    adapter = TwilioSms(settings(twilio), clock, base_url=twilio.url, deadline=0.5)
    yield adapter
    await adapter.close()


def parcel(clock: FixedClock, seconds: float = 600, to: str = TO) -> Parcel:
    return Parcel({"to": to, "text": "123456 e o seu codigo"}, clock.now() + timedelta(seconds=seconds), clock.now())


async def test_a_message_is_one_post_with_the_life_of_its_code(
    sms: TwilioSms, twilio: FakeTwilio, clock: FixedClock
) -> None:
    """Twilio drops a message that it could not deliver while the code in it was good."""
    await sms.carry(parcel(clock, 600))

    assert twilio.posts == [
        {"To": TO, "From": "+15005550006", "Body": "123456 e o seu codigo", "ValidityPeriod": "600"}
    ]


@pytest.mark.parametrize(("seconds", "validity"), [(0.2, "1"), (59.9, "59"), (90_000, "36000")])
async def test_validity_stays_within_what_twilio_takes(
    sms: TwilioSms, twilio: FakeTwilio, clock: FixedClock, seconds: float, validity: str
) -> None:
    """1 to 36,000 seconds, rounded down: never longer than the code."""
    await sms.carry(parcel(clock, seconds))

    assert twilio.posts[0]["ValidityPeriod"] == validity


async def test_a_messaging_service_may_choose_the_sender(twilio: FakeTwilio, clock: FixedClock) -> None:
    """Then no From is sent."""
    service = "MG" + "a" * 32
    adapter = TwilioSms(settings(twilio, sender=None, messaging_service=service), clock, base_url=twilio.url)
    await adapter.carry(parcel(clock))
    await adapter.close()

    assert twilio.posts[0]["MessagingServiceSid"] == service
    assert "From" not in twilio.posts[0]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (429, CarrierBusy),
        (503, CarrierBusy),
        (500, CarrierUnsure),
        (21211, CarrierRefused),
        (21610, CarrierRefused),
        ("failed", CarrierRefused),
        ("broken", CarrierUnsure),
    ],
)
async def test_failures_are_told_apart_and_never_repeated_here(
    sms: TwilioSms, twilio: FakeTwilio, clock: FixedClock, script: int | str, error: type[Exception]
) -> None:
    """Busy may be tried again, unsure may have been sent, refused is for ever; each after exactly one POST."""
    twilio.numbers[TO] = script
    with pytest.raises(error) as caught:
        await sms.carry(parcel(clock))

    assert len(twilio.posts) == 1
    assert TO not in str(caught.value)


async def test_the_deadline_is_ours(sms: TwilioSms, twilio: FakeTwilio, clock: FixedClock) -> None:
    """A provider that does not answer costs half a second here, not five minutes; the message may have left."""
    twilio.numbers[TO] = "slow"
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(CarrierUnsure):
        await sms.carry(parcel(clock))

    assert loop.time() - began < 3
    assert len(twilio.posts) == 1


async def test_nobody_at_the_address_is_busy(twilio: FakeTwilio, clock: FixedClock) -> None:
    """What was never connected was never sent."""
    await twilio.stop()
    adapter = TwilioSms(settings(twilio), clock, base_url=twilio.url)
    with pytest.raises(CarrierBusy):
        await adapter.carry(parcel(clock))
    await adapter.close()


async def test_a_wrong_secret_is_refused(twilio: FakeTwilio, clock: FixedClock) -> None:
    """An account that is not ours will not become ours by trying again."""
    adapter = TwilioSms(settings(twilio, api_secret=SecretStr("wrong")), clock, base_url=twilio.url)
    with pytest.raises(CarrierRefused) as caught:
        await adapter.carry(parcel(clock))
    await adapter.close()

    assert "20003" in str(caught.value)


async def test_the_environment_does_not_move_the_address(
    twilio: FakeTwilio, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TWILIO_REGION of some other program's does not decide where our messages go."""
    monkeypatch.setenv("TWILIO_REGION", "nowhere")
    monkeypatch.setenv("TWILIO_EDGE", "nowhere")
    adapter = TwilioSms(settings(twilio), clock, base_url=twilio.url)
    await adapter.carry(parcel(clock))
    await adapter.close()

    assert len(twilio.posts) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"account": "AC1"},
        {"api_key": "AC" + "a" * 32},
        {"sender": None},
        {"messaging_service": "MG" + "a" * 32},
        {"sender": "Link ID"},
        {"colour": "red"},
    ],
)
async def test_broken_settings_are_refused(twilio: FakeTwilio, changes: dict[str, object]) -> None:
    """Ids of the wrong kind, no sender or two, unknown keys."""
    with pytest.raises(ValidationError):
        settings(twilio, **changes)


async def test_production_names_what_it_lacks(twilio: FakeTwilio) -> None:
    """Without providers production is told which keys to write, and starts with them."""
    smtp = SmtpSettings(host="mail.example.com", sender="Link ID <nao-responda@example.com>")

    assert len(PushSettings().missing()) == 2
    assert "[push.twilio]" in PushSettings(smtp=smtp).missing()[0]
    assert PushSettings(twilio=settings(twilio), smtp=smtp).missing() == []
