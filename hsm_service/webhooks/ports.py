"""What this slice needs of others."""

from datetime import datetime
from typing import Protocol

from foundation.database import Connection
from foundation.encoding import JsonObject


class Outbox(Protocol):
    """Sends later, if the transaction commits."""

    async def queue(self, connection: Connection, url: str, event: JsonObject, expires: datetime) -> None:
        """Queue one event for an address."""
        ...
