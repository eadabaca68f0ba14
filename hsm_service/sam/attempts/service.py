"""Step 7d: a try is counted, and the count committed, before the password is tried.

The same proof again is the same guess and counts once: answers get lost, and whoever carries decisions (a gateway) must
not climb the ladder with one mistake of the holder's by repeating it.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database, Record
from foundation.encoding import JsonObject
from foundation.group_commit import GroupCommit, Statement
from foundation.queries import Queries
from hsm_service.sam.attempts.domain import Highest, Ladder, Locked, Purpose, Tried, fresh
from hsm_service.sam.attempts.in_flight import LONGEST_WAIT, InFlight
from hsm_service.sam.rows import Alarm, RowSeals
from protocol.errors import CredentialLocked, PasswordWrong

queries = Queries.load("hsm_service.sam.attempts")
TABLE = "attempts"
TRIES = "tries"


@dataclass(frozen=True)
class Attempt:
    """A reserved try. ``ordinal`` is its number among all tries ever; ``repeated``: the proof took it before.

    ``ladder`` is the row as this try left it: what a right password is going to change.
    """

    credential: str
    purpose: Purpose
    proof: bytes
    ordinal: int
    ladder: Ladder
    closes: Locked | None = None
    """What a wrong password will have brought on."""
    repeated: bool = False

    @property
    def tries_left(self) -> int:
        """Before the next lock."""
        return self.ladder.tries_left


@dataclass(frozen=True)
class Standing:
    """The rows of a credential and purpose as somebody read them, and the try that one proof took; not yet believed."""

    ladder: Record | None
    tried: Record | None


class Attempts:
    """Counts in the database and, against whoever turns that back, in this process's memory as well.

    Nobody waits for a lock: a try is written over exactly the row that was read, by its MAC, and of any number of
    rivals one succeeds; the others read again, and find the ladder a step higher, or locked.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditChain,
        seals: RowSeals,
        alarm: Alarm,
        clock: Clock,
        *,
        commits: GroupCommit | None = None,
        highest: Highest | None = None,
    ) -> None:
        self._database, self._audit, self._seals, self._alarm, self._clock = database, audit, seals, alarm, clock
        self._commits = commits or GroupCommit(database)
        self._highest, self._in_flight = highest or Highest(), InFlight()

    async def demand_open(self, credential: str, purpose: Purpose, standing: Standing | None = None) -> None:
        """Before a phone is rung at all. Raises CredentialLocked."""
        until = asyncio.get_running_loop().time() + LONGEST_WAIT
        while True:
            now, known = self._clock.now(), self._highest.get(credential, purpose)
            if standing is None or _is_older(standing.ladder, known):
                standing = Standing(await self._database.fetchrow(queries.look, credential, purpose), None)
            ladder = await self._believe(standing.ladder, credential, purpose, now, known)
            if ladder.locked(now) is None:
                return None
            if not await self._in_flight.one_ends(credential, purpose, until):
                return self._refuse_locked(ladder, now)
            standing = None

    async def tries_left(self, credential: str) -> int | None:
        """Of the usage password, before the next lock; 0 while one stands; None when the row does not hold."""
        now, known = self._clock.now(), self._highest.get(credential, "sign")
        row = await self._database.fetchrow(queries.look, credential, "sign")
        try:
            ladder = await self._believe(row, credential, "sign", now, known)
        except CredentialLocked:
            return None
        if ladder.locked(now) is not None:
            return 0
        return ladder.tries_left or ladder.reserve(now).tries_left + 1

    async def reserve(
        self, credential: str, purpose: Purpose, proof: bytes, standing: Standing | None = None
    ) -> Attempt:
        """7d: take one try; it is committed when this returns. Raises CredentialLocked.

        ``proof``: SHA-256 of the proof. One that was tried before takes no other try, and gets past no lock either.
        ``standing``: the rows, if the caller has just read them.
        """
        until = asyncio.get_running_loop().time() + LONGEST_WAIT
        while True:
            now, known = self._clock.now(), self._highest.get(credential, purpose)
            if standing is None or _is_older(standing.ladder, known):
                standing = await self._standing(credential, purpose, proof)
            ladder = await self._believe(standing.ladder, credential, purpose, now, known)
            if ladder.locked(now) is not None and await self._in_flight.one_ends(credential, purpose, until):
                standing = None
                continue
            self._refuse_locked(ladder, now, told=True)
            before = await self._tried(standing.tried)
            if before is not None:
                # Nobody gives this try back from now on: one of the two may hear "wrong", the other "the HSM failed".
                await self._database.execute(queries.repeat_try, credential, purpose, proof)
                return Attempt(credential, purpose, proof, before.ordinal, ladder, repeated=True)
            if standing.ladder is None:
                await self._begin(credential, purpose, now)
            else:
                attempt = await self._take(ladder, bytes(standing.ladder["mac"]), proof, now)
                if attempt is not None:
                    self._in_flight.began(credential, purpose)
                    return attempt
            standing = None  # somebody was faster, or the row is new: read again

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
        self._in_flight.ended(attempt.credential, attempt.purpose)
        lock = _told(attempt.closes, attempt.credential, attempt.purpose)
        return PasswordWrong(data={"tries_left": attempt.tries_left, **lock})

    async def succeeded(self, connection: Connection, attempt: Attempt) -> None:
        """Inside the transaction that uses the right password (7f)."""
        ladder = await self._lock(connection, attempt.credential, attempt.purpose)
        await self._write(connection, ladder.forgive(attempt.ordinal))

    async def forgiven(self, attempt: Attempt) -> tuple[bytes, Ladder]:
        """What ``succeeded`` would write, and the MAC of the row to write it over: 7f writes more with it."""
        known = self._highest.get(attempt.credential, attempt.purpose)
        row = await self._database.fetchrow(queries.look, attempt.credential, attempt.purpose)
        ladder = await self._believe(row, attempt.credential, attempt.purpose, self._clock.now(), known)
        return b"" if row is None else bytes(row["mac"]), ladder.forgive(attempt.ordinal)

    def remember(self, connection: Connection, ladder: Ladder) -> None:
        """This transaction writes the row: what is older does not count once it is committed."""

        async def remember() -> None:
            pushed_out = self._highest.see(ladder)
            if pushed_out is not None:
                await self._alarm.raise_("attempts.forgotten", TABLE, pushed_out.id)

        connection.after_commit(remember)

    async def give_back(self, attempt: Attempt) -> None:
        """The password was never tried: the HSM failed before. Not for a proof that came twice: one may have run."""
        who = attempt.credential, attempt.purpose
        async with self._database.transaction() as connection:
            ladder = await self._lock(connection, *who)
            if await connection.fetchval(queries.take_try_back, *who, attempt.proof, attempt.ordinal) is not None:
                await self._write(connection, ladder.give_back())
        self._in_flight.ended(*who)

    async def _standing(self, credential: str, purpose: Purpose, proof: bytes) -> Standing:
        row = await self._database.fetchrow(queries.standing, credential, purpose, proof)
        return Standing(None, None) if row is None else Standing(row["ladder"], row["tried"])

    async def _begin(self, credential: str, purpose: Purpose, now: datetime) -> None:
        """The first row of a ladder; two at once make one."""
        mac = await self._seals.seal(TABLE, fresh(credential, purpose, now).meaning())
        await self._database.execute(queries.begin, credential, purpose, 0, 0, now, mac)

    async def _take(self, ladder: Ladder, over: bytes, proof: bytes, now: datetime) -> Attempt | None:
        """The next try of the ladder becomes this proof's; None when the row is not the one with MAC ``over`` now."""
        taken = ladder.reserve(now)
        tried = Tried(taken.credential, taken.purpose, proof, taken.total)
        mac, try_mac = await self._seals.seal_all([(TABLE, taken.meaning()), (TRIES, tried.meaning())])
        taken = replace(taken, mac=mac)

        def counted(connection: Connection, row: Record) -> bool:
            if row["total"] is None:
                return False
            self.remember(connection, taken)
            self._audit.note(
                connection,
                "attempt.reserved",
                credential=taken.credential,
                purpose=taken.purpose,
                count=taken.count,
                total=taken.total,
            )
            return True

        args = (
            taken.credential, taken.purpose, over, taken.total, taken.forgiven, taken.last, mac, proof, tried.ordinal,
            now, try_mac,
        )  # fmt: skip
        # Nothing is told of it yet: with the approval, or with the failure, the audit's head outside catches up.
        if not await self._commits.run(Statement(queries.take_try, lambda: args, counted), early=True):
            return None
        return Attempt(taken.credential, taken.purpose, proof, taken.total, taken, taken.locked(now))

    async def _tried(self, row: Record | None) -> Tried | None:
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

    async def _lock(self, connection: Connection, credential: str, purpose: Purpose) -> Ladder:
        known = self._highest.get(credential, purpose)
        row = await connection.fetchrow(queries.lock, credential, purpose)
        return await self._believe(row, credential, purpose, self._clock.now(), known)

    async def _believe(
        self, row: Record | None, credential: str, purpose: Purpose, now: datetime, known: Ladder | None
    ) -> Ladder:
        """The row, unless it is forged, or older than what this process has seen: then what we remember.

        ``known``: what we remembered *before* the row was read. What others write meanwhile is no turning back.
        """
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
        self.remember(connection, ladder)


def _is_older(row: Record | None, known: Ladder | None) -> bool:
    """Read before, or turned back: to be read again, and only then to be judged."""
    return known is not None and (row is None or row["total"] < known.total)


def _told(lock: Locked | None, credential: str, purpose: Purpose) -> JsonObject:
    """What pairing closed is no news for the holder's other phones: the certificate goes on."""
    return {} if lock is None or purpose == "pair" else {"lock": lock.members(credential)}


def _read(row: Record) -> Ladder:
    return Ladder(row["credential"], row["purpose"], row["total"], row["forgiven"], row["last_at"], row["mac"])
