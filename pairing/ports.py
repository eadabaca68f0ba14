"""What pairing needs from others, stated here and met elsewhere: the roof brings them together."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from foundation.database import Connection
from foundation.encoding import JsonObject
from pairing.domain.letters import Letter

DocumentState: TypeAlias = Literal["waiting", "approved", "refused", "expired", "withdrawn"]


@dataclass(frozen=True)
class FixedDocument:
    """A document the SAM fixed and signed."""

    document: str
    statement: str
    expires: datetime


@dataclass(frozen=True)
class WaitingDocument:
    """A document that a device may decide now."""

    document: str
    type: str
    statement: str
    expires: datetime


@dataclass(frozen=True)
class Verdict:
    """What the SAM made of a decision. ``binding`` for ``pair`` and ``test``; of an ``unblock`` the credential, and
    since when it had been shut."""

    state: Literal["approved", "refused"]
    type: str
    binding: str | None = None
    activation: str | None = None
    """Of a request that was approved, if it left one; ``until``: how long that may be used, or a consent stands."""
    until: datetime | None = None
    reason: str | None = None
    """The word of a no."""
    unblocked: tuple[str, datetime] | None = None
    generator: JsonObject | None = None
    """Of a ``generator``: {``id``, ``sealed``: to the phone's own key}."""
    admits: tuple[str, str] | None = None
    """Of an ``admit``, whichever way it went: credential, and the phone that waited."""


@dataclass(frozen=True)
class Binding:
    """Device × credential, as the SAM has it. ``state``: ``trial``, ``waiting``, ``active``."""

    binding: str
    credential: str
    state: str
    tries_left: int | None = None
    """Of the usage password, before the next lock; None when the SAM does not say."""
    since: datetime | None = None
    """When its password was proved."""
    until: datetime | None = None
    """Of one that waits: when it may decide."""
    passkey: bool = False
    """Whether the phone's passkey must speak for its decisions."""


@dataclass(frozen=True)
class BoundPhone:
    """A phone of a credential."""

    device: str
    credential: str
    nickname: str
    state: str
    since: datetime
    until: datetime | None = None
    """Of one that waits: when it may decide."""


@dataclass(frozen=True)
class KnownComputer:
    """A computer that may ask for a credential."""

    id: str
    credential: str
    name: str
    os: str
    since: datetime


@dataclass(frozen=True)
class PastRequest:
    """A request that waits no more. ``about``: what a list shows of it, by its type, as the SAM says."""

    request: str
    type: str
    credential: str
    state: str
    decision: str | None
    caller_kind: str
    caller_name: str
    created: datetime
    decided: datetime | None
    device: str | None
    about: JsonObject


@dataclass(frozen=True)
class PastRequests:
    """A page of them; ``more``: there may be another."""

    requests: Sequence[PastRequest]
    more: bool


@dataclass(frozen=True)
class Blocked:
    """A certificate that its holder shut. ``by``: the phone, or ``operator``; ``undo``: from when on the phone that is
    told may open it again, None: it may not."""

    credential: str
    since: datetime
    by: str
    undo: datetime | None


@dataclass(frozen=True)
class OpenSession:
    """A session that a holder allowed, as the SAM has it: of whom, for what, until when, how far it has gone."""

    activation: str
    request: str
    credential: str
    caller_kind: str
    caller_name: str
    purpose: str
    until: datetime
    maximum: int
    used: int
    created: datetime
    last_used: datetime | None
    with_key: bool


@dataclass(frozen=True)
class GivenConsent:
    """What a holder allowed an application: to send their factors, so many times until then."""

    consent: str
    credential: str
    caller_name: str
    purpose: str
    until: datetime
    maximum: int
    used: int
    created: datetime
    last_used: datetime | None


@dataclass(frozen=True)
class AskingComputer:
    """The computer that a holder is asked to associate: all of it ends up in the document."""

    id: str
    name: str
    os: str
    key: JsonObject
    address: str


@dataclass(frozen=True)
class AskingIntegrator:
    """The integrator that a holder is asked to identify to."""

    id: str
    name: str


class Sam(Protocol):
    """The judge (docs/protocol.md section 10).

    Raises ``protocol.errors`` about decisions, NotFound for what is not this device's, Unavailable when it is away.
    """

    async def fix_pair(self, device: str, device_key: JsonObject, nickname: str, credential: str) -> FixedDocument:
        """``documents/pair``."""
        ...

    async def fix_test(self, binding: str) -> FixedDocument:
        """``documents/test``."""
        ...

    async def fix_associate(self, device: str, credentials: Sequence[str], computer: AskingComputer) -> FixedDocument:
        """``documents/associate``."""
        ...

    async def fix_identify(self, device: str, integrator: AskingIntegrator, scope: str, address: str) -> FixedDocument:
        """``documents/identify``."""
        ...

    async def fix_unblock(self, device: str, credential: str) -> FixedDocument:
        """``documents/unblock``."""
        ...

    async def fix_generator(self, device: str, credential: str, delivery_key: JsonObject) -> FixedDocument:
        """``documents/generator``. Raises BindingNotActive."""
        ...

    async def fix_passkey(self, device: str, credential: str, passkey: JsonObject) -> FixedDocument:
        """``documents/passkey``; ``passkey``: {``id``, ``key``}. Raises BindingNotActive."""
        ...

    async def fix_passkey_end(self, device: str, credential: str) -> FixedDocument:
        """``documents/passkey_end``. Raises BindingNotActive."""
        ...

    async def consents(self, device: str) -> Sequence[GivenConsent]:
        """``consents/list``."""
        ...

    async def end_consent(self, consent: str, device: str) -> None:
        """``consents/end``. Raises ConsentUnknown unless it is of this device's holder."""
        ...

    async def fix_admit(self, device: str, phone: str, credential: str) -> FixedDocument:
        """``documents/admit``. Raises BindingNotActive, for a phone that does not wait as for none at all."""
        ...

    async def block(self, device: str) -> Sequence[Blocked]:
        """``credentials/block``. Raises BindingNotActive."""
        ...

    async def blocks(self, device: str) -> Sequence[Blocked]:
        """``credentials/blocks``: those that stand now."""
        ...

    async def statement(self, document: str, device: str) -> FixedDocument:
        """``documents/statement``. Raises NotFound unless this device may decide it."""
        ...

    async def waiting(self, device: str) -> Sequence[WaitingDocument]:
        """``documents/waiting``."""
        ...

    async def decide(
        self,
        document: str,
        device: str,
        *,
        decision: str,
        proof: str | None,
        signature: str,
        passkey: JsonObject | None = None,
    ) -> Verdict:
        """``documents/decide``: step 7. The texts, and the passkey's word, go through as they came."""
        ...

    async def state(self, document: str) -> DocumentState:
        """``documents/state``."""
        ...

    async def phones(self, device: str) -> Sequence[BoundPhone]:
        """``bindings/phones``: of every credential that this one is actively bound to, itself included."""
        ...

    async def computers(self, device: str) -> Sequence[KnownComputer]:
        """``associations/of``: of every credential that this phone is actively bound to."""
        ...

    async def history(self, device: str, before: str | None) -> PastRequests:
        """``documents/history``."""
        ...

    async def evidence(self, document: str, device: str) -> str:
        """``documents/evidence``. Raises NotFound unless it is a decided request of this device's holder."""
        ...

    async def withdraw(self, document: str) -> None:
        """``documents/withdraw``. Withdrawing a decided one changes nothing."""
        ...

    async def bindings(self, device: str) -> Sequence[Binding]:
        """``bindings/list``."""
        ...

    async def end_bindings(self, device: str, by: str | None = None) -> None:
        """``bindings/end``: all of a device, or what it shares with ``by``. It only ever takes rights away."""
        ...

    async def sessions(self, device: str) -> Sequence[OpenSession]:
        """``sessions/list``."""
        ...

    async def end_session(self, activation: str, device: str) -> None:
        """``sessions/end``: it only ever takes rights away. Raises NotFound unless it is of this device's holder."""
        ...

    async def end_association(self, computer: str, device: str | None) -> None:
        """``associations/end``: what this device gave this computer; None: what any device gave it."""
        ...


@dataclass(frozen=True)
class CredentialFacts:
    """What a phone shows of a credential. ``kind``: ``person`` or ``company``."""

    id: str
    subject: str
    kind: str
    valid_to: datetime
    state: str


class Holders(Protocol):
    """Whose credentials there are."""

    async def for_number(self, number: str) -> Sequence[CredentialFacts]:
        """The credentials whose holder gave this E.164 number, maybe none."""
        ...

    async def facts(self, credentials: Sequence[str]) -> Sequence[CredentialFacts]:
        """Those of these ids that exist, in any order."""
        ...


class Sms(Protocol):
    """Text messages."""

    async def send(self, connection: Connection, to: str | None, text: str, expires: datetime) -> None:
        """Queue a message in the caller's transaction; it is worthless after ``expires``.

        ``to`` None: a message to nobody. The same work is done and nothing leaves, so that the time taken does not tell
        whether a number is known.
        """
        ...


class Doorbell(Protocol):
    """Telling phones that something waits, without saying what."""

    async def ring(self, connection: Connection, devices: Sequence[str], document: str, expires: datetime) -> None:
        """Queue a ring for each device in the caller's transaction."""
        ...

    async def settle(self, connection: Connection, document: str) -> None:
        """The document is decided or withdrawn: stop ringing for it."""
        ...

    async def heard(self, device: str) -> None:
        """The phone asked what waits: it need not be told by another way."""
        ...

    async def removed(self, connection: Connection, device: str) -> None:
        """The phone was unpaired: forget where it is reached."""
        ...


class Letters(Protocol):
    """E-mail to holders."""

    async def to_holders(self, credentials: Sequence[str], letter: Letter) -> None:
        """Queue one letter for each holder of these credentials whose address is known. It never fails the caller."""
        ...


class Callers(Protocol):
    """Whoever waits for signatures."""

    def heard(self, document: str, verdict: Verdict) -> AbstractContextManager[None]:
        """A phone decided a request, and this came of it: told at once to who waits here; written down within."""
        ...

    async def decided(self, connection: Connection, document: str, verdict: Verdict) -> None:
        """A phone decided a request, and this came of it: written down in this transaction, told with its commit."""
        ...

    async def session_ended(self, activation: str) -> None:
        """The holder ended a session on the phone."""
        ...

    async def answered(self, link: str) -> None:
        """An application's question who is there has its answer, or ended. Only a hint."""
        ...
