"""A1: an authorize request, checked. Before anything else: may its address be sent to at all?"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

from foundation.database import Database
from foundation.errors import LinkIdError
from hsm_service.credentials.domain.identification import read_identification
from hsm_service.oauth.domain.client import Client, ClientMethod, GrantType, redirect_matches
from hsm_service.oauth.domain.pkce import checked_challenge
from hsm_service.oauth.errors import ClientNotPermitted, ResponseTypeUnknown, UnknownClient, UnsafeRedirect
from hsm_service.oauth.store import ClientStore
from hsm_service.psc.domain.authorization import Wanted
from hsm_service.psc.domain.reading import MAX_STATE, read_lifetime
from hsm_service.psc.domain.scopes import read_scope
from hsm_service.psc.errors import BadPscRequest, RedirectedError
from hsm_service.psc.service.holders import Holders

PUSH: Final = "push://"
"""The address of an application that has no page to go back to, and polls instead."""


class AuthorizeRequests:
    """Reads authorize requests of pages and of programs."""

    def __init__(self, database: Database, holders: Holders) -> None:
        """The gateway's database."""
        self._clients = ClientStore(database)
        self._holders = holders

    async def client(self, client_id: str) -> Client | None:
        """An application that is not shut out."""
        return await self._clients.client(client_id)

    async def of_page(self, parameters: Mapping[str, str]) -> tuple[Client, Wanted]:
        """Raises UnsafeRedirect (nobody is sent anywhere), or RedirectedError (the application hears of it)."""
        client = await self.client(parameters.get("client_id", ""))
        if client is None or not client.redirects:
            raise UnsafeRedirect("unknown client_id")
        redirect = parameters.get("redirect_uri")
        if redirect is not None and not redirect_matches(client.redirects, redirect):
            raise UnsafeRedirect("redirect_uri is not registered")
        redirect = redirect or client.redirects[0]  # the norm: the first that was registered
        state = parameters.get("state")
        if state is not None and len(state.encode()) > MAX_STATE:
            raise RedirectedError(BadPscRequest(f"state has more than {MAX_STATE} bytes"), redirect, None)
        try:
            return client, self._read(client, redirect, parameters)
        except LinkIdError as error:
            raise RedirectedError(error, redirect, state) from error

    async def of_program(self, parameters: Mapping[str, str]) -> tuple[Client, Wanted]:
        """With ``redirect_uri=push://``. Raises UnknownClient, ClientNotPermitted, and what is wrong with it."""
        client = await self.client(parameters.get("client_id", ""))
        if client is None:
            raise UnknownClient("unknown client_id")
        if client.method is ClientMethod.NONE:
            # Whoever knows its id could ring in its name, and redeem what the holder says to it.
            raise ClientNotPermitted()
        if len(parameters.get("state", "").encode()) > MAX_STATE:
            raise BadPscRequest(f"state has more than {MAX_STATE} bytes")
        if "login_hint" not in parameters:
            raise BadPscRequest("login_hint: the phone that rings is its holder's")
        return client, self._read(client, PUSH, parameters)

    def _read(self, client: Client, redirect: str, parameters: Mapping[str, str]) -> Wanted:
        if GrantType.CODE not in client.grants:
            raise ClientNotPermitted()
        if parameters.get("response_type") != "code":
            raise ResponseTypeUnknown()
        hint = parameters.get("login_hint")
        return Wanted(
            client=client.id,
            redirect=redirect,
            redirect_given="redirect_uri" in parameters,
            scope=read_scope(parameters.get("scope")),
            state=parameters.get("state"),
            challenge=checked_challenge(parameters.get("code_challenge"), parameters.get("code_challenge_method")),
            lifetime=read_lifetime(parameters.get("lifetime")),
            hint=None if hint is None else self._holders.digest(read_identification(hint)),
        )


def with_answer(redirect: str, state: str | None, **answer: str) -> str:
    """``redirect`` with an answer and the application's own ``state`` in its query."""
    parameters = {**answer, **({} if state is None else {"state": state})}
    return f"{redirect}{'&' if '?' in redirect else '?'}{urlencode(parameters, quote_via=quote)}"
