"""Queueing inside somebody else's transaction, and the worker that carries things out.

What holds, and why:

* A message exists if, and only if, the transaction that queued it committed (it is a row of that transaction).
* It is carried at least once while it is of use and may be tried again; twice only when a worker died between the
  provider's yes and its own report.
* What *may* have left (CarrierUnsure) is not tried again: better a code asked for twice than sent twice.
* Nobody is notified inside the caller's transaction: commits that notify queue behind one lock (measured: a quarter of
  the throughput). The worker of the same process is woken after the commit; others look every two seconds.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.encoding import JsonObject
from foundation.errors import LinkIdError, Unavailable
from foundation.ids import Random
from foundation.logs import get_logger
from foundation.together import Together
from push.domain.outbox import Kind, MessageEvent, after_failure
from push.domain.sealing import NONCE_BYTES, Seal
from push.errors import CarrierBusy, NotWanted
from push.ports import Carrier, Parcel
from push.service.numbers import PushNumbers
from push.store import DoorbellStore, OutboxStore, Progress, Queued, Report, Taken

POLL_SECONDS: Final = 2.0
"""How long a message waits at most whose own gateway died before it woke its worker."""
BATCH: Final = 20
CARRY_SECONDS: Final = 20.0
"""Carriers have deadlines of their own; this is for one that forgot. Below the lease of 30 s."""

_log = get_logger(__name__)


class OutboxWorker:
    """Carries out what is due. One per gateway, or any number."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        seal: Seal,
        carriers: Mapping[Kind, Carrier],
        *,
        numbers: PushNumbers | None = None,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``carriers``: what this process can carry; other kinds wait for one that can."""
        self._numbers = numbers or PushNumbers()
        self._store = OutboxStore(database)
        self._doorbells = DoorbellStore(database)
        self._clock = clock
        self._seal = seal
        self._carriers = dict(carriers)
        self._random = random
        self._woken = asyncio.Event()
        # What ended at the same moment is reported together.
        self._reports: Together[Report, int] = Together(self._report)

    def wake(self) -> None:
        """There is something to do."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled. A database that goes away is waited for."""
        while True:
            self._woken.clear()
            try:
                while await self.work() == BATCH:  # what was queued meanwhile rings again
                    pass
            except Unavailable as error:
                _log.warning("outbox_waits", error_code=error.code, detail=error.detail)
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def work(self) -> int:
        """Carry what is due now, at most a batch; how many were taken."""
        batch = await self._store.take(self._carriers, self._clock.now(), BATCH)
        async with asyncio.TaskGroup() as group:
            for taken in batch:
                group.create_task(self._carry(taken))
        return len(batch)

    async def _carry(self, taken: Taken) -> None:
        """One message, to one end. What goes wrong with it must not reach its neighbours."""
        try:
            event, due, failure = await self._attempt(taken)
            now = self._clock.now()
            if due is not None and failure is not None:
                counted = await self._store.try_later(taken, due, failure)
            else:
                report = Report(taken.id, taken.attempt.attempts, event, failure)
                counted = await self._reports.get(report) is not None
            self._numbers.messages.labels(taken.attempt.kind, event).inc()
            if event is MessageEvent.CARRIED:
                self._numbers.seconds.labels(taken.attempt.kind).observe((now - taken.created_at).total_seconds())
            _log.info("outbox_message", kind=taken.attempt.kind, outcome=event, error_code=failure, counted=counted)
        except Unavailable as error:
            # The report is lost; the lease will end and somebody takes it again.
            _log.warning("outbox_report_lost", error_code=error.code)

    async def _report(self, reports: Sequence[Report]) -> dict[Report, int]:
        counted = await self._store.finish(reports, self._clock.now())
        return {one: one.message for one in reports if one.message in counted}

    async def _attempt(self, taken: Taken) -> tuple[MessageEvent, datetime | None, str | None]:
        """What happened, when it is due again, and the code of the error."""
        attempt = taken.attempt
        if self._clock.now() >= attempt.expires_at:
            return MessageEvent.TOO_LATE, None, None
        try:
            content = self._seal.open(taken.sealed, attempt.kind, attempt.expires_at)
            await self._demand_wanted(content)
            if content.get("to", "") is not None:  # a message to nobody was queued for the time it takes
                parcel = Parcel(content, attempt.expires_at, taken.created_at, taken.id)
                await self._handed_over(attempt.kind, parcel)
        except NotWanted:
            return MessageEvent.TOO_LATE, None, None
        except CarrierBusy as error:
            asked = timedelta(seconds=error.retry_after) if error.retry_after else None
            event, due = after_failure(attempt, self._clock.now(), self._random(1)[0] / 255, asked)
            return event, due, error.code
        except LinkIdError as error:
            _log.warning("outbox_gives_up", kind=attempt.kind, error_code=error.code, detail=error.detail)
            return MessageEvent.GIVE_UP, None, error.code
        except Exception:
            _log.exception("carrier_failed", kind=attempt.kind)
            return MessageEvent.GIVE_UP, None, "internal_error"
        return MessageEvent.CARRIED, None, None

    async def _demand_wanted(self, content: JsonObject) -> None:
        """What tells of a doorbell by another way is sent only while it rings unheard. Raises NotWanted."""
        doorbell = content.get("unless_heard")
        if isinstance(doorbell, str) and not await self._doorbells.wanted(doorbell, self._clock.now()):
            raise NotWanted()

    async def _handed_over(self, kind: Kind, parcel: Parcel) -> None:
        async with asyncio.timeout(CARRY_SECONDS):
            await self._carriers[kind].carry(parcel)


@dataclass(frozen=True)
class Outgoing:
    """Something to be queued, to leave after a while. ``unless_heard`` in its content names a doorbell."""

    kind: Kind
    content: JsonObject = field(repr=False)
    expires: datetime
    after: timedelta = timedelta(0)


class OutboxService:
    """What other slices queue with. Meets ``pairing.ports.Sms``."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        seal: Seal,
        worker: OutboxWorker,
        *,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``worker``: this process's own, woken after each commit."""
        self._store = OutboxStore(database)
        self._clock = clock
        self._seal = seal
        self._worker = worker
        self._random = random

    async def send(self, connection: Connection, to: str | None, text: str, expires: datetime) -> None:
        """Queue an SMS to an E.164 number, worthless after ``expires``. ``to`` None: to nobody, at the same price."""
        await self.enqueue(connection, Kind.SMS, {"to": to, "text": text}, expires)

    async def send_email(self, connection: Connection, to: str, subject: str, text: str, expires: datetime) -> None:
        """Queue an e-mail in plain text."""
        await self.enqueue(connection, Kind.EMAIL, {"to": to, "subject": subject, "text": text}, expires)

    async def queue(
        self, connection: Connection, url: str, event: JsonObject, expires: datetime, *, id: str | None = None
    ) -> int:
        """Queue an event for an application's address; its number. Meets ``webhooks.ports.Outbox``.

        ``id``: of a body whose form others fixed, which has none in it.
        """
        content = {"to": url, "event": event, "id": event["id"] if id is None else id}
        return await self.enqueue(connection, Kind.WEBHOOK, content, expires)

    async def enqueue(
        self,
        connection: Connection,
        kind: Kind,
        content: JsonObject,
        expires: datetime,
        *,
        after: timedelta = timedelta(0),
    ) -> int:
        """Queue anything, inside the caller's transaction, to leave after a while; its number.

        ``unless_heard`` in the content names a doorbell: it leaves only if that one still rings, unheard.
        """
        (queued,) = await self.enqueue_all(connection, [Outgoing(kind, content, expires, after)])
        return queued

    async def enqueue_all(self, connection: Connection, messages: Sequence[Outgoing]) -> list[int]:
        """The same of several, in one statement; their numbers, in no order."""
        now = self._clock.now()
        queued = [
            Queued(
                one.kind,
                self._seal.close(one.content, one.kind, one.expires, self._random(NONCE_BYTES)),
                due_at=now + one.after,
                expires_at=one.expires,
            )
            for one in messages
        ]
        numbers = await self._store.add(connection, queued, now)

        async def wake() -> None:
            for after in {one.after for one in messages}:
                if after:
                    asyncio.get_running_loop().call_later(after.total_seconds(), self._worker.wake)
                else:
                    self._worker.wake()

        connection.after_commit(wake)
        return numbers

    async def progress(self, messages: Sequence[int]) -> Mapping[int, Progress]:
        """What became of these, as far as it is still known."""
        return await self._store.progress(messages)
