"""The signing API assembled: real gateway slices, real PostgreSQL, the SAM of `signing_sam` behind its channel.

    async def test_x(world: World) -> None:
        computer = await world.computer()
        ...

The gateway calls itself `ORIGIN` whatever port it listens on, as behind a proxy.
"""

import base64
import contextlib
import hashlib
import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import ClientResponse
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
from foundation.encoding import JsonObject, b64u
from foundation.errors import BadInput, LinkIdError
from foundation.group_commit import GroupCommit
from foundation.ids import new_id
from foundation.web import ErrorTable, new_app
from foundation.web.certificates import NO_CERTIFICATES, CertificateReader
from hsm_service.credentials.domain.credential import Credential
from hsm_service.credentials.errors import NoSuchCredential
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
from hsm_service.oauth.ports import LinkView
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
from hsm_service.signing.ports import CredentialView
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
from protocol.asks import NONCE_BYTES, SignedAsk, message, session_message
from protocol.keys import P256Key, sign_raw
from protocol.sessions import Terms, Use
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.ports import Parcel
from push.service.outbox import OutboxService, OutboxWorker
from tests.support.callers import Caller
from tests.support.parsing import NURSERY
from tests.support.postgres import TestDatabase
from tests.support.psc_routes import SETTINGS as PSC_SETTINGS
from tests.support.psc_routes import Calls, policies_in
from tests.support.signing_sam import PrivateKey, SamCredential, SigningSam
from tests.support.stamping_authority import StampingAuthority

ORIGIN = "https://gateway.linkid.test"
APP = "https://app.linkid.test"
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)

_RSA = rsa.generate_private_key(65537, 2048)  # once per test process: it takes a moment


@dataclass
class ComputerRow:
    """What pairing knows of a computer."""

    id: str
    name: str
    key: JsonObject
    credentials: Sequence[str]


class Computers:
    """Pairing's computers, in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, ComputerRow] = {}
        self.came: list[str] = []

    async def find(self, computer: str) -> ComputerRow | None:
        return self.rows.get(computer)

    async def used(self, computer: str) -> None:
        self.came.append(computer)


@dataclass
class Doorbell:
    """Counts rings that would happen if their transactions commit."""

    rings: list[tuple[str, str]] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    async def settle(self, connection: Connection, *, document: str) -> None:
        self.settled.append(document)

    async def ring(self, connection: Connection, *, document: str, credential: str) -> None:
        async def rung() -> None:
            self.rings.append((document, credential))

        connection.after_commit(rung)


class Told:
    """Where applications' events arrive; ``away``: what the carrier says instead."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.away: LinkIdError | None = None

    async def carry(self, parcel: Parcel) -> None:
        if self.away is not None:
            raise self.away
        self.events.append((str(parcel.content["to"]), parcel.content["event"]))


class Vouching:
    """An operator whose word goes to the SAM; ``away`` says why it does not arrive."""

    def __init__(self, sam: SigningSam) -> None:
        self._sam = sam
        self.away: LinkIdError | None = None

    async def registered(self, client: str, name: str, keys: Sequence[Mapping[str, str]]) -> None:
        if self.away is not None:
            raise self.away
        self._sam.integrators[client] = name
        if keys:
            self._sam.signers[client] = P256Key.from_jwk(keys[0])

    async def disabled(self, client: str, name: str) -> None:
        if self.away is not None:
            raise self.away
        self._sam.integrators.pop(client, None)


class CheckWrong(BadInput):
    """As pairing says it."""

    code = "double_check_wrong"
    message = "Código errado."


@dataclass
class PageLink:
    """A link with purpose identify."""

    key: str
    client: str
    client_name: str
    scope: str
    address: str
    state: str = "waiting"
    credentials: Sequence[str] = ()
    check_code: str = "042"
    tries: int = 0
    ended_by: str | None = None


class Links:
    """Pairing's links as the authorize page has them; `scan`, `approve` and `refuse` are the phone's part."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.links: dict[str, PageLink] = {}

    async def open(self, *, page_key: str, client: str, client_name: str, scope: str, address: str) -> str:
        assert len(page_key) == 43
        link = new_id("lnk")
        self.links[link] = PageLink(page_key, client, client_name, scope, address)
        return link

    async def look(self, link: str, *, page_key: str) -> LinkView:
        found = self._own(link, page_key)
        n = int(self._clock.now().timestamp()) % 300
        if found.state == "waiting":
            frame = f"{APP}/l#1.{found.key[:22]}.{n}.{found.key[-22:]}"
            return LinkView("waiting", 290, frame=frame, code="K7M2P-9XQ4T")
        return LinkView(found.state, 250, phone="Celular da Maria", ended_by=found.ended_by)

    async def check(self, link: str, code: str, *, page_key: str) -> Sequence[str]:
        found = self._own(link, page_key)
        assert found.state == "approved", found.state
        if code != found.check_code:
            found.tries += 1
            raise CheckWrong(data={"tries_left": 3 - found.tries})
        found.state = "associated"
        return found.credentials

    async def give_up(self, link: str, *, page_key: str) -> None:
        found = self._own(link, page_key)
        if found.state in ("waiting", "claimed", "approved"):
            found.state = "dead"

    @property
    def last(self) -> PageLink:
        """The newest."""
        return list(self.links.values())[-1]

    def _own(self, link: str, page_key: str) -> PageLink:
        found = self.links[link]
        assert found.key == page_key
        return found


class Warned:
    """Whoever tells holders."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    async def consent_ended(self, credential: str, client_name: str, since: datetime) -> None:
        self.told.append((credential, client_name))


class CredentialsPort:
    """Signing's port over the credentials slice, as the roof joins them."""

    def __init__(self, service: CredentialService) -> None:
        self._service = service

    async def find(self, credential: str) -> CredentialView | None:
        try:
            return await self._service.facts(credential)
        except NoSuchCredential:
            return None


class Computer(Caller):
    """A desktop agent: its key, its id, and the calls it makes."""

    id: str = ""

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> ClientResponse:
        """As any caller; an ask for signatures is signed first, unless it carries a signature already."""
        if path.endswith("/credentials/authorize") and isinstance(body, dict):
            body = {**body, "clientData": self.signed_ask(body)}
        return await super().send(method, path, body, **headers)

    def signed_ask(self, body: dict[str, Any]) -> str:
        """`clientData` of an ask, with this computer's signature (docs/protocol.md section 9.5)."""
        said: dict[str, Any] = json.loads(body.get("clientData", "{}"))
        if "session" in said:
            return self._signed_session(body, said)
        found = [base64.b64decode(one) for one in body.get("hashes") or body["hash"]]
        said.setdefault("documents", [{"label": f"Documento {number}"} for number, _ in enumerate(found, start=1)])
        listed = [
            {"label": one["label"], "size": one.get("size"), "hash": b64u(hash_)}
            for one, hash_ in zip(said["documents"], found, strict=True)
        ]
        nonce, created = secrets.token_bytes(NONCE_BYTES), int(self._clock.now().timestamp())
        signed = message(self.id, body["credentialID"], "SHA-256", listed, nonce=nonce, created=created)
        said.setdefault("ask", SignedAsk(nonce, created, sign_raw(self.private, signed)).members())
        return json.dumps(said)

    def _signed_session(self, body: dict[str, Any], said: dict[str, Any]) -> str:
        """The same for a session; P-256 keys and RSA ones are told apart by `signAlgo`."""
        nonce, created = secrets.token_bytes(NONCE_BYTES), int(self._clock.now().timestamp())
        asked = said["session"]
        until = asked.get("until", created + asked.get("seconds", 0))
        algorithm = "ECDSA-SHA256" if body.get("signAlgo") == "1.2.840.10045.4.3.2" else "RSA-PKCS1-SHA256"
        terms = Terms(until, body["numSignatures"], asked.get("purpose", ""), "SHA-256", algorithm)
        signed = session_message(self.id, body["credentialID"], terms, nonce=nonce, created=created)
        said.setdefault("ask", SignedAsk(nonce, created, sign_raw(self.private, signed)).members())
        return json.dumps(said)

    def use(self, activation: str, counter: int, hashes: Sequence[bytes], algorithm: str = "RSA-PKCS1-SHA256") -> str:
        """`clientData` of one use of a session, signed by this computer."""
        signature = sign_raw(self.private, Use(activation, counter, "SHA-256", algorithm, list(hashes)).message)
        return json.dumps({"use": {"counter": counter, "signature": b64u(signature)}})

    def assertion(self, **changes: Any) -> str:
        """A `private_key_jwt`; `changes` replace claims."""
        now = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.id,
            "sub": self.id,
            "aud": ORIGIN + TOKEN_PATH,
            "jti": secrets.token_urlsafe(12),
            "iat": now,
            "exp": now + 60,
        }
        header = {"alg": "ES256"}
        signed = ".".join(b64u(json.dumps(part).encode()) for part in (header, {**claims, **changes}))
        return f"{signed}.{b64u(sign_raw(self.private, signed.encode()))}"

    def token_form(self, **changes: Any) -> dict[str, str]:
        """What it posts to the token endpoint."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.id,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion(),
        }
        return {name: value for name, value in {**form, **changes}.items() if value is not None}

    async def log_in(self) -> None:
        """Get an access token."""
        self.token = None
        headers = {"DPoP": self.proof("POST", TOKEN_PATH)}
        async with self.client.post(TOKEN_PATH, data=self.token_form(), headers=headers) as response:
            body = await response.json()
            assert response.status == 200, body
            self.token = body["access_token"]


class BearerCaller:
    """An integrator with a plain bearer token."""

    def __init__(self, client: TestClient[Any, Any], token: str) -> None:
        self.client = client
        self.token = token

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        async with self.client.request(method, path, json=body, headers=sent) as response:
            content = await response.read()
            return response.status, json.loads(content) if content else {}


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
