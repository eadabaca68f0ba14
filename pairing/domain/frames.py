"""What a link shows on the screen: one frame per second as a QR code, and a code for those who cannot scan.

docs/protocol.md 9.3. The *server* makes every frame with a secret the computer never sees, so neither a hostile page
nor a copied agent can show frames ahead of time. The address before ``#`` is only there for people who point their
camera app at it: what follows never reaches a server's log, and the page it opens only says "scan inside the app". A
computer adds its key's thumbprint at the end: that is for the phone, which must not take our word for it.

An application that an operator lets show codes draws one that stays the same while its link lives. It says so by its
version: the phone then demands the number that the application shows beside it.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from foundation.encoding import b64u
from foundation.ids import ALPHABET, is_id, same
from pairing.errors import CodeNotOurs, FrameExpired
from protocol.links import frame_mac

TOKEN_BYTES: Final = 16
LOCATOR_BYTES: Final = 5
"""Random bytes of which five characters are made."""

FRAME_EARLY: Final = 1
FRAME_LATE: Final = 5
"""Seconds by which an accepted frame may lead or trail our clock: a frame is drawn a second ahead at most, and a slow
phone on a slow network takes a few. Longer only helps whoever relays pictures."""

CODE_TURN: Final = 30
"""Seconds after which a new code to type is shown."""

CODE_LIFE: Final = 60
"""Seconds each code to type answers, counted from when it was first shown."""

MAX_TEXT: Final = 300
"""Characters of scanned text we look at; the longest of ours has about 130."""

_LOCATOR_CHARS: Final = 5
_FRAME = re.compile(
    r"(?P<token>[A-Za-z0-9_-]{22})\.(?P<second>0|[1-9][0-9]{0,4})\.(?P<mac>[A-Za-z0-9_-]{22})(?:\.[A-Za-z0-9_-]{43})?\Z"
)
_STILL = re.compile(r"(?P<token>[A-Za-z0-9_-]{22})\.(?P<mac>[A-Za-z0-9_-]{22})\Z")
_TYPED = re.compile(rf"[{ALPHABET}]{{10}}\Z")
_MISREAD: Final = str.maketrans({"o": "0", "i": "1", "l": "1", " ": None, "-": None})


@dataclass(frozen=True)
class Shown:
    """What a frame is made from: all of it is fixed when the link begins."""

    secret: bytes
    token: str
    jkt: str
    name: str
    began: datetime


@dataclass(frozen=True)
class Frame:
    """A scanned frame, not yet believed."""

    token: str
    second: int
    mac: str


@dataclass(frozen=True)
class TypedCode:
    """A code typed by hand, not yet believed: the half that finds the link and the half that proves the moment."""

    locator: str
    tail: str


@dataclass(frozen=True)
class StillCode:
    """A code that an application draws, not yet believed."""

    token: str
    mac: str


@dataclass(frozen=True)
class RequestCode:
    """The QR code of a signature request that push did not reach (docs/protocol.md 9.5)."""

    request: str


def read_scan(text: str, app: str) -> Frame | StillCode | TypedCode | RequestCode:
    """What a scanned or typed text is. Raises CodeNotOurs for anything else, other addresses and versions included."""
    if len(text) > MAX_TEXT:
        raise CodeNotOurs("too long")
    text = text.strip()
    if text.startswith(f"{app}/l#1."):
        match = _FRAME.match(text.removeprefix(f"{app}/l#1."))
        if match:
            return Frame(match["token"], int(match["second"]), match["mac"])
    elif text.startswith(f"{app}/l#2."):
        match = _STILL.match(text.removeprefix(f"{app}/l#2."))
        if match:
            return StillCode(match["token"], match["mac"])
    elif text.startswith(f"{app}/r#1."):
        request = text.removeprefix(f"{app}/r#1.")
        if is_id(request, "req"):
            return RequestCode(request)
    else:
        typed = text.lower().translate(_MISREAD)
        if _TYPED.match(typed):
            return TypedCode(typed[:_LOCATOR_CHARS], typed[_LOCATOR_CHARS:])
    raise CodeNotOurs("neither a frame, nor a code to type, nor a request")


def frame(app: str, shown: Shown, now: datetime) -> str:
    """Association, step 1: the text of the QR code for this second."""
    second = _elapsed(shown, now)
    return f"{app}/l#1.{shown.token}.{second}.{_mac(shown, second)}"


def check_frame(scanned: Frame, shown: Shown, now: datetime) -> None:
    """2b. Raise unless the frame is one we made, for about now.

    Raises CodeNotOurs when the MAC is not ours, FrameExpired when it is but for another moment. The order matters:
    only somebody who saw a true frame learns that it is a matter of time.
    """
    if not same(scanned.mac, _mac(shown, scanned.second)):
        raise CodeNotOurs("the frame's MAC does not match")
    age = _elapsed(shown, now) - scanned.second
    if not -FRAME_EARLY <= age <= FRAME_LATE:
        raise FrameExpired(f"the frame is {age} seconds old")


def still_code(app: str, shown: Shown) -> str:
    """The text of a QR code that an application draws."""
    return f"{app}/l#2.{shown.token}.{_still_mac(shown)}"


def check_still(scanned: StillCode, shown: Shown) -> None:
    """2b. Raise CodeNotOurs unless we made it; how long it is good for is the link's life."""
    if not same(scanned.mac, _still_mac(shown)):
        raise CodeNotOurs("the still code's MAC does not match")


def typed_code(shown: Shown, locator: str, now: datetime) -> str:
    """The code to type, as ``XXXXX-XXXXX``. Its first half finds the link, its second half changes every 30 seconds."""
    return f"{locator}-{_tail(shown, locator, _elapsed(shown, now) // CODE_TURN)}".upper()


def check_typed(typed: TypedCode, shown: Shown, now: datetime) -> None:
    """2b. Raise CodeNotOurs unless the code was shown during the last 60 seconds."""
    turn = _elapsed(shown, now) // CODE_TURN
    still_good = range(turn - CODE_LIFE // CODE_TURN + 1, turn + 1)
    # Every comparison is made, so that the time taken does not tell which one matched.
    matches = [same(typed.tail, _tail(shown, typed.locator, past)) for past in still_good]
    if not any(matches):
        raise CodeNotOurs("the typed code is not one of the last two")


def new_locator(random: bytes) -> str:
    """Five characters that find a waiting link, from five random bytes. They are no secret."""
    return _base32(random)


def _elapsed(shown: Shown, now: datetime) -> int:
    """Whole seconds since the link began."""
    return (now - shown.began) // timedelta(seconds=1)


def _mac(shown: Shown, second: int) -> str:
    return frame_mac(shown.secret, shown.token, second, shown.jkt, shown.name)


def _still_mac(shown: Shown) -> str:
    text = "|".join(("linkid-link-still-v1", shown.token, shown.jkt, shown.name))
    return b64u(hmac.digest(shown.secret, text.encode("utf-8"), hashlib.sha256))[:22]


def _tail(shown: Shown, locator: str, turn: int) -> str:
    text = f"linkid-link-typed-v1|{locator}|{turn}"
    return _base32(hmac.digest(shown.secret, text.encode("ascii"), hashlib.sha256))


def _base32(data: bytes) -> str:
    return "".join(ALPHABET[byte & 31] for byte in data[:_LOCATOR_CHARS])
