"""Associating a computer: the ceremony behind a QR code that changes every second.

::

    computer shows frames → a phone claims one → its holder approves → check code typed into the computer → associated

What each step is for (attack and defence in docs/threats.md, row 8):

* The first scan *claims* and the code vanishes; a second phone that still scans it kills the link. So whoever
  photographs the screen either comes too late or is noticed by both.
* The approval is a signature by the phone over a document that names the computer; the SAM judges it.
* The *check code* is shown on the phone and typed into the machine that showed the code. Somebody who scanned over a
  shoulder has the code on the wrong phone; somebody who relayed the picture has to ask the victim for it.

An application that draws its own page (``called``) shows no frames and takes no check code. It shows a *number* that
the holder types on the phone before the phone's yes: somebody rung by a request that they did not begin does not know
it. Three wrong ones end the link.

Time is not an event in this table: a link that outlived ``LINK_LIFE`` reads as dead whatever its row says
(``state_at``), and every guarded UPDATE refuses it. So nothing depends on a sweeper having run.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from foundation.machine import Machine

LINK_LIFE: Final = timedelta(minutes=5)
"""From the first frame to the typed check code: long enough to find the phone, short enough to be watched."""

MAX_CHECKS: Final = 3
"""Check codes that may be typed. Three of a thousand: a stranger has 0.3 %. And numbers, of ten thousand."""


class Purpose(StrEnum):
    """What a link leads to."""

    ASSOCIATE = "associate"  # a desktop agent becomes one of the holder's computers
    IDENTIFY = "identify"  # an authorize page learns which holder is sitting in front of it


class Link(StrEnum):
    """How far a link has come; these words are what the computer reads on the wire."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    APPROVED = "approved"
    ASSOCIATED = "associated"
    REFUSED = "refused"
    DEAD = "dead"


class LinkEvent(StrEnum):
    """What happens to a link."""

    SCAN = "scan"
    SECOND_SCAN = "second_scan"
    NOT_ASKED = "not_asked"
    APPROVE = "approve"
    REFUSE = "refuse"
    CHECK_RIGHT = "check_right"
    CHECKS_SPENT = "checks_spent"
    NUMBER_SPENT = "number_spent"
    GIVE_UP = "give_up"


LINK: Final[Machine[Link, LinkEvent]] = Machine(
    "link",
    Link.WAITING,
    {
        Link.WAITING: {
            LinkEvent.SCAN: Link.CLAIMED,
            LinkEvent.GIVE_UP: Link.DEAD,
        },
        Link.CLAIMED: {
            LinkEvent.SECOND_SCAN: Link.DEAD,
            LinkEvent.NOT_ASKED: Link.DEAD,  # the SAM would not ask that phone; a claimed code is never shown again
            LinkEvent.NUMBER_SPENT: Link.DEAD,
            LinkEvent.APPROVE: Link.APPROVED,
            LinkEvent.REFUSE: Link.REFUSED,
            LinkEvent.GIVE_UP: Link.DEAD,
        },
        Link.APPROVED: {
            LinkEvent.SECOND_SCAN: Link.DEAD,
            LinkEvent.CHECK_RIGHT: Link.ASSOCIATED,
            LinkEvent.CHECKS_SPENT: Link.DEAD,
            LinkEvent.GIVE_UP: Link.DEAD,
        },
        Link.ASSOCIATED: {},
        Link.REFUSED: {},
        Link.DEAD: {},
    },
)

OPEN: Final = tuple(state for state in Link if not LINK.is_final(state))
"""The states in which a link can still come to something."""


def state_at(stored: Link, expires_at: datetime, now: datetime) -> Link:
    """What the link is now: its stored state, unless its time ran out first."""
    return Link.DEAD if not LINK.is_final(stored) and now >= expires_at else stored
