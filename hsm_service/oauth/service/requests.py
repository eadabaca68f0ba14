"""Authorize requests, pushed ahead (RFC 9126) or brought by a browser: one reading for both."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import BadInput
from foundation.ids import BadToken, Random, new_token, parse_token
from hsm_service.oauth.domain.client import SERVICE, SIGNING, Client, GrantType, redirect_matches
from hsm_service.oauth.domain.grant import PUSHED_LIFE, AuthorizeRequest
from hsm_service.oauth.domain.pkce import checked_challenge
from hsm_service.oauth.domain.sealing import seal, unseal
from hsm_service.oauth.domain.wish import Wish, read_wish, says_what_to_sign
from hsm_service.oauth.errors import (
    BadDetails,
    BadOAuthRequest,
    ClientNotPermitted,
    PushedRequestOver,
    RequestObjectUnsupported,
    ResponseTypeUnknown,
    UnsafeRedirect,
)
from hsm_service.oauth.ports import Signatures
from hsm_service.oauth.service.tokens import checked_scope
from hsm_service.oauth.store import ClientStore, PageStore

MAX_STATE: Final = 512
"""Bytes of ``state``: CSC says 255, some clients put a signed object there."""
PUSHED: Final = "prq"
URN: Final = "urn:ietf:params:oauth:request_uri:"
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_PROOFS: Final = ("client_secret", "client_assertion", "client_assertion_type")
_NOBODY: Final = "cred_00000000000000000000000000"
"""In the place of a credential that the holder has yet to choose, while the rest is checked."""


@dataclass(frozen=True)
class CheckedClient:
    """An authorize request whose client and address may be trusted to be told about errors."""

    client: Client
    redirect: str
    redirect_given: bool


@dataclass(frozen=True)
class Pushed:
    """What a client gets for pushing. The address carries a secret, and works once."""

    request_uri: str = field(repr=False)
    expires_in: int


class RequestService:
    """Reads authorize requests, and keeps pushed ones."""

    def __init__(
        self, database: Database, clock: Clock, signatures: Signatures, random: Random = secrets.token_bytes
    ) -> None:
        """The gateway's database."""
        self._store = PageStore(database)
        self._clients = ClientStore(database)
        self._clock = clock
        self._signatures = signatures
        self._random = random

    async def push(self, client: Client, parameters: Mapping[str, str]) -> Pushed:
        """1. RFC 9126: an authenticated client says what it will send a person for. Raises what ``read`` raises."""
        if "request_uri" in parameters:
            raise BadOAuthRequest("request_uri does not belong into a pushed request")
        if parameters.get("client_id", client.id) != client.id:
            raise BadOAuthRequest("client_id is another one than the authenticated client's")
        try:
            checked = checked_client(client, parameters)
        except UnsafeRedirect as cause:
            raise BadOAuthRequest(cause.detail) from cause
        self.read(checked, parameters)
        token = new_token(PUSHED, self._random)
        kept = {name: value for name, value in parameters.items() if name not in _PROOFS}
        sealed = seal({**kept, "client_id": client.id}, row=token.public_id, secret=token.secret, random=self._random)
        await self._store.add_pushed(token, client.id, sealed, self._clock.now() + PUSHED_LIFE)
        return Pushed(URN + token.text, int(PUSHED_LIFE.total_seconds()))

    async def brought(self, parameters: Mapping[str, str]) -> Mapping[str, str]:
        """What a browser brings; of a pushed request, what was pushed and nothing else (RFC 9126 section 4).

        Raises PushedRequestOver.
        """
        # 2. One browser of all that come with it, of the client that pushed it, in its time.
        uri = parameters.get("request_uri")
        if uri is None:
            return parameters
        client = parameters.get("client_id", "")
        try:
            pushed_id, secret = parse_token(uri.removeprefix(URN), PUSHED)
        except BadToken as cause:
            raise PushedRequestOver("no pushed request of ours") from cause
        if not uri.startswith(URN):
            raise PushedRequestOver("no pushed request of ours")
        sealed = await self._store.consume_pushed(pushed_id, secret, client, self._clock.now())
        if sealed is None:
            raise PushedRequestOver("unknown, used, expired, or another client's")
        return unseal(sealed, row=pushed_id, secret=secret)

    async def client(self, parameters: Mapping[str, str]) -> CheckedClient:
        """3. May this address be sent to at all? Raises UnsafeRedirect."""
        return checked_client(await self._clients.client(parameters.get("client_id", "")), parameters)

    def read(self, checked: CheckedClient, parameters: Mapping[str, str]) -> AuthorizeRequest:
        """4. The rest, about which the client hears. Raises BadOAuthRequest, ScopeUnknown, BadDetails, …"""
        if GrantType.CODE not in checked.client.grants:
            raise ClientNotPermitted()
        if "request" in parameters:
            raise RequestObjectUnsupported()
        response_type = parameters.get("response_type")
        if response_type is None:
            raise BadOAuthRequest("response_type is missing")
        if response_type != "code":
            raise ResponseTypeUnknown()
        if parameters.get("response_mode", "query") != "query":
            raise BadOAuthRequest("only response_mode=query")
        if len(parameters.get("state", "").encode()) > MAX_STATE:
            raise BadOAuthRequest(f"state has more than {MAX_STATE} bytes")
        details = "authorization_details" in parameters
        scope = checked_scope(parameters.get("scope"), *((SIGNING, SERVICE) if details else (SERVICE, SIGNING)))
        return AuthorizeRequest(
            client=checked.client.id,
            redirect=checked.redirect,
            redirect_given=checked.redirect_given,
            scope=scope,
            state=parameters.get("state"),
            challenge=checked_challenge(parameters.get("code_challenge"), parameters.get("code_challenge_method")),
            wish=self._wish(scope, parameters),
            jkt=_checked_key(parameters.get("dpop_jkt")),
        )

    def _wish(self, scope: str, parameters: Mapping[str, str]) -> Wish | None:
        if scope != SIGNING:
            if says_what_to_sign(parameters):
                raise BadOAuthRequest("what is to be signed goes with scope=credential")
            return None
        wish = read_wish(parameters)
        try:
            self._signatures.check(wish.of(wish.credential or _NOBODY))
        except BadInput as cause:
            if wish.details is None:
                raise
            raise BadDetails(cause.detail or cause.summary) from cause
        return wish


def _checked_key(jkt: str | None) -> str | None:
    if jkt is not None and not _THUMBPRINT.fullmatch(jkt):
        raise BadOAuthRequest("dpop_jkt is no thumbprint of a key")
    return jkt


def checked_client(client: Client | None, parameters: Mapping[str, str]) -> CheckedClient:
    """Client and address, both as registered. Raises UnsafeRedirect."""
    if client is None or not client.redirects:
        raise UnsafeRedirect("unknown client_id")
    redirect = parameters.get("redirect_uri")
    if redirect is None:
        if len(client.redirects) != 1:
            raise UnsafeRedirect("redirect_uri is missing, and the client has more than one")
        return CheckedClient(client, client.redirects[0], redirect_given=False)
    if not redirect_matches(client.redirects, redirect):
        raise UnsafeRedirect("redirect_uri is not registered")
    return CheckedClient(client, redirect, redirect_given=True)
