"""What this slice needs of others."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from foundation.database import Connection
from foundation.encoding import JsonObject


class Progress(Protocol):
    """Of one queued event. ``state``: queued, taken, sent, lapsed, dead; ``failure``: the code of the last error."""

    @property
    def state(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def failure(self) -> str | None: ...
    @property
    def due(self) -> datetime | None: ...


class Outbox(Protocol):
    """Sends later, if the transaction commits."""

    async def queue(self, connection: Connection, url: str, event: JsonObject, expires: datetime) -> int:
        """Queue one event for an address; the number under which its progress is asked for."""
        ...

    async def progress(self, messages: Sequence[int]) -> Mapping[int, "Progress"]:
        """What became of queued ones, as far as that is still known."""
        ...
