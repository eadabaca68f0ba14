"""What is over goes, after it was kept for as long as a second use of it should be recognised."""

from datetime import datetime, timedelta
from typing import Final

from foundation.database import Database
from hsm_service.oauth.store.queries import QUERIES

PUSHED_KEPT: Final = timedelta(minutes=10)
"""Pushed requests are large, and a second use of one is refused whether or not it is still known."""
CALLS_KEPT: Final = timedelta(minutes=2)
"""A bucket is full again after one."""
KEPT: Final = timedelta(days=1)
"""How long pages, codes and tokens outlive their end: a code used a second time is still recognised as used."""


async def forget(database: Database, now: datetime, limit: int = 10_000) -> None:
    """Remove what is over since ``KEPT``, in the order of the references; call from time to time."""
    await database.execute(QUERIES.forget_pushed, now - PUSHED_KEPT, limit)
    await database.execute(QUERIES.forget_calls, now - CALLS_KEPT, limit)
    before = now - KEPT
    for query in (
        QUERIES.forget_refresh_tokens,
        QUERIES.forget_tokens,
        QUERIES.forget_codes,
        QUERIES.forget_pages,
    ):
        await database.execute(query, before, limit)
