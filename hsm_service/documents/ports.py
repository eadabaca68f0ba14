"""What documents need from others."""

from collections.abc import Sequence
from typing import Protocol

from hsm_service.documents.domain.evidence import Evidence
from hsm_service.documents.domain.parcel import Parcel


class TimeStampingAuthority(Protocol):
    """One authority, on whatever way it is reached."""

    async def ask(self, request: bytes) -> bytes:
        """A TimeStampReq to a TimeStampResp, DER both. Raises NoTimeStamp when there is no answer in time."""
        ...


class TimeStamps(Protocol):
    """Time stamps that were checked."""

    async def stamp(self, digest: bytes, hash_name: str, nonce: int | None = None) -> bytes:
        """A time-stamp token (CMS ContentInfo, DER) over ``digest``; ``hash_name`` as in ``sha256``. Checked: it is
        about this digest and answers the nonce, ours when none is given. Raises NoTimeStamp."""
        ...


class Evidences(Protocol):
    """Where evidence for certificates is had."""

    async def collect(self, certificates: Sequence[bytes]) -> Evidence:
        """For each of these (DER, no issuers among them): its issuers, and that nobody revoked any of them.

        Raises NoEvidence: of an authority we cannot ask, or no answer; BadCertificate for one that is revoked.
        """
        ...


class Parsing(Protocol):
    """Where bytes that others made are parsed."""

    async def do(self, job: str, asked: Parcel) -> Parcel:
        """A job of ``service/jobs.py``. Raises what the document is refused for."""
        ...
