"""The token endpoint's story: a proven client, a grant, an access token. And taking tokens back."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.errors import JsonObject, LinkIdError
from foundation.ids import BadToken, Random, new_token, parse_token
from hsm_service.oauth.domain.client import SERVICE, Client, ClientKind, ClientMethod, GrantType
from hsm_service.oauth.domain.grant import (
    FAMILY_LIFE,
    REFRESH_LIFE,
    TOKEN_LIFE,
    UNBOUND,
    AccessToken,
    Approved,
    Binding,
    Code,
    RefreshToken,
)
from hsm_service.oauth.domain.pkce import check_verifier
from hsm_service.oauth.domain.wish import read_details, same_details
from hsm_service.oauth.errors import (
    BadDetails,
    ClientNotPermitted,
    GrantRefused,
    ProofMissing,
    RedirectMismatch,
    RefreshRefused,
    ScopeUnknown,
)
from hsm_service.oauth.ports import Computers
from hsm_service.oauth.service.sealed import open_approved, seal_approved
from hsm_service.oauth.store import CodeStore, TokenStore


@dataclass(frozen=True)
class Issued:
    """An access token just made; ``text`` is its owner's and is kept by nobody here."""

    text: str = field(repr=False)
    expires_in: int
    scope: str
    bound: bool
    """To a key, by DPoP."""
    refresh: str | None = field(default=None, repr=False)
    approved: Approved | None = None
    """What the token stands for, in the scope ``credential``."""


@dataclass(frozen=True)
class _Grant:
    """What a token is made from."""

    scope: str
    credentials: Sequence[str] | None
    code: str | None
    approved: Approved | None = None


class TokenService:
    """Gives and takes back access tokens."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        computers: Computers,
        random: Random = secrets.token_bytes,
    ) -> None:
        """The gateway's database."""
        self._computers = computers
        self._database = database
        self._store = TokenStore(database)
        self._codes = CodeStore(database)
        self._clock = clock
        self._audit = audit
        self._random = random

    async def for_client(self, client: Client, *, scope: str | None, binding: Binding = UNBOUND) -> Issued:
        """``client_credentials``: the client for itself.

        Raises ClientNotPermitted, ScopeUnknown, ProofMissing.
        """
        if GrantType.CLIENT not in client.grants:
            raise ClientNotPermitted()
        _check_bound(client, binding)
        grant = _Grant(checked_scope(scope, SERVICE), credentials=None, code=None)
        async with self._database.transaction() as connection:
            issued = await self._issue(connection, client, grant, binding)
        if client.kind is ClientKind.COMPUTER:
            await self._computers.used(client.id)
        return issued

    async def for_code(
        self,
        client: Client,
        *,
        code: str,
        redirect: str | None,
        verifier: str | None,
        details: str | None = None,
        binding: Binding = UNBOUND,
    ) -> Issued:
        """``authorization_code``: a holder identified to this client, or approved signatures, once.

        Whatever is wrong with verifier or address, the code is used up by the attempt: who holds a code without what
        belongs to it has stolen it. Raises ClientNotPermitted, GrantRefused, BadOAuthRequest, BadDetails.
        """
        if GrantType.CODE not in client.grants:
            raise ClientNotPermitted()
        _check_bound(client, binding)
        asked = None if details is None else read_details(details)
        try:
            code_id, secret = parse_token(code, "ac")
        except BadToken as cause:
            raise GrantRefused("not a code of ours") from cause
        refusal: LinkIdError
        async with self._database.transaction() as connection:
            # 8a. One statement decides who of all rivals has the code; the others wait here for the row, and find none.
            found = await self._codes.consume_code(connection, code_id, secret, client.id, self._clock.now())
            if found is not None:
                try:
                    # 8b. The same client (above), the same address, the same party that asked, no more than approved.
                    _check_redirect(found, redirect)
                    check_verifier(verifier, found.challenge)
                    _check_key(found, binding)
                    approved = open_approved(found.sealed, row=found.id, secret=secret)
                    _check_details(asked, approved)
                    _check_time(approved, self._clock.now())
                except LinkIdError as cause:
                    refusal = cause
                else:
                    # 8c. The token is born in the transaction that used the code up.
                    grant = _Grant(found.scope, found.credentials, found.id, approved)
                    return await self._issue_with_refresh(connection, client, grant, binding)
            else:
                # A second use: whatever the first gave is taken back (RFC 6749 section 4.1.2).
                revoked = await self._codes.revoke_by_code(connection, code_id, secret, self._clock.now())
                if revoked:
                    self._audit.note(connection, "oauth.code_reused", code=code_id, client=client.id)
                refusal = GrantRefused("unknown, expired, used, or another client's code")
        raise refusal

    async def for_refresh(self, client: Client, *, token: str, scope: str | None, binding: Binding = UNBOUND) -> Issued:
        """``refresh_token``: the next access token, and the next refresh token; the one shown is used up.

        One that comes a second time, by another client, or without the key it is bound to has been stolen, and nobody
        knows by whom: its whole family ends. Raises ClientNotPermitted, GrantRefused, ScopeUnknown.
        """
        if GrantType.REFRESH not in client.grants:
            raise ClientNotPermitted()
        checked_scope(scope, SERVICE)
        try:
            token_id, secret = parse_token(token, "rt")
        except BadToken as cause:
            raise RefreshRefused("not a refresh token of ours") from cause
        async with self._database.transaction() as connection:
            now = self._clock.now()
            found = await self._store.consume_refresh_token(connection, token_id, secret, client.id, now)
            if found is not None and binding.has(found.binding):
                grant = _Grant(found.scope, found.credentials, found.code)
                issued = await self._issue(connection, client, grant, binding)
                refresh = await self._refresh(connection, client, grant, binding, found.family_until)
                return Issued(issued.text, issued.expires_in, issued.scope, issued.bound, refresh)
            family = await self._store.refresh_family(connection, token_id, secret)
            if family is not None and await self._store.end_family(connection, family, now):
                self._audit.note(connection, "oauth.refresh_token_reused", code=family, client=client.id)
        raise RefreshRefused("the refresh token is unknown, expired or was already used")

    async def revoke(self, client: Client, token: str) -> None:
        """RFC 7009: a token of another client, or none at all, is answered like a success and stays as it is.

        A refresh token takes everything that its family gave with it; an access token goes alone (CSC 8.3.5).
        """
        now = self._clock.now()
        try:
            token_id, secret = parse_token(token, "at")
        except BadToken:
            await self._revoke_family(client, token, now)
            return
        await self._store.revoke_token(token_id, secret, client.id, now)

    async def _revoke_family(self, client: Client, token: str, now: datetime) -> None:
        try:
            token_id, secret = parse_token(token, "rt")
        except BadToken:
            return
        async with self._database.transaction() as connection:
            family = await self._store.own_refresh_token(connection, token_id, secret, client.id)
            if family is not None:
                await self._store.end_family(connection, family, now)

    async def _issue_with_refresh(
        self, connection: Connection, client: Client, grant: _Grant, binding: Binding
    ) -> Issued:
        issued = await self._issue(connection, client, grant, binding)
        if GrantType.REFRESH not in client.grants or grant.scope != SERVICE:
            return issued
        until = self._clock.now() + FAMILY_LIFE
        refresh = await self._refresh(connection, client, grant, binding, until)
        return Issued(issued.text, issued.expires_in, issued.scope, issued.bound, refresh)

    async def _issue(self, connection: Connection, client: Client, grant: _Grant, binding: Binding) -> Issued:
        now = self._clock.now()
        token = new_token("at", self._random)
        life, sealed = TOKEN_LIFE, None
        if grant.approved is not None:
            # A SAD lives as long as the activation that it opens.
            life = min(life, datetime.fromtimestamp(grant.approved.until, now.tzinfo) - now)
            sealed = seal_approved(grant.approved, token, self._random)
        stored = AccessToken(
            token.public_id,
            client.kind.value,
            client.id,
            grant.scope,
            binding,
            grant.credentials,
            now + life,
            sealed=sealed,
        )
        await self._store.add_token(connection, token, stored, code=grant.code, now=now)
        seconds, bound = int(life.total_seconds()), binding.jkt is not None
        return Issued(token.text, seconds, grant.scope, bound, approved=grant.approved)

    async def _refresh(
        self, connection: Connection, client: Client, grant: _Grant, binding: Binding, family_until: datetime
    ) -> str:
        """The family's next one; a public client's is bound to its key (RFC 9449 section 5), others authenticate."""
        assert grant.code is not None, "a family begins with a code"
        assert grant.credentials is not None, "a code names what its holder approved"
        token, now = new_token("rt", self._random), self._clock.now()
        bound = Binding(jkt=binding.jkt) if client.method is ClientMethod.NONE else UNBOUND
        stored = RefreshToken(token.public_id, grant.code, grant.scope, grant.credentials, bound, family_until)
        until = min(now + REFRESH_LIFE, family_until)
        await self._store.add_refresh_token(connection, token, client.id, stored, now=now, until=until)
        return token.text


def checked_scope(scope: str | None, *known: str) -> str:
    """One scope; asking for none means the first. Raises ScopeUnknown."""
    if scope is None:
        return known[0]
    asked = scope.split()
    if len(asked) == 1 and asked[0] in known:
        return asked[0]
    raise ScopeUnknown()


def _check_bound(client: Client, binding: Binding) -> None:
    """Raises ProofMissing."""
    if client.must_prove_possession and binding.jkt is None:
        raise ProofMissing()


def _check_redirect(code: Code, redirect: str | None) -> None:
    """RFC 6749 section 4.1.3: the same address again, if the authorize request named one."""
    if redirect is None and not code.redirect_given:
        return
    if redirect != code.redirect:
        raise RedirectMismatch()


def _check_key(code: Code, binding: Binding) -> None:
    """RFC 9449 section 10: the key that the authorize request named."""
    if code.jkt is not None and binding.jkt != code.jkt:
        raise GrantRefused("the code is bound to another key")


def _check_time(approved: Approved | None, now: datetime) -> None:
    """An approval that is over gives no token."""
    if approved is not None and now.timestamp() >= approved.until:
        raise GrantRefused("the approval was not used in time")


def _check_details(asked: JsonObject | None, approved: Approved | None) -> None:
    """RFC 9396 section 6: a token request may repeat what was granted, and ask for nothing else."""
    if asked is None:
        return
    if approved is None or not same_details(asked, approved.details):
        raise BadDetails("these are not the authorization details that the holder approved")
