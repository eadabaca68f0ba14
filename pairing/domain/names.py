"""Names that people give to phones and computers: they are shown to others, so they are cleaned first."""

import unicodedata
from typing import Final

from pairing.errors import NicknameInvalid
from protocol.documents import clean

NICKNAME_MAX: Final = 40
COMPUTER_NAME_MAX: Final = 64
SYSTEM_MAX: Final = 40
"""Characters of an operating system's or a program's name and version."""


def read_nickname(text: str) -> str:
    """A phone's nickname, 1 to 40 characters. Raises NicknameInvalid; a name too long is not cut silently."""
    cleaned = clean(text, limit=NICKNAME_MAX + 1)
    if len(cleaned) > NICKNAME_MAX or not _has_letters(cleaned):
        raise NicknameInvalid(f"1 to {NICKNAME_MAX} visible characters")
    return cleaned


def read_computer_name(text: str) -> str:
    """What a computer calls itself, cut to fit; one that says nothing is called ``Computador``."""
    cleaned = clean(text, limit=COMPUTER_NAME_MAX)
    return cleaned if _has_letters(cleaned) else "Computador"


def read_system(text: str) -> str:
    """An operating system or a version, cut to fit, maybe empty."""
    return clean(text, limit=SYSTEM_MAX)


def _has_letters(text: str) -> bool:
    """Whether something in it can be seen: letters, numbers, punctuation or symbols, not marks and spaces alone."""
    return any(unicodedata.category(char)[0] in "LNPS" for char in text)
