"""Whose access token is this? And tokens of an application for itself."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import BadToken, Random, new_token, parse_token
from hsm_service.oauth.domain.client import Client, GrantType
from hsm_service.oauth.errors import ClientNotPermitted
from hsm_service.oauth.service.callers import read_authorization
from hsm_service.oauth.service.pace import CallPace
from hsm_service.oauth.store import ClientStore
from hsm_service.psc.domain.authorization import Granted
from hsm_service.psc.domain.scopes import APPLICATION_LIFE, Scope
from hsm_service.psc.errors import PscTokenInvalid
from hsm_service.psc.service.codes import TOKEN_PREFIX, Issued
from hsm_service.psc.service.endings import SessionEndings
from hsm_service.psc.store import PscStore


@dataclass(frozen=True)
class Bearer:
    """A token that is good now, its application as it is now, and the secret that opens what it carries."""

    granted: Granted
    client: Client
    secret: str = field(repr=False)


class TokenService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        endings: SessionEndings,
        pace: CallPace,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``endings``: of what a token opened that is given back; ``pace``: of every call."""
        self._endings = endings
        self._pace = pace
        self._database = database
        self._store = PscStore(database)
        self._clients = ClientStore(database)
        self._clock = clock
        self._random = random

    async def for_application(self, client: Client) -> Issued:
        """``client_token``. Raises ClientNotPermitted."""
        if GrantType.CLIENT not in client.grants:
            raise ClientNotPermitted()
        token, now = new_token(TOKEN_PREFIX, self._random), self._clock.now()
        granted = Granted(
            id=token.public_id,
            client=client.id,
            scope=Scope.APPLICATION,
            credentials=(),
            sealed=None,
            use=None,
            used=None,
            expires=now + APPLICATION_LIFE,
        )
        async with self._database.transaction() as connection:
            await self._store.add_token(connection, token, granted, granted_by=None, now=now)
        return Issued(token.text, int(APPLICATION_LIFE.total_seconds()), Scope.APPLICATION, None)

    async def identify(self, authorization: Sequence[str]) -> Bearer:
        """``authorization``: all values of the header.

        Raises TokenMissing, MalformedAuthorization, PscTokenInvalid, TooManyCalls.
        """
        _, text = read_authorization(authorization)
        try:
            name, secret = parse_token(text, TOKEN_PREFIX)
        except BadToken as cause:
            raise PscTokenInvalid("not a token of this API") from cause
        granted = await self._store.bearer(name, secret, self._clock.now())
        client = None if granted is None else await self._clients.client(granted.client)
        if granted is None or client is None:
            raise PscTokenInvalid("unknown, expired, revoked, or of an application that was shut out")
        await self._pace.demand(client.id, client.calls_per_minute)
        return Bearer(granted, client, secret)

    async def revoke(self, client: Client, text: str) -> None:
        """RFC 7009: a token of another application, or none at all, is answered like a success and stays as it is.

        With it ends what it opened: a session, or the request that waits on the phone.
        """
        try:
            name, secret = parse_token(text, TOKEN_PREFIX)
        except BadToken:
            return
        revoked = await self._store.revoke(name, secret, client.id, self._clock.now())
        if revoked is not None:
            await self._endings.of_token(revoked, secret, client.id, client.name)
