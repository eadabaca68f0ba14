"""The SAM over its private channel (docs/protocol.md section 10), as signing's port has it.

What the SAM refuses arrives as an error with a code; here it becomes one of ours, or stays what it is when everybody
understands it (Unavailable, a locked credential).
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from foundation.channel import Answer, BadAnswer, PrivateCalls, near
from foundation.channel.client import DEADLINE
from foundation.encoding import b64u
from foundation.errors import Internal, JsonObject, LinkIdError, Unavailable
from hsm_service.signing.domain.request import Ask, Caller, ConsentAsk, SessionAsk
from hsm_service.signing.errors import (
    AlgorithmNotPossible,
    BadSad,
    CallerFrozen,
    CounterUsed,
    CredentialDisabled,
    NotTheApprovedHashes,
    RequestPending,
    SadExpired,
    SamNotAvailable,
    SessionExhausted,
    UnknownCredential,
    UseNotSigned,
)
from hsm_service.signing.ports import FixedDocument, Outcome, Verdict
from protocol.errors import (
    AskInvalid,
    CallerUnknown,
    ConsentRefused,
    ConsentUnknown,
    CredentialLocked,
    FactorsWrong,
    SessionRefused,
    TransportKeyRetired,
)

SIGN_SECONDS: Final = 30.0
"""A hundred RSA signatures on a busy SoftHSM take a few seconds."""
_MAX_SIGNATURE: Final = 1024

_ERRORS: Final[Mapping[str, Callable[[], LinkIdError]]] = MappingProxyType(
    {
        "credential_unknown": UnknownCredential,
        "credential_not_active": CredentialDisabled,
        "credential_blocked": CredentialDisabled,
        "caller_not_associated": UnknownCredential,
        "ask_invalid": AskInvalid,
        "caller_unknown": lambda: CallerUnknown(data={"why": "caller_unknown"}),
        "caller_frozen": CallerFrozen,
        "algorithm_refused": AlgorithmNotPossible,
        "too_many_pending": RequestPending,
        "seal_broken": BadSad,
        "activation_unknown": BadSad,
        "activation_expired": SadExpired,
        "hashes_not_approved": NotTheApprovedHashes,
        "session_refused": SessionRefused,
        "session_exhausted": lambda: SessionExhausted(data={"why": "session_exhausted"}),
        "counter_used": lambda: CounterUsed(data={"why": "counter_used"}),
        "use_invalid": lambda: UseNotSigned(data={"why": "use_invalid"}),
        "signature_not_released": SamNotAvailable,
        "sam_refuses_work": SamNotAvailable,
    }
)
"""By the SAM's code. What is not here, and not an error that everybody understands, means versions that do not fit."""


_UNDERSTOOD: Final = (
    Unavailable,
    Internal,
    CredentialLocked,
    ConsentRefused,
    ConsentUnknown,
    FactorsWrong,
    TransportKeyRetired,
)
"""What everybody understands as it is."""


class SamOverChannel:
    """See ports.Sam."""

    def __init__(self, client: PrivateCalls) -> None:
        """``client``: to any SAM; they are alike."""
        self._client = client

    async def fix_sign_document(self, caller: Caller, ask: Ask, activation_key: bytes) -> FixedDocument:
        """``documents/sign``."""
        return _fixed(await self._call("documents/sign", asked(caller, ask, activation_key)))

    async def fix_session_document(self, caller: Caller, ask: SessionAsk, activation_key: bytes) -> FixedDocument:
        """``documents/session``."""
        return _fixed(await self._call("documents/session", asked(caller, ask, activation_key)))

    async def fix_consent_document(self, caller: Caller, ask: ConsentAsk) -> FixedDocument:
        """``documents/consent``."""
        answer = await self._call(
            "documents/consent",
            {
                "credential": ask.credential,
                "caller": {"kind": caller.kind.value, "id": caller.id},
                "until": ask.until,
                "maximum": ask.maximum,
                "purpose": ask.purpose,
                "ask": ask.signed,
            },
        )
        return _fixed(answer)

    async def verdict(self, document: str) -> Verdict:
        """``documents/state``."""
        answer = await self._call("documents/state", {"document": document})
        try:
            outcome = Outcome(answer.text("state"))
        except ValueError as cause:
            raise answer.bad("unknown state") from cause
        if outcome is Outcome.APPROVED and not answer.has("activation") and not answer.has("consent"):
            raise answer.bad("approved without activation")
        return Verdict(
            outcome,
            reason=answer.text_or_none("reason"),
            activation=answer.text_or_none("activation"),
            until=answer.instant_or_none("until"),
        )

    async def withdraw(self, document: str) -> None:
        """``documents/withdraw``."""
        await self._call("documents/withdraw", {"document": document})

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
        """``signatures/sign``."""
        answer = await self._call(
            "signatures/sign",
            {
                "activation": activation,
                "secret": b64u(secret),
                "hashes": [b64u(digest) for digest in hashes],
                "hash_algorithm": hash_algorithm,
                "sign_algorithm": sign_algorithm,
                "caller": {"kind": caller.kind.value, "id": caller.id},
            },
            deadline=SIGN_SECONDS,
        )
        return _signatures(answer, len(hashes))

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
        """``signatures/use``."""
        answer = await self._call(
            "signatures/use",
            {
                "activation": activation,
                "secret": b64u(secret),
                "counter": counter,
                "hashes": [b64u(digest) for digest in hashes],
                "hash_algorithm": hash_algorithm,
                "sign_algorithm": sign_algorithm,
                "caller": {"kind": caller.kind.value, "id": caller.id},
                "use": None if signature is None else {"signature": signature},
            },
            deadline=SIGN_SECONDS,
        )
        return _signatures(answer, len(hashes))

    async def give_back(self, caller: Caller, activation: str) -> None:
        """``sessions/give_back``."""
        said: JsonObject = {"kind": caller.kind.value, "id": caller.id}
        await self._call("sessions/give_back", {"activation": activation, "caller": said})

    async def _call(self, name: str, body: JsonObject, *, deadline: float = DEADLINE) -> Answer:
        return await call_sam(self._client, name, body, deadline=deadline)


async def call_sam(client: PrivateCalls, name: str, body: JsonObject, *, deadline: float = DEADLINE) -> Answer:
    """One call; what it refuses is one of our errors."""
    try:
        return Answer(name, await client.call(name, body, deadline=deadline, near=near(body)))
    except LinkIdError as error:
        ours = _ERRORS.get(error.code)
        if ours is None and isinstance(error, _UNDERSTOOD):
            raise
        if ours is None:
            raise BadAnswer(f"{name}: {error.code}") from error
        translated = ours()
        translated.retry_after = error.retry_after
        raise translated from error


def asked(caller: Caller, ask: Ask | SessionAsk, activation_key: bytes) -> JsonObject:
    """The members of ``documents/sign`` or ``documents/session``."""
    common: JsonObject = {
        "credential": ask.credential,
        "caller": {"kind": caller.kind.value, "id": caller.id},
        "hash_algorithm": ask.hash_algorithm,
        "sign_algorithm": ask.sign_algorithm,
        "activation_key": b64u(activation_key),
        "ask": ask.signed,
    }
    if isinstance(ask, SessionAsk):
        return {**common, "until": ask.until, "maximum": ask.maximum, "purpose": ask.purpose}
    return {
        **common,
        "hashes": [b64u(digest) for digest in ask.hashes],
        "documents": [{"label": label.text, "size": label.size} for label in ask.labels],
    }


def _fixed(answer: Answer) -> FixedDocument:
    return FixedDocument(
        document=answer.text("document"),
        statement=answer.text("statement"),
        verification_code=answer.text("verification_code"),
        expires=answer.instant("expires"),
    )


def _signatures(answer: Answer, count: int) -> list[bytes]:
    found = answer.datas("signatures", max_bytes=_MAX_SIGNATURE)
    if len(found) != count:
        raise answer.bad("not one signature for each hash")
    return found
