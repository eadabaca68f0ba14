"""The SAM where applications send the holder's factors: they are encrypted to it here, before anything else is done."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from foundation.channel import PrivateCalls
from foundation.clock import Clock
from foundation.errors import JsonObject
from hsm_service.signing.adapters.sam import SIGN_SECONDS, asked, call_sam
from hsm_service.signing.domain.request import Ask, Caller, SessionAsk
from hsm_service.signing.ports import ConsentEnd, ConsentEnded, Opened, Standing
from protocol import explicit
from protocol.errors import FactorsWrong, TransportKeyRetired
from protocol.explicit import Factors, Purpose
from protocol.keys import P256Key
from protocol.statements import open_root_signed

_KEPT: Final = timedelta(seconds=60)
"""How long a transport key is used without asking for it again; the SAM's answers for ten minutes after its end."""


class ExplicitOverChannel:
    """See ports.ExplicitSam."""

    def __init__(self, client: PrivateCalls, clock: Clock, roots: Mapping[str, P256Key]) -> None:
        """``roots``: the SAM's, from trust.json: a password is encrypted to no key that they did not sign."""
        self._client, self._clock, self._roots = client, clock, roots
        self._key: P256Key | None = None
        self._asked = datetime.min.replace(tzinfo=UTC)

    async def open(self, caller: Caller, ask: Ask | SessionAsk, activation_key: bytes, factors: Factors) -> Opened:
        """``explicit/open``."""
        try:
            return await self._open(caller, ask, activation_key, factors)
        except TransportKeyRetired:
            self._key = None
            return await self._open(caller, ask, activation_key, factors)

    async def _open(self, caller: Caller, ask: Ask | SessionAsk, activation_key: bytes, factors: Factors) -> Opened:
        purpose = Purpose(f"{caller.kind.value}:{caller.id}", ask.credential, activation_key)
        sealed = explicit.seal(factors, purpose, await self._transport_key())
        body: JsonObject = {**asked(caller, ask, activation_key), "factors": sealed}
        try:
            answer = await call_sam(self._client, "explicit/open", body, deadline=SIGN_SECONDS)
        except FactorsWrong as wrong:
            ended = wrong.data.get("ended")
            if isinstance(ended, Mapping) and isinstance(ended.get("since"), int):
                since = datetime.fromtimestamp(int(str(ended["since"])), UTC)
                raise ConsentEnded(ConsentEnd(str(ended.get("credential")), since)) from wrong
            raise FactorsWrong() from wrong
        return Opened(
            answer.text("document"), answer.text("activation"), answer.instant("until"), answer.number("maximum")
        )

    async def standing(self, caller: Caller, credential: str) -> Standing | None:
        """``consents/standing``."""
        body: JsonObject = {"credential": credential, "caller": {"kind": caller.kind.value, "id": caller.id}}
        answer = await call_sam(self._client, "consents/standing", body)
        return Standing(answer.instant("until"), answer.number("left")) if answer.flag("active") else None

    async def _transport_key(self) -> P256Key:
        now = self._clock.now()
        if self._key is None or now > self._asked + _KEPT:
            said = (await call_sam(self._client, "transport", {})).text("statement")
            payload = open_root_signed(said, "transport", self._roots, now=now)
            self._key, self._asked = P256Key.from_jwk(payload.get("key")), now
        return self._key
