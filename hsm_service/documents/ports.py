"""What documents need from others."""

from typing import Protocol


class TimeStamps(Protocol):
    """Time-stamping authorities (RFC 3161)."""

    async def stamp(self, digest: bytes, hash_name: str) -> bytes:
        """A time-stamp token (CMS ContentInfo, DER) over ``digest``; ``hash_name`` as in ``sha256``. Checked: it is
        about this digest and answers our nonce. Raises NoTimeStamp."""
        ...
