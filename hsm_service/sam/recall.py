"""What a SAM that starts learns again from the audit: the last minutes, which its memory would hold had it gone on.

A row turned back while no SAM ran would otherwise be believed. Documents and activations live minutes, so minutes are
enough for them: 15 of them cover a document's life and its activation's. Of ladders it learns where they stood after
the last tries: what is longer ago may be turned back while no SAM runs.

Each chain is walked from its end backwards, each line held to the hash that the next one names. From the head kept
outside the database on, every line is therefore the one that we wrote, and its own words say when: only such a line
ends the walk. What stands after that head (a crash came between COMMIT and the file, or somebody added it) is learnt as
well, and what the database says of times in other columns is not asked. Left: bindings, associations,
integrators, credentials and certificates that ended longer ago; lines hidden in other SAMs' chains, whose heads are
kept elsewhere (docs/threats.md).
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from foundation.audit import AuditChain, DatabaseRolledBack, Head
from foundation.database import Connection, Database
from foundation.encoding import JsonValue, strict_json
from foundation.queries import Queries
from hsm_service.sam.associations.domain import State as AssociationState
from hsm_service.sam.associations.store import TABLE as ASSOCIATIONS
from hsm_service.sam.attempts.domain import Highest, Ladder
from hsm_service.sam.bindings.domain import State as BindingState
from hsm_service.sam.bindings.domain import rank_of as binding_rank
from hsm_service.sam.bindings.store import TABLE as BINDINGS
from hsm_service.sam.clients.store import TABLE as CLIENTS
from hsm_service.sam.credentials.domain import State as CredentialState
from hsm_service.sam.credentials.domain import rank_of
from hsm_service.sam.credentials.revocations import TABLE as REVOCATIONS
from hsm_service.sam.credentials.store import TABLE as CREDENTIALS
from hsm_service.sam.documents.store import TABLE as DOCUMENTS
from hsm_service.sam.generators.domain import ENDED as GENERATOR_ENDED
from hsm_service.sam.generators.store import TABLE as GENERATORS
from hsm_service.sam.memory import Memory
from hsm_service.sam.rows import RowSeals
from hsm_service.sam.sessions.domain import heard

queries = Queries.load("hsm_service.sam")

WINDOW: Final = timedelta(minutes=15)
_MAX_LINE: Final = 8192


AHEAD: Final = timedelta(minutes=5)
"""How far the clocks of two SAMs may lie apart: so much earlier than a session's beginning its lines are looked for."""


@dataclass(frozen=True)
class Mind:
    """What a SAM remembers, in its three places."""

    memory: Memory
    seals: RowSeals
    highest: Highest


class Recollection:
    """The last minutes when a process starts; further back when a session from before is used for the first time.

    Step U1 of a session's use: sessions live days, and how far one has gone is in no MAC. So a SAM believes the count
    of a session only after it read all lines since that session's document was fixed, a time that a MAC holds.
    """

    def __init__(self, database: Database, mind: Mind, audit: AuditChain) -> None:
        self._database, self._mind, self._audit = database, mind, audit
        self._turn = asyncio.Lock()

    async def begin(self, now: datetime) -> int:
        """When the process starts."""
        return await self._read(now - WINDOW, _learn)

    async def back_to(self, began: datetime) -> None:
        """All that was said since then, if it is not known yet. Raises DatabaseRolledBack."""
        async with self._turn:
            known = self._mind.memory.sessions.since
            if known is None or began - AHEAD < known:
                await self._read(began - AHEAD, _learn_sessions)

    async def _read(self, since: datetime, learn: "Learn") -> int:
        return await recall(self._database, self._mind, self._audit, since, learn)


Learn = Callable[[Mind, dict[str, JsonValue]], None]


async def recall(database: Database, mind: Mind, audit: AuditChain, since: datetime, learn: Learn | None = None) -> int:
    """Fill memory, ranks and ladders from the chains of all SAMs, back to ``since``. Returns how many lines were read.

    ``learn``: what is taken from a line; all of it by default. Raises DatabaseRolledBack when the lines do not link up:
    somebody took lines out or changed them.
    """
    kept = await audit.kept_head()
    learnt = 0
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        for row in await connection.fetch(queries.sam_chains):
            chain = str(row["chain"])
            async for said in _backwards(connection, chain, kept if chain == audit.chain else None, since):
                (learn or _learn)(mind, said)
                learnt += 1
    known = mind.memory.sessions.since
    mind.memory.sessions.since = since if known is None else min(known, since)
    return learnt


async def _backwards(
    connection: Connection, chain: str, kept: Head | None, since: datetime
) -> AsyncIterator[dict[str, JsonValue]]:
    """What the lines of a chain say, the newest first, until one that is ours says that it is older than ``since``."""
    follows: bytes | None = None
    async with aclosing(connection.cursor(queries.lines_backwards, chain)) as rows:
        async for row in rows:
            said = strict_json(row["body"], max_bytes=_MAX_LINE)
            if not isinstance(said, dict) or hashlib.sha256(_prev(said) + row["body"]).digest() != row["hash"]:
                raise DatabaseRolledBack(f"audit chain {chain}: line {row['seq']} does not hold")
            if follows is not None and row["hash"] != follows:
                raise DatabaseRolledBack(f"audit chain {chain}: line {row['seq']} is not followed by the next")
            if kept is not None and row["seq"] == kept.seq and row["hash"] != kept.hash:
                raise DatabaseRolledBack(
                    f"audit chain {chain}: line {kept.seq} is another one than the one kept outside"
                )
            follows = _prev(said)
            if (kept is None or row["seq"] <= kept.seq) and _at(said) < since:
                return
            yield said


def _at(said: dict[str, JsonValue]) -> datetime:
    try:
        return datetime.fromisoformat(str(said.get("at")))
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)  # not a line of ours: it ends nothing


def _seconds(instant: str) -> int:
    try:
        return int(datetime.fromisoformat(instant).timestamp())
    except ValueError:
        return 0  # not a line of ours: it teaches nothing


def _number(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0  # not a line of ours: it teaches nothing


def _prev(said: dict[str, JsonValue]) -> bytes:
    value = said.get("prev")
    return bytes.fromhex(value) if isinstance(value, str) else b""


def _learn_sessions(mind: Mind, said: dict[str, JsonValue]) -> None:
    """All that is taken from lines of days ago: the rest lives minutes, and would drive out what is newer."""
    activation = str(said.get("activation", ""))
    if said.get("event") == "session.used":
        mind.memory.sessions.use(activation, _number(said.get("used")))
        mind.memory.sessions.recall_release(activation, heard(said.get("counter")), str(said.get("signatures", "")))
    elif said.get("event") == "session.ended":
        mind.memory.sessions.ended(activation)
    _learn_consents(mind, said)


def _learn_consents(mind: Mind, said: dict[str, JsonValue]) -> None:
    """How far a consent has gone, and the newest step of a generator: both live longer than the window."""
    consent = str(said.get("consent", ""))
    match said.get("event"):
        case "consent.tried":
            mind.memory.consents.see(consent, total=_number(said.get("total")))
        case "consent.counted":
            mind.memory.consents.see(consent, used=_number(said.get("used")))
        case "consent.ended":
            mind.memory.consents.see(consent, over=True)
        case "explicit.opened":
            mind.memory.consents.see(consent, used=_number(said.get("used")))
            mind.seals.remember(GENERATORS, str(said.get("generator", "")), _number(said.get("step")))
        case "generator.ended":
            mind.seals.remember(GENERATORS, str(said.get("generator", "")), GENERATOR_ENDED)
        case _:
            pass


def _learn(mind: Mind, said: dict[str, JsonValue]) -> None:
    memory, seals = mind.memory, mind.seals

    def text(name: str) -> str:
        return str(said.get(name, ""))

    match said.get("event"):
        case "document.approved" | "document.refused" | "credential.bound":
            seals.remember(DOCUMENTS, text("document"), 1)
        case "signatures.made":
            memory.release(text("activation"), text("signatures"))
        case "session.used" | "session.ended":
            _learn_sessions(mind, said)
        case "consent.tried" | "consent.counted" | "consent.ended" | "explicit.opened" | "generator.ended":
            _learn_consents(mind, said)
        case "binding.ended":
            seals.remember(BINDINGS, text("binding"), binding_rank(BindingState.ENDED))
        case "binding.guarded":
            seals.remember(BINDINGS, text("binding"), _guarded(said))
        case "association.ended":
            seals.remember(ASSOCIATIONS, text("association"), len(AssociationState) - 1)
        case "client.registered" | "client.disabled":
            seals.remember(CLIENTS, text("client"), _seconds(text("ordered")))
        case "credential.revoked":
            seals.remember(CREDENTIALS, text("credential"), rank_of(CredentialState.REVOKED))
        case "credential.blocked" | "credential.unblocked":
            seals.remember(
                CREDENTIALS, text("credential"), rank_of(CredentialState.ACTIVE, _number(said.get("number")))
            )
        case "certificate.revoked":
            seals.remember(REVOCATIONS, text("certificate"), 1)
        case "attempt.reserved":
            _learn_ladder(mind.highest, said)
        case _:
            pass


def _guarded(said: dict[str, JsonValue]) -> int:
    """How far a binding had gone when its passkey was enrolled or removed."""
    try:
        return binding_rank(BindingState(str(said.get("state"))), _number(said.get("number")))
    except ValueError:
        return 0  # not a line of ours: it teaches nothing


def _learn_ladder(highest: Highest, said: dict[str, JsonValue]) -> None:
    """Where the ladder stood after that try. Whether its password was right says the row, when it is as new as this."""
    purpose, total, count = said.get("purpose"), said.get("total"), said.get("count")
    if purpose not in ("sign", "pair") or not isinstance(total, int) or not isinstance(count, int):
        return  # a line of before ladders were told whole
    highest.see(Ladder(str(said.get("credential")), purpose, total, total - count, _at(said)))
