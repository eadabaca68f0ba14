"""How often is too often, through HTTP and across gateways; and what the breaker does."""

import asyncio
from datetime import timedelta

import pytest

from pairing.domain.ceremony import MAX_TRIES
from pairing.domain.codes import SMS_DIGITS
from pairing.domain.limits import LINKS, SENDING, Scope
from tests.pairing.conftest import Gateway, MakeGateway
from tests.pairing.people import JOSE, MARIA, NOBODY


async def ask(gateway: Gateway, number: str) -> tuple[int, str | None, int | None]:
    """Status, code and Retry-After of a first message."""
    response = await gateway.phone().send("POST", "/phone/v1/pairings", {"number": number})
    body = await response.json()
    after = response.headers.get("Retry-After")
    return response.status, body.get("code"), None if after is None else int(after)


async def test_a_number_gets_three_messages_in_ten_minutes(gateway: Gateway) -> None:
    """Whoever asks; then the answer says when the window reopens."""
    for _ in range(3):
        assert (await ask(gateway, MARIA))[0] == 201
        gateway.clock.advance(60)
    refused = await ask(gateway, MARIA)

    assert refused == (429, "too_many_messages", 600 - 180)

    gateway.clock.advance(420)

    assert (await ask(gateway, MARIA))[0] == 201


async def test_an_unknown_number_is_limited_alike(gateway: Gateway) -> None:
    """Limits do not tell known from unknown numbers either."""
    answers = [await ask(gateway, NOBODY) for _ in range(4)]

    assert [status for status, _, _ in answers] == [201, 201, 201, 429]


async def test_a_number_gets_ten_messages_a_day(gateway: Gateway) -> None:
    """Patience does not help a pump."""
    granted = 0
    for _ in range(30):
        granted += (await ask(gateway, MARIA))[0] == 201
        gateway.clock.advance(timedelta(minutes=20))

    assert granted == 10


async def test_a_refused_message_is_not_counted(gateway: Gateway) -> None:
    """Whoever keeps asking does not lock himself out for longer."""
    for _ in range(3):
        await ask(gateway, MARIA)
    for _ in range(20):
        await ask(gateway, MARIA)
    gateway.clock.advance(600)

    assert (await ask(gateway, MARIA))[0] == 201


async def test_neighbouring_numbers_share_a_limit(gateway: Gateway) -> None:
    """Pumping walks through blocks of numbers."""
    limit = next(limit for limit in SENDING if limit.scope is Scope.NEIGHBOURHOOD)
    statuses = []
    for last in range(limit.count + 1):
        gateway.clock.advance(60)
        statuses.append((await ask(gateway, f"+55319876{last:05}"))[0])

    assert statuses == [201] * limit.count + [429]


async def test_a_network_is_limited_across_numbers(gateway: Gateway) -> None:
    """One address, many numbers."""
    limit = next(limit for limit in SENDING if limit.scope is Scope.NETWORK)
    statuses = [(await ask(gateway, f"+55319{8000 + index}0000"))[0] for index in range(limit.count + 1)]

    assert statuses == [201] * limit.count + [429]


async def test_limits_hold_across_gateways_and_restarts(make_gateway: MakeGateway) -> None:
    """They are rows: another process counts on from there."""
    first, second = await make_gateway(), await make_gateway()
    for _ in range(3):
        await ask(first, MARIA)

    assert (await ask(second, MARIA))[0] == 429


async def test_rivals_cannot_slip_through_a_limit_together(gateway: Gateway) -> None:
    """Twenty at once for one number: three messages."""
    answers = await asyncio.gather(*(ask(gateway, MARIA) for _ in range(20)))

    assert sorted(status for status, _, _ in answers) == [201] * 3 + [429] * 17
    assert len(gateway.sms.sent) == 3


async def test_the_breaker_stops_sending_for_everybody(make_gateway: MakeGateway) -> None:
    """A day's budget bounds what fraud can cost; messages to nobody cost nothing and do not break it."""
    gateway = await make_gateway(messages_per_day=2)
    for _ in range(3):
        assert (await ask(gateway, NOBODY))[0] == 201
    assert (await ask(gateway, MARIA))[0] == 201
    assert (await ask(gateway, JOSE))[0] == 201
    status, code, after = await ask(gateway, MARIA)

    assert (status, code, after) == (503, "messages_paused", 86_400)

    gateway.clock.advance(timedelta(days=1))

    assert (await ask(gateway, MARIA))[0] == 201


async def test_a_network_opens_so_many_links(gateway: Gateway) -> None:
    """A screen full of codes that nobody scans."""
    [limit] = LINKS
    body = {"name": "n", "os": "o", "version": "v"}
    answers = [await gateway.computer().call("POST", "/links/v1", body) for _ in range(limit.count + 1)]

    assert [status for status, _ in answers] == [201] * limit.count + [429]
    assert answers[-1][1]["code"] == "too_many_links"


async def test_whoever_guesses_codes_for_a_day_has_fifty_tries(gateway: Gateway) -> None:
    """Ten messages for a number in a day, five tries for each pairing: 50 of 1,000,000, whatever the order and however
    many phones take part. And what the SMS gives still binds nothing without the usage password.
    """
    tries, end = 0, gateway.clock.now() + timedelta(days=1)
    while gateway.clock.now() < end:
        phone = gateway.phone()
        status, body = await phone.call("POST", "/phone/v1/pairings", {"number": MARIA})
        if status == 429:
            gateway.clock.advance(min(body["retry_after"], (end - gateway.clock.now()).total_seconds()))
            continue
        wrong = "000000" if gateway.sms.last_code(MARIA) != "000000" else "000001"
        answers = await asyncio.gather(*(phone.type_code(body["pairing"], wrong) for _ in range(7)))
        tries += sum(answer["code"] == "code_wrong" for _, answer in answers)
        tries += any(answer["code"] == "too_many_tries" for _, answer in answers)  # the fifth is answered like a sixth

    perday = next(limit.count for limit in SENDING if limit.scope is Scope.NUMBER and limit.window == timedelta(days=1))
    assert tries == perday * MAX_TRIES == 50
    assert tries / 10**SMS_DIGITS == pytest.approx(5e-5)


async def test_operators_see_where_codes_are_never_typed(gateway: Gateway) -> None:
    """By country and area; messages to nobody are none."""
    phone = gateway.phone()
    await phone.verify(MARIA)
    await ask(gateway, MARIA)
    await ask(gateway, JOSE)
    await ask(gateway, NOBODY)

    def count(area: str, what: str) -> float | None:
        return gateway.registry.get_sample_value("linkid_pairing_codes_total", {"area": area, "what": what})

    assert [count(area, what) for area in ("5531", "5511", "5521") for what in ("sent", "entered")] == [
        *(2, 1),
        *(1, None),
        *(None, None),
    ]


async def test_known_and_unknown_numbers_do_the_same_work(gateway: Gateway) -> None:
    """The same rows are written for both, so that the time taken tells nothing that matters."""
    counts = []
    for number in (MARIA, NOBODY):
        before = await _rows(gateway)
        await ask(gateway, number)
        counts.append({table: after - before[table] for table, after in (await _rows(gateway)).items()})

    budget = counts[0].pop("uses") - counts[1].pop("uses")
    assert counts[0] == counts[1]
    assert budget == 1  # the one row that only a real message writes
    assert len(gateway.sms.sent) == 2


async def _rows(gateway: Gateway) -> dict[str, int]:
    tables = ("pairings", "uses", "devices")
    return {table: await gateway.database.fetchval(f"SELECT count(*) FROM pairing.{table}") for table in tables}
