"""Codes that a phone makes without a network: RFC 6238 (docs/protocol.md section 5, type ``generator``).

One secret for each phone and certificate, born in the SAM. A code belongs to a *time step* of 30 seconds; the SAM takes
each step once, and only ever a later one.
"""

import base64
import hashlib
import hmac
import re
from datetime import datetime
from typing import Final

import pyotp

from foundation.encoding import JsonObject

SECRET_BYTES: Final = 32
"""As long as the hash (RFC 4226 section 4, R6, asks for 16 at least)."""
DIGITS: Final = 6
PERIOD: Final = 30
WINDOW: Final = 1
"""Steps before and after the SAM's own: a phone's clock, and the time that a code takes to be typed."""

_CODE: Final = re.compile(r"[0-9]{6}\Z")


def step_of(now: datetime) -> int:
    """The time step of a moment."""
    return int(now.timestamp()) // PERIOD


def code_at(secret: bytes, step: int, *, digits: int = DIGITS) -> str:
    """The code of a step: HOTP (RFC 4226) with HMAC-SHA-256."""
    made: str = pyotp.HOTP(base64.b32encode(secret).decode("ascii"), digits=digits, digest=hashlib.sha256).at(step)
    return made


def accepted_step(secret: bytes, code: str, now: datetime, newest: int) -> int | None:
    """The step whose code this is, if it is later than ``newest`` and within the window; None otherwise.

    Every step of the window is compared, whichever fits, each in constant time.
    """
    current, found = step_of(now), None
    for step in range(current - WINDOW, current + WINDOW + 1):
        same = hmac.compare_digest(code_at(secret, step), code)
        if same and step > newest:
            found = step
    return found


def is_code(text: str) -> bool:
    """Whether it has the form of one: six ASCII digits."""
    return _CODE.match(text) is not None


def split(factors: str) -> tuple[str, str] | None:
    """Password and code of a text that is one after the other; None when it cannot be that."""
    password, code = factors[:-DIGITS], factors[-DIGITS:]
    return (password, code) if password and is_code(code) else None


def told(id_: str, credential: str, secret: str) -> JsonObject:
    """What is sealed to the phone that asked for a generator; ``secret`` b64u."""
    return {
        "v": 1,
        "type": "generator",
        "id": id_,
        "credential": credential,
        "secret": secret,
        "algorithm": "SHA-256",
        "digits": DIGITS,
        "period": PERIOD,
    }
