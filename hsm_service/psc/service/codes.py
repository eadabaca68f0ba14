"""A6: a code becomes an access token, once."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.errors import LinkIdError
from foundation.ids import BadToken, Random, Token, new_token, parse_token
from hsm_service.credentials.domain.identification import Identification
from hsm_service.oauth.domain.client import Client, GrantType
from hsm_service.oauth.domain.pkce import check_verifier
from hsm_service.oauth.errors import ClientNotPermitted, GrantRefused
from hsm_service.psc.domain.authorization import AUTHORIZATION_PREFIX, Authorization, Granted, Step
from hsm_service.psc.domain.scopes import Scope, ceilings, life
from hsm_service.psc.domain.sealing import SealBroken, seal, unseal
from hsm_service.psc.errors import CodeRefused, UserDenied
from hsm_service.psc.service.endings import SessionEndings
from hsm_service.psc.service.holders import GrantedHolder, Holders
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.store import PscStore

TOKEN_PREFIX: Final = "pst"


@dataclass(frozen=True)
class Issued:
    """An access token just made. ``text`` is its owner's and is kept by nobody here."""

    text: str = field(repr=False)
    expires_in: int
    scope: Scope
    identification: Identification | None


class CodeService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        holders: Holders,
        settings: PscSettings,
        endings: SessionEndings,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``settings``: how long tokens may live; ``endings``: of what a code opened that came twice."""
        self._database = database
        self._store = PscStore(database)
        self._clock = clock
        self._audit = audit
        self._ceilings = ceilings(settings.person_days, settings.company_days)
        self._endings = endings
        self._holders = holders
        self._random = random

    async def redeem(self, client: Client, *, code: str, redirect: str | None, verifier: str | None) -> Issued:
        """A6: the token. Whatever is wrong with verifier or address, the code is used up by the attempt.

        Raises CodeRefused, ClientNotPermitted, BadOAuthRequest.
        """
        if GrantType.CODE not in client.grants:
            raise ClientNotPermitted()
        try:
            name, secret = parse_token(code, AUTHORIZATION_PREFIX)
        except BadToken as cause:
            raise CodeRefused("not a code of ours") from cause
        # Before the transaction, which holds a connection while rivals queue for the row behind it.
        holder = await self._granted_holder(name)
        refusal: LinkIdError
        stolen = False
        async with self._database.transaction() as connection:
            now = self._clock.now()
            found = await self._store.redeem(connection, name, secret, client.id, now)
            if found is not None and holder is not None:
                try:
                    _check_redirect(found, redirect)
                    _check_verifier(verifier, found.wanted.challenge)
                    return await self._issue(connection, client, found, holder, secret, now)
                except GrantRefused as cause:
                    refusal = CodeRefused(cause.detail)
                except LinkIdError as cause:
                    refusal = cause
            else:
                refusal = CodeRefused("unknown, expired, used, or another application's code")
                if await self._store.revoke_by_code(connection, name, secret, now):
                    stolen = True
                    self._audit.note(connection, "psc.code_reused", authorization=name, client=client.id)
        if stolen:
            await self._endings.of_authorization(name)
        raise refusal

    async def _granted_holder(self, name: str) -> GrantedHolder | None:
        """Who identified; None when there is no such code, or the holder's certificate ended meanwhile."""
        found = await self._store.authorization(name, self._clock.now())
        if found is None or found[0].step is not Step.GRANTED:
            return None
        try:
            return await self._holders.one_of(found[0].credentials)
        except UserDenied:
            return None

    async def _issue(
        self,
        connection: Connection,
        client: Client,
        found: Authorization,
        holder: GrantedHolder,
        code: str,
        now: datetime,
    ) -> Issued:
        token = new_token(TOKEN_PREFIX, self._random)
        if found.until is not None:
            expires = found.until
        else:
            longest = self._ceilings[holder.identification.kind]
            expires = now + life(found.wanted.scope, found.wanted.lifetime, longest)
        granted = Granted(
            id=token.public_id,
            client=client.id,
            scope=found.wanted.scope,
            credentials=found.credentials,
            sealed=self._sealed_again(found, code, token),
            use=None,
            used=None,
            expires=expires,
        )
        await self._store.add_token(connection, token, granted, granted_by=found.id, now=now)
        self._audit.note(
            connection, "psc.token_issued", client=client.id, authorization=found.id, scope=found.wanted.scope.value
        )
        left = max(1, int((expires - now) / timedelta(seconds=1)))
        return Issued(token.text, left, granted.scope, holder.identification)

    def _sealed_again(self, found: Authorization, code: str, token: Token) -> bytes | None:
        """A session's handle, from whoever had the code to whoever has the token."""
        if found.sealed is None:
            return None
        try:
            handle = unseal(code, found.id, found.sealed)
        except SealBroken as cause:
            raise CodeRefused("the row is not the one this code was made for") from cause
        return seal(token.secret, token.public_id, handle, self._random)


def _check_verifier(verifier: str | None, challenge: str | None) -> None:
    """RFC 7636; where there was no challenge (the code was posted), a verifier is somebody else's (RFC 9700, 4.8.2)."""
    if challenge is not None:
        check_verifier(verifier, challenge)
    elif verifier is not None:
        raise GrantRefused("code_verifier without a code_challenge")


def _check_redirect(found: Authorization, redirect: str | None) -> None:
    """RFC 6749 section 4.1.3: the same address again, if the authorize request named one."""
    if redirect is None and not found.wanted.redirect_given:
        return
    if redirect != found.wanted.redirect:
        raise GrantRefused("redirect_uri is not the one of the authorization request")
