"""What a SAM does by itself: forgets what is over, and asks the HSM now and then whether it is well."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import LinkIdError
from foundation.logs import get_logger
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.activations.store import queries
from hsm_service.sam.attempts.service import queries as attempt_queries
from hsm_service.sam.documents.store import queries as document_queries
from hsm_service.sam.signed_heads import HeadSigner
from hsm_service.sam.watch import Watch

EVERY_SECONDS: Final = 15.0
SILENT_AT_MOST: Final = 4
"""Looks in a row at an HSM that is not well, before a process that has a spare makes room for one that looks for it."""
GRACE: Final = timedelta(minutes=1)
"""After an activation's end: a call that came in time has long finished."""

TRIES_KEPT: Final = timedelta(hours=1)
"""No document lives for longer than minutes, so no proof can be repeated after this."""

ASKS_KEPT: Final = timedelta(hours=1)
"""A caller's signature of its ask is refused by its own time after ``protocol.asks.FRESH``; the rest is margin."""

_log = get_logger(__name__)


async def forget_sealed(database: Database, now: datetime) -> int:
    """Take out what is sealed in activations that are over; how many there were."""
    return len(await database.fetch(queries.forget, now - GRACE))


async def forget_tries(database: Database, now: datetime) -> None:
    """Take out the hashes of proofs that nobody can repeat any more."""
    await database.execute(attempt_queries.forget_tries, now - TRIES_KEPT)


async def forget_asks(database: Database, now: datetime) -> None:
    """Take out the nonces of asks that are too old to be asked again."""
    await database.execute(document_queries.forget_asks, now - ASKS_KEPT)


async def keep_house(
    database: Database, hsm: Hsm, watch: Watch, clock: Clock, heads: HeadSigner, given_up: asyncio.Event | None = None
) -> None:
    """For as long as the process runs. What fails is logged and tried again.

    ``given_up``: set when the HSM has not been well for a minute, for a process whose successor may use the spare.
    """
    silent = 0
    while True:
        try:
            await hsm.check()
            watch.heard_hsm(well=True)
            silent = 0
        except LinkIdError as error:
            watch.heard_hsm(well=False)
            silent += 1
            if given_up is not None and silent >= SILENT_AT_MOST:
                given_up.set()
            _log.warning("hsm_not_well", error_code=error.code)
        try:
            await forget_sealed(database, clock.now())
            await forget_tries(database, clock.now())
            await forget_asks(database, clock.now())
        except LinkIdError as error:
            _log.warning("housekeeping_failed", error_code=error.code)
        try:
            await heads.sign_if_moved()
        except LinkIdError as error:  # signatures go on: what they leave is in the chain, which stands for itself
            _log.error("audit_heads_not_signed", error_code=error.code, detail=error.detail)
        await asyncio.sleep(EVERY_SECONDS)
