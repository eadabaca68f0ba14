"""What both ends of the private channel agree on: addresses, limits, and how an error travels."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final

from foundation.errors import (
    FAMILIES,
    BadInput,
    Internal,
    JsonObject,
    LinkIdError,
    Unavailable,
    every_error,
    family_of,
)

MAX_MESSAGE: Final = 1024 * 1024
"""Bytes of a private message either way. 100 signatures of RSA-4096 in base64 are 70 KiB."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


class NotDelivered(Unavailable):
    """No process answered at the address: the call did not happen, and may be made again."""

    code = "not_delivered"


class Draining(NotDelivered):
    """The process there is about to end, in order, and takes no more calls: this one did not happen."""

    code = "draining"


class AnswerLost(Unavailable):
    """The call was sent and no answer came (deadline, broken connection): it may have happened."""

    code = "answer_lost"


class NoSuchCall(BadInput):
    """The other process does not know this call: the two are of different versions."""

    code = "no_such_call"
    summary = "There is no such call."


class NotAnObject(BadInput):
    """A private call's body is no JSON object."""

    code = "not_an_object"
    summary = "A private call needs a JSON object."


class AlreadyServed(Internal):
    """Another live process listens at this address."""

    code = "already_served"


class BadAnswer(Internal):
    """The other side answered something that is not ours: another program listens there, or it is broken."""

    code = "bad_answer"


class RemoteError(Exception):
    """Marks an error of the other process whose class this process does not have. It is never raised bare.

    What is raised descends from this *and* from the family that the other side's class has, with that class's code,
    sentences and disclosure: so an error passes through a process that knows nothing of it and still means the same.
    """

    code: ClassVar[str]

    @property
    def remote_code(self) -> str:
        """The code as the other side said it."""
        return self.code


@dataclass(frozen=True)
class UnixAddress:
    """``unix:/path``."""

    path: Path


@dataclass(frozen=True)
class TlsAddress:
    """``tls:host:port``."""

    host: str
    port: int


def parse_address(text: str) -> UnixAddress | TlsAddress:
    """Raises ValueError saying which forms there are."""
    kind, _, rest = text.partition(":")
    if kind == "unix" and rest.startswith("/"):
        return UnixAddress(Path(rest))
    host, _, port = rest.rpartition(":")
    if kind == "tls" and host and port.isascii() and port.isdigit() and int(port) < 65536:
        return TlsAddress(host.strip("[]"), int(port))
    raise ValueError(f"{text!r} is no private address; expected unix:/path/name.sock or tls:host:port")


def plain(value: object) -> Any:
    """For ``json``: mappings and sequences that are not dict and list. Raises TypeError."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise TypeError(f"not JSON: {type(value).__name__}")


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=plain)


def to_json(value: JsonObject) -> bytes:
    """A body as it travels. Raises TypeError, ValueError for what is not JSON."""
    return _ENCODER.encode(value).encode("utf-8")


def error_to_wire(error: LinkIdError) -> JsonObject:
    """An error as it travels between our processes: whole, since both ends are ours."""
    return {
        "code": error.code,
        "summary": error.summary,
        "detail": error.detail,
        "data": dict(error.data),
        "retry_after": error.retry_after,
        # for a receiver that does not have the class
        "family": family_of(type(error)).code,
        "message": error.message,
        "may_disclose": error.may_disclose,
    }


class ErrorRegistry:
    """Error classes by code: what a private answer's error becomes again."""

    def __init__(self, classes: Sequence[type[LinkIdError]] | None = None, *, strict: bool = True) -> None:
        """Every class imported so far, unless told. Two with one code: ValueError, or the first if not ``strict``."""
        self._classes: dict[str, type[LinkIdError]] = {}
        for kind in [*FAMILIES, *(every_error() if classes is None else classes)]:
            if issubclass(kind, RemoteError):
                continue
            known = self._classes.setdefault(kind.code, kind)
            if strict and known is not kind and "code" in vars(kind):
                raise ValueError(f"{kind.__qualname__} and {known.__qualname__} share the code {kind.code!r}")

    def error(self, wire: object) -> LinkIdError:
        """The error that a private answer describes: of its own class, else a RemoteError, else BadAnswer."""
        if not isinstance(wire, Mapping):
            return BadAnswer("an error that is no object")
        code, detail = wire.get("code"), wire.get("detail")
        retry_after, data = wire.get("retry_after"), wire.get("data")
        if not isinstance(code, str) or not _CODE.match(code):
            return BadAnswer("an error without a code")
        # Subclasses may have constructors of their own; what travels is what the root's has.
        kind = self._classes.get(code) or _remote(code, wire)
        error = kind.__new__(kind)
        LinkIdError.__init__(
            error,
            detail if isinstance(detail, str) else None,
            retry_after=retry_after if isinstance(retry_after, int) else None,
            data=data if isinstance(data, Mapping) else None,
        )
        return error


def _remote(code: str, wire: Mapping[str, object]) -> type[LinkIdError]:
    family = next((kind for kind in FAMILIES if kind.code == wire.get("family")), Internal)
    summary, message = wire.get("summary"), wire.get("message")
    return _remote_class(
        code,
        family.code,
        summary if isinstance(summary, str) else family.summary,
        message if isinstance(message, str) else family.message,
        wire.get("may_disclose") is True,
    )


@lru_cache(maxsize=256)
def _remote_class(code: str, family_code: str, summary: str, message: str, may_disclose: bool) -> type[LinkIdError]:
    family = next(kind for kind in FAMILIES if kind.code == family_code)
    facts = {"code": code, "summary": summary, "message": message, "may_disclose": may_disclose}
    return type(f"Remote{family.__name__}", (RemoteError, family), {**facts, "__doc__": "Raised by another process."})
