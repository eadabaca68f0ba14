"""The token endpoint's story: a proven client, a grant, an access token. And taking tokens back."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.dpop import Proof
from foundation.errors import LinkIdError
from foundation.ids import BadToken, Random, new_token, parse_token
from hsm_service.oauth.domain.client import SERVICE, Client, ClientKind, GrantType
from hsm_service.oauth.domain.grant import TOKEN_LIFE, AccessToken, Code
from hsm_service.oauth.domain.pkce import check_verifier
from hsm_service.oauth.errors import ClientNotPermitted, GrantRefused, ProofMissing, ScopeUnknown
from hsm_service.oauth.ports import Computers
from hsm_service.oauth.service.authentication import check_own_key
from hsm_service.oauth.store import OAuthStore


@dataclass(frozen=True)
class Issued:
    """An access token just made; ``text`` is its owner's and is kept by nobody here."""

    text: str = field(repr=False)
    expires_in: int
    scope: str
    bound: bool
    """To a key, by DPoP."""


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
        self._store = OAuthStore(database)
        self._clock = clock
        self._audit = audit
        self._random = random

    async def for_client(self, client: Client, *, scope: str | None, proof: Proof | None) -> Issued:
        """``client_credentials``: the client for itself.

        Raises ClientNotPermitted, ScopeUnknown, ProofMissing, BadProof.
        """
        if GrantType.CLIENT not in client.grants:
            raise ClientNotPermitted()
        jkt = _bound_to(client, proof)
        granted = checked_scope(scope)
        async with self._database.transaction() as connection:
            issued = await self._issue(connection, client, granted, jkt, credentials=None, code=None)
        if client.kind is ClientKind.COMPUTER:
            await self._computers.used(client.id)
        return issued

    async def for_code(
        self, client: Client, *, code: str, redirect: str | None, verifier: str | None, proof: Proof | None
    ) -> Issued:
        """``authorization_code``: a holder identified to this client, once.

        Whatever is wrong with verifier or address, the code is used up by the attempt: who holds a code without what
        belongs to it has stolen it. Raises ClientNotPermitted, GrantRefused, BadOAuthRequest.
        """
        if GrantType.CODE not in client.grants:
            raise ClientNotPermitted()
        jkt = _bound_to(client, proof)
        try:
            code_id, secret = parse_token(code, "ac")
        except BadToken as cause:
            raise GrantRefused("not a code of ours") from cause
        refusal: LinkIdError
        async with self._database.transaction() as connection:
            # 1. One statement decides who of all rivals has the code; the others wait here for the row, and find none.
            found = await self._store.consume_code(connection, code_id, secret, client.id, self._clock.now())
            if found is not None:
                try:
                    # 2. The same client (above), the same address, the same party that asked.
                    _check_redirect(found, redirect)
                    check_verifier(verifier, found.challenge)
                except LinkIdError as cause:
                    refusal = cause
                else:
                    # 3. The token is born in the transaction that used the code up.
                    return await self._issue(
                        connection, client, found.scope, jkt, credentials=found.credentials, code=found.id
                    )
            else:
                # A second use: whatever the first gave is taken back (RFC 6749 section 4.1.2).
                revoked = await self._store.revoke_by_code(connection, code_id, secret, self._clock.now())
                if revoked:
                    self._audit.note(connection, "oauth.code_reused", code=code_id, client=client.id)
                refusal = GrantRefused("unknown, expired, used, or another client's code")
        raise refusal

    async def revoke(self, client: Client, token: str) -> None:
        """RFC 7009: a token of another client, or none at all, is answered like a success and stays as it is."""
        try:
            token_id, secret = parse_token(token, "at")
        except BadToken:
            return
        await self._store.revoke_token(token_id, secret, client.id, self._clock.now())

    async def _issue(
        self,
        connection: Connection,
        client: Client,
        scope: str,
        jkt: str | None,
        *,
        credentials: Sequence[str] | None,
        code: str | None,
    ) -> Issued:
        now = self._clock.now()
        token = new_token("at", self._random)
        stored = AccessToken(token.public_id, client.kind.value, client.id, scope, jkt, credentials, now + TOKEN_LIFE)
        await self._store.add_token(connection, token, stored, code=code, now=now)
        return Issued(token.text, int(TOKEN_LIFE.total_seconds()), scope, jkt is not None)


def checked_scope(scope: str | None) -> str:
    """The one scope there is; asking for none means that one. Raises ScopeUnknown."""
    if scope is None or scope.split() == [SERVICE]:
        return SERVICE
    raise ScopeUnknown()


def _bound_to(client: Client, proof: Proof | None) -> str | None:
    """The thumbprint of the key a token will be bound to. Raises ProofMissing, BadProof."""
    if proof is None:
        if client.must_prove_possession:
            raise ProofMissing()
        return None
    check_own_key(client, proof)
    return proof.jkt


def _check_redirect(code: Code, redirect: str | None) -> None:
    """RFC 6749 section 4.1.3: the same address again, if the authorize request named one."""
    if redirect is None and not code.redirect_given:
        return
    if redirect != code.redirect:
        raise GrantRefused("redirect_uri is not the one of the authorization request")
