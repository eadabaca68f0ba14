"""The authorize page: an application sends a person, the person's phone says who that is, the application gets a code.

The page's secret is in the page and nowhere else; there are no cookies. What protects against a relayed QR is pairing's
ceremony: frames of a second, one scan, and a check code that is typed into the page that showed the QR. In the scope
``credential`` the holder is asked to sign besides (``signing_pages``).
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlencode

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import b64u
from foundation.errors import BadInput, JsonValue, NotPermitted
from foundation.ids import BadToken, Random, Token, new_token, parse_token, secret_matches
from foundation.web import AddressWindow
from hsm_service.oauth.domain.client import Client
from hsm_service.oauth.domain.grant import CODE_LIFE, PAGE_LIFE, AuthorizeRequest, Page, PageState
from hsm_service.oauth.domain.sealing import seal, unseal
from hsm_service.oauth.errors import (
    GrantRefused,
    NotApprovedYet,
    PageOver,
    PageUnknown,
    RedirectableError,
    TooManyPages,
)
from hsm_service.oauth.ports import Links
from hsm_service.oauth.service.requests import RequestService
from hsm_service.oauth.service.sealed import seal_approved
from hsm_service.oauth.service.signing_pages import PageView, SigningPages
from hsm_service.oauth.store import ClientStore, CodeStore, PageStore

PREFIX: Final = "pag"
PAGES_PER_MINUTE: Final = 20
"""Of one address: an office behind one router, not a flood."""


@dataclass(frozen=True)
class OpenPage:
    """A page just opened: who asks, and the secret that the page keeps."""

    token: str = field(repr=False)
    client_name: str
    request: AuthorizeRequest
    view: PageView
    once: bool = False
    """Whether loading it again leads nowhere, because the request was a pushed one."""


class PageService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        links: Links,
        requests: RequestService,
        signing: SigningPages,
        issuer: str,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``issuer`` goes back with every answer (RFC 9207)."""
        self._database = database
        self._store = PageStore(database)
        self._clients = ClientStore(database)
        self._codes = CodeStore(database)
        self._clock = clock
        self._audit = audit
        self._links = links
        self._requests = requests
        self._signing = signing
        self._issuer = issuer
        self._random = random
        self._opened = AddressWindow(PAGES_PER_MINUTE, timedelta(minutes=1))

    async def open(self, parameters: Mapping[str, str], *, address: str) -> OpenPage:
        """Somebody arrives. Raises UnsafeRedirect (to be shown) or RedirectableError (to be sent to the client)."""
        if self._opened.take(address, self._clock.now()):
            raise TooManyPages(retry_after=60)
        # 2. What was pushed, or what the browser brings. 3. Before anything else: may this address be sent to at all?
        brought = await self._requests.brought(parameters)
        checked = await self._requests.client(brought)
        # 4. From here on the client hears about its mistakes.
        try:
            request = self._requests.read(checked, brought)
        except (BadInput, NotPermitted) as error:
            raise RedirectableError(error, checked.redirect, brought.get("state")) from error
        # 5. Whose phone? The one of the credential, if this client may name it; else whoever reads the QR.
        credential = await self._known(request)
        opened = await self._show(checked.client, request, credential, address)
        return replace(opened, once="request_uri" in parameters)

    async def open_for(self, client: Client, request: AuthorizeRequest, *, address: str) -> OpenPage:
        """For a dialect that checked an authorize request by rules of its own: a page that identifies and leads back to
        the dialect, which takes its code with ``redeem``. Of ``request.challenge`` nobody has the verifier.

        Raises TooManyPages.
        """
        if self._opened.take(address, self._clock.now()):
            raise TooManyPages(retry_after=60)
        return await self._show(client, request, None, address)

    async def _show(self, client: Client, request: AuthorizeRequest, credential: str | None, address: str) -> OpenPage:
        """A page whose phone is known, or one with a link."""
        token, now = new_token(PREFIX, self._random), self._clock.now()
        link, view = None, PageView("asking")
        if credential is None:
            link = await self._links.open(
                page_key=page_key(token.secret),
                client=client.id,
                client_name=client.name,
                scope=request.scope,
                address=address,
            )
        sealed = None
        if request.wish is not None:
            content = {"wish": request.wish.members, "handle": None}
            sealed = seal(content, row=token.public_id, secret=token.secret, random=self._random)
        # Who identifies and then signs needs both times.
        until = now + (2 * PAGE_LIFE if request.wish is not None and link is not None else PAGE_LIFE)
        await self._store.add_page(token, request, link, now=now, until=until, sealed=sealed, credential=credential)
        if link is not None:
            view = PageView.of(await self._links.look(link, page_key=page_key(token.secret)))
        return OpenPage(token.text, client.name, request, view)

    async def redeem(self, page_id: str, code: str, client_id: str) -> Sequence[str]:
        """The credentials that a holder approved on a page opened by ``open_for``, once. Raises GrantRefused."""
        try:
            code_id, secret = parse_token(code, "ac")
        except BadToken as cause:
            raise GrantRefused("not a code of ours") from cause
        found = await self._codes.consume_page_code(page_id, code_id, secret, client_id, self._clock.now())
        if found is None:
            raise GrantRefused("unknown, expired, used, or another page's code")
        return found

    async def look(self, token: str) -> PageView:
        """The page as it is this second; it is here that a phone rings for the first time, since a page that nobody's
        browser runs (a preview, a prefetch) shall ring none. Raises PageUnknown, PageOver.

        A page that is done says for as long as its code lives where it led to: the answer that said so may be lost.
        """
        page, secret = await self._own(token, also=PageState.DONE)
        if page.state is PageState.DONE:
            return self._led_to(page, secret)
        if page.credential is not None:
            return await self._signing.look(page, secret)
        assert page.link is not None, "the table's CHECK: a page that knows no credential has a link"
        return PageView.of(await self._links.look(page.link, page_key=page_key(secret)))

    async def check(self, token: str, check_code: str) -> str | None:
        """The check code was typed: the address to go on to, with a code for the client.

        None when the holder is now asked to sign. Raises PageUnknown, PageOver, and pairing's errors about the code.
        """
        page, secret = await self._own(token)
        if page.link is None or page.credential is not None:
            raise PageOver("the holder is known")
        credentials = await self._links.check(page.link, check_code, page_key=page_key(secret))
        if page.sealed is None:
            return await self._finish(page, secret, credentials)
        # The one that was asked for, or the only one.
        wanted = self._signing.wish(page, secret).credential
        chosen = [one for one in credentials if wanted in (None, one)]
        if len(chosen) != 1:
            return await self._no(page)
        if not await self._store.settle_holder(page.id, chosen[0], self._clock.now()):
            raise PageOver()
        return None

    async def finish(self, token: str) -> str:
        """The phone approved the signatures: the address to go on to. Raises PageUnknown, PageOver, NotApprovedYet."""
        # 7. Of a request that the SAM calls approved; what the code opens is sealed under its own secret.
        page, secret = await self._own(token)
        approved = await self._signing.approved(page, secret)
        if approved is None:
            raise NotApprovedYet()
        code = new_token("ac", self._random)
        sealed = seal_approved(approved, code, self._random)
        return await self._finish(page, secret, [approved.credential], code, sealed)

    async def cancel(self, token: str) -> str:
        """The person gives up: the address that tells the client."""
        page, secret = await self._own(token)
        if page.link is not None and page.credential is None:
            await self._links.give_up(page.link, page_key=page_key(secret))
        await self._signing.give_up(page, secret)
        return await self._no(page)

    def address(self, redirect: str, state: str | None, **answer: str) -> str:
        """``redirect`` with an answer, the client's own state, and our name (RFC 9207)."""
        parameters = {**answer, **({} if state is None else {"state": state}), "iss": self._issuer}
        separator = "&" if "?" in redirect else "?"
        return f"{redirect}{separator}{urlencode(parameters, quote_via=quote)}"

    async def _known(self, request: AuthorizeRequest) -> str | None:
        wanted = None if request.wish is None else request.wish.credential
        if wanted is None or not await self._clients.may_name(request.client, wanted, self._clock.now()):
            return None
        return wanted

    async def _finish(
        self,
        page: Page,
        secret: str,
        credentials: Sequence[str],
        code: Token | None = None,
        sealed: bytes | None = None,
    ) -> str:
        code, now = code or new_token("ac", self._random), self._clock.now()
        until = now + CODE_LIFE
        address = self.address(page.request.redirect, page.request.state, code=code.text)
        led_to: dict[str, JsonValue] = {"address": address, "until": int(until.timestamp())}
        kept = seal(led_to, row=page.id, secret=secret, random=self._random)
        async with self._database.transaction() as connection:
            if not await self._store.close_page(connection, page.id, PageState.DONE, now, kept):
                raise PageOver()
            await self._codes.add_code(connection, code, page, credentials, until, sealed)
            self._audit.note(
                connection,
                "oauth.identified" if sealed is None else "oauth.approved",
                client=page.request.client,
                link=page.link or page.id,
                count=len(credentials),
            )
        return address

    def _led_to(self, page: Page, secret: str) -> PageView:
        led_to = {} if page.sealed is None else unseal(page.sealed, row=page.id, secret=secret)
        if self._clock.now().timestamp() >= led_to.get("until", 0):
            raise PageOver(page.state.value)
        return PageView("done", address=led_to["address"])

    async def _no(self, page: Page) -> str:
        """The client hears that there will be nothing."""
        async with self._database.transaction() as connection:
            if not await self._store.close_page(connection, page.id, PageState.CANCELLED, self._clock.now()):
                raise PageOver()
        return self.address(page.request.redirect, page.request.state, error="access_denied")

    async def _own(self, token: str, also: PageState = PageState.OPEN) -> tuple[Page, str]:
        """The page of a token, if it is open (or in ``also``), and the token's secret."""
        try:
            page_id, secret = parse_token(token, PREFIX)
        except BadToken as cause:
            raise PageUnknown("not a page's token") from cause
        found = await self._store.page(page_id)
        if found is None or not secret_matches(secret, found[1]):
            raise PageUnknown("no such page")
        page = found[0]
        if page.state not in (PageState.OPEN, also) or self._clock.now() >= page.expires:
            raise PageOver(page.state.value)
        return page, secret


def page_key(secret: str) -> str:
    """What stands where a computer's key thumbprint would. It comes from the page's secret: the database lacks it."""
    return b64u(hashlib.sha256(b"linkid-page-v1\0" + secret.encode("ascii")).digest())
