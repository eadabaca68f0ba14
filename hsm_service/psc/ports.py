"""What the dialect needs from others: phones that are rung, and documents around a raw signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foundation.database import Connection
from foundation.encoding import JsonObject


@dataclass(frozen=True)
class CallAnswer:
    """How a call stands: ``waiting``, ``approved`` (then with the phone's credentials), ``refused`` or ``dead``."""

    state: str
    credentials: Sequence[str] = ()


@dataclass(frozen=True)
class Numbered:
    """Of an application that shows a number which holders type: when its asking ends, how many calls it has already."""

    until: datetime
    calls: int = 0


class Calls(Protocol):
    """Pairing's: asking which holder is there by ringing the phone, or by a code that the application draws."""

    def number(self, secret: str) -> str:
        """What the application shows, and whoever is asked under this secret (``Numbered``) types before the yes."""
        ...

    async def show(
        self, secret: str, *, client: str, client_name: str, scope: str, address: str, numbered: Numbered
    ) -> tuple[str, str]:
        """A call of whoever reads a code first: what to ask ``answer`` with, and the code's text."""
        ...

    async def call(
        self,
        secret: str,
        *,
        client: str,
        client_name: str,
        scope: str,
        address: str,
        credential: str,
        numbered: Numbered | None = None,
    ) -> Sequence[str]:
        """Ring every phone of a credential; what to ask ``answer`` with. Raises a TooMany."""
        ...

    async def answer(self, calls: Sequence[str], secret: str) -> CallAnswer:
        """The first yes or no of any phone."""
        ...


@dataclass(frozen=True)
class Content:
    """What is to become a signed document: a PDF, or the digest of any content."""

    format: str
    """One of ``domain.reading.FORMATS`` but RAW."""
    digest: bytes
    pdf: bytes | None = None
    stamped: bool = False
    """Whether the PDF gets a visible stamp."""


@dataclass(frozen=True)
class Preparation:
    """A document that waits for its signature."""

    digest: bytes
    """What the phone approves and the SAM signs."""
    kept: bytes
    """What ``finish`` needs."""


class Documents(Protocol):
    """The documents slice: CMS and PDF around a raw signature."""

    async def prepare(self, content: Content, chain: Sequence[bytes], sign_algorithm: str) -> Preparation:
        """``chain``: DER, the signer's first. Raises BadInput, Conflict (a policy is not to be had), Unavailable."""
        ...

    async def finish(self, kept: bytes, signature: bytes) -> bytes:
        """The CMS object, or the signed PDF. It may be called again with the same. Raises Unavailable."""
        ...


class Posts(Protocol):
    """The outbox of webhooks: one POST to an address of the internet, signed, and tried again where it fails."""

    def check(self, url: str) -> None:
        """Raises BadInput, saying what is wrong, for an address that nothing is ever sent to."""
        ...

    async def queue(self, connection: Connection, url: str, body: JsonObject, expires: datetime) -> None:
        """It leaves if this transaction commits."""
        ...
