"""A line of the audit, made and checked without a database."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from foundation.audit import GENESIS, AuditChain, Head, next_line
from foundation.clock import FixedClock
from foundation.database import Database
from foundation.errors import Internal

NOW = datetime(2026, 11, 23, 12, 30, 15, 250_000, tzinfo=UTC)


def test_a_line_is_canonical_and_linked() -> None:
    """The bytes are RFC 8785 JSON with the previous hash inside, and the hash covers both."""
    head = Head(6, b"\x01" * 32)

    line = next_line(
        "sam-0", head, NOW, "approval.consumed", {"request": "req_1", "count": 2, "ok": True, "none": None}
    )

    assert line.body == (
        b'{"at":"2026-11-23T12:30:15.250000Z","chain":"sam-0","count":2,"event":"approval.consumed","ok":true,'
        b'"prev":"' + b"01" * 32 + b'","request":"req_1","seq":7,"v":1}'
    )
    assert line.hash == hashlib.sha256(head.hash + line.body).digest()
    assert (line.seq, line.at) == (7, NOW)


@pytest.mark.parametrize(
    "value",
    [
        "123.456.789-09",
        "12345678909",
        "cpf:12345678909",
        "12.345.678-0001-95",
        "5511987654321",
        "55-11-98765-4321",
        "192.168.100.200",
        12345678909,
        -5511987654321,
        10**9,
    ],
)
def test_personal_numbers_are_refused(value: str | int) -> None:
    """What looks like CPF, CNPJ, telephone or IP address never enters a line, nor the error about it."""
    with pytest.raises(Internal) as caught:
        next_line("sam-0", Head(0, GENESIS), NOW, "x", {"field": value})

    assert str(value) not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    ["maria@example.com", "Maria da Silva", "contrato final.pdf", "ação", "", "a" * 129, "x\n", "+551130000000", "a/b"],
)
def test_prose_is_refused(value: str) -> None:
    """Names, labels, addresses: nothing that a person would read."""
    with pytest.raises(Internal):
        next_line("sam-0", Head(0, GENESIS), NOW, "x", {"field": value})


@pytest.mark.parametrize("value", [1.5, b"x", ["a"], {"a": 1}])
def test_structures_are_refused(value: Any) -> None:
    """A field is an id, a digest, a small number or a flag."""
    with pytest.raises(Internal):
        next_line("sam-0", Head(0, GENESIS), NOW, "x", {"field": value})


@pytest.mark.parametrize(
    "value",
    [
        "cred_00041061050r3gg28a1c60t3gf",
        hashlib.sha256(b"x").hexdigest(),
        "2026-11-23T12:30:15Z",
        "RSA-PKCS1-SHA256",
        "P-256",
        "1234567890-1234567890_1234567890-1234567890",  # a digest in b64u that chance made of digits
        "12" * 32,  # and one in hex
        "12345678901234567890",  # a certificate's serial number
        999_999_999,
        0,
        False,
    ],
)
def test_ids_digests_and_flags_pass(value: str | int) -> None:
    """What an audit needs, it may say."""
    assert next_line("sam-0", Head(0, GENESIS), NOW, "x", {"field": value}).seq == 1


@pytest.mark.parametrize("name", ["seq", "prev", "chain", "at", "v", "event", "Name", "1x", "", "ção", "a" * 65])
def test_field_names_are_ours(name: str) -> None:
    """No field can pose as one of the line's own members."""
    with pytest.raises(Internal):
        next_line("sam-0", Head(0, GENESIS), NOW, "x", {name: "a"})


def test_lines_are_bounded() -> None:
    """Many fields of good length are still too much for one line."""
    fields = {f"field_{n}": "x" * 128 for n in range(60)}

    with pytest.raises(Internal, match="audit line of"):
        next_line("sam-0", Head(0, GENESIS), NOW, "x", fields)


@pytest.mark.parametrize("name", ["", "Sam-0", "sam_0", "-sam", "s" * 33])
def test_chain_names_are_ours(name: str) -> None:
    """As the database's own check has it."""
    nowhere = Database(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not a chain name"):
        AuditChain(nowhere, name, FixedClock(NOW))


@pytest.mark.parametrize("event", ["", "Approval", "approval consumed", "approval.", ".x", "12345678909"])
def test_event_names_are_ours(event: str) -> None:
    """An event is dotted snake_case."""
    with pytest.raises(Internal):
        next_line("sam-0", Head(0, GENESIS), NOW, event, {})
