"""What the dialect needs from others: phones that are rung, and documents around a raw signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class CallAnswer:
    """How a call stands: ``waiting``, ``approved`` (then with the phone's credentials), ``refused`` or ``dead``."""

    state: str
    credentials: Sequence[str] = ()


class Calls(Protocol):
    """Pairing's: asking which holder is there by ringing the phone."""

    async def call(
        self, secret: str, *, client: str, client_name: str, scope: str, address: str, credential: str
    ) -> Sequence[str]:
        """Ring every phone of a credential; what to ask ``answer`` with. Raises a TooMany."""
        ...

    async def answer(self, calls: Sequence[str], secret: str) -> CallAnswer:
        """The first yes or no of any phone."""
        ...


@dataclass(frozen=True)
class Content:
    """What is to become a signed document: the digest of a content, or a PDF."""

    digest: bytes
    hash_name: str
    format: str
    """One of ``domain.reading.FORMATS`` but RAW."""
    pdf: bytes | None = None
    signature_page: bool = False


class Prepared(Protocol):
    """A document that waits for its signature."""

    @property
    def to_be_signed(self) -> bytes:
        """The digest that the phone approves and the SAM signs."""
        ...

    async def finish(self, signature: bytes) -> bytes:
        """The whole: a CMS object, or the signed PDF."""
        ...


class Documents(Protocol):
    """The documents slice."""

    async def prepare(self, content: Content, chain: Sequence[bytes], sign_algorithm: str, at: datetime) -> Prepared:
        """``chain``: DER, the signer's first. The same arguments give the same digest. Raises BadInput."""
        ...
