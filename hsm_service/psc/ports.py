"""What the dialect needs from others: documents around a raw signature, for the formats beyond RAW."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


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
