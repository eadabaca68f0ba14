"""SMS pumping: somebody has codes sent that nobody types, to earn by each. What stops them, and who else notices."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pairing.domain.ceremony import CODE_LIFE
from pairing.domain.limits import SENDING, Scope
from pairing.domain.numbers import country, is_of, masked, read_number
from pairing.domain.pumping import LEAST, OF_ONE, ONE_IN, WINDOW, Pumped, Sent, Subject, judge, subjects
from pairing.errors import NumberForeign, NumberInvalid, NumberNotMobile
from pairing.settings import PairingSettings
from tests.pairing.conftest import Gateway, MakeGateway
from tests.pairing.people import CREDENTIALS, NOBODY
from tests.pairing.test_limits import ask

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BLOCK = "+553198765"
PAUSED = "messages_paused"


def sent(messages: int, entered: bool = False, *, number: str = BLOCK + "0001", ago: timedelta = CODE_LIFE * 2) -> Sent:
    return Sent(number, messages, entered, NOW - ago)


def spread(messages: int, *, ago: timedelta = CODE_LIFE * 2) -> list[Sent]:
    """So many messages to ever other numbers of the block, none of them typed."""
    return [sent(1, number=f"{BLOCK}{last:04}", ago=ago) for last in range(messages)]


def paused(*rows: Sent, resumed: dict[Subject, datetime] | None = None) -> list[str]:
    return [one.subject.name for one in judge(rows, resumed or {}, NOW)]


# ---- the rule, pure ------------------------------------------------------------------------------------------------


def test_where_hardly_any_code_is_typed() -> None:
    """From so many messages on, fewer than one in ten; a block by its own numbers, a country by all of its blocks."""
    least, typed = LEAST[Scope.NEIGHBOURHOOD], sent(1, entered=True, number=BLOCK + "9999")
    assert paused(*spread(least - 1)) == []
    assert paused(*spread(least)) == [BLOCK]
    assert paused(*spread(least - 1), typed, typed) == []
    assert paused(*spread(least * 2), typed) == [BLOCK]
    blocks = [sent(1, number=f"+5531{9000 + n}0000") for n in range(LEAST[Scope.COUNTRY])]
    assert paused(*blocks) == ["+55"]
    people = [sent(1, entered=True, number=f"+5511{9000 + n}0000") for n in range(LEAST[Scope.COUNTRY] // ONE_IN + 2)]
    assert paused(*blocks, *people) == []


def test_a_pause_does_not_tell_who_is_a_holder() -> None:
    """Nothing leaves for a number that nobody has. Whoever has codes sent to four holders' numbers, as often as they
    like, and to a fifth, pauses nothing by one of them alone: not a number more, not all messages to one."""
    assert paused(sent(10_000)) == []
    four = [sent(1000, number=f"{BLOCK}{last:04}") for last in range(4)]
    assert paused(*four) == []
    asked = sent(OF_ONE, number=BLOCK + "4444")
    assert paused(*four, asked) == [BLOCK]  # left: who knows four holders of ten thousand neighbours
    assert paused(*four[:3], asked) == []


def test_what_is_not_counted() -> None:
    """Codes that may still be typed, messages of the day before, and what an operator looked at already."""
    least, block = LEAST[Scope.NEIGHBOURHOOD], subjects(BLOCK + "0001")[0]
    assert paused(*spread(least, ago=CODE_LIFE - timedelta(seconds=1))) == []
    assert paused(*spread(least, ago=WINDOW)) == []
    assert paused(*spread(least), resumed={block: NOW - CODE_LIFE}) == []
    assert paused(*spread(least), resumed={block: NOW - WINDOW}) == [BLOCK]


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.integers(0, 9)), max_size=60))
def test_who_types_half_is_never_paused(pairings: list[tuple[int, bool, int]]) -> None:
    """Whatever the luck: where one message in ten is typed, sending goes on; what is paused has numbers that say so."""
    rows = [sent(messages, entered, number=f"{BLOCK}{last:04}") for messages, entered, last in pairings]
    found = judge(rows, {}, NOW)
    typed, messages = sum(entered for _, entered, _ in pairings), sum(count for count, _, _ in pairings)
    counted = sum(min(OF_ONE, sum(count for count, _, its in pairings if its == last)) for last in range(10))
    wanted = counted >= LEAST[Scope.NEIGHBOURHOOD] and typed * ONE_IN < messages
    assert [one for one in found if one.subject.scope is Scope.NEIGHBOURHOOD] == (
        [Pumped(Subject(Scope.NEIGHBOURHOOD, BLOCK), messages, typed)] if wanted else []
    )


# ---- through the gateway -------------------------------------------------------------------------------------------


async def _pump(gateway: Gateway, numbers: list[str], messages: int) -> int:
    """So many codes asked for, to these numbers in turn, from ever other networks; how many were sent."""
    before = len(gateway.sms.sent)
    for turn in range(messages):
        gateway.clock.advance(timedelta(minutes=15))
        await ask(gateway, numbers[turn % len(numbers)])
    return len(gateway.sms.sent) - before


@pytest.fixture
def victims(gateway: Gateway) -> list[str]:
    """Five holders' numbers in one block."""
    numbers = [f"{BLOCK}{last:04}" for last in range(5)]
    gateway.holders.numbers |= dict.fromkeys(numbers, CREDENTIALS[:1])
    return numbers


async def test_a_pumped_block_is_paused_and_an_operator_lets_it_go_on(gateway: Gateway, victims: list[str]) -> None:
    """Nothing is sent to it any more, to holders and strangers alike; other blocks go on; the operator's word counts
    from then, and what was sent before is not held against it."""
    least = LEAST[Scope.NEIGHBOURHOOD]
    assert await _pump(gateway, victims, least) == least
    assert await gateway.pauses.look(gateway.clock.now()) == 0  # the last code may still be typed
    gateway.clock.advance(CODE_LIFE + timedelta(minutes=1))
    assert await gateway.pauses.look(gateway.clock.now()) == 1
    gateway.clock.advance(timedelta(minutes=10))
    stranger = BLOCK + "9999"
    assert await ask(gateway, victims[0]) == await ask(gateway, stranger) == (503, PAUSED, 3600)
    assert (await ask(gateway, NOBODY))[0] == 201
    [pause] = await gateway.pauses.standing()
    assert (pause.subject.name, pause.messages, pause.entered) == (BLOCK, least, 0)
    assert gateway.registry.get_sample_value("linkid_pairing_messages_paused") == 1
    answers = await asyncio.gather(*(gateway.pauses.look(gateway.clock.now()) for _ in range(5)))
    assert sum(answers) == 0
    assert await gateway.pauses.resume("+55", gateway.clock.now()) == 0
    assert await gateway.pauses.resume(BLOCK, gateway.clock.now(), operator="ana", case="1") == 1
    assert await gateway.pauses.look(gateway.clock.now()) == 0
    assert (await ask(gateway, victims[0]))[0] == 201
    events = await gateway.database.fetch("SELECT convert_from(body, 'UTF8') AS body FROM audit.lines")
    assert sum('"messages.paused"' in row["body"] for row in events) == 1
    assert sum('"messages.resumed"' in row["body"] and '"ana"' in row["body"] for row in events) == 1


async def test_people_who_type_their_codes_pause_nothing(gateway: Gateway, victims: list[str]) -> None:
    """A busy block of a new office: thirty messages, a third of them typed."""
    for turn in range(30):
        gateway.clock.advance(timedelta(minutes=20))
        phone = gateway.phone()
        status, body = await phone.call("POST", "/phone/v1/pairings", {"number": victims[turn % 5]})
        if turn % 3 == 0 and status == 201:
            code = gateway.sms.last_code(victims[turn % 5])
            assert (await phone.call("POST", f"/phone/v1/pairings/{body['pairing']}/code", {"code": code}))[0] == 201
    gateway.clock.advance(CODE_LIFE * 2)
    assert await gateway.pauses.look(gateway.clock.now()) == 0


async def test_a_pump_that_asks_for_strangers_numbers_gets_nothing(gateway: Gateway) -> None:
    """Nobody's numbers: not one message leaves, so nothing is paused for the people of that block; the block's limit
    slows it all the same."""
    granted = 0
    for last in range(60):
        gateway.clock.advance(60)
        granted += (await ask(gateway, f"+552199888{last:04}"))[0] == 201
    hourly = next(limit for limit in SENDING if limit.scope is Scope.NEIGHBOURHOOD)
    assert granted == hourly.count
    gateway.clock.advance(timedelta(hours=1))
    assert await gateway.pauses.look(gateway.clock.now()) == 0
    assert [one.to for one in gateway.sms.sent if one.to is not None] == []


async def test_the_days_budget_tells_nobody_apart(make_gateway: MakeGateway) -> None:
    """When it is used up, an unknown number is answered like a known one; and has used nothing of it."""
    gateway = await make_gateway(messages_per_day=1)
    assert (await ask(gateway, NOBODY))[0] == 201
    assert (await ask(gateway, "+5531987654321"))[0] == 201
    assert await ask(gateway, "+5511912345678") == await ask(gateway, "+5521998887700") == (503, PAUSED, 86_400)


# ---- countries -----------------------------------------------------------------------------------------------------

ABROAD = ("BR", "PT", "US")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+351 912 345 678", "+351912345678"),
        ("+1 201 555 0123", "+12015550123"),
        ("(31) 98765-4321", "+5531987654321"),
    ],
)
def test_countries_that_are_let_in(text: str, number: str) -> None:
    """By the plan of each; a number without a country is of the first."""
    assert read_number(text, ABROAD) == number


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("+1 876 209 1234", NumberForeign),  # Jamaica, under the calling code of the United States
        ("+1 900 555 0123", NumberNotMobile), ("+44 7400 123456", NumberForeign), ("+351 210 000 000", NumberNotMobile),
        ("+351 912 345", NumberInvalid), ("+882 16 00 00 00", NumberForeign), ("+55 31 3214 5678", NumberNotMobile),
        ("+870 773 111 632", NumberForeign), ("+979 123 456 789", NumberForeign),
    ],
)  # fmt: skip
def test_what_fraud_likes_is_not_let_in(text: str, error: type[Exception]) -> None:
    """Islands under a big country's calling code, premium numbers, satellites, fixed lines, countries not listed."""
    with pytest.raises(error):
        read_number(text, ABROAD)


async def test_a_country_abroad_has_a_budget_of_its_own(make_gateway: MakeGateway) -> None:
    """Used up, nothing more goes there that day, to known and unknown numbers alike; at home all goes on."""
    gateway = await make_gateway(countries=("BR", "PT"), messages_per_day_abroad=2)
    lisbon = [f"+35191234567{last}" for last in range(3)]
    gateway.holders.numbers |= dict.fromkeys(lisbon, CREDENTIALS[:1])
    assert [(await ask(gateway, number))[0] for number in lisbon] == [201, 201, 503]
    assert (await ask(gateway, "+351961234567"))[1] == PAUSED
    assert (await ask(gateway, "+5531987654321"))[0] == 201
    gateway.clock.advance(timedelta(days=1))
    assert (await ask(gateway, lisbon[2]))[0] == 201


async def test_as_it_comes_nothing_goes_abroad(gateway: Gateway) -> None:
    """Brazil alone, until an operator says otherwise."""
    assert (await ask(gateway, "+351912345678"))[1] == "number_foreign"
    assert gateway.sms.sent == []


def test_a_mask_of_another_country() -> None:
    """The calling code and the end."""
    assert masked("+351912345678") == "+351 •••••-5678"
    assert (country("+12015550123"), country("+5531987654321"), country("+999")) == ("+1", "+55", "+?")
    assert is_of("+5531987654321", "BR")
    assert not is_of("+351912345678", "BR")


@pytest.mark.parametrize("countries", [("br",), ("XX",), ("BRA",), ("",), (55,)])
def test_countries_that_there_are_not(countries: tuple[object, ...]) -> None:
    """Stop the start, not the first holder."""
    with pytest.raises(ValidationError):
        PairingSettings.model_validate({"countries": countries})
