"""Every row of schema ``ac``: rows in, domain values out. No rules here but those the statements themselves keep."""

from dataclasses import dataclass
from datetime import datetime

from foundation.database import Connection, Database, Record, on_violation
from foundation.queries import Queries
from issuance.ac.domain.certificate import Validity
from issuance.errors import AlreadyEmitted, KeySeenBefore, OrderTaken
from protocol.documents import Document
from protocol.keys import P256Key

queries = Queries.load("issuance.ac")


@dataclass(frozen=True)
class StoredOrder:
    """An order as it was signed. ``verifier``: of the installation password, for issue orders."""

    id: str
    kind: str
    protocol: str | None
    jws: str
    verifier: bytes | None
    taken_at: datetime


@dataclass(frozen=True)
class Emission:
    """A visit to the emission page. ``order_id`` None: the protocol number does not exist."""

    id: str
    protocol: str
    order_id: str | None
    key: P256Key
    state: str
    identify: Document
    answer: bytes | None
    identified_mac: bytes | None
    term: Document | None
    agreement: bytes | None
    expires_at: datetime


@dataclass(frozen=True)
class StoredCertificate:
    """A certificate from the intention on; ``der`` and ``fingerprint`` once it is issued."""

    serial: str
    order_id: str
    emission: str
    credential: str
    spki_hash: bytes
    span: Validity
    state: str
    der: bytes | None
    fingerprint: bytes | None
    issued_at: datetime | None
    revoked_at: datetime | None
    reason: str | None


@dataclass(frozen=True)
class Revoked:
    """A line of the revocation list."""

    serial: int
    at: datetime
    reason: str


@dataclass(frozen=True)
class StoredCrl:
    """A list in force."""

    number: int
    this_update: datetime
    next_update: datetime
    revocations: int
    der: bytes


class AcStore:
    """Reads through the database; writes inside the caller's transaction."""

    def __init__(self, database: Database) -> None:
        """The role must be ``linkid_ac``."""
        self._database = database

    # --- orders ---

    async def add_order(self, connection: Connection, order: StoredOrder) -> None:
        """Raises OrderTaken when the id or, for issue orders, the protocol number was taken before."""
        with on_violation({"orders_pkey": OrderTaken, "one_issue_order_per_protocol": OrderTaken}):
            await connection.execute(
                queries.add_order, order.id, order.kind, order.protocol, order.jws, order.verifier, order.taken_at
            )

    async def order(self, order_id: str) -> StoredOrder | None:
        """By id."""
        return _order(await self._database.fetchrow(queries.order_by_id, order_id))

    async def issue_order(self, protocol: str) -> StoredOrder | None:
        """By protocol number."""
        return _order(await self._database.fetchrow(queries.issue_order_by_protocol, protocol))

    # --- emissions ---

    async def add_emission(self, emission: Emission, now: datetime) -> None:
        """A visit begins."""
        await self._database.execute(
            queries.add_emission,
            emission.id,
            emission.protocol,
            emission.order_id,
            emission.key.x,
            emission.key.y,
            emission.identify.data,
            now,
            emission.expires_at,
        )

    async def emission(self, emission_id: str) -> Emission | None:
        """By id."""
        row = await self._database.fetchrow(queries.emission, emission_id)
        if row is None:
            return None
        return Emission(
            id=row["id"],
            protocol=row["protocol"],
            order_id=row["order_id"],
            key=P256Key(row["key_x"], row["key_y"]),
            state=row["state"],
            identify=Document.parse(row["identify"]),
            answer=row["answer"],
            identified_mac=row["identified_mac"],
            term=None if row["term"] is None else Document.parse(row["term"]),
            agreement=row["agreement"],
            expires_at=row["expires_at"],
        )

    async def reserve_try(self, protocol: str, now: datetime, *, limit: int, locked_until: datetime) -> int | None:
        """Count one, in a transaction of its own; how many are used with it, or None when the number is locked."""
        used: int | None = await self._database.fetchval(queries.reserve_try, protocol, now, limit, locked_until)
        return used

    async def locked_until(self, protocol: str) -> datetime | None:
        """Until when."""
        until: datetime | None = await self._database.fetchval(queries.locked_until, protocol)
        return until

    async def forget_tries(self, protocol: str) -> None:
        """The right answer was given."""
        await self._database.execute(queries.forget_tries, protocol)

    async def set_identified(
        self, connection: Connection, emission: Emission, *, answer: bytes, mac: bytes, term: Document, now: datetime
    ) -> bool:
        """False when a rival was first, or the time is over."""
        found = await connection.fetchval(queries.set_identified, emission.id, answer, mac, term.data, now)
        return found is not None

    async def set_agreed(self, connection: Connection, emission_id: str, agreement: bytes, now: datetime) -> bool:
        """False when a rival was first, or the time is over."""
        return await connection.fetchval(queries.set_agreed, emission_id, agreement, now) is not None

    async def sweep(self, before: datetime) -> None:
        """Forget visits that came to nothing and old counts."""
        await self._database.execute(queries.sweep_emissions, before)
        await self._database.execute(queries.sweep_tries, before)

    async def void_visits(self, connection: Connection) -> int:
        """End every visit that has no certificate; how many."""
        return len(await connection.fetch(queries.void_visits))

    # --- certificates ---

    async def certificate_of_order(
        self, order_id: str, connection: Connection | None = None
    ) -> StoredCertificate | None:
        """The one certificate of an order, intended or issued."""
        source = connection or self._database
        return _certificate(await source.fetchrow(queries.certificate_of_order, order_id))

    async def certificate(self, serial: str) -> StoredCertificate | None:
        """By serial number, in any state."""
        return _certificate(await self._database.fetchrow(queries.certificate_by_serial, serial))

    async def certificates(self, protocol: str | None, limit: int) -> list[StoredCertificate]:
        """Issued ones, newest first."""
        rows = await self._database.fetch(queries.certificates_page, protocol, limit)
        return [found for row in rows if (found := _certificate(row)) is not None]

    async def add_intention(
        self, connection: Connection, certificate: StoredCertificate, possession: str, now: datetime
    ) -> None:
        """Step I8. Raises AlreadyEmitted (the order has one) or KeySeenBefore."""
        errors = {
            "one_certificate_per_order": AlreadyEmitted,
            "public_key_never_seen": KeySeenBefore,
        }
        with on_violation(errors):
            await connection.execute(
                queries.add_intention,
                certificate.serial,
                certificate.order_id,
                certificate.emission,
                certificate.credential,
                certificate.spki_hash,
                possession,
                certificate.span.start,
                certificate.span.end,
                now,
            )

    async def abandon(self, connection: Connection, serial: str, now: datetime) -> bool:
        """Give an intention up; False when it was completed meanwhile."""
        return await connection.fetchval(queries.abandon_intention, serial, now) is not None

    async def set_certificate(
        self, connection: Connection, serial: str, der: bytes, fingerprint: bytes, emission: str, now: datetime
    ) -> bool:
        """Step I10: store; False when somebody completed or abandoned it meanwhile."""
        found = await connection.fetchval(queries.set_certificate, serial, der, fingerprint, now)
        if found is not None:
            await connection.fetchval(queries.set_issued, emission)
        return found is not None

    async def revoke(self, connection: Connection, serial: str, reason: str, order_id: str, now: datetime) -> bool:
        """False when it was revoked before, or never issued."""
        return await connection.fetchval(queries.revoke, serial, now, reason, order_id) is not None

    # --- revocation lists ---

    async def revoked(self, connection: Connection, after: datetime) -> list[Revoked]:
        """Every revoked certificate that ends after an instant."""
        rows = await connection.fetch(queries.revoked, after)
        return [Revoked(int(row["serial"], 16), row["revoked_at"], row["reason"]) for row in rows]

    async def count_revocations(self, connection: Connection) -> int:
        """How many there ever were."""
        return int(await connection.fetchval(queries.count_revocations))

    async def lock_crl_number(self, connection: Connection, issuer: str) -> int:
        """The last number used; nobody else publishes this list until the transaction ends."""
        return int(await connection.fetchval(queries.lock_crl_number, issuer))

    async def add_crl(self, connection: Connection, issuer: str, crl: StoredCrl) -> None:
        """Keep a list and its number."""
        await connection.execute(queries.set_crl_number, issuer, crl.number)
        await connection.execute(
            queries.add_crl, issuer, crl.number, crl.this_update, crl.next_update, crl.revocations, crl.der
        )

    async def newest_crl(self, issuer: str, connection: Connection | None = None) -> StoredCrl | None:
        """The list in force."""
        row = await (connection or self._database).fetchrow(queries.newest_crl, issuer)
        return None if row is None else StoredCrl(**dict(row))


def _order(row: Record | None) -> StoredOrder | None:
    return None if row is None else StoredOrder(**dict(row))


def _certificate(row: Record | None) -> StoredCertificate | None:
    if row is None:
        return None
    return StoredCertificate(
        serial=row["serial"],
        order_id=row["order_id"],
        emission=row["emission"],
        credential=row["credential"],
        spki_hash=row["spki_hash"],
        span=Validity(row["not_before"], row["not_after"]),
        state=row["state"],
        der=row["der"],
        fingerprint=row["fingerprint"],
        issued_at=row["issued_at"],
        revoked_at=row["revoked_at"],
        reason=row["reason"],
    )
