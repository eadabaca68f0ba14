"""Our stand-in for Twilio says only what Twilio's own OpenAPI document allows, and takes what it requires.

The few facts of the document that matter here are in ``twilio_facts.py`` and judge every request and answer in every
test; they are held against the document itself, which Twilio publishes in a package of its own (``tools/web.py``).
"""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.fake_twilio import FakeTwilio
from tests.support.twilio_facts import (
    ANSWER,
    DIRECTIONS,
    LONGEST_VALIDITY,
    MESSAGES,
    PARAMETERS,
    REQUIRED,
    STATUSES,
    Member,
    answer_faults,
    request_faults,
)
from tools import web

_GOOD = {"To": "+5531987654321", "From": "+15005550006", "Body": "oi"}


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    fake = FakeTwilio()
    await fake.start()
    yield fake
    await fake.stop()


async def posted(fake: FakeTwilio, form: dict[str, str], **account: str) -> tuple[int, dict[str, Any]]:
    """What the stand-in answers to a form."""
    headers = {"Authorization": aiohttp.encode_basic_auth(fake.key, fake.secret)}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(f"{fake.url}/2010-04-01/Accounts/{fake.account}/Messages.json", data=form) as response:
            return response.status, await response.json()


async def test_every_answer_is_one_that_twilio_could_give(twilio: FakeTwilio) -> None:
    """Accepted and failed at once, by a number and by a service: members, patterns and states are the document's."""
    twilio.numbers["+5531911111111"] = "failed"
    accepted = (await posted(twilio, _GOOD))[1]
    failed = (await posted(twilio, {"To": "+5531911111111", "MessagingServiceSid": "MG" + "a" * 32, "Body": "oi"}))[1]

    assert twilio.faults == []
    assert (accepted["status"], failed["status"]) == ("queued", "failed")
    for change in ({"status": "flying"}, {"sid": "SM1"}, {"error_code": "30003"}, {"new": 1}, {"direction": None}):
        assert len(answer_faults({**accepted, **change})) == 1
    assert answer_faults({name: value for name, value in accepted.items() if name != "uri"}) == ["uri: missing"]


async def test_what_twilio_would_refuse_is_a_fault(twilio: FakeTwilio) -> None:
    """A parameter that does not exist, a service's id of another form, a life beyond ten hours, no recipient."""
    assert request_faults(twilio.account, _GOOD) == []
    for change in (
        {"Colour": "red"},
        {"MessagingServiceSid": "MG1"},
        {"ValidityPeriod": "36001"},
        {"ValidityPeriod": "0"},
        {"StatusCallback": "https://an_underscore.example.com/x"},
    ):
        assert len(request_faults(twilio.account, {**_GOOD, **change})) == 1
    assert request_faults("AC1", _GOOD) != []
    status, answer = await posted(twilio, {name: value for name, value in _GOOD.items() if name not in REQUIRED})
    assert (status, answer["code"]) == (400, 21604)


def test_the_facts_are_those_of_the_document() -> None:
    """Types, patterns, words and what may be null, of every parameter we send and every member answered.

    ``LINKID_TWILIO_SPEC``: another edition of the document (JSON) to hold them against, a newer one perhaps.
    """
    assert web.strangers() == 0
    spec: dict[str, Any] = json.loads(Path(os.environ.get("LINKID_TWILIO_SPEC", web.TWILIO)).read_text("utf-8"))
    schemas = spec["components"]["schemas"]
    post = spec["paths"][MESSAGES]["post"]
    form = post["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    answer = schemas[post["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]

    assert tuple(form["required"]) == REQUIRED
    assert {name: _read(schemas, form["properties"][name], nullable=True) for name in PARAMETERS} == PARAMETERS
    assert {name: _read(schemas, member) for name, member in answer["properties"].items()} == ANSWER
    assert f"`1` to `{LONGEST_VALIDITY}`" in form["properties"]["ValidityPeriod"]["description"]
    assert set(schemas["message_enum_status"]["enum"]) == STATUSES
    assert set(schemas["message_enum_direction"]["enum"]) == DIRECTIONS


def _read(schemas: dict[str, Any], member: dict[str, Any], nullable: bool | None = None) -> Member:
    if "$ref" in member:
        member = schemas[member["$ref"].rpartition("/")[2]]
    may_be_null = bool(member.get("nullable")) if nullable is None else nullable
    words = frozenset(member["enum"]) if "enum" in member else None
    return Member(member["type"], member.get("pattern"), words, may_be_null)
