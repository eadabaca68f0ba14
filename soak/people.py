"""Holders with a phone each and their computers: programs that behave well and never give up early."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from cryptography import x509

from demo.computer import Ask, CallRefused, ComputerProgram
from demo.stack import Stack
from demo.world import Holder, World, emitted, paired
from desktop_agent.errors import AgentError, NoConnection
from sandbox_phone.domain import decision as decisions
from sandbox_phone.domain import keys, proof
from sandbox_phone.domain.encoding import b64u, unb64u
from sandbox_phone.domain.statement import Statement
from sandbox_phone.errors import GatewayRefused, GatewayUnreachable, PhoneError
from sandbox_phone.phone import SandboxPhone
from soak.ledger import ACTIVATION_SECONDS, Ledger

T = TypeVar("T")
Plan = Literal["approve", "refuse", "withdraw"]
ECDSA_SHA256: Final = "1.2.840.10045.4.3.2"
RSA_SHA256: Final = "1.2.840.113549.1.1.11"
_REQUEST_SECONDS: Final = 180.0
_PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_STRANGE_AFTER: Final = 3.0
"""A request whose caller never heard of it (the answer was lost) is refused after so long: it would bar the next."""
_WEIGHTS: Final = {"approve": 84, "refuse": 8, "withdraw": 8}

HOLDERS: Final = (
    Holder("Maria da Silva", "52998224725", "+5531999998801", "Tr4vessia7Lua", "RSA-2048"),
    Holder("Bruno Teixeira", "11144477735", "+5531999998802", "Z3lador9Mar", "P-256"),
    Holder("Carla Nogueira", "12345678909", "+5531999998803", "V1dro5Quartzo", "P-256"),
)


@dataclass
class Log:
    """What happened, counted; and when something worked, for the outages."""

    counts: Counter[str] = field(default_factory=Counter)
    worked: list[float] = field(default_factory=list)
    strange: Counter[str] = field(default_factory=Counter)
    """Refusals that a well-behaved caller should not meet; reported, and looked at by people."""

    def did(self, what: str, count: int = 1) -> None:
        self.counts[what] += count
        self.worked.append(time.monotonic())


class Phone(SandboxPhone):
    """Stretches each password once, and repeats the very same decision until it was answered."""

    _stretched: dict[bytes, bytes]

    def decision(self, statement: Statement, word: str, password: str) -> dict[str, Any]:
        """As ``sandbox_phone.domain.decision.decide`` makes it; Argon2 only the first time."""
        wanted = statement.proof if word == decisions.APPROVE else None
        jwe = None
        if wanted is not None:
            known = self.__dict__.setdefault("_stretched", {})
            if wanted.salt not in known:
                known[wanted.salt] = proof.stretch(password, wanted.salt, wanted.argon2)
            plaintext = {
                "v": 1, "purpose": wanted.purpose, "document": statement.id, "hash": statement.hash,
                "device": keys.thumbprint(keys.public_jwk(self._key)), "nonce": statement.content["nonce"],
                "stretched": b64u(known[wanted.salt]),
            }  # fmt: skip
            jwe = proof.seal(plaintext, wanted)
        signature = keys.sign(self._key, decisions.message(statement.document, word, jwe))
        return {"decision": word, "proof": jwe, "signature": b64u(signature)}

    async def send(self, document: str, body: dict[str, Any]) -> dict[str, Any]:
        """One attempt."""
        return await self._gateway.call("POST", f"/phone/v1/documents/{document}/decision", body)


class Computer(ComputerProgram):
    """Asks for a new token when the old one is not taken any more."""

    def forget_token(self) -> None:
        self._token = None

    async def withdraw(self, ask: Ask) -> None:
        """Raises CallRefused."""
        reply = await self.call("linkid/withdraw", {"handle": ask.handle})
        if not reply.ok:
            raise CallRefused(reply)


@dataclass
class Settled:
    """A holder, their phone, their computers, and what each request is going to hear."""

    name: str
    holder: Holder
    phone: Phone
    credential: str
    certificate: x509.Certificate
    computers: list[Computer]
    plans: dict[str, Plan] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)

    @property
    def algorithm(self) -> str:
        return RSA_SHA256 if self.holder.key.startswith("RSA") else ECDSA_SHA256

    def verifies(self, digest: bytes, signature: bytes) -> bool:
        """By the certificate."""
        world = World.__new__(World)
        world.certificate = self.certificate
        try:
            world.verify(digest, signature)
        except Exception:
            return False
        return True


@asynccontextmanager
async def settled(stack: Stack, holders: int, computers: int) -> AsyncIterator[list[Settled]]:
    """So many holders with so many computers each, on a running stack."""
    async with AsyncExitStack() as open_things:
        people = []
        for number, holder in enumerate(HOLDERS[:holders]):
            phone = await open_things.enter_async_context(await Phone.open(stack.app))
            _, certificate = await emitted(stack, holder, phone)
            credential = await paired(stack, holder, phone)
            theirs = []
            for _ in range(computers):
                computer = await open_things.enter_async_context(Computer(stack.gateway, stack.app))
                await computer.associate(phone)
                theirs.append(computer)
            people.append(Settled(f"holder-{number}", holder, phone, credential, certificate, theirs))
        yield people


# --- trying again -----------------------------------------------------------------------------------------------------


async def until_answered(
    work: Callable[[], Awaitable[T]], until: float, log: Log, computer: Computer | None = None
) -> T:
    """Again, with pauses, while the service is not there or asks for patience. Raises its last word at ``until``."""
    attempt = 0
    while True:
        wait = _PAUSES[min(attempt, len(_PAUSES) - 1)]
        try:
            return await work()
        except (NoConnection, GatewayUnreachable):
            if time.monotonic() > until:
                raise
        except GatewayRefused as refused:
            if refused.status < 500 or time.monotonic() > until:
                raise
        except CallRefused as refused:
            status = refused.reply.status
            if status == 401 and computer is not None and attempt < 20:
                computer.forget_token()
            elif status < 500 or time.monotonic() > until:
                raise
            wait = max(wait, min(refused.reply.retry_after or 0, 5))
        except AgentError:
            if time.monotonic() > until:  # a token that could not be had just now
                raise
        log.counts["tried again"] += 1
        attempt += 1
        await asyncio.sleep(wait)


# --- a computer -------------------------------------------------------------------------------------------------------


class Caller:
    """One computer, one request after the other, until ``stop``."""

    def __init__(self, who: Settled, computer: Computer, ledger: Ledger, log: Log, seed: str) -> None:
        self._who, self._computer, self._ledger, self._log = who, computer, ledger, log
        self._dice = random.Random(seed)
        self._noes = 0
        self.now_doing = "nothing yet"

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._one()
            except CallRefused as refused:
                await self._be_patient(refused)
            except (AgentError, PhoneError) as error:
                self._log.strange[f"{self.now_doing}: {type(error).__name__}"] += 1
                await asyncio.sleep(0.5)

    async def _one(self) -> None:
        """Ask; then whatever was planned for it."""
        self.now_doing = "ask"
        plan: Plan = self._dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]  # type: ignore[assignment]
        if self._noes:
            plan = "approve"  # a caller that only hears no is slowed down, rightly
        count = self._dice.choice((1, 1, 1, 2, 5, 20))
        hashes = [secrets.token_bytes(32) for _ in range(count)]
        if count > 2:
            hashes[1] = hashes[0]
        asking = self._computer.ask(self._who.credential, hashes)
        ask = await asking
        self._ledger.asked[ask.request] = self._who.name
        self._who.plans[ask.request] = plan
        self._log.did("asked, one hash" if count == 1 else "asked, several hashes")
        until = time.monotonic() + _REQUEST_SECONDS
        if plan == "withdraw":
            self.now_doing = "withdraw"
            await until_answered(lambda: self._computer.withdraw(ask), until, self._log, self._computer)
            self._noes += 1
            self._log.did("withdrawn")
            return
        sad = await self._poll(ask, until)
        if sad is None:
            self._noes += 1
            return
        self._noes = 0
        await self._sign(ask, sad)

    async def _poll(self, ask: Ask, until: float) -> str | None:
        """The SAD; None when the holder refused."""
        self.now_doing = "poll"
        while True:
            try:
                return await until_answered(lambda: self._computer.sad(ask, 5), until, self._log, self._computer)
            except CallRefused as refused:
                if refused.reply.status != 202:
                    if self._who.plans.get(ask.request) == "approve":
                        self._log.strange[f"poll: {_code(refused)}"] += 1
                    self._log.did("heard no")
                    return None
                self._log.did("polled")

    async def _sign(self, ask: Ask, sad: str) -> None:
        """The signatures, once, and now and then again or in another order: a caller that lost its answer."""
        self.now_doing = "sign"
        until = time.monotonic() + ACTIVATION_SECONDS
        orders = [list(ask.hashes)]
        if self._dice.random() < 0.25:
            orders.append(list(reversed(ask.hashes)))
        for order in orders:
            signatures = await until_answered(
                lambda order=order: self._computer.sign(self._who.credential, sad, order, self._who.algorithm),  # type: ignore[misc]
                until,
                self._log,
                self._computer,
            )
            self._ledger.receives(ask.request, order, signatures)
            self._log.did("signatures received", len(signatures))
        if self._dice.random() < 0.1:
            await self._try_others(sad, ask)

    async def _try_others(self, sad: str, ask: Ask) -> None:
        """Hashes that nobody approved: refused, whatever the weather."""
        others = [secrets.token_bytes(32) for _ in ask.hashes]
        try:
            made = await self._computer.sign(self._who.credential, sad, others, self._who.algorithm)
        except (CallRefused, AgentError):
            self._log.counts["unapproved hashes refused"] += 1
        else:
            self._ledger.receives(ask.request, others, made)

    async def _be_patient(self, refused: CallRefused) -> None:
        """Too many, or not now: as long as we are told, at most some seconds."""
        status = refused.reply.status
        if status == 401:
            self._computer.forget_token()
        elif status != 429 and status < 500:
            self._log.strange[f"{self.now_doing}: {_code(refused)}"] += 1
        self._log.counts[f"told to wait ({status})"] += 1
        await asyncio.sleep(min(refused.reply.retry_after or 1, 5))


def _code(refused: CallRefused) -> str:
    content = refused.reply.content
    return f"{refused.reply.status} {content.get('error') or content.get('code')}: {content.get('error_description')}"


# --- a phone ----------------------------------------------------------------------------------------------------------


class Thumb:
    """Whoever holds the phone: answers what rings, as planned."""

    def __init__(self, who: Settled, ledger: Ledger, log: Log) -> None:
        self._who, self._ledger, self._log = who, ledger, log
        self._bell = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        listening = asyncio.create_task(self._listen())
        try:
            while not stop.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._bell.wait(), 0.5)
                self._bell.clear()
                try:
                    for statement in await self._who.phone.waiting():
                        if statement.type == "sign":
                            self._answer(statement)
                except PhoneError as error:
                    if isinstance(error, GatewayRefused) and error.status < 500:
                        self._log.strange[f"waiting: {error.status} {error.reason}"] += 1
                    await asyncio.sleep(0.3)
        finally:
            listening.cancel()
            await asyncio.gather(listening, *self._busy.values(), return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            try:
                async for _ in self._who.phone.rings():
                    self._log.counts["rings"] += 1
                    self._bell.set()
            except PhoneError:
                await asyncio.sleep(0.5)

    def _answer(self, statement: Statement) -> None:
        """At once if it is planned; what nobody here asked for is refused after a while."""
        document, now = statement.id, time.monotonic()
        if document in self._busy:
            return
        plan = self._who.plans.get(document)
        first = self._who.seen.setdefault(document, now)
        if plan is None and now - first > _STRANGE_AFTER:
            plan = "refuse"
            self._log.counts["requests whose caller never heard of them"] += 1
        if plan in ("approve", "refuse"):
            task = asyncio.create_task(self._decide(statement, plan))
            self._busy[document] = task

    async def _decide(self, statement: Statement, plan: str) -> None:
        word = decisions.APPROVE if plan == "approve" else "refuse:changed-mind"
        body = await asyncio.to_thread(self._who.phone.decision, statement, word, self._who.holder.password)
        if plan == "approve":
            digests = [unb64u(one["hash"]) for one in statement.content["documents"]]
            self._ledger.sends(statement.id, self._who.name, digests, time.monotonic())
        until = time.monotonic() + _REQUEST_SECONDS
        try:
            await until_answered(lambda: self._who.phone.send(statement.id, body), until, self._log)
        except PhoneError as error:
            why = f"{error.status} {error.reason}" if isinstance(error, GatewayRefused) else error.code
            self._log.strange[f"{plan}: {why}"] += 1
            return
        if plan == "approve":
            self._ledger.acknowledges(statement.id, time.monotonic())
        self._log.did("approved" if plan == "approve" else "refused")
