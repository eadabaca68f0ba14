"""What the AC said about certificates that are over, kept in its own words (rows of ``sam.revocations``).

A revocation may arrive before ``credentials/activate`` brings the certificate. It is kept all the same, and a
certificate that it names, by hash or by serial number, never becomes active.

A row vouches for itself by the AC's signature. One that was taken away is missed by whatever SAM took it, or learnt of
it from the audit when it started (``recall``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foundation.database import Connection
from foundation.encoding import BadEncoding, JsonValue, b64u, unb64u
from hsm_service.sam.credentials.domain import Certificate
from hsm_service.sam.credentials.store import queries
from hsm_service.sam.errors import CertificateRevoked
from hsm_service.sam.rows import RowSeals
from protocol.errors import SignatureInvalid
from protocol.keys import P256Key
from protocol.statements import open_root_signed

TABLE: Final = "revocations"
_HASH_BYTES: Final = 32


@dataclass(frozen=True)
class Revocation:
    """A verified statement of type ``revoked``."""

    certificate: bytes
    serial: str
    reason: str
    statement: str

    @classmethod
    def open(cls, statement: str, ac_roots: Mapping[str, P256Key], now: datetime) -> "Revocation":
        """Signed by a pinned key of the AC, whenever that was. Raises SignatureInvalid."""
        said = open_root_signed(statement, "revoked", ac_roots, now=now, expires=False)
        try:
            certificate = unb64u(_text(said, "certificate"), max_len=_HASH_BYTES)
        except BadEncoding as cause:
            raise SignatureInvalid("a revocation names a certificate by its hash") from cause
        if len(certificate) != _HASH_BYTES:
            raise SignatureInvalid("a revocation names a certificate by its hash")
        return cls(certificate, _text(said, "serial"), _text(said, "reason"), statement)

    def names(self, certificate: Certificate) -> bool:
        """Whether it is about this one: the very bytes, or another encoding under the same serial number."""
        return certificate.hash == self.certificate or certificate.serial == self.serial


class Revocations:
    """Keeps them, and says what they say about a certificate."""

    def __init__(self, seals: RowSeals, ac_roots: Mapping[str, P256Key]) -> None:
        self._seals, self._ac_roots = seals, ac_roots

    async def queue(self, connection: Connection, certificate: bytes) -> None:
        """Whoever brings this certificate (by hash) and whoever ends it come one after the other, in every SAM."""
        await connection.execute(queries.queue_certificate, b64u(certificate))

    async def add(self, connection: Connection, revocation: Revocation, now: datetime) -> bool:
        """False when there is one about that certificate already."""
        row = await connection.fetchval(
            queries.add_revocation, revocation.certificate, revocation.serial, revocation.statement, now
        )
        if row is None:
            return False

        async def remember() -> None:
            self._seals.remember(TABLE, b64u(revocation.certificate), 1)

        connection.after_commit(remember)
        return True

    async def about(self, connection: Connection, certificate: Certificate, now: datetime) -> Revocation | None:
        """What ended this certificate. Raises CertificateRevoked when there was one, and its row is gone."""
        for row in await connection.fetch(queries.revocations_of, certificate.hash, certificate.serial):
            try:
                found = Revocation.open(row["statement"], self._ac_roots, now)
            except SignatureInvalid:
                found = None
            if found is not None and found.names(certificate):
                return found
            await self._seals.forged(TABLE, b64u(row["certificate_hash"]))
        if await self._seals.vanished(TABLE, b64u(certificate.hash)):
            raise CertificateRevoked("it was revoked, and what said so is gone")
        return None


def _text(said: Mapping[str, JsonValue], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str):
        raise SignatureInvalid("not the members of a revocation")
    return value
