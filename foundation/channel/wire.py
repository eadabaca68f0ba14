"""What both ends of the private channel agree on: addresses, limits, and how an error travels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foundation.errors import FAMILIES, BadInput, Internal, JsonObject, JsonValue, LinkIdError, Unavailable, every_error

MAX_MESSAGE: Final = 1024 * 1024
"""Bytes of a private message either way. 100 signatures of RSA-4096 in base64 are 70 KiB."""


class NotDelivered(Unavailable):
    """No process answered at the address: the call did not happen, and may be made again."""

    code = "not_delivered"


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


class RemoteError(Internal):
    """The other process raised something whose code this one does not know. ``remote_code`` has it."""

    code = "remote_error"

    @property
    def remote_code(self) -> str:
        """The code as the other side said it."""
        return str(self.data.get("remote_code", ""))


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


def error_to_wire(error: LinkIdError) -> JsonObject:
    """An error as it travels between our processes."""
    return {
        "code": error.code,
        "summary": error.summary,
        "detail": error.detail,
        "data": dict(error.data),
        "retry_after": error.retry_after,
    }


class ErrorRegistry:
    """Error classes by code: what a private answer's error becomes again."""

    def __init__(self, classes: Sequence[type[LinkIdError]] | None = None, *, strict: bool = True) -> None:
        """Every class imported so far, unless told. Two with one code: ValueError, or the first if not ``strict``."""
        self._classes: dict[str, type[LinkIdError]] = {}
        for kind in [*FAMILIES, *(every_error() if classes is None else classes)]:
            known = self._classes.setdefault(kind.code, kind)
            if strict and known is not kind and "code" in vars(kind):
                raise ValueError(f"{kind.__qualname__} and {known.__qualname__} share the code {kind.code!r}")

    def error(self, wire: Mapping[str, Any]) -> LinkIdError:
        """The error that a private answer describes; RemoteError for a code that nobody here knows."""
        code, detail = wire.get("code"), wire.get("detail")
        retry_after, data = wire.get("retry_after"), wire.get("data")
        kind = self._classes.get(code) if isinstance(code, str) else None
        fields: dict[str, JsonValue] = dict(data) if isinstance(data, Mapping) else {}
        if kind is None:
            kind = RemoteError
            fields["remote_code"] = str(code)[:64]
        # Subclasses may have constructors of their own; what travels is what the root's has.
        error = kind.__new__(kind)
        LinkIdError.__init__(
            error,
            detail if isinstance(detail, str) else None,
            retry_after=retry_after if isinstance(retry_after, int) else None,
            data=fields,
        )
        return error
