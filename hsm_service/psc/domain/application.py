"""What an application may say of itself. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from foundation.errors import JsonObject
from hsm_service.oauth.domain.client import checked_redirect
from hsm_service.oauth.domain.registering import seen_code
from hsm_service.oauth.errors import BadClientData
from hsm_service.psc.domain.reading import optional_text, text
from hsm_service.psc.errors import BadPscRequest
from protocol.documents import NAME_CHARACTERS
from protocol.orders import client_name

MAX_COMMENTS: Final = 1000
MAX_EMAIL: Final = 254
MAX_REDIRECTS: Final = 10
_EMAIL: Final = re.compile(r"[^\s@\x00-\x1f]+@[^\s@\x00-\x1f]+\Z")


@dataclass(frozen=True)
class Application:
    """One that registered itself."""

    id: str
    name: str
    comments: str
    email: str
    redirects: Sequence[str]
    secret_digest: bytes = field(repr=False)
    asked: datetime

    @property
    def seen(self) -> str:
        """The code of what an operator reads of it."""
        said = {"name": self.name, "comments": self.comments, "email": self.email, "redirects": list(self.redirects)}
        return seen_code({"client": self.id, **said})


def read_name(body: JsonObject) -> str:
    """What phones will show. Raises BadPscRequest."""
    name = " ".join(text(body, "name", NAME_CHARACTERS).split())
    if not name.isprintable() or client_name(name) != name:
        raise BadPscRequest(f"name: 1 to {NAME_CHARACTERS} printable characters, with letters or digits")
    return name


def read_comments(body: JsonObject) -> str | None:
    """Free text, None when there is none. Raises BadPscRequest."""
    return optional_text(body, "comments", MAX_COMMENTS)


def read_email(body: JsonObject) -> str | None:
    """Where its makers are reached, None when it is left out. Raises BadPscRequest."""
    email = optional_text(body, "email", MAX_EMAIL)
    if email is not None and not _EMAIL.match(email):
        raise BadPscRequest("email: expected an e-mail address")
    return email


def read_redirects(body: JsonObject) -> list[str]:
    """Return addresses, each once. Raises BadPscRequest."""
    values = body.get("redirect_uris")
    if not isinstance(values, Sequence) or isinstance(values, str) or not 1 <= len(values) <= MAX_REDIRECTS:
        raise BadPscRequest(f"redirect_uris: a list of 1 to {MAX_REDIRECTS} addresses")
    if not all(isinstance(value, str) for value in values):
        raise BadPscRequest("redirect_uris: expected texts")
    try:
        return list(dict.fromkeys(checked_redirect(str(value)) for value in values))
    except BadClientData as cause:
        raise BadPscRequest(f"redirect_uris: {cause.detail}") from cause


def demand_same_hosts(known: Sequence[str], wanted: Sequence[str]) -> None:
    """New addresses stay with the hosts that an operator has seen. Raises BadPscRequest."""
    if not {_place(one) for one in wanted} <= {_place(one) for one in known}:
        raise BadPscRequest("redirect_uris: another host than the registered ones; an operator registers those")


def _place(address: str) -> tuple[str, str | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname
