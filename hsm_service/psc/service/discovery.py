"""Who has a certificate here, told to known applications only and not too often; and a token's own certificates."""

from collections.abc import Sequence
from datetime import timedelta

from foundation.clock import Clock
from foundation.web import SlidingWindow
from hsm_service.credentials.domain.credential import Credential
from hsm_service.credentials.domain.identification import Identification
from hsm_service.oauth.domain.client import Client
from hsm_service.psc.domain.scopes import Scope
from hsm_service.psc.errors import PscTokenInvalid, ScopeTooSmall, UserDenied
from hsm_service.psc.service.holders import Holders
from hsm_service.psc.service.tokens import Bearer
from hsm_service.psc.settings import PscSettings


class DiscoveryService:
    """One per gateway."""

    def __init__(self, clock: Clock, holders: Holders, settings: PscSettings) -> None:
        """``settings``: how often one application may ask."""
        self._clock = clock
        self._holders = holders
        self._asked = SlidingWindow(settings.discoveries_per_minute, timedelta(minutes=1))

    async def slots(self, client: Client, identification: Identification) -> list[Credential]:
        """What the holder of a number can sign with; to an application that proved who it is. Raises TooMany."""
        self._asked.demand(client.id, self._clock.now())
        return await self._holders.found(self._holders.digest(identification))

    async def certificates(self, bearer: Bearer, alias: str | None) -> Sequence[Credential]:
        """Of the token's holder, all of them or the one named (maybe none). Raises ScopeTooSmall, PscTokenInvalid."""
        granted = bearer.granted
        if granted.scope is Scope.APPLICATION:
            raise ScopeTooSmall("an application's own token is no holder's")
        if granted.used is not None:
            raise PscTokenInvalid("used up")
        try:
            holder = await self._holders.one_of(granted.credentials)
        except UserDenied:
            return ()
        return [one for one in holder.credentials if alias in (None, one.id)]
