"""Whose a credential is. The gateway keeps no CPF: it needs a name to show and a number to reach."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from hsm_service.credentials.errors import BadHolder


class HolderKind(StrEnum):
    """Who stands in the certificate."""

    PERSON = "person"
    COMPANY = "company"


MAX_NAME = 200
MAX_EMAIL = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")
_EMAIL = re.compile(r"[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+\Z")


@dataclass(frozen=True)
class HolderData:
    """What emission learnt about a holder. Make it with ``holder_data``, which checks."""

    name: str
    phone: str
    email: str | None
    kind: HolderKind


def holder_data(*, name: object, phone: object, email: object, kind: object) -> HolderData:
    """Check and tidy. Raises BadHolder naming the field, never its value."""
    if not isinstance(name, str):
        raise BadHolder("the name is not text")
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadHolder(f"the name must have 1 to {MAX_NAME} printable characters")
    if not isinstance(phone, str) or not _E164.match(phone):
        raise BadHolder("the telephone number is not E.164")
    if email is not None and (not isinstance(email, str) or len(email) > MAX_EMAIL or not _EMAIL.match(email)):
        raise BadHolder("the e-mail address is not valid")
    try:
        return HolderData(name, phone, email, HolderKind(str(kind)))
    except ValueError as cause:
        raise BadHolder("the kind is neither person nor company") from cause
