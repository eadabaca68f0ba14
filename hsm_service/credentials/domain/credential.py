"""A credential as the gateway knows it: the SAM's facts, and what follows from them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hsm_service.credentials.domain.certificate import Certificate, read_certificate


class CertificateStatus(StrEnum):
    """In CSC's words (2.0, credentials/info, ``cert/status``)."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


ACTIVE = "active"
"""The one state, of those in the SAM's table, in which a credential signs."""
REVOKED = "revoked"


@dataclass(frozen=True)
class Facts:
    """One row of ``sam.credential_facts`` without its certificates, of which most calls need none."""

    id: str
    subject: str
    """The name a person reads, as the SAM has it; not the distinguished name."""
    serial: str
    valid_from: datetime
    valid_to: datetime
    state: str
    key_algorithm: str
    """``RSA-2048`` or ``P-256`` …"""
    spki_hash: bytes

    @property
    def active(self) -> bool:
        """Whether its key may be asked for signatures at all."""
        return self.state == ACTIVE

    def status(self, now: datetime) -> CertificateStatus:
        """What may be said of the certificate at an instant. Not yet valid counts as expired: it is not usable now."""
        if self.state == REVOKED:
            return CertificateStatus.REVOKED
        if not self.valid_from <= now < self.valid_to:
            return CertificateStatus.EXPIRED
        return CertificateStatus.VALID

    def usable(self, now: datetime) -> bool:
        """Whether a signature by it would be valid now."""
        return self.active and self.status(now) is CertificateStatus.VALID


@dataclass(frozen=True)
class Credential(Facts):
    """The whole row. ``chain`` is DER, the holder's certificate first, never empty."""

    chain: Sequence[bytes]

    @property
    def certificate(self) -> Certificate:
        """The holder's certificate, read. Raises UnreadableCertificate."""
        return read_certificate(self.chain[0])

    @property
    def certificate_hash(self) -> bytes:
        """SHA-256 of the certificate's DER: how documents name it."""
        return hashlib.sha256(self.chain[0]).digest()
