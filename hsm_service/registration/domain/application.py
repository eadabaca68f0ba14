"""An application as its owner sees it, and how it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from foundation.encoding import b64u
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.oauth.domain.registering import seen_code

MOST_OF_ONE: Final = 20
"""Applications of one owner."""
MOST_WAITING_OF_ONE: Final = 5
MOST_WAITING: Final = 200
"""Of all owners together: more than anybody reads are somebody's joke."""
WAITING_LIFE: Final = timedelta(days=30)
"""What nobody let in by then is forgotten."""
OVERLAP: Final = timedelta(days=1)
"""How long a renewed secret is good beside the new one: a deployment, with a night in it."""


class Stand(StrEnum):
    """How it stands."""

    WAITING = "waiting"
    """For an operator: its id and secret open nothing."""
    KNOWN = "known"
    """The SAM knows it."""
    CHANGING = "changing"
    """Known; return addresses at hosts that no operator has seen wait."""
    SHUT_OUT = "shut_out"


_STARTING: Final = frozenset({ClientMethod.SECRET, ClientMethod.TLS, ClientMethod.SELF_SIGNED})
IN_USE: Final = frozenset({Stand.KNOWN, Stand.CHANGING})


@dataclass(frozen=True)
class Draft:
    """What a form said, checked. ``keys``: public JWKs; ``certificates``: DER."""

    name: str
    about: str
    method: ClientMethod
    grants: frozenset[GrantType]
    redirects: Sequence[str] = ()
    keys: Sequence[Mapping[str, str]] = ()
    signs_asks: bool = False
    tls_subject: str | None = None
    certificates: Sequence[bytes] = ()


@dataclass(frozen=True)
class Application:
    """A row. ``version`` grows with every change: a form of before is told so."""

    client: str
    owner: bytes = field(repr=False)
    owner_name: str
    draft: Draft
    secret_digest: bytes | None = field(repr=False)
    version: int
    asked: datetime
    admitted: datetime | None

    @property
    def seen(self) -> str:
        """The code of what an operator reads of it. Not of the secret, which its owner may renew meanwhile."""
        draft = self.draft
        return seen_code(
            {
                "client": self.client,
                "owner": b64u(self.owner),
                "owner_name": self.owner_name,
                "name": draft.name,
                "about": draft.about,
                "method": draft.method.value,
                "grants": sorted(draft.grants),
                "redirects": list(draft.redirects),
                "keys": [dict(key) for key in draft.keys],
                "signs_asks": draft.signs_asks,
                "tls_subject": draft.tls_subject,
                "certificates": [b64u(der) for der in draft.certificates],
            }
        )


@dataclass(frozen=True)
class Change:
    """Return addresses that wait for an operator; never changed, only withdrawn. ``chg_…``"""

    id: str
    client: str
    redirects: Sequence[str]
    asked: datetime

    @property
    def seen(self) -> str:
        """The code of what an operator reads of it."""
        return seen_code({"change": self.id, "client": self.client, "redirects": list(self.redirects)})


@dataclass(frozen=True)
class View:
    """Everything that the page shows of one."""

    application: Application
    stand: Stand
    redirects: Sequence[str]
    """Where its people may be sent now."""
    change: Change | None = None
    old_secret_until: datetime | None = None
    """The secret of before is good until then."""
    calls_per_minute: int | None = None
    """By an operator's word; None: as everybody."""
    allowed: Sequence[str] = ()
    """Credentials that an operator lets it ask for by itself."""
    shows_codes: bool = False
    """Whether an operator lets it draw a code that stays the same, on a page of its own (docs/decisions/0054)."""

    @property
    def may_start(self) -> bool:
        """Whether it can begin by a page of its own: for people, and with a proof that ``/oauth/start`` takes."""
        draft = self.application.draft
        return GrantType.CODE in draft.grants and draft.method in _STARTING


def new_hosts(known: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Those of ``wanted`` that lead where nothing of ``known`` does: an operator has not seen their host."""
    places = {_place(one) for one in known}
    return [one for one in wanted if _place(one) not in places]


def _place(address: str) -> tuple[str, str | None]:
    """Scheme and host. Of a private-use scheme the whole address: there the scheme is all that names the program."""
    parts = urlsplit(address)
    return parts.scheme, parts.hostname
