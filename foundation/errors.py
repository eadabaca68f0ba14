"""Errors are data: a code, a safe sentence, and whether the detail may leave the process.

Two rules for whoever edits this file:

1. Nothing of HTTP here. ``foundation.web`` (public) and ``foundation.channel`` (private) translate, each by one table.
2. ``summary`` (English, for programmers and logs) and ``message`` (Portuguese, for people) are constant and safe for
   anybody. What depends on the case goes into ``detail`` (a sentence) and ``data`` (fields for a machine); both stay
   inside unless the class says ``may_disclose``.

A slice subclasses a *family* below and gives its own ``code``; the family decides what the outside is told to do.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, TypeAlias

JsonValue: TypeAlias = bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None
JsonObject: TypeAlias = Mapping[str, JsonValue]

_NOTHING: JsonObject = MappingProxyType({})


class LinkIdError(Exception):
    """The root of everything we raise on purpose. Raise a subclass, never this."""

    code: ClassVar[str] = "internal_error"
    """Stable, snake_case, unique among classes: what programs compare."""
    summary: ClassVar[str] = "Something went wrong on our side."
    """One English sentence, safe for anybody, saying what to do next where there is something to do."""
    message: ClassVar[str] = "Algo deu errado do nosso lado. Tente de novo em instantes."
    """The same for the holder's screen, in Brazilian Portuguese. A subclass that gives none has its family's."""
    may_disclose: ClassVar[bool] = False
    """Whether ``detail`` and ``data`` may be shown to whoever asked."""

    def __init__(
        self, detail: str | None = None, *, retry_after: int | None = None, data: JsonObject | None = None
    ) -> None:
        """``detail``: this case in a sentence; ``retry_after``: seconds until trying again makes sense."""
        super().__init__(detail or self.summary)
        self.detail = detail
        self.retry_after = retry_after
        self.data: JsonObject = _NOTHING if data is None else MappingProxyType(dict(data))

    def __str__(self) -> str:
        """For logs: the code and the detail (never shown outside unless ``may_disclose``)."""
        return f"{self.code}: {self.detail or self.summary}"


class BadInput(LinkIdError):
    """What was sent is malformed or breaks a rule that the sender can read; sending the same again is useless."""

    code = "bad_input"
    summary = "The request is not valid."
    message = "O pedido não é válido."
    may_disclose = True


class NotAuthenticated(LinkIdError):
    """We do not know who is calling, or the proof is no good. Why exactly stays inside."""

    code = "not_authenticated"
    summary = "Authentication is required."
    message = "Não foi possível confirmar quem está chamando. Entre de novo."


class NotPermitted(LinkIdError):
    """We know who is calling, and they may not."""

    code = "not_permitted"
    summary = "This is not allowed."
    message = "Isto não é permitido."


class NotFound(LinkIdError):
    """It does not exist, or the caller may not know that it does: the two must look alike."""

    code = "not_found"
    summary = "There is no such thing."
    message = "Não encontramos o que foi pedido."


class Conflict(LinkIdError):
    """The state of things does not allow it (now)."""

    code = "conflict"
    summary = "The current state does not allow this."
    message = "Isto não é possível na situação atual."
    may_disclose = True


class Gone(LinkIdError):
    """It existed and is over: expired, consumed, revoked."""

    code = "gone"
    summary = "This has expired or was already used."
    message = "Isto expirou ou já foi usado."
    may_disclose = True


class TooMany(LinkIdError):
    """Too often, or too much at once. ``retry_after`` says when."""

    code = "too_many"
    summary = "Too many requests. Try again later."
    message = "Muitas tentativas em pouco tempo. Aguarde um pouco e tente de novo."


class Locked(LinkIdError):
    """Closed after wrong attempts. ``retry_after`` says until when; none means until somebody acts."""

    code = "locked"
    summary = "Locked after too many wrong attempts."
    message = "Bloqueado por excesso de tentativas erradas."
    may_disclose = True


class Unavailable(LinkIdError):
    """A part we need does not answer. Temporary: the same request may succeed later."""

    code = "unavailable"
    summary = "The service is temporarily unavailable. Try again in a moment."
    message = "O serviço está temporariamente indisponível. Tente de novo em instantes."


class Internal(LinkIdError):
    """A fault of ours. Nothing of it is told outside."""

    code = "internal_error"
    summary = "Something went wrong on our side."
    message = "Algo deu errado do nosso lado. Tente de novo em instantes."


FAMILIES: tuple[type[LinkIdError], ...] = (
    BadInput,
    NotAuthenticated,
    NotPermitted,
    NotFound,
    Conflict,
    Gone,
    TooMany,
    Locked,
    Unavailable,
    Internal,
)
"""Every class of ours descends from exactly one of these."""


def family_of(error: type[LinkIdError]) -> type[LinkIdError]:
    """The family a class belongs to; Internal for a class outside every family."""
    return next((family for family in FAMILIES if issubclass(error, family)), Internal)


def every_error(base: type[LinkIdError] = LinkIdError) -> Iterator[type[LinkIdError]]:
    """Every class known below ``base`` (imported so far), for the tests that demand completeness and for registries."""
    for child in base.__subclasses__():
        yield child
        yield from every_error(child)
