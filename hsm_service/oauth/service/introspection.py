"""Introspection (RFC 7662): what a token is, told to its own client and to the resource servers registered for it."""

from dataclasses import dataclass
from typing import Final

from foundation.clock import Clock
from foundation.errors import JsonObject, JsonValue
from foundation.ids import BadToken, parse_token, secret_digest
from hsm_service.oauth.domain.client import Client, ClientKind
from hsm_service.oauth.service.sealed import open_approved
from hsm_service.oauth.store import TokenStore

INACTIVE: Final[JsonObject] = {"active": False}
"""The one answer for a token that is over, was never, or is nothing to whoever asks (section 2.2)."""


@dataclass(frozen=True)
class IntrospectionService:
    """Reads only."""

    store: TokenStore
    clock: Clock
    issuer: str

    async def look(self, asking: Client, token: str) -> JsonObject:
        """The answer's members."""
        kind = token.partition("_")[0]
        if kind == "at":
            return await self._access(asking, token)
        return await self._refresh(asking, token) if kind == "rt" else INACTIVE

    async def _access(self, asking: Client, text: str) -> JsonObject:
        try:
            token_id, secret = parse_token(text, "at")
        except BadToken:
            return INACTIVE
        shown = (token_id, secret_digest(secret))
        found = (await self.store.bearers([shown], self.clock.now())).get(shown)
        if found is None or not await self._may_know(asking, found.token.client):
            return INACTIVE
        token = found.token
        if found.client_name is None and token.client_kind != ClientKind.COMPUTER:
            return INACTIVE  # shut out
        approved = open_approved(token.sealed, row=token.id, secret=secret)
        told: dict[str, JsonValue] = {
            "active": True,
            "iss": self.issuer,
            "client_id": token.client,
            "scope": token.scope,
            "token_type": "Bearer" if token.binding.jkt is None else "DPoP",
            "exp": int(token.expires.timestamp()),
        }
        if token.issued is not None:
            told["iat"] = int(token.issued.timestamp())
        if token.binding.confirmation:
            told["cnf"] = dict(token.binding.confirmation)
        if token.credentials is None:
            told["sub"] = token.client
        if approved is not None:
            told["credentialID"] = approved.credential
            if approved.details:
                told["authorization_details"] = list(approved.details)
        return told

    async def _refresh(self, asking: Client, text: str) -> JsonObject:
        try:
            token_id, secret = parse_token(text, "rt")
        except BadToken:
            return INACTIVE
        found = await self.store.seen_refresh_token(token_id, secret, asking.id, self.clock.now())
        if found is None:
            return INACTIVE
        told: dict[str, JsonValue] = {
            "active": True,
            "iss": self.issuer,
            "client_id": found.client,
            "scope": found.scope,
            "iat": int(found.issued.timestamp()),
            "exp": int(found.expires.timestamp()),
        }
        if found.binding.confirmation:
            told["cnf"] = dict(found.binding.confirmation)
        return told

    async def _may_know(self, asking: Client, client: str) -> bool:
        return asking.id == client or await self.store.may_read(asking.id, client)
