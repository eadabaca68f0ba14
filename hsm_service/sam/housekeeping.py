"""What a SAM does by itself: forgets what is over, and asks the HSM now and then whether it is well."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import LinkIdError
from foundation.logs import get_logger
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmLoginRefused
from hsm_service.sam.activations.store import queries
from hsm_service.sam.attempts.service import queries as attempt_queries
from hsm_service.sam.bindings.service import Bindings
from hsm_service.sam.documents.store import queries as document_queries
from hsm_service.sam.generators.service import Generators
from hsm_service.sam.signed_heads import HeadSigner

EVERY_SECONDS: Final = 15.0
"""Between two rounds, and between two canaries while the HSM is well; while it is not, its circuit says how soon."""

SILENT_SECONDS: Final = 60.0
"""So long without one good canary, and a process that has a spare makes room for one that looks for it."""

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


async def watch_hsm(
    hsm: Hsm, given_up: asyncio.Event | None = None, monotonic: Callable[[], float] = time.monotonic
) -> None:
    """For as long as the process runs: the canary. An open circuit is tried again even when no caller comes.

    ``given_up``: set when the HSM has not been well for a minute, for a process whose successor may use the spare. Not
    for a refused PIN, which a successor would only try again.
    """
    heard = monotonic()
    while True:
        try:
            await hsm.check()
            heard = monotonic()
        except HsmLoginRefused as error:
            _log.warning("hsm_not_well", error_code=error.code)
        except LinkIdError as error:
            if given_up is not None and monotonic() - heard >= SILENT_SECONDS:
                given_up.set()
            _log.warning("hsm_not_well", error_code=error.code)
        await asyncio.sleep(hsm.seconds_until_try() or EVERY_SECONDS)


async def keep_house(
    database: Database, clock: Clock, heads: HeadSigner, generators: Generators, phones: Bindings
) -> None:
    """For as long as the process runs. What fails is logged and tried again, and keeps no other chore from its turn."""
    chores: Sequence[Callable[[], Awaitable[object]]] = (
        lambda: forget_sealed(database, clock.now()),
        lambda: forget_tries(database, clock.now()),
        lambda: forget_asks(database, clock.now()),
        generators.renew,
        phones.admit_who_waited,
    )
    while True:
        for chore in chores:
            try:
                await chore()
            except LinkIdError as error:
                _log.warning("housekeeping_failed", error_code=error.code)
        try:
            await heads.sign_if_moved()
        except LinkIdError as error:  # signatures go on: what they leave is in the chain, which stands for itself
            _log.error("audit_heads_not_signed", error_code=error.code, detail=error.detail)
        await asyncio.sleep(EVERY_SECONDS)
