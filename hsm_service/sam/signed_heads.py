"""A SAM signs, now and then, how far every audit chain has come (docs/protocol.md section 16).

It signs only what follows from what it signed before: each chain's new lines are walked from the head of the last
time, hash by hash. The newest one is kept in a file beside the audit head too, outside PostgreSQL: so whoever writes
the database can take back neither the lines that were signed nor, unnoticed, the signature over them.

What this shows an outsider: at that time, lines with these hashes stood there, and none before them was changed since.
What it does not: that the gateway's chain tells the truth. A gateway's lines are its own word.
"""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Final

from foundation.audit import GENESIS, Head, HeadNotKept, heads_within, links_up, write_durably
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.errors import Unavailable
from foundation.logs import get_logger
from foundation.queries import Queries
from hsm_service.sam.roots import Roots
from protocol.errors import SignatureInvalid
from protocol.heads import SignedHeads, digest, open_heads
from protocol.statements import trusted

queries = Queries.load("hsm_service.sam")

EVERY_SECONDS: Final = 60.0
_NOTHING: Final = Head(0, GENESIS)

_log = get_logger(__name__)


class ChainRewritten(Unavailable):
    """A chain does not follow from what was signed: nothing more is signed about any, until an operator has looked."""

    code = "audit_chain_rewritten"


class HeadSigner:
    """``sign_if_moved()``. One per SAM."""

    def __init__(self, database: Database, roots: Roots, clock: Clock, signer: str, kept: Path) -> None:
        """``signer``: the SAM's name; ``kept``: where the newest is kept outside the database."""
        self._database, self._roots, self._clock = database, roots, clock
        self._signer, self._kept = signer, kept
        self._signed_at: datetime | None = None

    async def sign_if_moved(self) -> str | None:
        """The JWS; None when the last is young or says it all. Raises ChainRewritten, HeadNotKept, Unavailable."""
        now = self._clock.now()
        if self._signed_at is not None and (now - self._signed_at).total_seconds() < EVERY_SECONDS:
            return None
        # 1. What was signed last: the database's word must be what lies beside us.
        last, text = await self._last(now)
        # 2. Where the chains end now, each following from there.
        async with self._database.transaction(isolation="repeatable_read", readonly=True) as connection:
            heads = {chain: head for chain, head in (await heads_within(connection)).items() if head.seq}
            known = {} if last is None else {chain: Head(*head) for chain, head in last.heads.items()}
            if heads == known:
                return None
            for chain in sorted({*heads, *known}):
                await self._demand_follows(connection, chain, known.get(chain, _NOTHING), heads.get(chain, _NOTHING))
        # 3. Signed, written, kept outside.
        ends = {chain: (head.seq, head.hash) for chain, head in heads.items()}
        number, prev = (1, None) if last is None or text is None else (last.number + 1, digest(text))
        signed = SignedHeads(self._signer, number, prev, int(now.timestamp()), ends)
        jws = await self._roots.sign(signed.payload())
        if await self._database.fetchval(queries.add_signed, self._signer, number, now, jws) is None:
            raise ChainRewritten(f"signed heads: number {number} of {self._signer} is taken")
        await self._keep(jws)
        self._signed_at = now
        return jws

    async def _last(self, now: datetime) -> tuple[SignedHeads | None, str | None]:
        row = await self._database.fetchrow(queries.newest_signed, self._signer)
        stored = None if row is None else str(row["jws"])
        kept = await asyncio.to_thread(_read, self._kept)
        if kept is not None and stored != kept:
            stored = await self._finish(kept, stored, now)
        if stored is None:
            return None, None
        return self._open(stored, now), stored

    async def _finish(self, kept: str, stored: str | None, now: datetime) -> str:
        """The database may be one ahead of the file (a crash came between); it is never behind it, and never forks."""
        ours = self._open(kept, now)
        theirs = None if stored is None else self._open(stored, now)
        if stored is None or theirs is None or (theirs.number, theirs.prev) != (ours.number + 1, digest(kept)):
            raise ChainRewritten(
                f"signed heads of {self._signer}: number {ours.number} is kept outside, not in its place"
            )
        await self._keep(stored)
        return stored

    async def _keep(self, jws: str) -> None:
        try:
            await asyncio.to_thread(write_durably, self._kept, jws)
        except OSError as cause:
            raise HeadNotKept(f"{self._kept}: {cause.strerror}") from cause

    def _open(self, jws: str, now: datetime) -> SignedHeads:
        try:
            opened = open_heads(jws, trusted([self._roots.key]), now=now)
        except SignatureInvalid as cause:
            raise ChainRewritten(f"signed heads of {self._signer}: {cause.detail}") from cause
        if opened.signer != self._signer:
            raise ChainRewritten(f"signed heads of {opened.signer} where those of {self._signer} belong")
        return opened

    async def _demand_follows(self, connection: Connection, chain: str, before: Head, now: Head) -> None:
        if now.seq < before.seq or not await links_up(connection, chain, before, now):
            raise ChainRewritten(f"audit chain {chain}: it does not follow from line {before.seq}, which was signed")


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
