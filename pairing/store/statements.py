"""The statements of queries.sql, and what is forgotten."""

from datetime import datetime

from foundation.database import Database
from foundation.queries import Queries
from pairing.domain.warnings import KEPT

queries = Queries.load("pairing")


async def forget(database: Database, before: datetime) -> None:
    """Remove what nothing refers to any more. To be called now and then, with an instant a day ago or more."""
    for query in (queries.forget_uses, queries.forget_pairings, queries.forget_links):
        await database.execute(query, before)
    await database.execute(queries.forget_warnings, before - KEPT)
