"""What the SAM says, as signing hears it; and what it must not be believed."""

from collections.abc import Mapping
from typing import Any

import pytest

from foundation.channel import BadAnswer
from foundation.errors import JsonObject, LinkIdError, Unavailable
from hsm_service.signing import errors
from hsm_service.signing.adapters.sam import SamOverChannel
from hsm_service.signing.domain.request import Ask, Caller, CallerKind, Label
from protocol.errors import AskInvalid, CallerUnknown, CredentialLocked
from tests.support.signing_sam import says

CALLER = Caller(CallerKind.COMPUTER, "cmp_x", "Notebook")
ASK = Ask("cred_x", [bytes(32)], "SHA-256", "RSA-PKCS1-SHA256", [Label("a")])


class Answers:
    """A channel that answers, or raises, what a test says."""

    def __init__(self, answer: JsonObject | LinkIdError) -> None:
        self._answer = answer

    async def call(
        self, name: str, body: JsonObject | None = None, *, deadline: float = 10.0, near: str | None = None
    ) -> JsonObject:
        if isinstance(self._answer, LinkIdError):
            raise self._answer
        return self._answer


async def everything(answer: JsonObject | LinkIdError) -> list[BaseException | object]:
    """Every call's outcome."""
    sam = SamOverChannel(Answers(answer))
    outcomes: list[BaseException | object] = []
    sign: dict[str, Any] = {
        "activation": "act_x",
        "secret": bytes(32),
        "hashes": [bytes(32)],
        "hash_algorithm": "SHA-256",
        "sign_algorithm": "RSA-PKCS1-SHA256",
    }
    for call in (
        lambda: sam.fix_sign_document(CALLER, ASK, bytes(32)),
        lambda: sam.verdict("req_x"),
        lambda: sam.sign(CALLER, **sign),
    ):
        try:
            outcomes.append(await call())
        except LinkIdError as error:
            outcomes.append(error)
    return outcomes


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("credential_unknown", errors.UnknownCredential),
        ("caller_not_associated", errors.UnknownCredential),
        ("credential_not_active", errors.CredentialDisabled),
        ("caller_frozen", errors.CallerFrozen),
        ("ask_invalid", AskInvalid),
        ("caller_unknown", CallerUnknown),
        ("too_many_pending", errors.RequestPending),
        ("algorithm_refused", errors.AlgorithmNotPossible),
        ("seal_broken", errors.BadSad),
        ("activation_unknown", errors.BadSad),
        ("activation_expired", errors.SadExpired),
        ("hashes_not_approved", errors.NotTheApprovedHashes),
        ("signature_not_released", errors.SamNotAvailable),
        ("sam_refuses_work", errors.SamNotAvailable),
        ("sam_bad_call", BadAnswer),
    ],
)
async def test_its_refusals_become_ours(code: str, kind: type[LinkIdError]) -> None:
    """By code, whether or not this process knows the SAM's class; with its retry time."""
    for outcome in await everything(says(code, retry_after=7)):
        assert isinstance(outcome, kind)
        if kind is not BadAnswer:
            assert outcome.retry_after == 7


async def test_what_everybody_understands_passes() -> None:
    """Unavailable stays Unavailable; a locked credential is the protocol's own error."""
    for error in (Unavailable("away"), CredentialLocked(retry_after=5)):
        assert await everything(error) == [error] * 3


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"state": "maybe"},
        {"state": 1},
        {"state": "approved"},
        {"state": "approved", "activation": 1},
        {"state": "approved", "activation": "act_x", "until": "soon"},
        {"document": "req_x", "statement": "s", "verification_code": 27, "expires": 1},
        {"document": "req_x", "statement": "s", "verification_code": "27", "expires": True},
        {"document": "req_x", "statement": "s", "verification_code": "27"},
        {"signatures": "abc"},
        {"signatures": []},
        {"signatures": ["a", "b"]},
        {"signatures": ["not base64!"]},
    ],
)
async def test_answers_that_the_protocol_does_not_know(answer: Mapping[str, Any]) -> None:
    """A SAM of another version is a fault that is told, never a half-understood yes."""
    for outcome in await everything(answer):
        assert isinstance(outcome, LinkIdError)
        assert isinstance(outcome, BadAnswer)
