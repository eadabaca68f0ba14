"""What signing needs from others: the SAM, the doorbell, the facts about credentials, and being woken."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from foundation.database import Connection
from hsm_service.signing.domain.request import Ask, Caller, ConsentAsk, Request, SessionAsk
from protocol.explicit import Factors


@dataclass(frozen=True)
class FixedDocument:
    """The SAM's answer to ``documents/sign`` (step 4)."""

    document: str
    statement: str
    """Root-signed; goes to the caller as it is, who checks what the phone will be shown."""
    verification_code: str
    expires: datetime


class Outcome(StrEnum):
    """``state`` of ``documents/state``."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Verdict:
    """The SAM's word on a document. ``activation`` and ``until`` (its end) when approved, ``reason`` when refused."""

    outcome: Outcome
    reason: str | None = None
    activation: str | None = None
    until: datetime | None = None


class Sam(Protocol):
    """The signature activation module (docs/protocol.md section 10)."""

    async def fix_sign_document(self, caller: Caller, ask: Ask, activation_key: bytes) -> FixedDocument:
        """Step 4. Raises signing errors for what the SAM refuses, Unavailable when it does not answer."""
        ...

    async def fix_session_document(self, caller: Caller, ask: SessionAsk, activation_key: bytes) -> FixedDocument:
        """Step 4, for a session."""
        ...

    async def fix_consent_document(self, caller: Caller, ask: ConsentAsk) -> FixedDocument:
        """Step 4, for a consent."""
        ...

    async def verdict(self, document: str) -> Verdict:
        """What became of a document."""
        ...

    async def withdraw(self, document: str) -> None:
        """Nobody shall decide it any more. Withdrawing a decided one changes nothing."""
        ...

    async def sign(
        self,
        caller: Caller,
        *,
        activation: str,
        secret: bytes,
        hashes: Sequence[bytes],
        hash_algorithm: str,
        sign_algorithm: str,
    ) -> list[bytes]:
        """Steps 8 to 10: signatures in the order of ``hashes``; RSA as is, ECDSA as DER ``SEQUENCE {r, s}``."""
        ...

    async def use(
        self,
        caller: Caller,
        *,
        activation: str,
        secret: bytes,
        counter: int,
        signature: str | None,
        hashes: Sequence[bytes],
        hash_algorithm: str,
        sign_algorithm: str,
    ) -> list[bytes]:
        """Steps U1 to U10 of a session: signatures in the order of ``hashes``."""
        ...

    async def give_back(self, caller: Caller, activation: str) -> None:
        """Its caller needs a session no more: it ends now. One that is over stays over."""
        ...


@dataclass(frozen=True)
class Opened:
    """What right factors opened: as after a phone's yes."""

    document: str
    activation: str
    until: datetime
    maximum: int


@dataclass(frozen=True)
class Standing:
    """A consent that stands: until when, and how many signatures are left of it."""

    until: datetime
    left: int


@dataclass(frozen=True)
class ConsentEnd:
    """Wrong factors ended a consent."""

    credential: str
    since: datetime


class ConsentEnded(Exception):
    """Factors that were wrong once too often: the consent is over, and its holder has to be told."""

    def __init__(self, end: ConsentEnd) -> None:
        super().__init__(end)
        self.end = end


class ExplicitSam(Protocol):
    """The SAM, where applications send the holder's factors."""

    async def open(self, caller: Caller, ask: Ask | SessionAsk, activation_key: bytes, factors: Factors) -> Opened:
        """E1 to E8. Raises ConsentUnknown, FactorsWrong, ConsentEnded; signing errors; Unavailable."""
        ...

    async def standing(self, caller: Caller, credential: str) -> Standing | None:
        """None when there is none."""
        ...


class Warned(Protocol):
    """Whoever tells holders what befell their certificate."""

    async def consent_ended(self, credential: str, client_name: str, since: datetime) -> None:
        """Wrong factors ended an application's consent. Never fails."""
        ...


class Doorbell(Protocol):
    """Step 5: reaching the phones of a credential."""

    async def ring(self, connection: Connection, *, document: str, credential: str) -> None:
        """Queue the doorbell in this transaction: it rings if, and only if, the request is really waiting."""
        ...

    async def settle(self, connection: Connection, *, document: str) -> None:
        """The request was withdrawn: what is still on its way to phones is not sent."""
        ...


class CredentialView(Protocol):
    """What signing looks at in a credential."""

    @property
    def active(self) -> bool: ...
    @property
    def valid_from(self) -> datetime: ...
    @property
    def valid_to(self) -> datetime: ...
    @property
    def key_algorithm(self) -> str: ...


class Credentials(Protocol):
    """The facts."""

    async def find(self, credential: str) -> CredentialView | None:
        """None when there is none with a certificate."""
        ...


class Bell(Protocol):
    """One waiter's ear."""

    async def wait(self, seconds: float) -> bool:
        """True when it rang (also before this call), False when the time was over."""
        ...


class Notices(Protocol):
    """Whoever wants to be told what became of a request, without asking."""

    def listening(self) -> Collection[str]:
        """The callers that do."""
        ...

    async def settled(self, connection: Connection, request: Request) -> None:
        """A request came to its answer, in this transaction."""
        ...

    async def given_back(self, activation: str) -> None:
        """A session ended, because its caller gave it back."""
        ...


class NobodyListens:
    """Where nobody does."""

    def listening(self) -> Collection[str]:
        """Nobody."""
        return ()

    async def settled(self, connection: Connection, request: Request) -> None:
        """Told to nobody."""

    async def given_back(self, activation: str) -> None:
        """Told to nobody."""


class Wakeups(Protocol):
    """How a poll that waits learns at once that a phone decided. Only a hint: the truth is asked of the SAM."""

    def listen(self, document: str) -> AbstractContextManager[Bell]:
        """Ears open from now on; open them before asking for the state, or the ring may fall in between."""
        ...

    def ring(self, document: str) -> None:
        """Something happened to this document: wake its waiters here."""
        ...

    async def announce(self, document: str) -> None:
        """The same on every gateway."""
        ...
