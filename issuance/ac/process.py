"""The AC as a process: its slot opened, its services joined, its private socket served.

    await initialise_authority(settings)      # once, with the AC stopped; again does no harm
    await run_ac(settings)                    # until it is cancelled

The roof assembles ``AcSettings`` and runs either in a process of its own, with the environment that the PKCS#11 module
wants (SOFTHSM2_CONF) and nothing else.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Final

from foundation.audit import AuditChain
from foundation.channel import PrivateServer, out_of_order, private_app, serve_private
from foundation.clock import Clock, SystemClock
from foundation.database import Database, open_pool
from foundation.errors import LinkIdError
from foundation.ids import Random
from foundation.logs import get_logger
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmLoginRefused, HsmUnavailable
from issuance.ac.adapters.hsm import HsmAuthorityKeys
from issuance.ac.adapters.pins import FilePins
from issuance.ac.service.emission import EmissionService
from issuance.ac.service.files import FileList
from issuance.ac.service.founding import Chain, found
from issuance.ac.service.issuing import IssuingService
from issuance.ac.service.orders import OrderService
from issuance.ac.service.publishing import Publisher
from issuance.ac.service.restore import accept_restore
from issuance.ac.service.revocation import RevocationService
from issuance.ac.service.time_stamping import TimeStamping
from issuance.ac.settings import AcSettings
from issuance.ac.web import AcCalls

CHAIN_NAME: Final = "ac"
_TIMER_SECONDS: Final = 60.0

_log = get_logger(__name__)


async def initialise_authority(settings: AcSettings, clock: Clock | None = None) -> Chain:
    """Make the authority's certificates from the keys of its slot, or renew the OCSP one when it is due.

    The slot's keys come from ``hsm_service.hsm.slots.initialise_ac_slot``. Raises HsmUnavailable, AuthorityMismatch,
    SlotDamaged for keys that are weaker than those.
    """
    clock = clock or SystemClock()
    hsm = Hsm(settings.hsm)
    await hsm.open()
    try:
        await hsm.demand_strong_authority()
        return await found(HsmAuthorityKeys(hsm, clock), settings.pki_folder, settings.authority, clock.now())
    finally:
        await hsm.close()


async def accept_restored_database(settings: AcSettings, *, operator: str, clock: Clock | None = None) -> int:
    """An operator's word that the database was restored on purpose; with the AC stopped. How many visits were voided.

    Until then ``run_ac`` raises DatabaseRolledBack.
    """
    database = Database(await open_pool(settings.dsn, application_name="linkid-ac-restore"))
    try:
        audit = AuditChain(database, CHAIN_NAME, clock or SystemClock(), settings.head_file)
        return await accept_restore(database, audit, operator=operator)
    finally:
        await database.close()


async def run_ac(settings: AcSettings, clock: Clock | None = None) -> None:
    """Serve until cancelled. Raises HsmUnavailable when every HSM thread hangs: the supervisor starts another.

    A refused PIN ends nothing: whoever keeps us up would start us again, and the PIN would be tried again.
    """
    try:
        async with serving_ac(settings, clock) as running:
            await running.hsm.broken.wait()
            raise HsmUnavailable("every thread hangs in the module: this process must be replaced")
    except HsmLoginRefused as error:
        _log.error("ac_out_of_order", error_code=error.code, detail=error.detail)
        app = private_app(out_of_order(error))
        async with await serve_private(
            app, settings.listen, tls=settings.listen_tls, mode=settings.listen_mode, group=settings.listen_group
        ):
            await asyncio.Event().wait()


class RunningAc:
    """What ``serving_ac`` yields: the listening server, and the parts tests look into."""

    def __init__(
        self, server: PrivateServer, hsm: Hsm, database: Database, publisher: Publisher, emissions: EmissionService
    ) -> None:
        """Made by ``serving_ac``."""
        self.server = server
        self.hsm = hsm
        self.database = database
        self.publisher = publisher
        self.emissions = emissions


@contextlib.asynccontextmanager
async def serving_ac(
    settings: AcSettings, clock: Clock | None = None, random: Random = secrets.token_bytes
) -> AsyncIterator[RunningAc]:
    """A serving AC as long as the block runs.

    Raises what opening HSM, database and socket raises; SlotDamaged for keys that somebody may know, or may change.
    """
    clock = clock or SystemClock()
    hsm = Hsm(settings.hsm)
    await hsm.open()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(hsm.close)
        await hsm.demand_strong_authority()
        database = Database(await open_pool(settings.dsn, application_name="linkid-ac"))
        stack.push_async_callback(database.close)
        audit = AuditChain(database, CHAIN_NAME, clock, settings.head_file)
        await audit.check_not_behind()
        keys = HsmAuthorityKeys(hsm, clock)
        chain = await found(keys, settings.pki_folder, settings.authority, clock.now(), random)
        pins = FilePins(settings.trust_file, settings.operators_file)
        publisher = Publisher(
            database,
            keys,
            audit,
            clock,
            chain,
            settings.authority,
            settings.pki_folder,
            FileList(settings.pki_folder / "issuing.crl"),
            crl_life=settings.crl_life,
            crl_every=settings.crl_every,
            ocsp_life=settings.ocsp_life,
        )
        emissions = EmissionService(database, keys, pins, audit, clock, random)
        calls = AcCalls(
            keys,
            clock,
            OrderService(database, keys, pins, audit, clock),
            emissions,
            IssuingService(database, keys, pins, audit, clock, chain, settings.authority, random),
            RevocationService(database, keys, pins, audit, clock, publisher),
            publisher,
            TimeStamping(keys, clock, chain, settings.authority.stamping_policy, random),
        )
        await publisher.open()
        await publisher.keep_fresh()
        server = await serve_private(
            calls.app(),
            settings.listen,
            tls=settings.listen_tls,
            mode=settings.listen_mode,
            group=settings.listen_group,
        )
        await stack.enter_async_context(server)
        timer = asyncio.create_task(_timer(publisher, emissions))
        stack.push_async_callback(_ended, timer)
        _log.info("ac_ready", address=server.address)
        yield RunningAc(server, hsm, database, publisher, emissions)


async def _timer(publisher: Publisher, emissions: EmissionService) -> None:
    """Every minute; a failure is told and tried again, for ever."""
    while True:
        await asyncio.sleep(_TIMER_SECONDS)
        try:
            await publisher.keep_fresh()
            await emissions.sweep()
        except LinkIdError:
            _log.exception("ac_timer_failed")


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
