"""The association ceremony seen from the computer (docs/protocol.md section 9.3): states, and what may be shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from desktop_agent.domain.encoding import integer
from desktop_agent.errors import UntrustedServer

LINK_SECONDS: Final = 300
"""A link lives 5 minutes. We stop by our own clock then, whatever the service says."""
_FRAME = re.compile(r"/l#1\.[A-Za-z0-9_-]{22}\.(?:0|[1-9][0-9]{0,4})\.[A-Za-z0-9_-]{22}\Z")
_CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}\Z")
_COMPUTER = re.compile(r"cmp_[0-9a-z]{26}\Z")


class LinkState(Enum):
    """Where the ceremony stands."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    APPROVED = "approved"
    ASSOCIATED = "associated"
    REFUSED = "refused"
    DEAD = "dead"


NEXT: Final[Mapping[LinkState, frozenset[LinkState]]] = {
    LinkState.WAITING: frozenset(LinkState),
    LinkState.CLAIMED: frozenset(LinkState) - {LinkState.WAITING},
    LinkState.APPROVED: frozenset({LinkState.APPROVED, LinkState.ASSOCIATED, LinkState.DEAD}),
    LinkState.ASSOCIATED: frozenset({LinkState.ASSOCIATED}),
    LinkState.REFUSED: frozenset({LinkState.REFUSED}),
    LinkState.DEAD: frozenset({LinkState.DEAD}),
}
"""What may follow what. A ceremony goes forward: a code that was claimed is never offered again."""


@dataclass(frozen=True)
class Link:
    """One look at the ceremony. ``frame`` and ``code`` exist only while nobody has scanned."""

    state: LinkState
    frame: str | None = None
    code: str | None = None
    phone: str | None = None
    seconds_left: int = LINK_SECONDS
    ended_by: str | None = None
    """Why a dead link died, where the service says so: ``second_scan``, ``checks_spent``, ``not_asked`` ..."""


def read_link(answer: Mapping[str, Any], *, app: str, before: LinkState) -> Link:
    """The service's answer as a :class:`Link`. Raises UntrustedServer for what must not be put on a screen.

    A QR is an order to a phone's camera: only frames that open our own app are drawn.
    """
    try:
        state = LinkState(answer.get("state"))
    except ValueError as cause:
        raise UntrustedServer("O serviço respondeu com um estado de associação desconhecido.") from cause
    if state not in NEXT[before]:
        raise UntrustedServer("A associação andou para trás.", "Recomece; se persistir, avise o suporte.")
    frame, code, phone = answer.get("frame"), answer.get("code"), answer.get("phone")
    if state is not LinkState.WAITING:
        frame = code = None
    if frame is not None and not (
        isinstance(frame, str) and frame.startswith(f"{app}/l#") and _FRAME.match(frame[len(app) :])
    ):
        raise UntrustedServer("O QR Code recebido não abre o aplicativo Link ID.")
    if code is not None and not (isinstance(code, str) and _CODE.match(code)):
        raise UntrustedServer("O código recebido não tem a forma combinada.")
    left = integer(answer.get("expires_in"))
    return Link(
        state=state,
        frame=frame,
        code=code,
        phone=_short(phone),
        seconds_left=max(0, min(LINK_SECONDS, LINK_SECONDS if left is None else left)),
        ended_by=_short(answer.get("ended_by")),
    )


def with_key(link: Link, key: str) -> Link:
    """The link with our own key's thumbprint added to its frame, where there is one.

    The service makes the frame, so it says nothing about us that a dishonest service could not say about another
    computer. This part is ours: a phone that reads it associates this key, or nothing.
    """
    return link if link.frame is None else replace(link, frame=f"{link.frame}.{key}")


def read_computer(answer: Mapping[str, Any]) -> str:
    """Our new ``cmp_`` id. Raises UntrustedServer."""
    computer = answer.get("computer")
    if not isinstance(computer, str) or not _COMPUTER.match(computer):
        raise UntrustedServer("O serviço não disse com que nome associou este computador.")
    return computer


def _short(text: object) -> str | None:
    """A nickname for the screen: printable, one line, 60 characters."""
    if not isinstance(text, str):
        return None
    return "".join(char for char in text if char.isprintable())[:60] or None
