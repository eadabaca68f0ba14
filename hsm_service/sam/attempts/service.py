"""Step 7d: a try is counted, and the count committed, before the password is tried.

The same proof again is the same guess and counts once: answers get lost, and whoever carries decisions (a gateway) must
not climb the ladder with one mistake of the holder's by repeating it.
"""

from dataclasses import dataclass
from datetime import datetime
from math import ceil

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database, Record
from foundation.encoding import JsonObject
from foundation.queries import Queries
from hsm_service.sam.attempts.domain import Highest, Ladder, Locked, Purpose, Tried, fresh
from hsm_service.sam.rows import Alarm, RowSeals
from protocol.errors import CredentialLocked, PasswordWrong

queries = Queries.load("hsm_service.sam.attempts")
TABLE = "attempts"
TRIES = "tries"


@dataclass(frozen=True)
class Attempt:
    """A reserved try. ``ordinal`` is its number among all tries ever; ``repeated``: the proof took it before."""

    credential: str
    purpose: Purpose
    proof: bytes
    ordinal: int
    tries_left: int
    closes: Locked | None = None
    """What a wrong password will have brought on."""
    repeated: bool = False


class Attempts:
    """Counts in the database and, against whoever turns that back, in this process's memory as well."""

    def __init__(
        self,
        database: Database,
        audit: AuditChain,
        seals: RowSeals,
        alarm: Alarm,
        clock: Clock,
        highest: Highest | None = None,
    ) -> None:
        self._database, self._audit, self._seals, self._alarm, self._clock = database, audit, seals, alarm, clock
        self._highest = highest or Highest()

    async def demand_open(self, credential: str, purpose: Purpose) -> None:
        """Before a phone is rung at all. Raises CredentialLocked."""
        now = self._clock.now()
        row = await self._database.fetchrow(queries.look, credential, purpose)
        self._refuse_locked(await self._believe(row, credential, purpose, now), now)

    async def reserve(self, credential: str, purpose: Purpose, proof: bytes) -> Attempt:
        """7d: take one try, in a transaction of its own that is committed when this returns. Raises CredentialLocked.

        ``proof``: SHA-256 of the proof. One that was tried before takes no other try, and gets past no lock either.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            ladder = await self._lock(connection, credential, purpose, now)
            self._refuse_locked(ladder, now, told=True)
            before = await self._tried(connection, credential, purpose, proof)
            if before is not None:
                # Nobody gives this try back from now on: one of the two may hear "wrong", the other "the HSM failed".
                await connection.execute(queries.repeat_try, credential, purpose, proof)
                return Attempt(credential, purpose, proof, before.ordinal, ladder.tries_left, repeated=True)
            return await self._take(connection, ladder, proof, now)

    async def failed(self, attempt: Attempt, device: str) -> PasswordWrong:
        """Say so in the audit, and make the error for the caller to raise; the count stands already.

        When it closed the certificate the error says so (``lock``): holders are told on every phone.
        """
        if not attempt.repeated:
            async with self._database.transaction() as connection:
                self._audit.note(
                    connection,
                    "attempt.failed",
                    credential=attempt.credential,
                    purpose=attempt.purpose,
                    tries_left=attempt.tries_left,
                    device=device,
                )
        lock = _told(attempt.closes, attempt.credential, attempt.purpose)
        return PasswordWrong(data={"tries_left": attempt.tries_left, **lock})

    async def succeeded(self, connection: Connection, attempt: Attempt) -> None:
        """Inside the transaction that uses the right password (7f)."""
        ladder = await self._lock(connection, attempt.credential, attempt.purpose, self._clock.now())
        await self._write(connection, ladder.forgive(attempt.ordinal))

    async def give_back(self, attempt: Attempt) -> None:
        """The password was never tried: the HSM failed before. Not for a proof that came twice: one may have run."""
        who = attempt.credential, attempt.purpose
        async with self._database.transaction() as connection:
            ladder = await self._lock(connection, *who, self._clock.now())
            if await connection.fetchval(queries.take_try_back, *who, attempt.proof, attempt.ordinal) is not None:
                await self._write(connection, ladder.give_back())

    async def _take(self, connection: Connection, ladder: Ladder, proof: bytes, now: datetime) -> Attempt:
        """The next try of the ladder becomes this proof's."""
        taken = ladder.reserve(now)
        tried = Tried(taken.credential, taken.purpose, proof, taken.total)
        await self._write(connection, taken)
        mac = await self._seals.seal(TRIES, tried.meaning())
        await connection.execute(queries.add_try, tried.credential, tried.purpose, proof, tried.ordinal, now, mac)
        self._audit.note(
            connection,
            "attempt.reserved",
            credential=taken.credential,
            purpose=taken.purpose,
            count=taken.count,
            total=taken.total,
        )
        return Attempt(taken.credential, taken.purpose, proof, taken.total, taken.tries_left, taken.locked(now))

    async def _tried(self, connection: Connection, credential: str, purpose: Purpose, proof: bytes) -> Tried | None:
        row = await connection.fetchrow(queries.tried, credential, purpose, proof)
        if row is None:
            return None
        found = Tried(row["credential"], row["purpose"], row["proof"], row["ordinal"], row["mac"])
        return found if await self._seals.genuine(TRIES, found) else None

    def _refuse_locked(self, ladder: Ladder, now: datetime, *, told: bool = False) -> None:
        """``told``: whoever asks proved to be a phone of the holder's, and hears since when."""
        lock = ladder.locked(now)
        if lock is None:
            return
        data = _told(lock, ladder.credential, ladder.purpose) if told else {}
        if lock.until is None:
            raise CredentialLocked("for ever", data={"for_ever": True, **data})
        raise CredentialLocked(retry_after=max(1, ceil((lock.until - now).total_seconds())), data=data)

    async def _lock(self, connection: Connection, credential: str, purpose: Purpose, now: datetime) -> Ladder:
        row = await connection.fetchrow(queries.lock, credential, purpose)
        if row is None:
            first = fresh(credential, purpose, now)
            await connection.execute(
                queries.begin, credential, purpose, 0, 0, now, await self._seals.seal(TABLE, first.meaning())
            )
            row = await connection.fetchrow(queries.lock, credential, purpose)
        return await self._believe(row, credential, purpose, now)

    async def _believe(self, row: Record | None, credential: str, purpose: Purpose, now: datetime) -> Ladder:
        """The row, unless it is forged, or older than what this process has seen: then what we remember."""
        known = self._highest.get(credential, purpose)
        found = None if row is None else _read(row)
        genuine = found if found is not None and await self._seals.genuine(TABLE, found) else None
        if genuine is not None and (known is None or genuine.total >= known.total):
            return genuine
        if known is not None:
            if genuine is not None or found is None:
                await self._alarm.raise_("attempts.turned_back", TABLE, known.id)
            return known
        if found is None:
            return fresh(credential, purpose, now)
        # A forged row and no memory: nobody knows how many tries there were. Closed until the row is repaired.
        raise CredentialLocked("the attempts row does not hold", data={"for_ever": True})

    async def _write(self, connection: Connection, ladder: Ladder) -> None:
        mac = await self._seals.seal(TABLE, ladder.meaning())
        await connection.execute(
            queries.change, ladder.credential, ladder.purpose, ladder.total, ladder.forgiven, ladder.last, mac
        )

        async def remember() -> None:
            pushed_out = self._highest.see(ladder)
            if pushed_out is not None:
                await self._alarm.raise_("attempts.forgotten", TABLE, pushed_out.id)

        connection.after_commit(remember)


def _told(lock: Locked | None, credential: str, purpose: Purpose) -> JsonObject:
    """What pairing closed is no news for the holder's other phones: the certificate goes on."""
    return {} if lock is None or purpose == "pair" else {"lock": lock.members(credential)}


def _read(row: Record) -> Ladder:
    return Ladder(row["credential"], row["purpose"], row["total"], row["forgiven"], row["last_at"], row["mac"])
