"""The end of what an application opened and cannot use any more: it gave its token back, its code came twice, nobody
came for the code, or nobody was there to hear the phone's answer.

The gateway's own row goes first: from then on the token signs nothing. That the session ends at the SAM as well, and
leaves the phone's list, is made good by ``sweep`` when the SAM is away.
"""

import json
from datetime import datetime, timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import LinkIdError, Unavailable
from foundation.logs import get_logger
from hsm_service.psc.domain.scopes import Scope
from hsm_service.psc.domain.sealing import SealBroken, unseal
from hsm_service.psc.service.holders import signing_caller
from hsm_service.psc.store import OpenSession, PscStore, Revoked
from hsm_service.signing.errors import UnknownHandle
from hsm_service.signing.service import SigningService

LATE: Final = timedelta(minutes=1)
"""How long after its last moment nobody comes for a code any more, on any gateway's clock."""
_BITE: Final = 200

_log = get_logger(__name__)


class SessionEndings:
    """One per gateway."""

    def __init__(self, database: Database, clock: Clock, signing: SigningService) -> None:
        """``signing`` knows what the phone was asked."""
        self._store = PscStore(database)
        self._clock = clock
        self._signing = signing

    async def of_authorization(self, authorization: str) -> None:
        """The session that it opened, if it opened one and it is open still. What fails now, ``sweep`` repeats."""
        session = await self._store.open_session(authorization, self._clock.now())
        if session is not None:
            await self._end(session)

    async def of_token(self, revoked: Revoked, secret: str, client: str, name: str) -> None:
        """What a token opened that was just given back: its session, or the one request that waits on the phone."""
        if revoked.granted_by is not None and revoked.scope is Scope.SESSION:
            await self.of_authorization(revoked.granted_by)
        elif revoked.opened is not None:
            try:
                await self._signing.give_back(signing_caller(client, name), revoked.opened)
            except LinkIdError as error:  # it ends by itself, soon
                _log.info("opened_not_given_back", token=revoked.id, error_code=error.code)
        elif revoked.sealed is not None and revoked.used is None:
            try:
                handle = json.loads(unseal(secret, revoked.id, revoked.sealed))["handle"]
                await self._signing.withdraw(signing_caller(client, name), handle)
            except (SealBroken, LinkIdError) as error:
                _log.info("request_not_withdrawn", token=revoked.id, error=type(error).__name__)

    async def sweep(self, now: datetime) -> int:
        """End what nobody can use any more; how many there were. Call from time to time."""
        found = await self._store.forsaken_sessions(now, now - LATE, _BITE)
        for session in found:
            await self._end(session)
        return len(found)

    async def _end(self, session: OpenSession) -> None:
        try:
            await self._signing.give_back(signing_caller(session.client, ""), session.document)
        except UnknownHandle:
            pass  # nobody was asked under this document: there is nothing to end
        except Unavailable as error:
            _log.warning("session_ends_later", authorization=session.authorization, error_code=error.code)
            return
        await self._store.session_ended(session.authorization, self._clock.now())
