"""E1 to E4 and E6, E7: is there a consent for this, and are the factors right?"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from foundation.clock import Clock
from foundation.database import Database
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.attempts.service import Attempts, Standing
from hsm_service.sam.bindings.domain import Binding
from hsm_service.sam.bindings.domain import State as BindingState
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.clients.store import ClientStore
from hsm_service.sam.consents.domain import Consent
from hsm_service.sam.consents.store import ConsentStore, Looked
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.custody import Custody
from hsm_service.sam.documents.requests import SignAsk
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.errors import CallerFrozen, DocumentUnknown
from hsm_service.sam.explicit.stretching import StretchingRoom
from hsm_service.sam.generators.domain import Generator
from hsm_service.sam.generators.store import GeneratorStore
from hsm_service.sam.memory import Sessions
from hsm_service.sam.roots import TransportKeys
from hsm_service.sam.sessions.asking import SessionAsk
from protocol import codes, custody, explicit
from protocol.consents import ExplicitSettings
from protocol.errors import ConsentUnknown
from protocol.explicit import Factors
from protocol.proofs import Jwe


@dataclass(frozen=True)
class ExplicitCall:
    """``ask``: listed hashes, or so many signatures until a time. ``factors``: sealed to our transport key."""

    ask: SignAsk | SessionAsk
    factors: str = field(repr=False)

    @property
    def caller(self) -> str:
        """``kind:id``."""
        return f"{self.ask.caller_kind}:{self.ask.caller_id}"

    @property
    def count(self) -> int:
        """Signatures that are counted now; those of a session are counted when they are made."""
        return len(self.ask.digests) if isinstance(self.ask, SignAsk) else 0


class NotLearntYet(Exception):
    """The consent began before what this process read of the audit: read on, back to ``began``, and try again."""

    def __init__(self, began: datetime) -> None:
        super().__init__(began)
        self.began = began


@dataclass(frozen=True)
class Allowed:
    """A consent under which this application may try now, and what trying needs."""

    consent: Consent
    binding: Binding
    credential: Credential
    generators: list[Generator] = field(repr=False)


@dataclass(frozen=True)
class Right:
    """Both factors were right: the wrapped key, and the generator as the code leaves it."""

    wrapped: bytes = field(repr=False)
    stretched: bytes = field(repr=False)
    before: Generator
    after: Generator


@dataclass(frozen=True)
class ServedBefore:
    """The password was right, and the code was right when it came first: nothing opens, and nobody guessed."""


class ExplicitOpening:
    """Judges; writes nothing."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        settings: ExplicitSettings,
        hsm: Hsm,
        transport: TransportKeys,
        documents: DocumentStore,
        credentials: CredentialStore,
        bindings: BindingStore,
        clients: ClientStore,
        consents: ConsentStore,
        generators: GeneratorStore,
        attempts: Attempts,
        custody: Custody,
        memory: Sessions,
        room: StretchingRoom,
    ) -> None:
        self._database, self._clock, self._settings = database, clock, settings
        self._hsm, self._transport = hsm, transport
        self._documents, self._credentials, self._bindings = documents, credentials, bindings
        self._clients, self._consents, self._generators = clients, consents, generators
        self._attempts, self._custody, self._memory, self._room = attempts, custody, memory, room

    async def allowed(self, credential: str, caller_kind: str, caller_id: str) -> Allowed:
        """E1 and E2. Whoever has no consent hears the same, whatever is missing.

        Raises ConsentUnknown, CallerUnknown, CallerFrozen, CredentialNotActive, CredentialLocked; NotLearntYet.
        """
        # E1. The operator allows it at all.
        if not self._settings.enabled:
            raise ConsentUnknown("the operator allows no factors from applications")
        # E2. A consent of this application for this certificate: its row and its document hold, it is not over, its
        # phone is bound still, and the application is welcome still.
        looked = await self._consents.look(credential, f"{caller_kind}:{caller_id}", caller_id)
        if looked is None or looked.consent is None:
            raise ConsentUnknown("none")
        consent = looked.consent
        if self._memory.since is None or consent.created < self._memory.since:
            raise NotLearntYet(consent.created.astimezone(UTC))
        await self._demand_document(looked, consent)
        binding = await self._bindings.read(looked.around["binding"], looked.since)
        if binding is None or binding.state is not BindingState.ACTIVE or binding.id != consent.binding:
            raise ConsentUnknown("the phone that consented is not bound any more")
        if not consent.open(self._clock.now()):
            raise ConsentUnknown("over, used up, or too often wrong")
        await self._clients.read(looked.around["client"], caller_id, looked.since)
        if looked.around["frozen"]:
            raise CallerFrozen(caller_id)
        found = await self._credentials.read(looked.around["credential"], credential, looked.since)
        found.usable(self._clock.now())
        await self._attempts.demand_open(credential, "sign", Standing(looked.around["ladder"], None))
        generators = await self._generators.read(looked.around["generators"], looked.since)
        return Allowed(consent, binding, found, [one for one in generators if one.credential == credential])

    async def _demand_document(self, looked: Looked, consent: Consent) -> None:
        """What the holder signed says what the row says. Raises ConsentUnknown."""
        try:
            fixed = await self._documents.read(looked.around["document"], consent.id, looked.since)
        except DocumentUnknown as cause:
            raise ConsentUnknown("its document does not hold") from cause
        document = fixed.document
        said = (document.type, fixed.credential, fixed.caller, document.number("until"), document.number("maximum"))
        if said != ("consent", consent.credential, consent.caller, int(consent.until.timestamp()), consent.maximum):
            raise ConsentUnknown("the holder signed something else")

    async def factors(self, call: ExplicitCall) -> Factors:
        """E4. Sealed for this very call. Raises ProofInvalid, TransportKeyRetired, HsmUnavailable."""
        jwe = Jwe.parse(call.factors)
        key = await self._transport.answering(jwe.kid, self._clock.now())
        plaintext = jwe.decrypt(await self._hsm.derive(key.version, jwe.epk))
        return explicit.read(plaintext, explicit.Purpose(call.caller, call.ask.credential, call.ask.activation_key))

    async def judge(self, allowed: Allowed, factors: Factors) -> Right | ServedBefore | None:
        """E6 and E7: always both, so that nobody learns by time which was wrong. None: not right.

        Raises HsmUnavailable: then nothing was tried.
        """
        credential = allowed.credential
        # E6. The password, stretched here, opens the blob.
        stretched = await self._room.stretch(factors.password, credential.salt, credential.argon2)
        wrapped = None
        with suppress(custody.DoesNotOpen):
            wrapped = await self._custody.unbind(credential, stretched or bytes(32))
        # E7. The code is one of a phone that is bound now, of a step later than every one before.
        used = await self._generator_of(allowed, factors.code)
        if wrapped is None or stretched is None or used is None:
            return None
        if isinstance(used, ServedBefore):
            return used
        before, step = used
        return Right(wrapped, stretched, before, await self._generators.sealed(before.used_at(step)))

    async def _generator_of(self, allowed: Allowed, code: str) -> tuple[Generator, int] | ServedBefore | None:
        code, now = code if codes.is_code(code) else "", self._clock.now()
        bound = await self._bindings.of_credentials(self._database, [allowed.credential.id])
        active = {one.id for one in bound if one.state is BindingState.ACTIVE}
        found: tuple[Generator, int] | ServedBefore | None = None
        for generator in allowed.generators:
            if generator.binding not in active:
                continue
            try:
                secret = await self._custody.kept(generator)
            except custody.DoesNotOpen:
                continue
            step = codes.accepted_step(secret, code, now, generator.step)
            if step is not None:
                found = generator, step
            elif codes.accepted_step(secret, code, now, newest=-1) is not None:
                found = found or ServedBefore()
        return found
