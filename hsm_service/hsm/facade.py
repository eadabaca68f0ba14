"""The token for asyncio: every call in one of a few threads, with a deadline.

A thread that hangs inside the library cannot be ended. It is counted; when all hang, ``broken`` is set, and the process
must be replaced by its supervisor: other processes go on meanwhile. So it is when the module does not come back after
several renewals. ``worn`` is set when the library has kept so much of what was made and destroyed in it that this
process should make room for another, in its own time.

What nobody waits for (``generate_ahead``) has a thread of its own beside them, so that it takes none of theirs.

A trip to a thread costs more than an HMAC. So MACs that are asked for while a trip for others has not begun go with it
(``hmacs``).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from foundation.errors import LinkIdError
from foundation.logs import get_logger
from foundation.threads import Call, Threads
from hsm_service.hsm import operations, slots
from hsm_service.hsm.faults import HsmLoginRefused, HsmUnavailable
from hsm_service.hsm.keys import TransportKey, WrappedKey
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.token import Room, Token
from protocol.algorithms import KeyAlgorithm, SignAlgorithm
from protocol.keys import P256Key

T = TypeVar("T")

GENERATION_SECONDS: Final = 30.0
"""RSA keys are found by luck: seconds with 4096 bits, and more on a machine that is busy."""

_log = get_logger(__name__)


@dataclass(frozen=True)
class _Macs:
    """What one caller wants MACs of."""

    messages: Sequence[bytes]
    answer: "asyncio.Future[list[bytes]]"


@dataclass
class _Trips:
    """Of one key: who waits for MACs by it, and whether a trip that will fetch them is on its way to a thread."""

    waiting: deque[_Macs] = field(default_factory=deque)
    called: bool = False


@dataclass
class _Trip:
    """One of them: who goes with it; None before it began."""

    taken: list[_Macs] | None = None


class Hsm:
    """One token, for the event loop. Raises what ``Token.run`` raises, and HsmUnavailable after the deadline."""

    def __init__(self, settings: HsmSettings) -> None:
        """Loads the module; nothing is opened yet."""
        self.token = Token(settings)
        self.broken = asyncio.Event()
        self.worn = asyncio.Event()
        self.session_objects = 0
        """How many keys were made in sessions and destroyed: SoftHSM 2.6 keeps 250 bytes of each until it ends."""
        self._worn_at = 0
        self._deadline = settings.deadline_seconds
        self._threads = settings.threads
        self._pool = Threads(settings.threads, "hsm")
        self._aside = Threads(1, "hsm-ahead")
        self._hung: set[Call[Any]] = set()
        self._trips: dict[str, _Trips] = {}
        self._kept_seconds = settings.kept_seconds
        self._forgetting: asyncio.Task[None] | None = None
        self.begun = 0
        """Calls ever asked for, those of ``generate_ahead`` left out: unchanged between two looks, nobody needed us."""
        self.at_work = 0
        """Calls that wait or run now; likewise."""

    @property
    def epoch(self) -> int:
        """Goes up with every new initialisation of the module."""
        return self.token.epoch

    async def open(self) -> None:
        """Log in. Raises HsmUnavailable, HsmLoginRefused."""
        await self.run(self.token.open)

    async def close(self) -> None:
        """Take no more calls. Sessions end with the process: closing the module under load would crash it."""
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._pool.close()
        self._aside.close()

    @property
    def stopped_by(self) -> LinkIdError | None:
        """Why no call succeeds now; None when nothing is known to be wrong."""
        if self.broken.is_set():
            return HsmUnavailable("this process is being replaced", retry_after=5)
        return self.token.stopped_by

    def seconds_until_try(self) -> float | None:
        """How soon an open circuit may be tried; None when it is closed, or only an operator can help."""
        if isinstance(self.token.stopped_by, HsmLoginRefused) or not self.token.circuit.refusing:
            return None
        return max(0.05, self.token.circuit.wait(time.monotonic()))

    def report(self) -> dict[str, int]:
        """Numbers of this process for ``status``."""
        return {**vars(self.token.tally), "session_objects": self.session_objects}

    def wear_out_at(self, session_objects: int) -> None:
        """Set ``worn`` after so many; 0: never."""
        self._worn_at = session_objects

    def _wear(self, made: int) -> None:
        self.session_objects += made
        if self._worn_at and self.session_objects >= self._worn_at:
            self.worn.set()

    async def run(self, work: Callable[[], T], *, deadline: float | None = None) -> T:
        """Run a blocking function in a thread of the pool, for whatever signs by ``x509_keys``."""
        return await self._begin(work, deadline or self._deadline).future

    def _begin(self, work: Callable[[], T], seconds: float) -> "Call[T]":
        if self.broken.is_set():
            raise HsmUnavailable("every thread hangs in the module", retry_after=5)
        self.token.demand_possible()  # an open circuit answers at once, whether or not a thread is free

        def ended(call: "Call[T]", error: BaseException | None) -> None:
            timer.cancel()
            self._ended(call, error)

        call = self._pool.submit(work, ended)
        timer = asyncio.get_running_loop().call_later(seconds, self._too_late, call, seconds)
        self.begun += 1
        self.at_work += 1
        return call

    def _ended(self, call: Call[Any], error: BaseException | None) -> None:
        self.at_work -= 1
        self._hung.discard(call)  # ``broken`` stays: whoever saw it is replacing this process
        self._look_at(error)

    def _look_at(self, error: BaseException | None) -> None:
        if error is not None and self.token.circuit.exhausted(time.monotonic()):
            self.broken.set()

    def _too_late(self, call: Call[Any], seconds: float) -> None:
        """It has not ended. Whoever waits for it waits no longer."""
        if call.withdraw():
            self._ended(call, None)
            self._give_up(call, HsmUnavailable(f"no thread was free within {seconds} s", retry_after=2))
            return
        self._hung.add(call)
        self.token.tally.hanging += 1
        _log.error("hsm_call_hangs", hanging=len(self._hung), threads=self._threads)
        if len(self._hung) >= self._threads:
            self.broken.set()
        self._give_up(call, HsmUnavailable(f"the HSM did not answer within {seconds} s", retry_after=5))

    @staticmethod
    def _give_up(call: Call[Any], error: LinkIdError) -> None:
        if not call.future.done():  # its caller may have given up before
            call.future.set_exception(error)

    async def in_room(self, work: Callable[[Room], T], *, deadline: float | None = None) -> T:
        """Do something with the token; ``work`` must be safe to repeat."""
        return await self.run(lambda: self.token.run(work), deadline=deadline)

    # --- what the SAM and the AC ask for -----------------------------------------------------------------------------

    async def check(self) -> None:
        """The canary: raises HsmUnavailable when the token does not do what it did."""
        await self.run(self.token.check)

    async def newest_versions(self, names: Sequence[str]) -> dict[str, int]:
        """The newest version of each secret key. Raises SlotDamaged when the slot has none of a name."""
        return await self.in_room(lambda room: operations.newest_versions(room, names))

    async def root(self) -> P256Key:
        """The public half of ``root.1``."""
        return await self.in_room(lambda room: room.p256_public("root.1"))

    async def sign_root(self, message: bytes) -> bytes:
        """ECDSA P-256 SHA-256 by ``root.1``: r || s."""
        return await self.in_room(lambda room: room.sign_p256("root.1", message))

    async def hmac(self, label: str, data: bytes) -> bytes:
        """HMAC-SHA256 by a secret of the token, such as ``pepper.1``."""
        return (await self.hmacs(label, [data]))[0]

    async def hmacs(self, label: str, messages: Sequence[bytes]) -> list[bytes]:
        """Several at once; and with them what others want of the same key before a thread is free. What fails the trip
        fails all who went with it."""
        asked = _Macs(messages, asyncio.get_running_loop().create_future())
        trips = self._trips.get(label)
        if trips is None:
            trips = self._trips[label] = _Trips()
        trips.waiting.append(asked)
        if not trips.called:
            trips.called = True
            try:
                self._send(label, trips)
            except BaseException:
                trips.called = False
                trips.waiting.remove(asked)
                raise
        return await asked.answer

    def _send(self, label: str, trips: _Trips) -> None:
        trip = _Trip()

        def fetch() -> list[bytes]:
            """In the thread. Whoever comes from now on sends another trip."""
            taken = trip.taken = []
            trips.called = False
            with suppress(IndexError):  # empty; a trip in another thread may have taken the last one just now
                while True:
                    taken.append(trips.waiting.popleft())
            messages = [message for one in taken for message in one.messages]
            if not messages:  # the trip before took them
                return []
            return self.token.run(lambda room: [operations.hmac(room, label, message) for message in messages])

        call = self._begin(fetch, self._deadline)
        call.future.add_done_callback(lambda made: _hand_out(made, trip, trips))

    async def derive(self, version: int, peer: P256Key) -> bytes:
        """ECDH with ``transport.<version>``: Z, 32 bytes."""
        self._wear(1)
        return await self.in_room(lambda room: operations.derive(room, f"transport.{version}", peer))

    async def transport_keys(self) -> list[TransportKey]:
        """Every transport key, oldest first."""
        return await self.in_room(operations.transport_keys)

    async def add_transport_key(self, now: datetime) -> str:
        """Rotate the transport key; no other process may search the token at that moment (see ``slots``)."""
        return await self.run(lambda: slots.add_transport_key(self.token, now))

    async def generate_wrapped(self, algorithm: KeyAlgorithm, kek: int) -> WrappedKey:
        """A holder's new key, wrapped; nothing of it stays in the token."""
        self._wear(2)
        return await self.in_room(
            lambda room: operations.generate_wrapped(room, algorithm, kek), deadline=GENERATION_SECONDS
        )

    async def generate_with_request(self, algorithm: KeyAlgorithm, kek: int, name: str) -> tuple[WrappedKey, bytes]:
        """The same, with a certification request signed by it (PKCS#10 DER)."""
        self._wear(2)
        return await self.in_room(
            lambda room: operations.generate_with_request(room, algorithm, kek, name), deadline=GENERATION_SECONDS
        )

    async def generate_ahead(self, algorithm: KeyAlgorithm, kek: int) -> WrappedKey:
        """A key that nobody waits for, in a thread of its own. It cannot be broken off once it began.

        A call that hangs here is no signer's: it breaks nothing, and the next one finds no thread free.
        """
        self._wear(2)
        call = self._aside.submit(
            lambda: self.token.run(lambda room: operations.generate_wrapped(room, algorithm, kek)),
            lambda _, error: self._look_at(error),
        )
        try:
            async with asyncio.timeout(GENERATION_SECONDS):
                return await call.future
        except TimeoutError as cause:
            if call.withdraw():
                raise HsmUnavailable(f"no thread was free within {GENERATION_SECONDS} s", retry_after=2) from cause
            _log.error("hsm_generation_hangs")
            raise HsmUnavailable(f"the HSM did not answer within {GENERATION_SECONDS} s", retry_after=5) from cause

    async def request_by(self, key: WrappedKey, algorithm: KeyAlgorithm, name: str) -> bytes:
        """A certification request (PKCS#10 DER) by a key that was made ahead, verified. Raises HsmRequestFault."""
        self._wear(1)
        return await self.in_room(lambda room: operations.request_by(room, key, algorithm, name))

    async def sign_wrapped(
        self, key: WrappedKey, key_algorithm: KeyAlgorithm, algorithm: SignAlgorithm, digests: Sequence[bytes]
    ) -> list[bytes]:
        """Unwrap, sign each, destroy. To be verified by the caller before anybody sees a signature."""
        self._wear(1)
        return await self.in_room(
            lambda room: operations.sign_wrapped(room, key, key_algorithm, algorithm, digests),
            deadline=self._deadline + len(digests) * 0.05,
        )

    async def sign_kept(
        self, key: WrappedKey, key_algorithm: KeyAlgorithm, algorithm: SignAlgorithm, digests: Sequence[bytes]
    ) -> list[bytes]:
        """The same for one use of a session: the key stays unwrapped for ``kept_seconds``, for the next use."""
        made, unwrapped = await self.in_room(
            lambda room: operations.sign_kept(room, key, key_algorithm, algorithm, digests),
            deadline=self._deadline + len(digests) * 0.05,
        )
        if unwrapped:
            self._wear(1)
            if self._forgetting is None or self._forgetting.done():
                self._forgetting = asyncio.create_task(self._forget_kept())
        return made

    async def _forget_kept(self) -> None:
        """As long as keys are kept; so none outlives its time by more than the half, though nobody signs any more."""
        left = 1
        while left:
            await asyncio.sleep(self._kept_seconds / 2)
            try:
                left = await self.run(self.token.forget_kept)
            except LinkIdError as error:
                _log.info("hsm_kept_keys_wait", error_code=error.code)

    async def demand_strong(self, kek: int) -> None:
        """Refuse a SAM's token weaker than the ones we make. Raises SlotDamaged."""
        await self.in_room(lambda room: operations.demand_strong(room, kek))

    async def demand_strong_authority(self) -> None:
        """The same for the AC's."""
        await self.in_room(operations.demand_strong_authority)

    async def random(self, length: int) -> bytes:
        """Randomness of the HSM."""
        return await self.in_room(lambda room: bytes(room.session.generate_random(length * 8)))


def _hand_out(made: "asyncio.Future[list[bytes]]", trip: _Trip, trips: _Trips) -> None:
    """To each caller what it asked for. Of a trip that never began all hear why who wait for it."""
    taken = trip.taken
    if taken is None:
        taken, trips.called = list(trips.waiting), False
        trips.waiting.clear()
    error = None if made.cancelled() else made.exception()
    at = 0
    for one in taken:
        until = at + len(one.messages)
        if one.answer.done():  # its caller gave up meanwhile
            pass
        elif made.cancelled():
            one.answer.cancel()
        elif error is not None:
            one.answer.set_exception(error)
        else:
            one.answer.set_result(made.result()[at:until])
        at = until
