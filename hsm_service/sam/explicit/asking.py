"""Step 4 of a consent: the SAM fixes what the holder is asked to allow."""

from dataclasses import dataclass
from datetime import timedelta

from foundation.clock import Clock
from foundation.encoding import JsonObject, JsonValue, b64u
from hsm_service.sam.documents.requests import Requests, signed_ask
from hsm_service.sam.documents.stating import Stated
from protocol.consents import ConsentTerms, ExplicitSettings
from protocol.documents import clean
from protocol.errors import AskInvalid, CallerUnknown, ConsentRefused


@dataclass(frozen=True)
class ConsentAsk:
    """What an application asks, as the gateway passed it on."""

    credential: str
    caller_kind: str
    caller_id: str
    until: int
    maximum: int
    purpose: str
    signed: JsonValue = None


class ConsentAsks:
    """``documents/consent``."""

    def __init__(self, clock: Clock, requests: Requests, settings: ExplicitSettings) -> None:
        self._clock, self._requests, self._settings = clock, requests, settings

    async def ask(self, ask: ConsentAsk) -> Stated:
        """Step 4: an application asks to be allowed to send the holder's factors.

        Raises ConsentRefused, and as ``Requests.sign``.
        """
        if not self._settings.enabled:
            raise ConsentRefused("off", data={"why": "off"})
        if ask.caller_kind != "integrator":
            # A computer has the holder beside it, and the phone in reach: it never needs this.
            raise ConsentRefused("not_an_application", data={"why": "not_an_application"})
        try:
            return await self._ask(ask)
        except (AskInvalid, CallerUnknown) as refused:
            await self._requests.note_refused(ask.credential, ask.caller_kind, ask.caller_id, refused)
            raise

    async def _ask(self, ask: ConsentAsk) -> Stated:
        now = self._clock.now()
        asking = await self._requests.asking(ask.credential, ask.caller_kind, ask.caller_id)
        certificate = asking.credential.usable(now)
        terms = ConsentTerms(ask.until, ask.maximum, clean(ask.purpose))
        longest = timedelta(days=self._settings.longest_days)
        terms.demand_possible(now, certificate.valid_to, longest=longest, most=self._settings.most_signatures)
        signed = signed_ask(ask.signed, asking.keys)
        if signed is not None:
            signed.verify_consent(
                caller=ask.caller_id, credential=ask.credential, terms=terms, keys=asking.keys, now=now
            )
        members: JsonObject = {
            "credential": asking.credential.id,
            "certificate": b64u(certificate.hash),
            "subject": certificate.subject,
            "caller": asking.caller,
            "purpose": terms.purpose,
            "until": terms.until,
            "maximum": terms.maximum,
        }
        return await self._requests.request("consent", members, asking, signed)
