"""Our stand-in for Twilio says only what Twilio's own OpenAPI document allows, and takes what it requires."""

import os
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.support.fake_twilio import FakeTwilio

_SPEC = Path(os.environ.get("LINKID_TWILIO_SPEC") or Path(__file__).parents[3] / "shared/specs/twilio_api_v2010.yaml")
_MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
_TYPES: dict[str, type | tuple[type, ...]] = {"string": str, "integer": int, "object": dict}

needs_spec = pytest.mark.skipif(
    not _SPEC.is_file(), reason="needs Twilio's OpenAPI document: set LINKID_TWILIO_SPEC to twilio_api_v2010.yaml"
)


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(_SPEC.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return loaded


def faults(spec: dict[str, Any], schema: dict[str, Any], value: Any, path: str = "") -> list[str]:
    """Where a value departs from a schema; enough of JSON Schema for these documents."""
    if "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if value is None:
        return [] if schema.get("nullable") else [f"{path}: null"]
    expected = _TYPES.get(schema.get("type", ""))
    if expected is not None and not isinstance(value, expected):
        return [f"{path}: not {schema['type']}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path}: {value!r} is not in the enumeration")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{path}: {value!r} does not match {schema['pattern']}")
    properties = schema.get("properties")
    if properties:
        found += [f"{path}.{name}: not in the document" for name in set(value) - set(properties)]
        found += [f"{path}.{name}: missing" for name in set(properties) - set(value)]
        for name in set(value) & set(properties):
            found += faults(spec, properties[name], value[name], f"{path}.{name}")
    return found


@pytest.fixture
async def answers() -> dict[str, Any]:
    """What the fake answers to an accepted message, one that fails, and one fetched later."""
    fake = FakeTwilio()
    fake.numbers["+5531911111111"] = "failed"
    await fake.start()
    auth = {"Authorization": aiohttp.encode_basic_auth(fake.key, fake.secret)}
    url = f"{fake.url}/2010-04-01/Accounts/{fake.account}/Messages"
    try:
        async with aiohttp.ClientSession(headers=auth) as session:
            good = {"To": "+5531987654321", "From": "+15005550006", "Body": "oi"}
            async with session.post(f"{url}.json", data=good) as response:
                accepted = await response.json()
            service = {"To": "+5531911111111", "MessagingServiceSid": "MG" + "a" * 32, "Body": "oi"}
            async with session.post(f"{url}.json", data=service) as response:
                failed = await response.json()
            async with session.get(f"{url}/{accepted['sid']}.json") as response:
                fetched = await response.json()
            async with session.post(f"{url}.json", data={"From": "+15005550006", "Body": "oi"}) as response:
                missing = (response.status, (await response.json())["code"])
    finally:
        await fake.stop()
    return {"accepted": accepted, "failed": failed, "fetched": fetched, "missing": missing}


@needs_spec
async def test_every_answer_is_one_that_twilio_could_give(spec: dict[str, Any], answers: dict[str, Any]) -> None:
    """Members, patterns of ids and the enumeration of states are those of the OpenAPI document."""
    content = spec["paths"][_MESSAGES]["post"]["responses"]["201"]["content"]
    schema = content["application/json"]["schema"]

    for name in ("accepted", "failed", "fetched"):
        assert faults(spec, schema, answers[name], name) == []
    assert faults(spec, schema, {**answers["accepted"], "status": "flying"}) != []


@needs_spec
async def test_required_parameters_are_required(spec: dict[str, Any], answers: dict[str, Any]) -> None:
    """What Twilio demands in a request, the stand-in demands."""
    body = spec["paths"][_MESSAGES]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]

    assert body["required"] == ["To"]
    assert answers["missing"] == (400, 21604)


@needs_spec
def test_the_parameters_we_send_exist(spec: dict[str, Any]) -> None:
    """Every parameter our adapter uses is one of Twilio's, within its limits."""
    body = spec["paths"][_MESSAGES]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]

    assert {"To", "From", "MessagingServiceSid", "Body", "ValidityPeriod"} <= set(body["properties"])
    assert body["properties"]["ValidityPeriod"]["type"] == "integer"
