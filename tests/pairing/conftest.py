"""A gateway with pairing in it: real PostgreSQL, a SAM double, and people who hold phones and computers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from foundation.audit import AuditChain
from foundation.clock import FixedClock
from foundation.database import Database, open_pool
from foundation.dpop import DpopVerifier, MemoryReplayCache
from foundation.web import new_app
from pairing.domain.codes import CodeKey
from pairing.service.admissions import AdmissionService
from pairing.service.bells import BellService
from pairing.service.blocks import BlockService
from pairing.service.calls import CallService
from pairing.service.computers import ComputerService
from pairing.service.consents import ConsentService
from pairing.service.decisions import DecisionService
from pairing.service.link_life import LinkLife
from pairing.service.links import LinkService
from pairing.service.numbers import PairingNumbers
from pairing.service.passkeys import PasskeyService
from pairing.service.pauses import PauseService
from pairing.service.phones import PhoneService
from pairing.service.possessions import PossessionService
from pairing.service.scans import ScanService
from pairing.service.warnings import WarningService
from pairing.settings import PairingSettings
from pairing.web import Doorkeeper, pairing_routes
from tests.pairing.people import APP, CREDENTIALS, ORIGIN, Computer, Phone, TownOfHolders
from tests.pairing.recorders import RecordingCallers, RecordingDoorbell, RecordingLetters, RecordingSms
from tests.support.emptied import empty_tables
from tests.support.postgres import TestDatabase
from tests.support.sam_double import SamDouble


@dataclass
class Gateway:
    """Everything a test may want to look at."""

    clock: FixedClock
    database: Database
    client: TestClient[Any, Any]
    sam: SamDouble
    holders: TownOfHolders
    sms: RecordingSms
    doorbell: RecordingDoorbell
    callers: RecordingCallers
    letters: RecordingLetters
    phones: PhoneService
    life: LinkLife
    links: LinkService
    computers: ComputerService
    bells: BellService
    calls: CallService
    pauses: PauseService
    registry: CollectorRegistry

    def phone(self) -> Phone:
        """Somebody's phone, with a new key."""
        return Phone(self.client, self.clock, self.sms)

    def computer(self) -> Computer:
        """Somebody's computer, with a new key."""
        return Computer(self.client, self.clock)

    async def paired(self) -> Phone:
        """A phone that went all the way."""
        phone = self.phone()
        await phone.pair()
        return phone


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 23, 12, 0, tzinfo=UTC))


@pytest.fixture
async def gateway_database(shared_database: TestDatabase) -> AsyncIterator[Database]:
    """As the gateway's role sees it: what it may not do fails here. Empty."""
    await empty_tables(shared_database, "pairing")
    opened = Database(await open_pool(shared_database.dsn("linkid_gateway"), max_size=20))
    yield opened
    await opened.close()


MakeGateway = Callable[..., Awaitable[Gateway]]


@pytest.fixture
async def make_gateway(gateway_database: Database, clock: FixedClock) -> AsyncIterator[MakeGateway]:
    """Gateways with settings of their own; they share database and clock."""
    clients: list[TestClient[Any, Any]] = []

    async def make(*, sam: SamDouble | None = None, offered: bool = True, **settings: Any) -> Gateway:
        audit = AuditChain(gateway_database, "gateway-0", clock)
        key = CodeKey(bytes(range(32)))
        sam = sam or SamDouble(clock, {one.id: one.subject for one in CREDENTIALS})
        holders, letters = TownOfHolders(), RecordingLetters()
        registry = CollectorRegistry()
        sms, doorbell, callers = RecordingSms(), RecordingDoorbell(), RecordingCallers()
        numbers = PairingNumbers(registry)
        pauses = PauseService(gateway_database, audit, numbers)
        phones = PhoneService(
            gateway_database,
            clock,
            audit,
            code_key=key,
            holders=holders,
            sms=sms,
            sam=sam,
            letters=letters,
            doorbell=doorbell,
            app_host="app.test",
            settings=PairingSettings(**settings),
            pauses=pauses,
            numbers=numbers,
        )
        life = LinkLife(gateway_database, clock, audit, key, sam, callers)
        links = LinkService(gateway_database, clock, audit, life=life, holders=holders, letters=letters, app=APP)
        scans = ScanService(gateway_database, clock, audit, life=life, sam=sam, app=APP)
        warnings = WarningService(gateway_database, clock, audit, doorbell=doorbell, letters=letters)
        admissions = AdmissionService(gateway_database, clock, audit, sam=sam, letters=letters, warnings=warnings)
        passkeys = PasskeyService(clock, sam=sam, letters=letters)
        decisions = DecisionService(
            gateway_database,
            clock,
            audit,
            sam=sam,
            holders=holders,
            doorbell=doorbell,
            callers=callers,
            letters=letters,
            scans=scans,
            warnings=warnings,
            admissions=admissions,
            passkeys=passkeys,
        )
        computers = ComputerService(gateway_database, clock, audit, sam)
        blocks = BlockService(gateway_database, audit, sam, warnings)
        consents = ConsentService(gateway_database, audit, sam, offered=offered)
        possessions = PossessionService(gateway_database, clock, audit, sam=sam, letters=letters, phones=phones)
        doorkeeper = Doorkeeper(DpopVerifier(clock, MemoryReplayCache(clock)), phones, ORIGIN)
        app = new_app()
        app.add_routes(
            pairing_routes(
                doorkeeper,
                phones,
                decisions,
                links,
                scans,
                computers,
                warnings,
                blocks,
                possessions,
                consents,
                admissions,
                passkeys,
            )
        )
        client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        bells = BellService(gateway_database, clock, doorbell)
        return Gateway(
            clock,
            gateway_database,
            client,
            sam,
            holders,
            sms,
            doorbell,
            callers,
            letters,
            phones,
            life,
            links,
            computers,
            bells,
            CallService(gateway_database, clock, life=life, links=links, scans=scans, doorbell=doorbell),
            pauses,
            registry,
        )

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
async def gateway(make_gateway: MakeGateway) -> Gateway:
    """One with the usual settings."""
    return await make_gateway()
