"""The authorize page: an application sends a person, the person's phone says who that is, the application gets a code.

The page's secret is in the page and nowhere else; there are no cookies. What protects against a relayed QR is pairing's
ceremony: frames of a second, one scan, and a check code that is typed into the page that showed the QR.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import b64u
from foundation.errors import LinkIdError
from foundation.ids import BadToken, Random, new_token, parse_token, secret_matches
from foundation.web import SlidingWindow
from hsm_service.oauth.domain.client import Client, GrantType, redirect_matches
from hsm_service.oauth.domain.grant import CODE_LIFE, PAGE_LIFE, AuthorizeRequest, Page, PageState
from hsm_service.oauth.domain.pkce import checked_challenge
from hsm_service.oauth.errors import (
    BadOAuthRequest,
    ClientNotPermitted,
    GrantRefused,
    PageOver,
    PageUnknown,
    RedirectableError,
    ResponseTypeUnknown,
    TooManyPages,
    UnsafeRedirect,
)
from hsm_service.oauth.ports import Links, LinkView
from hsm_service.oauth.service.tokens import checked_scope
from hsm_service.oauth.store import OAuthStore

PREFIX: Final = "pag"
MAX_STATE: Final = 512
"""Bytes of ``state``: CSC says 255, some clients put a signed object there."""
PAGES_PER_MINUTE: Final = 20
"""Of one address: an office behind one router, not a flood."""


@dataclass(frozen=True)
class OpenPage:
    """A page just opened: who asks, and the secret that the page keeps."""

    token: str = field(repr=False)
    client_name: str
    request: AuthorizeRequest
    link: LinkView


@dataclass(frozen=True)
class CheckedRequest:
    """An authorize request whose client and address may be trusted to be told about errors."""

    client: Client
    redirect: str
    redirect_given: bool


class PageService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        links: Links,
        issuer: str,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``issuer`` goes back with every answer (RFC 9207)."""
        self._database = database
        self._store = OAuthStore(database)
        self._clock = clock
        self._audit = audit
        self._links = links
        self._issuer = issuer
        self._random = random
        self._opened = SlidingWindow(PAGES_PER_MINUTE, timedelta(minutes=1))

    async def open(self, parameters: Mapping[str, str], *, address: str) -> OpenPage:
        """Somebody arrives. Raises UnsafeRedirect (to be shown) or RedirectableError (to be sent to the client)."""
        if self._opened.take(address, self._clock.now()):
            raise TooManyPages(retry_after=60)
        # 1. Before anything else: may this address be sent to at all?
        checked = await self._checked_client(parameters)
        # 2. From here on the client hears about its mistakes.
        try:
            request = _checked_request(checked, parameters)
        except LinkIdError as error:
            raise RedirectableError(error) from error
        return await self._show(checked.client, request, address)

    async def open_for(self, client: Client, request: AuthorizeRequest, *, address: str) -> OpenPage:
        """For a dialect that checked an authorize request by rules of its own: a page that leads back to the dialect,
        which takes its code with ``redeem``. ``request.challenge`` is one that nobody has the verifier of.

        Raises TooManyPages.
        """
        if self._opened.take(address, self._clock.now()):
            raise TooManyPages(retry_after=60)
        return await self._show(client, request, address)

    async def redeem(self, page_id: str, code: str, client_id: str) -> Sequence[str]:
        """The credentials that a holder approved on a page opened by ``open_for``, once. Raises GrantRefused."""
        try:
            code_id, secret = parse_token(code, "ac")
        except BadToken as cause:
            raise GrantRefused("not a code of ours") from cause
        found = await self._store.consume_page_code(page_id, code_id, secret, client_id, self._clock.now())
        if found is None:
            raise GrantRefused("unknown, expired, used, or another page's code")
        return found

    async def _show(self, client: Client, request: AuthorizeRequest, address: str) -> OpenPage:
        # 3. The link whose frames the page shows.
        token = new_token(PREFIX, self._random)
        link = await self._links.open(
            page_key=page_key(token.secret),
            client=client.id,
            client_name=client.name,
            scope=request.scope,
            address=address,
        )
        now = self._clock.now()
        await self._store.add_page(token, request, link, now=now, until=now + PAGE_LIFE)
        view = await self._links.look(link, page_key=page_key(token.secret))
        return OpenPage(token.text, client.name, request, view)

    async def look(self, token: str) -> LinkView:
        """The page as it is this second. Raises PageUnknown, PageOver."""
        page, key = await self._own(token)
        return await self._links.look(page.link, page_key=key)

    async def finish(self, token: str, check_code: str) -> str:
        """The check code was typed: the address to go on to, with a code for the client.

        Raises PageUnknown, PageOver, and pairing's errors about the check code.
        """
        page, key = await self._own(token)
        credentials = await self._links.check(page.link, check_code, page_key=key)
        code = new_token("ac", self._random)
        now = self._clock.now()
        async with self._database.transaction() as connection:
            if not await self._store.close_page(connection, page.id, PageState.DONE, now):
                raise PageOver()
            await self._store.add_code(connection, code, page, credentials, now + CODE_LIFE)
            self._audit.note(
                connection, "oauth.identified", client=page.request.client, link=page.link, count=len(credentials)
            )
        return self.address(page.request.redirect, page.request.state, code=code.text)

    async def cancel(self, token: str) -> str:
        """The person gives up: the address that tells the client."""
        page, key = await self._own(token)
        await self._links.give_up(page.link, page_key=key)
        async with self._database.transaction() as connection:
            if not await self._store.close_page(connection, page.id, PageState.CANCELLED, self._clock.now()):
                raise PageOver()
        return self.address(page.request.redirect, page.request.state, error="access_denied")

    def address(self, redirect: str, state: str | None, **answer: str) -> str:
        """``redirect`` with an answer, the client's own state, and our name (RFC 9207)."""
        parameters = {**answer, **({} if state is None else {"state": state}), "iss": self._issuer}
        separator = "&" if "?" in redirect else "?"
        return f"{redirect}{separator}{urlencode(parameters, quote_via=quote)}"

    async def client_address(self, parameters: Mapping[str, str]) -> CheckedRequest:
        """The client and its address, for telling it about an error. Raises UnsafeRedirect."""
        return await self._checked_client(parameters)

    async def _checked_client(self, parameters: Mapping[str, str]) -> CheckedRequest:
        client = await self._store.client(parameters.get("client_id", ""))
        if client is None or not client.redirects:
            raise UnsafeRedirect("unknown client_id")
        redirect = parameters.get("redirect_uri")
        if redirect is None:
            if len(client.redirects) != 1:
                raise UnsafeRedirect("redirect_uri is missing, and the client has more than one")
            return CheckedRequest(client, client.redirects[0], redirect_given=False)
        if not redirect_matches(client.redirects, redirect):
            raise UnsafeRedirect("redirect_uri is not registered")
        return CheckedRequest(client, redirect, redirect_given=True)

    async def _own(self, token: str) -> tuple[Page, str]:
        """The page of a token, and its key towards pairing."""
        try:
            page_id, secret = parse_token(token, PREFIX)
        except BadToken as cause:
            raise PageUnknown("not a page's token") from cause
        found = await self._store.page(page_id)
        if found is None or not secret_matches(secret, found[1]):
            raise PageUnknown("no such page")
        page = found[0]
        if page.state is not PageState.OPEN or self._clock.now() >= page.expires:
            raise PageOver(page.state.value)
        return page, page_key(secret)


def page_key(secret: str) -> str:
    """What stands where a computer's key thumbprint would. It comes from the page's secret: the database lacks it."""
    return b64u(hashlib.sha256(b"linkid-page-v1\0" + secret.encode("ascii")).digest())


def _checked_request(checked: CheckedRequest, parameters: Mapping[str, str]) -> AuthorizeRequest:
    if GrantType.CODE not in checked.client.grants:
        raise ClientNotPermitted()
    response_type = parameters.get("response_type")
    if response_type is None:
        raise BadOAuthRequest("response_type is missing")
    if response_type != "code":
        raise ResponseTypeUnknown()
    if parameters.get("response_mode", "query") != "query":
        raise BadOAuthRequest("only response_mode=query")
    if len(parameters.get("state", "").encode()) > MAX_STATE:
        raise BadOAuthRequest(f"state has more than {MAX_STATE} bytes")
    return AuthorizeRequest(
        client=checked.client.id,
        redirect=checked.redirect,
        redirect_given=checked.redirect_given,
        scope=checked_scope(parameters.get("scope")),
        state=parameters.get("state"),
        challenge=checked_challenge(parameters.get("code_challenge"), parameters.get("code_challenge_method")),
    )
