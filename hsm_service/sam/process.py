"""One SAM process: everything put together, opened, listening, and ended when it must be replaced.

``build_sam`` is for tests and for ``run_sam``; ``run_sam`` is what ``linkid sam`` runs. The order of opening matters:
the HSM first (nothing works without it), then the database, then the comparison with the audit head kept outside; only
then does anything listen.
"""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cryptography import x509

from foundation.audit import AuditChain, DatabaseRolledBack
from foundation.channel import PrivateServer, private_app, serve_private
from foundation.clock import Clock, SystemClock
from foundation.database import Database, open_pool
from foundation.logs import get_logger
from foundation.tls import TlsFiles
from foundation.watched_file import WatchedFile
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.activations.service import Activations
from hsm_service.sam.activations.store import ActivationStore
from hsm_service.sam.api import Api, Rooms
from hsm_service.sam.associations.service import Associations
from hsm_service.sam.associations.store import AssociationStore
from hsm_service.sam.attempts.service import Attempts
from hsm_service.sam.bindings.service import Bindings
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.clients.service import Clients, Operators
from hsm_service.sam.clients.store import ClientStore
from hsm_service.sam.credentials.service import Credentials
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.custody import Custody
from hsm_service.sam.decisions.effects import Effects
from hsm_service.sam.decisions.service import Decisions
from hsm_service.sam.decisions.state import Outcomes
from hsm_service.sam.documents.service import Documents
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.emission.service import Emission
from hsm_service.sam.evidence.service import EvidenceRoom
from hsm_service.sam.fault_points import FaultPoints
from hsm_service.sam.house import open_token
from hsm_service.sam.housekeeping import keep_house
from hsm_service.sam.memory import Memory
from hsm_service.sam.recall import recall
from hsm_service.sam.roots import Proofs, Roots, TransportKeys
from hsm_service.sam.rows import Alarm, RowSeals
from hsm_service.sam.settings import SamSettings
from hsm_service.sam.signatures.service import Signatures
from hsm_service.sam.signatures.signer import Signer
from hsm_service.sam.signed_heads import HeadSigner
from hsm_service.sam.versions import KeyVersions
from hsm_service.sam.watch import Watch
from protocol import pins
from protocol.keys import P256Key

Random = Callable[[int], bytes]

REPLACE_ME: Final = 70
"""Exit code by which the supervisor starts another process at once (EX_SOFTWARE)."""

_log = get_logger(__name__)


@dataclass(frozen=True)
class Pins:
    """Whom this SAM believes, from files beside it: the AC, and operators."""

    root_certificate: x509.Certificate
    ac_roots: Mapping[str, P256Key]
    operators: Operators
    """Asked at every order: they come and go while we run."""

    @classmethod
    def read(cls, trust: Path, root_certificate: Path, operators: Path) -> "Pins":
        """From trust.json, a PEM file and operators.json. Raises OSError, ValueError, BadEncoding, BadKey."""
        return cls(
            x509.load_pem_x509_certificate(root_certificate.read_bytes()),
            pins.roots(trust.read_bytes(), "ac"),
            WatchedFile(operators, pins.operators),
        )


@dataclass(frozen=True)
class Sam:
    """A SAM that is put together. ``api.calls()`` is what it answers."""

    api: Api
    hsm: Hsm
    database: Database
    audit: AuditChain
    watch: Watch
    rooms: Rooms
    roots: Roots
    versions: KeyVersions
    on_spare: bool = False
    """Whether it works with the second token."""


async def build_sam(
    hsm: Hsm,
    database: Database,
    audit: AuditChain,
    pinned: Pins,
    *,
    clock: Clock,
    faults: FaultPoints | None = None,
    random: Random = secrets.token_bytes,
) -> Sam:
    """Put a SAM together over an opened HSM and database; ``watch.look()`` is still to be called.

    Raises SlotDamaged for a token weaker than ours, HsmUnavailable.
    """
    versions = KeyVersions(hsm)
    alarm = Alarm(database, audit)
    seals = RowSeals(hsm, alarm, (await versions.newest()).rowmac)
    roots = Roots(hsm, await hsm.root())
    proofs = Proofs(hsm, TransportKeys(hsm))
    memory, faults = Memory(), faults or FaultPoints()
    watch = Watch(audit, hsm, clock, lambda now: recall(database, memory, seals, audit, now))
    credentials, bindings = CredentialStore(seals), BindingStore(seals)
    associations, clients = AssociationStore(seals), ClientStore(seals)
    documents_store = DocumentStore(seals, alarm)
    activation_store = ActivationStore(seals, documents_store, alarm)
    attempts = Attempts(database, audit, seals, alarm, clock)
    custody = Custody(hsm, random)
    documents = Documents(
        database=database, audit=audit, clock=clock, store=documents_store, credentials=credentials,
        bindings=bindings, associations=associations, clients=clients, attempts=attempts, roots=roots, proofs=proofs,
        random=random,
    )  # fmt: skip
    rooms = Rooms(
        emission=Emission(
            database=database, audit=audit, clock=clock, hsm=hsm, documents=documents, store=documents_store,
            credentials=credentials, custody=custody, proofs=proofs, roots=roots, versions=versions,
            random=random,
        ),
        credentials=Credentials(database, audit, clock, credentials, pinned.root_certificate, pinned.ac_roots),
        documents=documents,
        decisions=Decisions(
            database=database, audit=audit, clock=clock, documents=documents, store=documents_store,
            credentials=credentials, bindings=bindings, attempts=attempts, proofs=proofs, custody=custody,
            versions=versions, effects=Effects(clock, bindings, associations, activation_store, random), faults=faults,
        ),
        evidence=EvidenceRoom(
            database=database, clock=clock, documents=documents_store, credentials=credentials, bindings=bindings,
            roots=roots, alarm=alarm,
        ),
        outcomes=Outcomes(database, clock, documents_store, activation_store, alarm),
        signatures=Signatures(
            database=database, audit=audit, clock=clock,
            activations=Activations(clock, hsm, activation_store, credentials, associations, clients),
            store=activation_store, signer=Signer(hsm), memory=memory, alarm=alarm, faults=faults,
        ),
        bindings=Bindings(database, audit, bindings),
        associations=Associations(database, audit, associations, bindings),
        clients=Clients(database, audit, clock, clients, pinned.operators),
    )  # fmt: skip
    return Sam(Api(rooms, watch, hsm), hsm, database, audit, watch, rooms, roots, versions)


@asynccontextmanager
async def open_sam(settings: SamSettings, *, clock: Clock | None = None) -> AsyncIterator[Sam]:
    """HSM, database and audit opened from settings, closed at the end."""
    clock = clock or SystemClock()
    pinned = Pins.read(settings.trust, settings.root_certificate, settings.operators)
    hsm = await open_token(settings, clock)
    try:
        pool = await open_pool(
            settings.database.get_secret_value(),
            max_size=settings.database_connections,
            application_name=f"linkid-{settings.name}",
        )
        database = Database(pool)
        try:
            audit = AuditChain(database, settings.name, clock, settings.head_file)
            faults = FaultPoints(settings.fault_points)
            sam = await build_sam(hsm, database, audit, pinned, clock=clock, faults=faults)
            yield replace(sam, on_spare=hsm.token.settings == settings.hsm_spare)
        finally:
            await database.close()
    finally:
        await hsm.close()


async def serve_sam(sam: Sam, listen: str, tls: TlsFiles | None = None) -> PrivateServer:
    """Look at the database once, then listen. A database behind its audit head leaves a SAM that only says so."""
    try:
        await sam.watch.look()
        if sam.on_spare:
            async with sam.database.transaction() as connection:
                sam.audit.note(connection, "house.spare_used", sam=sam.audit.chain)
    except DatabaseRolledBack as error:
        _log.error("sam_refuses_work", detail=error.detail)
    return await serve_private(private_app(sam.api.calls()), listen, tls=tls)


async def run_sam(settings: SamSettings, *, tls: TlsFiles | None = None) -> int:
    """Run until SIGTERM or SIGINT (0), or until the HSM library hangs, or the HSM is not well for a minute and there is
    a spare (REPLACE_ME: start another process)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_sam(settings) as sam:
        server = await serve_sam(sam, settings.listen, tls)
        _log.info("sam_listening", name=settings.name, address=server.address, epoch=sam.hsm.epoch)
        heads = HeadSigner(sam.database, sam.roots, SystemClock(), settings.name, settings.signed_heads_file)
        given_up = asyncio.Event()
        spare = None if settings.hsm_spare is None else given_up
        house = asyncio.create_task(keep_house(sam.database, sam.hsm, sam.watch, SystemClock(), heads, spare))
        waits = [asyncio.create_task(one.wait()) for one in (stop, sam.hsm.broken, given_up)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        broken = sam.hsm.broken.is_set() or given_up.is_set()
        for one in (*waits, house):
            one.cancel()
        await server.close()
    return REPLACE_ME if broken else 0
