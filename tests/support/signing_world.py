"""The signing API assembled: real gateway slices, real PostgreSQL, the SAM of `signing_sam` behind its channel.

    async def test_x(world: World) -> None:
        computer = await world.computer()
        ...

The gateway calls itself `ORIGIN` whatever port it listens on, as behind a proxy.
"""

import base64
import contextlib
import hashlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from foundation.audit import AuditChain
from foundation.channel import PrivateClient, serve_private
from foundation.clock import FixedClock
from foundation.database import Connection, Database, open_pool
from foundation.dpop import AssertionVerifier, DatabaseReplayCache, DpopVerifier
from foundation.group_commit import GroupCommit
from foundation.ids import new_id
from foundation.web import ErrorTable, new_app
from foundation.web.certificates import NO_CERTIFICATES, CertificateReader
from hsm_service.credentials.domain.credential import Credential
from hsm_service.credentials.service import CredentialService, Identifications
from hsm_service.csc.problems import DIALECT as CSC
from hsm_service.csc.problems import OAUTH_V1
from hsm_service.csc.web import CscV1, CscV2, OAuthV1
from hsm_service.csc.web.documents import DocumentCalls
from hsm_service.csc.web.oauth1 import PREFIXES as PREFIXES_V1
from hsm_service.csc.web.oauth1 import TOKEN_PATH as TOKEN_PATH_V1
from hsm_service.documents.service import DocumentService
from hsm_service.documents.service.time_stamps import TimeStampClient
from hsm_service.documents.service.workshop import Workshop
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.oauth.problems import DIALECT as OAUTH
from hsm_service.oauth.problems import PREFIXES
from hsm_service.oauth.service.authentication import ClientAuthentication
from hsm_service.oauth.service.callers import CallerService
from hsm_service.oauth.service.clients import ClientService, Registered
from hsm_service.oauth.service.introspection import IntrospectionService
from hsm_service.oauth.service.pace import CallPace
from hsm_service.oauth.service.pages import PageService
from hsm_service.oauth.service.requests import RequestService
from hsm_service.oauth.service.signing_pages import SigningPages
from hsm_service.oauth.service.tokens import TokenService
from hsm_service.oauth.store import ClientStore, TokenStore
from hsm_service.oauth.web.authorize import AuthorizePages
from hsm_service.oauth.web.bearer import Authenticator
from hsm_service.oauth.web.clients import ClientReader
from hsm_service.oauth.web.endpoints import CSC_V1, RFC, OAuthEndpoints
from hsm_service.oauth.web.metadata import TOKEN_PATH, audiences
from hsm_service.psc.problems import by_prefix
from hsm_service.psc.service.holders import Holders as PscHolders
from hsm_service.psc.service.outcomes import Outcomes
from hsm_service.psc.service.pushes import Background
from hsm_service.psc.service.start_bells import StartBells
from hsm_service.psc.web.mounting import Parts as PscParts
from hsm_service.psc.web.mounting import psc_routes
from hsm_service.registration.service.applications import ApplicationService
from hsm_service.registration.service.sign_ins import SignInService
from hsm_service.registration.web.pages import BACK, RegistrationPages
from hsm_service.signing.adapters.explicit import ExplicitOverChannel
from hsm_service.signing.adapters.sam import SamOverChannel
from hsm_service.signing.adapters.wakeups import PostgresWakeups
from hsm_service.signing.service import SigningService
from hsm_service.signing.service.explicit import ExplicitSigning
from hsm_service.signing.service.preparations import PreparationService
from hsm_service.signing.service.responses import ResponseService
from hsm_service.signing.service.waiting import WaitingCalls
from hsm_service.webhooks.service import AddressService, Telling
from linkid.dialects import dialects
from linkid.joins import (
    DocumentsOfPsc,
    HoldersOfRegistration,
    NoticesOfSigning,
    PostsOfPsc,
    SignaturesOfOAuth,
    WebhooksOfRegistration,
)
from protocol.algorithms import KEY_KINDS
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.service.outbox import OutboxService, OutboxWorker
from tests.support.parsing import NURSERY
from tests.support.postgres import TestDatabase
from tests.support.psc_routes import SETTINGS as PSC_SETTINGS
from tests.support.psc_routes import Calls, policies_in
from tests.support.signing_callers import ORIGIN, BearerCaller, Computer
from tests.support.signing_neighbours import (
    APP,
    ComputerRow,
    Computers,
    CredentialsPort,
    Doorbell,
    Links,
    Told,
    Vouching,
    Warned,
)
from tests.support.signing_sam import PrivateKey, SamCredential, SigningSam
from tests.support.stamping_authority import StampingAuthority

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)

_RSA = rsa.generate_private_key(65537, 2048)  # once per test process: it takes a moment


@dataclass
class World:
    """Everything a test may need."""

    clock: FixedClock
    database: Database
    owner: "asyncpg.Connection[Any]"
    sam: SigningSam
    computers: Computers
    doorbell: Doorbell
    links: Links
    clients: ClientService
    vouching: Vouching
    tokens: TokenService
    signing: SigningService
    commits: GroupCommit
    """What signing commits by; `ended` when a test wants to see what no caller waits for."""
    credentials: CredentialService
    identifications: Identifications
    calls: Calls
    background: Background
    client: TestClient[Any, Any]
    stamping: StampingAuthority
    explicit: ExplicitSigning
    explicit_sam: ExplicitOverChannel
    warned: Warned
    outbox: OutboxWorker
    """Carries an application's events when it is told to work."""
    told: Told
    outcomes: Outcomes
    bells: StartBells
    """Of authorize-ca; posts when it is told to look."""
    pace: CallPace
    """Of every call; no limit unless a test sets one."""

    def allow_factors(self) -> None:
        """As if the operator had turned `[explicit]` on."""
        self.explicit._sam = self.explicit_sam

    async def decided(self, document: str) -> None:
        """As by the gateway that carried a phone's decision to the SAM, which says what came of it."""
        verdict = await self.signing._sam.verdict(document)

        async def carried(connection: Connection) -> None:
            await self.signing.decided(connection, document, verdict)

        with self.signing.heard(document, verdict):
            await self.commits.run(carried)

    async def begin_again(self) -> None:
        """As if just made, for the next test of a module: empty tables, doubles that forgot, an hour later.

        The hour empties every window in memory. The audit is the one thing that stays.
        """
        await self.commits.ended()
        await self.owner.execute(EMPTY)
        self.clock.advance(timedelta(hours=1))
        self.sam.forget()
        self.computers.rows.clear()
        self.computers.came.clear()
        self.doorbell.rings.clear()
        self.links.links.clear()
        self.calls.calls.clear()
        self.vouching.away = None
        self.stamping.away, self.stamping.asked = False, 0
        self.explicit._sam = None
        self.warned.told.clear()
        self.told.events.clear()
        self.told.away = None
        self.pace.per_minute = 0

    async def credential(
        self,
        key_algorithm: str = "RSA-2048",
        subject: str = "MARIA DA SILVA",
        *,
        number: str | None = None,
        **facts: Any,
    ) -> str:
        """A credential with a certificate; `number`: a CPF or CNPJ in it; `facts` replace columns of the SAM's view."""
        made, key = new_credential(key_algorithm, subject, now=self.clock.now(), number=number)
        made = replace(made, **facts)
        if number is not None:
            await self.identifications.note(made.id, made.chain[0])
        await add_facts(self.owner, made)
        certificate = made.chain[0] if made.chain else b""
        self.sam.credentials[made.id] = SamCredential(key, key_algorithm, subject, certificate)
        return made.id

    async def computer(self, *credentials: str, name: str = "Notebook da Maria", log_in: bool = True) -> Computer:
        """An associated computer with an access token."""
        made = Computer(self.client, self.clock, ORIGIN)
        made.id = new_id("cmp")
        self.computers.rows[made.id] = ComputerRow(made.id, name, made.key.jwk, credentials)
        self.sam.signers[made.id] = made.key
        if log_in:
            await made.log_in()
        return made

    async def integrator(self, *credentials: str, name: str = "Contratos SA") -> BearerCaller:
        """An integrator with a bearer token by client credentials."""
        registered = await self.register(name=name)
        for credential in credentials:
            await self.clients.allow(registered.client.id, credential)
        form = {
            "grant_type": "client_credentials",
            "client_id": registered.client.id,
            "client_secret": registered.secret,
        }
        async with self.client.post(TOKEN_PATH, data=form) as response:
            body = await response.json()
            assert response.status == 200, body
        return BearerCaller(self.client, body["access_token"])

    async def register(self, **changes: Any) -> Registered:
        """An integrator, by an operator's hand."""
        data: dict[str, Any] = {"name": "Contratos SA", "method": ClientMethod.SECRET, "grants": [GrantType.CLIENT]}
        return await self.clients.register(**{**data, **changes})


EMPTY = """
TRUNCATE sam.credential_facts, credentials.holders, credentials.holdings, signing.requests, signing.responses,
         signing.preparations,
         oauth.clients, oauth.allowed, oauth.readers, oauth.pushed, oauth.pages, oauth.codes, oauth.tokens,
         oauth.refresh_tokens, oauth.calls, psc.authorizations, psc.session_calls, psc.starts, psc.outcomes, psc.tokens,
         psc.applications,
         credentials.identifications, web.seen_proofs, registration.page, registration.sign_ins,
         registration.applications, registration.changes, webhooks.addresses, webhooks.deliveries, push.outbox
"""

FACTS = """
DROP SCHEMA IF EXISTS sam CASCADE;
CREATE SCHEMA sam;
-- stands in for the SAM's view, with its columns (docs/protocol.md section 13)
CREATE TABLE sam.credential_facts (
    id text PRIMARY KEY, spki_hash bytea, chain bytea[], subject text, serial text,
    valid_from timestamptz, valid_to timestamptz, state text, key_algorithm text);
GRANT USAGE ON SCHEMA sam TO linkid_gateway;
GRANT SELECT ON sam.credential_facts TO linkid_gateway;
"""


async def add_facts(owner: "asyncpg.Connection[Any]", credential: Credential) -> None:
    """A row of the stand-in."""
    await owner.execute(
        "INSERT INTO sam.credential_facts VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        credential.id,
        credential.spki_hash,
        list(credential.chain),
        credential.subject,
        credential.serial,
        credential.valid_from,
        credential.valid_to,
        credential.state,
        credential.key_algorithm,
    )


def new_credential(
    key_algorithm: str, subject: str, *, now: datetime, number: str | None = None
) -> tuple[Credential, PrivateKey]:
    """A key, its certificate under a root of its own, and the facts about it. `number`: a CPF or CNPJ as otherName."""
    curve = KEY_KINDS[key_algorithm].curve
    key: PrivateKey = _RSA if curve is None else ec.generate_private_key(curve())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "BR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ICP-Brasil"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{subject}:00000000000"),
        ]
    )
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AC Link ID Teste")])
    start, end = now - timedelta(days=1), now + timedelta(days=365)

    def certificate(subject_name: x509.Name, public: Any) -> bytes:
        builder = x509.CertificateBuilder().subject_name(subject_name).issuer_name(issuer).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
        if number is not None and subject_name is name:
            builder = builder.add_extension(x509.SubjectAlternativeName([_numbered(number)]), critical=False)
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    leaf = certificate(name, key.public_key())
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    facts = Credential(
        id=new_id("cred"),
        subject=subject,
        serial=f"{x509.load_der_x509_certificate(leaf).serial_number:x}",
        valid_from=start,
        valid_to=end,
        state="active",
        key_algorithm=key_algorithm,
        spki_hash=hashlib.sha256(spki).digest(),
        chain=(leaf, certificate(issuer, issuer_key.public_key())),
    )
    return facts, key


def _numbered(number: str) -> x509.OtherName:
    """As DOC-ICP-04 writes it: a person's data at fixed positions, a company's number alone."""
    person = len(number) == 11
    value = f"31121979{number}{'0' * 36}".encode() if person else number.encode()
    oid = "2.16.76.1.3.1" if person else "2.16.76.1.3.3"
    return x509.OtherName(x509.ObjectIdentifier(oid), bytes([0x04, len(value)]) + value)


def digest(text: str, name: str = "sha256") -> bytes:
    """A hash to be signed."""
    return hashlib.new(name, text.encode()).digest()


def b64(data: bytes) -> str:
    """As CSC writes bytes."""
    return base64.b64encode(data).decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world_of_module(shared_database: TestDatabase) -> AsyncIterator[World]:
    """Making a world takes longer than most tests in it: one for each module."""
    async with signing_world(shared_database) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def world(world_of_module: World) -> World:
    """The module's world, begun again. Its tests run in the module's loop: `pytestmark = IN_MODULES_LOOP`."""
    await world_of_module.begin_again()
    return world_of_module


IN_MODULES_LOOP = pytest.mark.asyncio(loop_scope="module")


@contextlib.asynccontextmanager
async def signing_world(
    database: TestDatabase,
    *,
    certificates: CertificateReader = NO_CERTIFICATES,
    authorities: Sequence[x509.Certificate] = (),
    origin: str = ORIGIN,
) -> AsyncIterator[World]:
    """Assemble; everything is closed afterwards. `certificates`, `authorities`: of clients that show one; `origin`: the
    address that the gateway calls its own."""
    clock = FixedClock(NOW)
    async with contextlib.AsyncExitStack() as stack:
        owner = await asyncpg.connect(database.dsn())
        stack.push_async_callback(owner.close)
        await owner.execute(FACTS)
        ours = Database(await open_pool(database.dsn("linkid_gateway"), max_size=20))
        stack.push_async_callback(ours.close)
        commits = GroupCommit(ours)
        stack.push_async_callback(commits.ended)
        sam = SigningSam(clock)
        vouching = Vouching(sam)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sam", dir="/tmp"))
        server = await stack.enter_async_context(await serve_private(sam.app(), f"unix:{Path(folder)}/sam.sock"))
        channel = await stack.enter_async_context(PrivateClient(server.address))
        wakeups = await stack.enter_async_context(PostgresWakeups(ours, database.dsn("linkid_gateway")))
        computers, doorbell, links = Computers(), Doorbell(), Links(clock)
        audit = AuditChain(ours, "gateway", clock)
        replays = DatabaseReplayCache(ours)
        dpop = DpopVerifier(clock, replays)
        identifications = Identifications(ours, bytes(32))
        credentials = CredentialService(ours, clock, identifications=identifications)
        told, seal = Told(), Seal(bytes(32))
        outbox = OutboxWorker(ours, clock, seal, {Kind.WEBHOOK: told})
        queue = OutboxService(ours, clock, seal, outbox)
        telling = Telling(ours, clock, queue)
        outcomes = Outcomes(ours, clock, PostsOfPsc(queue, development=True), bytes(32))
        bells = StartBells(ours, clock)
        signing = SigningService(
            ours,
            clock,
            audit,
            sam=SamOverChannel(channel),
            doorbell=doorbell,
            credentials=CredentialsPort(credentials),
            wakeups=wakeups,
            notices=NoticesOfSigning(telling, outcomes, bells),
            commits=commits,
        )
        explicit_sam = ExplicitOverChannel(channel, clock, {sam.root.jkt: sam.root})
        explicit = ExplicitSigning(ours, clock, audit, sam=None, credentials=CredentialsPort(credentials))
        warned = Warned()
        explicit.also_tell(warned)
        tokens = TokenService(ours, clock, audit, computers=computers)
        authentication = ClientAuthentication(
            ClientStore(ours),
            computers,
            AssertionVerifier(clock, replays),
            audiences(origin) | {origin + TOKEN_PATH_V1},
            authorities=authorities,
            clock=clock,
        )
        signatures = SignaturesOfOAuth(credentials, signing, APP)
        requests = RequestService(ours, clock, signatures)
        pace = CallPace(ours, clock)
        reader = ClientReader(clock, authentication, pace, certificates=certificates)
        endpoints, endpoints1 = (
            OAuthEndpoints(
                issuer=origin,
                clients=reader,
                tokens=tokens,
                requests=requests,
                introspection=IntrospectionService(TokenStore(ours), clock, origin),
                dpop=dpop,
                manners=manners,
            )
            for manners in (RFC, CSC_V1)
        )
        callers = CallerService(ours, clock, dpop=dpop, computers=computers, pace=pace)
        authority = StampingAuthority(clock, _RSA)
        stamps = TimeStampClient([authority])
        parsing = Workshop(NURSERY)
        responses = ResponseService(ours, clock, signing)
        documents = DocumentCalls(
            clock,
            signing,
            DocumentService(clock, time_stamps=stamps, parsing=parsing, policies=policies_in(Path(folder))),
            stamps,
            preparations=PreparationService(ours, clock),
            responses=responses,
            verification=f"{origin}/verificar",
        )
        csc = CscV2(
            clock=clock,
            authenticator=Authenticator(callers, origin, certificates),
            credentials=credentials,
            signing=signing,
            explicit=explicit,
            responses=responses,
            documents=documents,
            issuer=origin,
            app_url=APP,
        )
        csc1 = CscV1(
            clock=clock,
            authenticator=Authenticator(callers, origin, certificates),
            credentials=credentials,
            signing=signing,
            explicit=explicit,
            waiting=WaitingCalls(signing),
            documents=documents,
            clients=authentication,
            tokens=tokens,
            base_url=origin,
            app_url=APP,
            wait_seconds=20,
        )
        signing_pages = SigningPages(ours, clock, signatures)
        service = PageService(ours, clock, audit, links=links, requests=requests, signing=signing_pages, issuer=origin)
        pages = AuthorizePages(service)
        calls, background = Calls(), Background()
        stack.push_async_callback(background.done)
        psc = psc_routes(
            PscParts(
                database=ours,
                clock=clock,
                audit=audit,
                settings=PSC_SETTINGS,
                clients=reader,
                pace=pace,
                pages=service,
                shown=pages,
                holders=PscHolders(credentials, identifications),
                signing=signing,
                explicit=explicit,
                outcomes=outcomes,
                bells=bells,
                calls=calls,
                posts=PostsOfPsc(queue, development=True),
                key=bytes(32),
                documents=DocumentsOfPsc(
                    DocumentService(clock, policies=policies_in(Path(folder))), f"{ORIGIN}/verificar"
                ),
                origin=origin,
                environment="development",
                background=background,
            )
        )
        registration = RegistrationPages(
            SignInService(
                ours,
                clock,
                pages=service,
                holders=HoldersOfRegistration(credentials, identifications),
                back=origin + BACK,
            ),
            ApplicationService(ours, clock, audit),
            WebhooksOfRegistration(
                AddressService(ours, clock, audit, development=True),
                telling,
            ),
            pages,
            origin=origin,
            dialects=dialects(origin),
        )
        app = new_app(
            errors=ErrorTable(
                by_prefix={
                    "/csc": CSC,
                    **by_prefix(),
                    **dict.fromkeys(PREFIXES, OAUTH),
                    **dict.fromkeys(PREFIXES_V1, OAUTH_V1),
                }
            )
        )
        app.add_routes([*endpoints.routes(), *pages.routes(), *OAuthV1(endpoints1, pages).routes()])
        app.add_routes([*csc.routes(), *csc1.routes(), *psc, *registration.routes()])
        client = await stack.enter_async_context(TestClient(TestServer(app)))
        yield World(
            clock=clock,
            database=ours,
            owner=owner,
            sam=sam,
            computers=computers,
            doorbell=doorbell,
            links=links,
            clients=ClientService(ours, clock, audit, vouching),
            vouching=vouching,
            tokens=tokens,
            signing=signing,
            commits=commits,
            credentials=credentials,
            identifications=identifications,
            calls=calls,
            background=background,
            client=client,
            stamping=authority,
            explicit=explicit,
            explicit_sam=explicit_sam,
            warned=warned,
            outbox=outbox,
            told=told,
            outcomes=outcomes,
            bells=bells,
            pace=pace,
        )
