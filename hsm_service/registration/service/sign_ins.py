"""Who sits at the page: an owner signs in with the phone, by the gateway's own authorize page.

The page is an application like others: an operator made it known to the SAM, and the phone shows its name. It learns
who approved, and asks for nothing else; it has a secret that nobody kept, so no program can be it.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import b64u
from foundation.errors import LinkIdError
from foundation.ids import BadToken, Random, new_token, parse_token, same
from hsm_service.oauth.domain.client import IDENTIFYING, Client
from hsm_service.oauth.domain.grant import PAGE_LIFE, AuthorizeRequest
from hsm_service.oauth.service.pages import OpenPage, PageService
from hsm_service.oauth.store import ClientStore
from hsm_service.registration.errors import ForeignForm, NotSignedIn, PageOff
from hsm_service.registration.ports import Holders, Person
from hsm_service.registration.store import SignInStore

PREFIX: Final = "sin"
LIFE: Final = timedelta(hours=2)
_FORM_LABEL: Final = b"linkid-registration-form-v1"


@dataclass(frozen=True)
class Begun:
    """An authorize page to show, and what the browser is to keep meanwhile."""

    page: OpenPage
    cookie: str = field(repr=False)


@dataclass(frozen=True)
class SignIn:
    """Somebody who is in. ``form``: what each form of theirs must carry."""

    person: Person
    form: str = field(repr=False)


class SignInService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        pages: PageService,
        holders: Holders,
        back: str,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``back``: where the authorize page leads; ``pages``: the gateway's."""
        self._store = SignInStore(database)
        self._clients = ClientStore(database)
        self._clock = clock
        self._pages = pages
        self._holders = holders
        self._back = back
        self._random = random

    async def begin(self, *, address: str) -> Begun:
        """1. An authorize page, and a secret by which this browser alone comes back. Raises PageOff, TooMany."""
        client = await self._page_client()
        token = new_token(PREFIX, self._random)
        request = AuthorizeRequest(
            client=client.id,
            redirect=self._back,
            redirect_given=True,
            scope=IDENTIFYING,
            state=token.public_id,
            # The page's code is ours alone to use: of this challenge nobody has the verifier.
            challenge=b64u(self._random(32)),
        )
        opened = await self._pages.open_for(client, request, address=address)
        page_id, _ = parse_token(opened.token, "pag")
        await self._store.begin(token, page_id, self._clock.now() + PAGE_LIFE)
        return Begun(opened, token.text)

    async def come_back(self, cookie: str | None, state: str, code: str | None) -> str:
        """2. From the authorize page, with its code: a cookie for whoever approved. Raises NotSignedIn.

        A code or a ``state`` of another browser's page is worth nothing here: nobody is signed in as somebody else.
        """
        name, secret = _parsed(cookie)
        if not same(name, state):
            raise NotSignedIn("came back from another browser's page")
        # 2a. Whatever comes of it, the secret of before is over: nobody who planted it is in.
        page = await self._store.take(name, secret, self._clock.now())
        client = await self._page_client()
        if page is None or code is None:
            raise NotSignedIn("no sign-in is under way, or the person left it")
        # 2b. The code: once, of exactly this page.
        try:
            credentials = await self._pages.redeem(page, code, client.id)
        except LinkIdError as cause:
            raise NotSignedIn("not the page's code") from cause
        person = await self._holders.person(credentials)
        if person is None:
            raise NotSignedIn("no certificate that names its holder")
        # 2c. A new secret.
        token = new_token(PREFIX, self._random)
        await self._store.add(token, person, self._clock.now() + LIFE)
        return token.text

    async def who(self, cookie: str | None) -> SignIn:
        """Whose browser this is. Raises NotSignedIn."""
        name, secret = _parsed(cookie)
        person = await self._store.person(name, secret, self._clock.now())
        if person is None:
            raise NotSignedIn("unknown, or over")
        return SignIn(person, form_token(secret))

    async def of_form(self, cookie: str | None, form: str) -> SignIn:
        """The same for a form that is sent: it must be one of this very sign-in's. Raises NotSignedIn, ForeignForm."""
        found = await self.who(cookie)
        if not same(found.form, form):
            raise ForeignForm("not a form of this sign-in")
        return found

    async def leave(self, cookie: str | None) -> None:
        """Out, whether they were in or not."""
        try:
            name, secret = _parsed(cookie)
        except NotSignedIn:
            return
        await self._store.end(name, secret)

    async def is_on(self) -> bool:
        """Whether an operator made the page known."""
        try:
            await self._page_client()
        except PageOff:
            return False
        return True

    async def _page_client(self) -> Client:
        known = await self._store.page()
        client = None if known is None else await self._clients.client(known)
        if client is None:
            raise PageOff()
        return client


def form_token(secret: str) -> str:
    """What forms carry: it follows from the cookie's secret, which other sites' pages cannot read."""
    return b64u(hmac.digest(secret.encode("ascii"), _FORM_LABEL, "sha256"))


def _parsed(cookie: str | None) -> tuple[str, str]:
    try:
        return parse_token(cookie, PREFIX)
    except BadToken as cause:
        raise NotSignedIn("no cookie of ours") from cause
