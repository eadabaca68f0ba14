"""A line of the audit, made and checked without a database."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from foundation.encoding import canonical_json
from foundation.errors import Internal

Field: TypeAlias = str | int | bool | None

GENESIS: Final = bytes(32)
"""The hash before the first line."""
_VERSION: Final = 1
MAX_BODY: Final = 8192
_RESERVED: Final = frozenset({"v", "chain", "seq", "at", "event", "prev"})
_EVENT = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*\Z")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_VALUE = re.compile(r"[A-Za-z0-9_.:-]{1,128}\Z")
_SEPARATORS = re.compile(r"[_.:-]")
_DIGEST = re.compile(r"(?:[A-Za-z0-9_-]{43}|[0-9a-f]{64})\Z")
"""SHA-256 in b64u or hex: whatever digits chance puts there, it is no person's."""
_PERSONAL: Final = range(10, 16)
"""Digits of a telephone number (10 to 15), CPF (11), IPv4 address (up to 12), CNPJ (14)."""
_MAX_INTEGER: Final = 10**9
"""Counts and sizes fit below; a CPF or a telephone number written as an integer does not. Instants are text."""


@dataclass(frozen=True)
class Head:
    """Where a chain ends."""

    seq: int
    hash: bytes


@dataclass(frozen=True)
class AuditLine:
    """A line as stored."""

    chain: str
    seq: int
    at: datetime
    body: bytes
    hash: bytes


def next_line(chain: str, head: Head, at: datetime, event: str, fields: Mapping[str, Field]) -> AuditLine:
    """The line that follows ``head``. Pure. Raises Internal for fields that an audit must not hold."""
    check_event(event, fields)
    return line_after(chain, head, at, event, fields)


def line_after(chain: str, head: Head, at: datetime, event: str, fields: Mapping[str, Field]) -> AuditLine:
    """The same for fields that were checked before."""
    instant = at.astimezone(UTC)
    body = canonical_json(
        {
            **{name: value for name, value in fields.items() if value is not None},
            "v": _VERSION,
            "chain": chain,
            "seq": head.seq + 1,
            "at": instant_text(instant),
            "event": event,
            "prev": head.hash.hex(),
        }
    )
    if len(body) > MAX_BODY:
        raise Internal(f"audit line of {len(body)} bytes")
    return AuditLine(chain, head.seq + 1, instant, body, hashlib.sha256(head.hash + body).digest())


def check_event(event: str, fields: Mapping[str, Field]) -> None:
    if not _EVENT.match(event):
        raise Internal(f"not an audit event name: {event!r}")
    for name, value in fields.items():
        if name in _RESERVED or not _NAME.match(name):
            raise Internal(f"not an audit field name: {name!r}")
        _check_field(event, name, value)


def _check_field(event: str, name: str, value: object) -> None:
    """Ids, digests, small numbers, flags. The refused value is not repeated in the error."""
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int):
        if abs(value) >= _MAX_INTEGER:
            raise Internal(f"audit field {event} {name}: number too large to be a count")
        return
    if not isinstance(value, str) or not _VALUE.match(value):
        raise Internal(f"audit field {event} {name}: not an id, a digest, a number or a flag")
    if not _DIGEST.match(value) and any(len(run) in _PERSONAL for run in _digit_runs(value)):
        raise Internal(f"audit field {event} {name}: looks like a personal number")


def _digit_runs(value: str) -> Iterator[str]:
    """Digits that only separators part, joined: ``a.123-456.x`` gives ``123456``."""
    run = ""
    for part in _SEPARATORS.split(value):
        if part.isdigit():
            run += part
            continue
        yield run
        run = ""
    yield run


def instant_text(instant: datetime) -> str:
    """RFC 3339 in UTC with microseconds: the one spelling that lines use."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
