"""How long things live, and what a code carries from the authorize page to the token endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

CODE_LIFE: Final = timedelta(seconds=60)
"""RFC 6749 recommends at most ten minutes; a browser's redirect and a POST take two seconds."""
TOKEN_LIFE: Final = timedelta(hours=1)
"""CSC's own default. A computer simply asks again with its key; a holder is asked again by the application."""
PAGE_LIFE: Final = timedelta(minutes=6)
"""A link lives five minutes (protocol 9.3); the page outlives it by enough to say so."""


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


@dataclass(frozen=True)
class Page:
    """An open authorize page and the link that identifies its holder."""

    id: str
    request: AuthorizeRequest
    client_name: str
    link: str
    state: PageState
    expires: datetime


@dataclass(frozen=True)
class Code:
    """What a code stands for, read by the statement that consumed it."""

    id: str
    redirect: str
    redirect_given: bool
    challenge: str
    scope: str
    credentials: Sequence[str]


@dataclass(frozen=True)
class AccessToken:
    """A stored token. ``jkt``: the key it is bound to; ``credentials``: what a holder approved, None: the client's."""

    id: str
    client_kind: str
    client: str
    scope: str
    jkt: str | None
    credentials: Sequence[str] | None
    expires: datetime
