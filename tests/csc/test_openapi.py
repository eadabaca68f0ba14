"""The table of the API says what the readers do: what it allows they take, what it forbids they refuse."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from foundation.errors import BadInput
from hsm_service.csc import dialect
from hsm_service.csc.dialect import V1, version1
from hsm_service.csc.openapi import SCHEMAS as V2_SCHEMAS
from hsm_service.csc.openapi import SECTION, SECTION_V1

READERS: dict[str, Callable[[Any], object]] = {
    "InfoRequest": dialect.read_info,
    "ListRequest": dialect.read_list,
    "CredentialInfoRequest": dialect.read_credential_info,
    "AuthorizeRequest": lambda body: (
        dialect.read_documents(body) or dialect.read_session(body) or dialect.read_authorize(body)
    ),
    "HandleRequest": dialect.read_handle,
    "SignHashRequest": dialect.read_sign_hash,
    "ChallengeRequest": dialect.read_challenge,
    "ExtendRequest": dialect.read_extend,
    "PollingRequest": dialect.read_polling,
    "SignDocRequest": dialect.read_sign_doc,
    "TimestampRequest": version1.read_timestamp,
    "V1LoginRequest": lambda body: version1.read_login([], body),
    "V1RevokeRequest": version1.read_revoke,
    "V1ListRequest": version1.read_list,
    "V1AuthorizeRequest": lambda body: dialect.read_session(body, V1) or version1.read_authorize(body),
    "V1ExtendRequest": lambda body: dialect.read_extend(body, V1),
    "V1OtpRequest": version1.read_send_otp,
    "V1SignHashRequest": lambda body: dialect.read_sign_hash(body, None, V1),
}
SCHEMAS = {**V2_SCHEMAS, **SECTION_V1.schemas}
SAY_LITTLE = {"V1LoginRequest"}
"""Whose members are refused whatever they are: the table promises nothing about them."""
EXAMPLES: dict[str, Any] = {}
for operation in (*SECTION.operations, *SECTION_V1.operations):
    assert operation.body is not None
    name = str(operation.body.schema["$ref"]).rpartition("/")[2]
    EXAMPLES.setdefault(name, operation.body.example)

HASH, SHA256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "2.16.840.1.101.3.4.2.1"
OF_TYPE: dict[str, Any] = {
    "string": "x", "integer": 7, "number": 1.5, "boolean": True, "null": None, "array": [], "object": {"a": 1},
}  # fmt: skip


def violations(schema: Any, member: str) -> Iterator[Any]:
    """Values that the schema of a member forbids, one for each of its rules."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    for kind, value in OF_TYPE.items():
        fits = kind in kinds or (kind == "integer" and "number" in kinds)
        if kinds and not fits:
            yield value
    if "enum" in schema:
        yield "none of these"
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "maximum" in schema:
        yield schema["maximum"] + 1
    if schema.get("minLength"):
        yield ""
    if "maxLength" in schema:
        yield "x" * (schema["maxLength"] + 1)
    if schema.get("minItems"):
        yield []
    items = schema.get("items")
    if items is not None:
        good = {"hashes": HASH, "hash": HASH, "authData": {"id": "mobile"}}[member]
        yield [good] * (schema["maxItems"] + 1)
        yield from ([one] for one in violations(items, member))


def refused(name: str, body: Any) -> bool:
    try:
        READERS[name](body)
    except BadInput:
        return True
    return False


def test_a_session_is_asked_for_under_the_same_rules() -> None:
    """Its terms stand in clientData; what the table says of the other members holds all the same."""
    session = {**EXAMPLES["AuthorizeRequest"], "clientData": '{"session": {"seconds": 60}}'}
    del session["hashes"]
    assert not refused("AuthorizeRequest", session)
    for member in ("description", "signAlgo", "signAlgoParams", "authData", "hashAlgorithmOID"):
        rule: Any = SCHEMAS["AuthorizeRequest"]["properties"][member]  # type: ignore[index, call-overload]
        for value in violations(rule, member):
            assert refused("AuthorizeRequest", {**session, member: value}), (member, str(value)[:80])


def test_every_request_has_a_reader_and_an_example() -> None:
    """So that no schema is left out of what follows."""
    assert set(READERS) == set(EXAMPLES) == {name for name in SCHEMAS if name.endswith("Request")}


@pytest.mark.parametrize("name", READERS)
def test_readers_take_the_example_and_ignore_what_they_do_not_know(name: str) -> None:
    """As the standard wants."""
    assert not refused(name, EXAMPLES[name])
    assert not refused(name, {**EXAMPLES[name], "unknown": {"a": [1]}})


@pytest.mark.parametrize("name", READERS)
def test_readers_refuse_what_the_table_forbids(name: str) -> None:
    """Each member missing, of each other type, outside each bound; optional ones may be null."""
    schema: Any = SCHEMAS[name]
    tried = 0
    for member in schema["required"]:
        without = {key: value for key, value in EXAMPLES[name].items() if key != member}
        assert refused(name, without), f"{name} without {member}"
    for member, rule in schema["properties"].items():
        for value in violations(rule, member):
            body = {**copy.deepcopy(EXAMPLES[name]), member: value}
            if member == "numSignatures" and isinstance(value, int):
                body.pop("hashes", None), body.pop("hash", None)  # the bound is a session's
                body["hashAlgorithmOID"] = SHA256
                body["clientData"] = '{"session": {"seconds": 60}}'
            if member == "lang" and name in ("AuthorizeRequest", "SignHashRequest"):
                continue
            assert refused(name, body), f"{name}.{member} = {str(value)[:80]!r}"
            tried += 1
        if "null" in rule.get("type", []):
            nulled = {**EXAMPLES[name], member: None}
            needed = name == "AuthorizeRequest" and member == "hashAlgorithmOID"  # or signAlgo says it
            assert needed or not refused(name, nulled), f"{name}.{member} = null"
    assert tried >= 4 or name in SAY_LITTLE
