"""The people of a benchmark: holders with credentials and phones, and integrators that ask them.

Everything is made as in earnest: an order, the emission page, the SMS, the usage password, the test ring, an operator's
order for each integrator. Only the screens are missing. What a load generator needs of them is written to one file
(``Lane``), so that it can be read by another process and, for developers, used again by the next run.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from demo.stack import Stack
from foundation.audit import AuditChain
from foundation.clock import SystemClock
from foundation.database import Database, open_pool
from foundation.encoding import b64u
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.oauth.service.clients import ClientService
from issuance.operator.requests import Wish, place_request
from linkid.operators import VouchingByOrder, context
from sandbox_phone.domain import keys
from sandbox_phone.emission import SandboxEmission
from sandbox_phone.phone import SandboxPhone
from sandbox_phone.storage import MemoryStorage

PASSWORD: Final = "Tr4vessia7Lua"
AT_ONCE: Final = 4
"""Emissions and pairings at the same time."""


@dataclass(frozen=True)
class Lane:
    """One client of the closed loop: an integrator that asks for one credential, and the phone that decides.

    Keys are PEM; ``salt`` is not known before the first statement. No other client asks for this credential in this
    integrator's name, so that "one pending request per caller and credential" keeps nobody waiting.
    """

    credential: str
    algorithm: str
    public_key: str
    """SubjectPublicKeyInfo, PEM."""
    device: str
    device_key: str
    device_token: str
    integrator: str
    integrator_key: str
    password: str = PASSWORD
    cpf: str = ""
    """Of the credential's holder: everybody has one of their own."""
    application: str = ""
    """An application of the Brazilian API beside the integrator, for one client; and its secret."""
    application_secret: str = ""


@dataclass(frozen=True)
class Crowd:
    """Where they all live, and who they are."""

    gateway: str
    sams: Sequence[str]
    """Paths of the Unix sockets."""
    lanes: Sequence[Lane]
    askers: Sequence[Lane] = ()
    """More callers, each allowed every credential: one lane for each of them and each credential."""

    def save(self, file: Path) -> None:
        """Readable by its owner only: the keys in it can ask and approve (in a benchmark's own Link ID)."""
        lanes, askers = [asdict(lane) for lane in self.lanes], [asdict(lane) for lane in self.askers]
        content = {"gateway": self.gateway, "sams": list(self.sams), "lanes": lanes, "askers": askers}
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(content, out)

    @classmethod
    def load(cls, file: Path) -> Crowd:
        """As ``save`` wrote it."""
        content = json.loads(file.read_text())
        lanes, askers = ([Lane(**lane) for lane in content.get(name, [])] for name in ("lanes", "askers"))
        return cls(content["gateway"], content["sams"], lanes, askers)


@dataclass(frozen=True)
class _Emitted:
    """Of a credential. ``spki``: PEM."""

    algorithm: str
    spki: str
    cpf: str


@dataclass
class _Phone:
    program: SandboxPhone
    storage: MemoryStorage
    number: str


async def gather_people(
    stack: Stack,
    credentials: Mapping[str, int],
    lanes: int,
    phones: int,
    say: Callable[[str], None],
    *,
    askers: int = 0,
) -> Crowd:
    """``credentials`` (number by key algorithm) spread over ``phones``; for each algorithm ``lanes`` clients over its
    credentials; ``askers`` integrators beside them. On a running stack; takes about a second for each credential."""
    await stack.linkid("operator", "init")
    belongings = [
        _Phone(await SandboxPhone.open(stack.app, storage=storage), storage, f"+55319{88000000 + 11111 * at}")
        for at, storage in enumerate(MemoryStorage() for _ in range(phones))
    ]
    try:
        emitted = await _emit_all(stack, credentials, belongings, say)
        owners = await _pair_all(stack, belongings, say)
        clients, more = await _integrators(stack, emitted, lanes, askers, say)

        def lane(client: Client, credential: str) -> Lane:
            kept = owners[credential].storage.load()
            return Lane(
                credential=credential,
                algorithm=emitted[credential].algorithm,
                public_key=emitted[credential].spki,
                device=str(owners[credential].program.device),
                device_key=str(kept["key"]),
                device_token=str(kept["token"]),
                integrator=client.id,
                integrator_key=keys.to_pem(client.key),
                cpf=emitted[credential].cpf,
                application=client.application,
                application_secret=client.application_secret,
            )

        return Crowd(
            stack.gateway,
            stack.settings.sam_targets(),
            [lane(client, credential) for client in clients for credential in client.credentials],
            [lane(client, credential) for client in more for credential in client.credentials],
        )
    finally:
        for phone in belongings:
            await phone.program.close()


async def _emit_all(
    stack: Stack, credentials: Mapping[str, int], phones: Sequence[_Phone], say: Callable[[str], None]
) -> dict[str, _Emitted]:
    """By credential."""
    wanted = [algorithm for algorithm, number in credentials.items() for _ in range(number)]
    say(f"{len(wanted)} people get a certificate …")
    gate, sources = asyncio.Semaphore(AT_ONCE), count(2)
    operator = context(stack.settings)
    serials: dict[str, tuple[str, str]] = {}

    async def one(at: int, algorithm: str) -> None:
        async with gate:
            phone = phones[at % len(phones)]
            wish = Wish(
                name=f"Pessoa Numero {at}",
                cpf=cpf_of(at),
                birth="31/12/1979",
                email=f"pessoa{at}@example.com",
                phone=phone.number,
                key_algorithm=algorithm,
            )
            placed = await place_request(wish, operator)
            # the gateway lets an address begin ten visits a minute; these people do not sit in one room
            async with SandboxEmission(phone.program.trust, source=f"127.0.1.{next(sources) % 250 + 1}") as visit:
                answer = await visit.emit(
                    protocol=placed.protocol,
                    cpf=cpf_of(at),
                    install_password=placed.install_password,
                    usage_password=PASSWORD,
                )
            certificate = x509.load_pem_x509_certificate(answer["certificate"]["pem"].encode())
            spki = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            serials[f"{certificate.serial_number:x}"] = spki.decode(), cpf_of(at)

    await asyncio.gather(*(one(at, algorithm) for at, algorithm in enumerate(wanted)))
    database = Database(await open_pool(stack.settings.dsn("gateway"), application_name="linkid-bench"))
    try:
        rows = await database.fetch("SELECT id, serial, key_algorithm FROM sam.credential_facts WHERE state = 'active'")
    finally:
        await database.close()
    found = {row["id"]: (row["key_algorithm"], serials.get(row["serial"].lstrip("0"))) for row in rows}
    return {credential: _Emitted(algorithm, *told) for credential, (algorithm, told) in found.items() if told}


async def _pair_all(stack: Stack, phones: Sequence[_Phone], say: Callable[[str], None]) -> dict[str, _Phone]:
    """Each phone bound to every credential of its number; credential → phone."""
    say(f"{len(phones)} phones are paired …")
    gate = asyncio.Semaphore(AT_ONCE)
    owners: dict[str, _Phone] = {}

    async def one(phone: _Phone, at: int) -> None:
        async with gate:
            await phone.program.ask_code(phone.number)
            credentials = await phone.program.give_code(await stack.sms_code(phone.number))
            for credential in credentials:
                await phone.program.bind(credential["id"], PASSWORD, f"Celular {at}")
                await phone.program.approve_test()
                owners[credential["id"]] = phone

    await asyncio.gather(*(one(phone, at) for at, phone in enumerate(phones)))
    return owners


@dataclass(frozen=True)
class Client:
    """An integrator, what it may ask for, and its application of the Brazilian API."""

    id: str
    key: ec.EllipticCurvePrivateKey
    credentials: Sequence[str]
    application: str = ""
    application_secret: str = ""


async def _integrators(
    stack: Stack, emitted: Mapping[str, _Emitted], lanes: int, askers: int, say: Callable[[str], None]
) -> tuple[list[Client], list[Client]]:
    """One for each lane, with one credential; and ``askers``, with all. They sign what they ask."""
    say("integrators are registered …")
    async with _registry(stack) as service:
        clients = []
        for algorithm in sorted({one.algorithm for one in emitted.values()}):
            own = [credential for credential, one in emitted.items() if one.algorithm == algorithm]
            clients += [
                await _registered(service, f"Sistema {algorithm} {at}", [own[at % len(own)]], also=True)
                for at in range(lanes)
            ]
        return clients, [await _registered(service, f"Escritorio {at}", [*emitted]) for at in range(askers)]


async def integrator(stack: Stack, name: str, credential: str) -> Client:
    """One more, for this credential, on a running stack."""
    async with _registry(stack) as service:
        return await _registered(service, name, [credential])


@asynccontextmanager
async def _registry(stack: Stack) -> AsyncIterator[ClientService]:
    """What an operator registers with."""
    clock = SystemClock()
    database = Database(await open_pool(stack.settings.dsn("gateway"), application_name="linkid-bench"))
    try:
        audit = AuditChain(database, "gateway-operator", clock)
        yield ClientService(database, clock, audit, VouchingByOrder(context(stack.settings)))
    finally:
        await database.close()


async def _registered(service: ClientService, name: str, credentials: Sequence[str], *, also: bool = False) -> Client:
    """``also``: an application of the Brazilian API beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = await service.register(
        name=name, method=ClientMethod.KEY, grants=[GrantType.CLIENT], keys=[jwk(key.public_key())], signs_asks=True
    )
    for credential in credentials:
        await service.allow(made.client.id, credential)
    if not also:
        return Client(made.client.id, key, credentials)
    application = await service.register(
        name=f"{name} PSC", method=ClientMethod.SECRET, grants=[GrantType.CODE], redirects=["https://app.example/back"]
    )
    return Client(made.client.id, key, credentials, application.client.id, application.secret or "")


def cpf_of(at: int) -> str:
    """The CPF of person number ``at``: two check digits, by weights that count down to 2 (and 11 as 0)."""
    digits = f"{529_982_000 + at:09d}"
    for _ in range(2):
        rest = (
            sum(int(digit) * weight for digit, weight in zip(digits, range(len(digits) + 1, 1, -1), strict=True)) % 11
        )
        digits += "0" if rest < 2 else str(11 - rest)
    return digits


def jwk(key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    """A P-256 key as JWK, exactly kty, crv, x, y."""
    numbers = key.public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": b64u(numbers.x.to_bytes(32, "big")),
        "y": b64u(numbers.y.to_bytes(32, "big")),
    }
