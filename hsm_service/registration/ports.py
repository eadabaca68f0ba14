"""What the page needs of others: who an owner is, and an application's webhook."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Person:
    """A holder, as their certificate says. ``digest``: of their CPF or CNPJ, under a key of the gateways."""

    digest: bytes = field(repr=False)
    name: str


class Holders(Protocol):
    """The credentials slice."""

    async def person(self, credentials: Sequence[str]) -> Person | None:
        """The holder of these credentials that can sign now; of several the one whose certificate is valid longest."""
        ...


@dataclass(frozen=True)
class Delivery:
    """What became of one event. ``state``: queued, taken, sent, lapsed, dead; ``failure``: of the last try, a code."""

    event: str
    type: str
    queued: datetime
    state: str
    attempts: int
    failure: str | None
    due: datetime | None
    """When it is tried (again), while it is on its way."""


class Webhooks(Protocol):
    """Where an application is told, and what was told lately."""

    async def set(self, client: str, url: str) -> None:
        """From now on there. Raises LinkIdError saying what is wrong."""
        ...

    async def drop(self, client: str) -> bool:
        """Nowhere any more; whether it was anywhere."""
        ...

    async def address(self, client: str) -> str | None:
        """Where."""
        ...

    async def send_test(self, client: str) -> bool:
        """Queue an event that says nothing. False when there is no address."""
        ...

    async def deliveries(self, client: str) -> Sequence[Delivery]:
        """The last ones, newest first."""
        ...
