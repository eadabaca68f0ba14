"""The buckets of clients' calls."""

from datetime import datetime

from foundation.database import Database
from hsm_service.oauth.store.queries import QUERIES


class CallStore:
    """One for all gateways."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def take(self, client: str, per_minute: int, calls: int, now: datetime) -> bool:
        """So many calls at once. False when there are fewer."""
        return await self._database.fetchval(QUERIES.take_calls, client, per_minute, calls, now) is not None
