"""One SAM process: everything put together, opened, listening, and ended when it must be replaced.

``build_sam`` is for tests and for ``run_sam``; ``run_sam`` is what ``linkid sam`` runs. The order of opening matters:
the HSM first (nothing works without it), then the database, then the comparison with the audit head kept outside; only
then does anything listen. How it ends says what should come next (``foundation.exits``).
"""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cryptography import x509

from foundation.audit import AuditChain, DatabaseRolledBack
from foundation.channel import PrivateServer, out_of_order, private_app, serve_private
from foundation.clock import Clock, SystemClock
from foundation.collector import look_seldom
from foundation.database import Database, open_pool
from foundation.errors import JsonObject, LinkIdError
from foundation.exits import RECYCLED, REPLACE_ME
from foundation.group_commit import GroupCommit
from foundation.logs import get_logger
from foundation.tls import TlsFiles
from foundation.watched_file import WatchedFile
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmLoginRefused, TokenChanged
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.activations.service import Activations
from hsm_service.sam.activations.store import ActivationStore
from hsm_service.sam.api import VERSION, Api, Rooms
from hsm_service.sam.associations.service import Associations
from hsm_service.sam.associations.store import AssociationStore
from hsm_service.sam.attempts.domain import Highest
from hsm_service.sam.attempts.service import Attempts
from hsm_service.sam.bindings.service import Bindings
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.blocks.service import Blocks
from hsm_service.sam.clients.service import Clients, Operators
from hsm_service.sam.clients.store import ClientStore
from hsm_service.sam.consents.service import Consents
from hsm_service.sam.consents.store import ConsentStore
from hsm_service.sam.credentials.service import Credentials
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.custody import Custody
from hsm_service.sam.decisions.approval import Approval
from hsm_service.sam.decisions.effects import Effects
from hsm_service.sam.decisions.look import Look
from hsm_service.sam.decisions.renewal import Renewals
from hsm_service.sam.decisions.service import Decisions
from hsm_service.sam.decisions.state import Outcomes
from hsm_service.sam.documents.requests import Requests
from hsm_service.sam.documents.service import Documents
from hsm_service.sam.documents.stating import Stating
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.emission.pool import KeyPool
from hsm_service.sam.emission.service import Emission
from hsm_service.sam.evidence.history import History
from hsm_service.sam.evidence.service import EvidenceRoom
from hsm_service.sam.explicit.asking import ConsentAsks
from hsm_service.sam.explicit.opening import ExplicitOpening
from hsm_service.sam.explicit.service import Explicit
from hsm_service.sam.explicit.stretching import StretchingRoom
from hsm_service.sam.fault_points import FaultPoints
from hsm_service.sam.generators.service import Generators
from hsm_service.sam.generators.store import GeneratorStore
from hsm_service.sam.house import open_token
from hsm_service.sam.housekeeping import keep_house, watch_hsm
from hsm_service.sam.memory import Memory
from hsm_service.sam.orders.service import HolderOrders
from hsm_service.sam.passkeys.service import Passkeys
from hsm_service.sam.passkeys.store import PasskeyStore
from hsm_service.sam.recall import Mind, Recollection
from hsm_service.sam.roots import Proofs, Roots, TransportKeys, TransportRoom
from hsm_service.sam.rows import Alarm, RowSeals
from hsm_service.sam.sessions.asking import SessionAsks
from hsm_service.sam.sessions.opening import Opening
from hsm_service.sam.sessions.service import Sessions
from hsm_service.sam.sessions.store import UseStore
from hsm_service.sam.settings import SamSettings
from hsm_service.sam.signatures.service import Signatures
from hsm_service.sam.signatures.signer import Signer
from hsm_service.sam.signed_heads import HeadSigner
from hsm_service.sam.versions import KeyVersions
from hsm_service.sam.watch import Watch
from protocol import pins
from protocol.algorithms import KeyAlgorithm
from protocol.consents import ExplicitSettings
from protocol.keys import P256Key
from protocol.passkeys import RelyingParty

Random = Callable[[int], bytes]

_HURRY_SECONDS: Final = 1.0
_STAGGER: Final = 0.2
"""By how much, at most, one SAM works longer than another before it makes room for a new process."""

_log = get_logger(__name__)


@dataclass(frozen=True)
class Pins:
    """Whom this SAM believes, from files beside it: the AC, and operators."""

    root_certificate: x509.Certificate
    ac_roots: Mapping[str, P256Key]
    operators: Operators
    """Asked at every order: they come and go while we run."""
    sam_roots: Mapping[str, P256Key] = field(default_factory=dict)
    """The SAM roots that clients trust; with any, a token with another root is not ours."""
    app: RelyingParty = RelyingParty("", "")  # noqa: RUF009 - a value, and frozen
    """Where phones' passkeys speak; without it none is enrolled."""

    @classmethod
    def read(cls, trust: Path, root_certificate: Path, operators: Path) -> "Pins":
        """From trust.json, a PEM file and operators.json. Raises OSError, ValueError, BadEncoding, BadKey."""
        return cls(
            x509.load_pem_x509_certificate(root_certificate.read_bytes()),
            pins.roots(trust.read_bytes(), "ac"),
            WatchedFile(operators, pins.operators),
            pins.roots(trust.read_bytes(), "sam"),
            pins.app(trust.read_bytes()),
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
    pool: KeyPool
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
    ahead: Mapping[KeyAlgorithm, int] = MappingProxyType({}),
    explicit: ExplicitSettings | None = None,
    wait: timedelta = timedelta(0),
) -> Sam:
    """Put a SAM together over an opened HSM and database; ``watch.look()`` is still to be called.

    ``ahead``: how many keys of which kind its pool is to hold; ``pool.keep_filled()`` is the caller's to run.
    ``explicit``: whether, and how far, applications may send the holder's factors; None: they may not. ``wait``: how
    long a phone that is not a certificate's first may not decide.
    Raises SlotDamaged for a token weaker than ours, TokenChanged for one that no client trusts, HsmUnavailable.
    """
    root = await hsm.root()
    if pinned.sam_roots and root.jkt not in pinned.sam_roots:
        raise TokenChanged("the token's root key is not one of those in trust.json")
    versions = KeyVersions(hsm)
    newest = await versions.newest()
    alarm = Alarm(database, audit)
    seals = RowSeals(hsm, alarm, newest.rowmac)
    roots = Roots(hsm, root)
    transport = TransportKeys(hsm)
    proofs = Proofs(hsm, transport)
    memory, faults, explicit = Memory(), faults or FaultPoints(), explicit or ExplicitSettings()
    highest = Highest()
    recollection = Recollection(database, Mind(memory, seals, highest), audit)
    endings = Endings(audit, clock, memory, seals)
    watch = Watch(audit, hsm, clock, recollection.begin, database.ping)
    pool = KeyPool(hsm, ahead, newest.kek, lambda: watch.quiet_work_allowed, versions.newest_kek)
    credentials, bindings = CredentialStore(seals), BindingStore(seals)
    blocks = Blocks(database, audit, clock, credentials, bindings, endings)
    associations, clients = AssociationStore(seals), ClientStore(seals)
    documents_store = DocumentStore(seals, alarm)
    activation_store = ActivationStore(database, seals, documents_store, alarm, explicit=explicit.enabled)
    consents, generators = ConsentStore(database, seals, alarm, memory.consents), GeneratorStore(seals)
    commits = GroupCommit(database)
    attempts = Attempts(database, audit, seals, alarm, clock, commits=commits, highest=highest)
    phones = Bindings(database, audit, clock, bindings, endings, attempts)
    custody, signer = Custody(hsm, random), Signer(hsm)
    stating = Stating(database, credentials, roots, proofs)
    passkey_store = PasskeyStore(seals)
    passkeys = Passkeys(database, audit, clock, passkey_store, bindings, pinned.app, random)
    documents = Documents(
        database=database, audit=audit, clock=clock, store=documents_store, credentials=credentials,
        bindings=bindings, clients=clients, passkeys=passkey_store, attempts=attempts, stating=stating, random=random,
    )  # fmt: skip
    requests = Requests(
        database=database, audit=audit, clock=clock, seals=seals, store=documents_store, credentials=credentials,
        associations=associations, clients=clients, attempts=attempts, stating=stating, commits=commits,
        random=random,
    )  # fmt: skip
    effects = Effects(
        clock,
        bindings,
        associations,
        activation_store,
        endings,
        blocks,
        consents,
        generators,
        custody,
        versions,
        phones,
        passkeys,
        wait,
        random,
    )
    session_asks = SessionAsks(clock, requests)
    stretching = StretchingRoom(explicit.password_threads, explicit.password_places)
    rooms = Rooms(
        emission=Emission(
            database=database, audit=audit, clock=clock, hsm=hsm, documents=documents, store=documents_store,
            credentials=credentials, custody=custody, proofs=proofs, roots=roots, pool=pool, versions=versions,
            random=random,
        ),
        credentials=Credentials(
            database, audit, clock, credentials, pinned.root_certificate, pinned.ac_roots, endings
        ),
        documents=documents,
        requests=requests,
        decisions=Decisions(
            database=database, audit=audit, clock=clock, documents=documents, store=documents_store,
            credentials=credentials, bindings=bindings, passkeys=passkeys, attempts=attempts, proofs=proofs,
            custody=custody, versions=versions,
            effects=effects, endings=endings,
            look=Look(database, seals, alarm, documents_store, bindings, credentials),
            approval=Approval(commits, seals, audit, clock, attempts, documents_store, credentials, passkeys, faults),
            faults=faults,
        ),
        evidence=EvidenceRoom(
            database=database, clock=clock, documents=documents_store, credentials=credentials, bindings=bindings,
            roots=roots, alarm=alarm,
        ),
        history=History(database, clock, seals, documents_store, bindings),
        outcomes=Outcomes(database, clock, seals, documents_store, alarm),
        signatures=Signatures(
            database=database, audit=audit, clock=clock,
            activations=Activations(clock, hsm, activation_store, credentials, associations, clients),
            store=activation_store, signer=signer, memory=memory, alarm=alarm, faults=faults, commits=commits,
        ),
        session_asks=session_asks,
        consent_asks=ConsentAsks(clock, requests, explicit),
        consents=Consents(database, clock, consents, bindings, documents_store, endings),
        generators=Generators(database, audit, generators, custody.keep_anew, versions.newest_pepper),
        transport=TransportRoom(clock, transport, roots),
        explicit=Explicit(
            database=database, commits=commits, audit=audit, clock=clock,
            opening=ExplicitOpening(
                database=database, clock=clock, settings=explicit, hsm=hsm, transport=transport,
                documents=documents_store, credentials=credentials, bindings=bindings, clients=clients,
                consents=consents, generators=generators, attempts=attempts, custody=custody,
                memory=memory.sessions, room=stretching,
            ),
            requests=requests, session_asks=session_asks, documents=documents_store, credentials=credentials,
            bindings=bindings, consents=consents, generators=generators, activations=activation_store,
            effects=effects, endings=endings, renewals=Renewals(credentials, custody, versions), room=stretching,
            learn=recollection.back_to, random=random,
        ),
        sessions=Sessions(
            database=database, commits=commits, audit=audit, clock=clock,
            opening=Opening(
                clock=clock, hsm=hsm, activations=activation_store, credentials=credentials, bindings=bindings,
                associations=associations, clients=clients, memory=memory.sessions, alarm=alarm,
            ),
            store=UseStore(seals), activations=activation_store, consents=consents, bindings=bindings, endings=endings,
            signer=signer,
            memory=memory.sessions, learn=recollection.back_to, alarm=alarm, faults=faults,
        ),
        blocks=blocks,
        holder_orders=HolderOrders(
            database, clock, credentials, bindings, blocks, phones, documents_store, pinned.operators
        ),
        bindings=phones,
        associations=Associations(database, audit, associations, bindings, endings),
        clients=Clients(database, audit, clock, clients, pinned.operators, endings),
    )  # fmt: skip
    return Sam(Api(rooms, watch, hsm), hsm, database, audit, watch, rooms, roots, pool, versions)


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
            wanted = settings.key_pool.wanted()
            sam = await build_sam(
                hsm, database, audit, pinned, clock=clock, faults=faults, ahead=wanted, explicit=settings.explicit,
                wait=timedelta(hours=settings.phone_wait_hours),
            )  # fmt: skip
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
    """Run until something ends it; the exit code.

    0 after SIGTERM or SIGINT; REPLACE_ME when the HSM library hangs or does not come back, or the HSM is silent for a
    minute and there is a spare; RECYCLED when it has kept too much. A refused PIN ends nothing: whoever keeps us up
    would start us again, and the PIN would be tried again.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with open_sam(settings) as sam:
            return await _work(sam, settings, tls, stop)
    except HsmLoginRefused as error:
        await _say_why(error, settings, tls, stop)
        return 0


async def _work(sam: Sam, settings: SamSettings, tls: TlsFiles | None, stop: asyncio.Event) -> int:
    sam.hsm.wear_out_at(worn_at(settings))
    server = await serve_sam(sam, settings.listen, tls)
    look_seldom()
    _log.info("sam_listening", name=settings.name, address=server.address, epoch=sam.hsm.epoch)
    heads = HeadSigner(sam.database, sam.roots, SystemClock(), settings.name, settings.signed_heads_file)
    given_up = asyncio.Event()
    chores = [
        asyncio.create_task(keep_house(sam.database, SystemClock(), heads, sam.rooms.generators, sam.rooms.bindings)),
        asyncio.create_task(watch_hsm(sam.hsm, given_up if settings.hsm_spare else None)),
        asyncio.create_task(sam.pool.keep_filled()),
    ]
    ends = (stop, sam.hsm.broken, given_up, sam.hsm.worn)
    waits = [asyncio.create_task(event.wait()) for event in ends]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    silent = sam.hsm.broken.is_set() or given_up.is_set()
    code = 0 if stop.is_set() else REPLACE_ME if silent else RECYCLED
    if code == RECYCLED:
        _log.info("sam_worn", name=settings.name, session_objects=sam.hsm.session_objects)
        sam.watch.drain()
        draining = asyncio.create_task(server.drain())
        # a second word ends even this: a library that hangs now, or an operator
        await asyncio.wait({draining, *waits[:3]}, return_when=asyncio.FIRST_COMPLETED)
        draining.cancel()
    for one in (*waits, *chores):
        one.cancel()
    sam.pool.forget()
    if code == REPLACE_ME:  # nobody inside gets an answer any more, and others wait for our successor
        with suppress(TimeoutError):
            await asyncio.wait_for(server.close(), _HURRY_SECONDS)
        sam.database.pool.terminate()
    else:
        await server.close()
    return code


async def _say_why(error: LinkIdError, settings: SamSettings, tls: TlsFiles | None, stop: asyncio.Event) -> None:
    """Stay up, not ready, until told to stop."""
    _log.error("sam_out_of_order", error_code=error.code, detail=error.detail)
    status: JsonObject = {"epoch": 0, "version": VERSION, "process": os.getpid(), "hsm": {}}
    async with await serve_private(private_app(out_of_order(error, status)), settings.listen, tls=tls):
        await stop.wait()


def worn_at(settings: SamSettings) -> int:
    """After how many session objects this SAM makes room: later by its number, so that no two do it together."""
    share = int(settings.name.removeprefix("sam-")) * 0.618 % 1  # the golden section: neighbours come to lie far apart
    return int(settings.hsm.recycle_unwraps * (1 + _STAGGER * share))
