"""How long things live, and what a code carries from the authorize page to the token endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from foundation.errors import JsonObject
from hsm_service.oauth.domain.wish import Wish

CODE_LIFE: Final = timedelta(seconds=60)
"""RFC 6749 recommends at most ten minutes; a browser's redirect and a POST take two seconds."""
TOKEN_LIFE: Final = timedelta(hours=1)
"""CSC's own default. A computer simply asks again with its key; a holder is asked again by the application."""
PAGE_LIFE: Final = timedelta(minutes=6)
"""A link lives five minutes (protocol 9.3); the page outlives it by enough to say so."""
PUSHED_LIFE: Final = timedelta(seconds=90)
"""RFC 9126 section 2.2 speaks of 5 to 600 seconds: enough for a browser to follow a redirect on a bad line."""
REFRESH_LIFE: Final = timedelta(days=7)
"""Of one refresh token that nobody uses."""
FAMILY_LIFE: Final = timedelta(days=30)
"""From a holder's identification: then they are asked again, however often the tokens were refreshed."""


class PageState(StrEnum):
    """Where an authorize page is."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class AuthorizeRequest:
    """A checked authorize request. ``redirect_given``: whether the client named the address (RFC 6749, 4.1.3)."""

    client: str
    redirect: str
    redirect_given: bool
    scope: str
    state: str | None
    challenge: str
    wish: Wish | None = field(default=None, repr=False)
    """What is to be signed, in the scope ``credential``."""
    jkt: str | None = None
    """The key that alone may redeem the code (RFC 9449 section 10)."""


@dataclass(frozen=True)
class Page:
    """An open authorize page: the link that identifies its holder, or the credential whose holder it asks."""

    id: str
    request: AuthorizeRequest
    client_name: str
    link: str | None
    state: PageState
    expires: datetime
    credential: str | None = None
    """Known, or learnt from the identification; only in the scope ``credential``."""
    asked: bool = False
    sealed: bytes | None = field(default=None, repr=False)
    """What it wants signed, later also the request's handle, under the page's own secret."""


@dataclass(frozen=True)
class Code:
    """What a code stands for, read by the statement that consumed it."""

    id: str
    redirect: str
    redirect_given: bool
    challenge: str
    scope: str
    credentials: Sequence[str]
    sealed: bytes | None = field(default=None, repr=False)
    jkt: str | None = None


@dataclass(frozen=True)
class Binding:
    """The keys that a token is worth nothing without: ``jkt`` (RFC 9449), ``x5t`` of a certificate (RFC 8705)."""

    jkt: str | None = None
    x5t: str | None = None

    @property
    def confirmation(self) -> dict[str, str]:
        """``cnf``, as introspection tells it."""
        both = {"jkt": self.jkt, "x5t#S256": self.x5t}
        return {name: value for name, value in both.items() if value is not None}

    def has(self, wanted: "Binding") -> bool:
        """Whether every key that ``wanted`` names is among these."""
        pairs = ((wanted.jkt, self.jkt), (wanted.x5t, self.x5t))
        return all(want is None or want == have for want, have in pairs)


UNBOUND: Final = Binding()


@dataclass(frozen=True)
class Approved:
    """What a holder approved on the authorize page: the SAD, and the words in which the client asked for it."""

    sad: str = field(repr=False)
    until: int
    """Seconds since 1970: of the activation."""
    credential: str
    chosen: bool
    """Whether the holder chose the credential, and the client has to be told."""
    details: Sequence[JsonObject] = ()
    """RFC 9396: as granted; empty when the client asked by parameters."""


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token, read by the statement that used it up. ``code`` names its family."""

    id: str
    code: str
    scope: str
    credentials: Sequence[str]
    binding: Binding
    family_until: datetime


@dataclass(frozen=True)
class AccessToken:
    """A stored token. ``credentials``: what a holder approved, None: the client's."""

    id: str
    client_kind: str
    client: str
    scope: str
    binding: Binding
    credentials: Sequence[str] | None
    expires: datetime
    issued: datetime | None = None
    sealed: bytes | None = field(default=None, repr=False)
    """Of a token that is a SAD: an ``Approved`` under the token's own secret."""
