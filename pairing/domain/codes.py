"""Codes that people read and type, derived from one key of the gateway so that no table ever holds one.

Choice: nothing is stored, instead of something encrypted. Every code is a function of the gateway's pairing key and of
an id that is random already (128 bits), so it differs for each ceremony as if it had a secret of its own; there is
nothing to decrypt, wipe or forget in a backup, and a stolen database gives no code without the key. What it costs:
changing the key voids the ceremonies that are open at that moment (ten minutes of SMS, five of links).
"""

import base64
import hashlib
import hmac
import re
from typing import Final

import pyotp

from pairing.errors import CodeMalformed

KEY_BYTES: Final = 32
SMS_DIGITS: Final = 6
CHECK_DIGITS: Final = 3
NUMBER_DIGITS: Final = 4

_SEPARATORS = re.compile(r"[\s-]+")


class CodeKey:
    """The gateway's pairing key, and the only code that touches it."""

    def __init__(self, key: bytes) -> None:
        """Raises ValueError unless the key has 32 bytes."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"the pairing key must have {KEY_BYTES} bytes")
        self._key = key

    def sms_code(self, pairing: str, send: int) -> str:
        """The six digits of a pairing's ``send``-th message: HOTP (RFC 4226), one counter per message."""
        return self._hotp(pairing).at(send)

    # pairing, step 4b
    def sms_code_matches(self, typed: str, pairing: str, send: int) -> bool:
        """Whether this is the code of that message and of no other, in constant time."""
        return self._hotp(pairing).verify(typed, send)

    def link_secret(self, link: str) -> bytes:
        """The secret under which a link's frames and typed codes are made."""
        return self._derive("link", link)

    # association, step 6b
    def check_code(self, link: str, device_jkt: str, asker_jkt: str) -> str:
        """Three digits that only the phone which approved is shown. Both keys are in it: another pair, another code."""
        number = int.from_bytes(self._derive("check", link, device_jkt, asker_jkt), "big")
        return f"{number % 10**CHECK_DIGITS:0{CHECK_DIGITS}}"

    # a number shown, N2
    def shown_number(self, numbered: str) -> str:
        """Four digits that an application shows and a holder types on the phone. ``numbered``: a link's."""
        number = int.from_bytes(self._derive("number", numbered), "big")
        return f"{number % 10**NUMBER_DIGITS:0{NUMBER_DIGITS}}"

    def _hotp(self, pairing: str) -> pyotp.HOTP:
        secret = base64.b32encode(self._derive("sms", pairing)).decode("ascii")
        return pyotp.HOTP(secret, digits=SMS_DIGITS, digest=hashlib.sha256)

    def _derive(self, purpose: str, *parts: str) -> bytes:
        # Ids and thumbprints have no zero byte, so the joined text has one reading.
        return hmac.digest(self._key, "\0".join((f"linkid-pairing-{purpose}-v1", *parts)).encode(), hashlib.sha256)


def read_digits(typed: str, digits: int) -> str:
    """What somebody typed, without spaces and hyphens. Raises CodeMalformed unless it has that many ASCII digits."""
    plain = _SEPARATORS.sub("", typed)
    if len(plain) != digits or not (plain.isascii() and plain.isdigit()):
        raise CodeMalformed(f"expected {digits} digits")
    return plain


def sms_text(code: str, app_host: str) -> str:
    """The message. No diacritics: one ã would make it UCS-2 and cost a second segment.

    Its last line is an origin-bound code (WICG "Delivering origin-bound one-time codes over SMS"): browsers offer it to
    our own page only.
    """
    return (
        f"{code} e o seu codigo do Link ID. Vale 10 minutos. "
        f"Nao passe a ninguem: nos nunca pedimos.\n\n@{app_host} #{code}"
    )
