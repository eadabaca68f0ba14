"""The authorize page in CSC's scope ``credential``: the holder's phone is asked to sign, and the code becomes a SAD.

What is asked, and the handle whose secret opens the approved activation, are sealed in the page's row under the page's
own secret: between the calls of a page nobody has them but the page.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import BadInput, Conflict, JsonValue, Locked, NotFound, NotPermitted, TooMany
from foundation.ids import Random
from hsm_service.oauth.domain.grant import Approved, Page
from hsm_service.oauth.domain.sealing import seal, unseal
from hsm_service.oauth.domain.wish import Wish, wish_of
from hsm_service.oauth.ports import LinkView, Signatures, SignatureView
from hsm_service.oauth.store import PageStore

_IMPOSSIBLE: Final = (BadInput, Conflict, Locked, NotFound, NotPermitted)
"""Asking again would not help."""
_STATES: Final = {"waiting": "asked", "approved": "granted", "refused": "denied", "lapsed": "late"}
_BUSY_SECONDS: Final = 10


@dataclass(frozen=True)
class PageView:
    """A page as it is this second. ``state``: a link's (waiting, claimed, approved, …), or of a signature: asking,
    asked, granted, denied, late, busy (the holder has another request, or wants quiet), impossible.
    """

    state: str
    expires_in: int = 0
    link: LinkView | None = None
    verification_code: str | None = None
    address: str | None = None
    """Where the phone app opens the request; of a page that is done, where it led to."""
    why: str | None = None
    retry_after: int | None = None

    @classmethod
    def of(cls, link: LinkView) -> "PageView":
        """While the holder identifies."""
        return cls(link.state, link.expires_in, link)


class SigningPages:
    """What a page does once it knows whose phone to ask."""

    def __init__(
        self, database: Database, clock: Clock, signatures: Signatures, random: Random = secrets.token_bytes
    ) -> None:
        """The gateway's database."""
        self._store = PageStore(database)
        self._clock = clock
        self._signatures = signatures
        self._random = random

    def wish(self, page: Page, secret: str) -> Wish:
        """What the page wants signed."""
        assert page.sealed is not None, "the table's CHECK: what knows a credential has something sealed"
        return wish_of(unseal(page.sealed, row=page.id, secret=secret)["wish"])

    async def look(self, page: Page, secret: str) -> PageView:
        """As it is now; the first look asks."""
        if not page.asked:
            return await self._ask(page, secret)
        asked = self._opened(page, secret)
        view = await self._view(page, asked["handle"])
        return PageView(
            _STATES.get(view.state, "late"),
            view.expires_in,
            verification_code=asked["verification_code"],
            address=asked["address"],
        )

    async def approved(self, page: Page, secret: str) -> Approved | None:
        """What the holder approved; None while they did not."""
        if page.credential is None or not page.asked:
            return None
        view = await self._view(page, self._opened(page, secret)["handle"])
        if view.sad is None:
            return None
        wish = self.wish(page, secret)
        return Approved(
            sad=view.sad,
            until=int(self._clock.now().timestamp()) + view.expires_in,
            credential=page.credential,
            chosen=wish.credential is None,
            details=wish.granted(page.credential),
        )

    async def give_up(self, page: Page, secret: str) -> None:
        """The phone stops showing it."""
        if page.asked:
            handle = self._opened(page, secret)["handle"]
            await self._signatures.withdraw(page.request.client, page.client_name, handle)

    async def _ask(self, page: Page, secret: str) -> PageView:
        assert page.credential is not None, "only a page that knows whom to ask comes here"
        wish = self.wish(page, secret)
        # 6. The phone rings, and what the page has of it goes back under the page's seal.
        try:
            asked = await self._signatures.ask(page.request.client, page.client_name, wish.of(page.credential))
        except TooMany as busy:
            why = busy.data.get("why")
            return PageView(
                "busy", why=why if isinstance(why, str) else None, retry_after=busy.retry_after or _BUSY_SECONDS
            )
        except _IMPOSSIBLE as error:
            return PageView("impossible", why=error.message)
        content: dict[str, JsonValue] = {
            "wish": wish.members,
            "handle": asked.handle,
            "verification_code": asked.verification_code,
            "address": asked.address,
        }
        sealed = seal(content, row=page.id, secret=secret, random=self._random)
        if not await self._store.page_asked(page.id, sealed):
            # Another look of the same page was faster, or the page is over: this request rings for nobody.
            await self._signatures.withdraw(page.request.client, page.client_name, asked.handle)
            return PageView("busy", retry_after=1)
        return PageView("asked", asked.expires_in, verification_code=asked.verification_code, address=asked.address)

    def _opened(self, page: Page, secret: str) -> dict[str, str]:
        assert page.sealed is not None, "an asked page has its handle sealed"
        return unseal(page.sealed, row=page.id, secret=secret)

    async def _view(self, page: Page, handle: str) -> SignatureView:
        return await self._signatures.look(page.request.client, page.client_name, handle)
