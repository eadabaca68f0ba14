"""Step 4 of a session: the SAM fixes what the holder is asked to allow."""

from dataclasses import dataclass

from foundation.clock import Clock
from foundation.encoding import JsonObject, JsonValue, b64u
from hsm_service.sam.documents.requests import Prepared, Requests, signed_ask
from hsm_service.sam.documents.stating import Stated
from hsm_service.sam.sessions.domain import life_of
from protocol import algorithms
from protocol.documents import LIFE, clean
from protocol.errors import AskInvalid, CallerUnknown
from protocol.sessions import Terms


@dataclass(frozen=True)
class SessionAsk:
    """What a caller asks, as the gateway passed it on; nothing of it is believed before it is checked or shown."""

    credential: str
    caller_kind: str
    caller_id: str
    until: int
    maximum: int
    purpose: str
    hash_algorithm: str
    sign_algorithm: str
    activation_key: bytes
    signed: JsonValue = None


class SessionAsks:
    """``documents/session``."""

    def __init__(self, clock: Clock, requests: Requests) -> None:
        self._clock, self._requests = clock, requests

    async def ask(self, ask: SessionAsk) -> Stated:
        """Step 4: a caller asks for a session.

        Raises CredentialUnknown, CredentialNotActive, CredentialLocked, AlgorithmRefused, SessionRefused,
        CallerNotAssociated, CallerUnknown, AskInvalid, CallerFrozen, TooManyPending.
        """
        try:
            return await self._ask(ask)
        except (AskInvalid, CallerUnknown) as refused:
            await self._requests.note_refused(ask.credential, ask.caller_kind, ask.caller_id, refused)
            raise

    async def _ask(self, ask: SessionAsk) -> Stated:
        prepared = await self.prepare(ask)
        life = life_of(ask.until, self._clock.now().timestamp(), LIFE["session"])
        return await self._requests.request("session", prepared.members, prepared.asking, prepared.signed, life)

    async def prepare(self, ask: SessionAsk) -> Prepared:
        """4a and 4b, of a session. Raises as ``Requests.prepare``, and SessionRefused."""
        now = self._clock.now()
        asking = await self._requests.asking(ask.credential, ask.caller_kind, ask.caller_id)
        credential, keys = asking.credential, asking.keys
        certificate = credential.usable(now)
        algorithms.fitting(credential.key_algorithm, ask.sign_algorithm, ask.hash_algorithm)
        terms = Terms(ask.until, ask.maximum, clean(ask.purpose), ask.hash_algorithm, ask.sign_algorithm)
        terms.demand_possible(now, certificate.valid_to)
        # The keys that sign the ask are those that will sign each use: the document names them, the holder's decision
        # covers them. None: whoever holds the bearer secret uses the session, and the holder must say so expressly.
        signed = signed_ask(ask.signed, keys)
        if signed is not None:
            signed.verify_session(caller=ask.caller_id, credential=ask.credential, terms=terms, keys=keys, now=now)
        members: JsonObject = {
            "credential": credential.id,
            "certificate": b64u(certificate.hash),
            "subject": certificate.subject,
            "caller": asking.caller,
            "purpose": terms.purpose,
            "until": terms.until,
            "maximum": terms.maximum,
            "session_key": [key.jkt for key in keys],
            "hash_algorithm": terms.hash_algorithm,
            "sign_algorithm": terms.sign_algorithm,
            "activation_key": b64u(ask.activation_key),
        }
        return Prepared(members, asking, signed)
