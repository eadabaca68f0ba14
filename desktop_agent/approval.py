"""One approval on the phone: asked, compared, waited for, collected; the steps of docs/walkthroughs/one-signature.md.

1. The service is asked. 4. The statement signed by the SAM must say exactly what we asked; only then its verification
code is shown. 5./6. The phone is called; we wait, and show the request's QR when it does not react. 8. The signatures
come, each verified against the certificate.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from desktop_agent.client.csc_client import WAIT_SECONDS, Approved, Authorization, Credential, CscClient, Undecided
from desktop_agent.client.http import Caller
from desktop_agent.domain.algorithm import Algorithm
from desktop_agent.domain.request import Asked, AskedSession, Confirmed, Document, Terms, confirm, confirm_session
from desktop_agent.domain.session import Event, Session, advance
from desktop_agent.domain.trust import Trust, open_statement
from desktop_agent.errors import AgentError, Busy, NobodyAnswered, NoConnection, RefusedOnPhone, UntrustedServer

QR_AFTER: Final = 8.0
"""Seconds after which a phone that did not react is offered the request's QR."""
LATE_SECONDS: Final = 10
"""A yes in the last second is still fetched this much later."""
QUEUE_SECONDS: Final = 200
"""A request before ours lives 180 s; whoever waits longer than that should hear why."""
QUEUE_STEP: Final = 30
"""Seconds. A service that names more means a back-off after refusals, not a queue: that is told at once."""
SIGN_TRIES: Final = 5
"""The same signHash again gives the same signatures, so a lost answer costs nothing but patience."""
WITHDRAW_SECONDS: Final = 5.0


class ApprovalView(Protocol):
    """Who is told how it stands. `ui/port.py` has the words; a `SigningView` is one of these."""

    async def queueing(self, seconds: int) -> None: ...

    async def asked(self, confirmed: Confirmed, labels: Sequence[str]) -> None: ...

    async def show_qr(self, text: str) -> None: ...

    async def waiting(self, seconds_left: int, *, online: bool) -> None: ...

    async def approved(self) -> None: ...


@dataclass(frozen=True)
class Pace:
    """How patient it is."""

    qr_after: float = QR_AFTER
    tick: float = 1.0
    """Seconds between two looks at the clock; tests pass quickly."""


class Approval:
    """One request at a time, for one association.

    ``held`` is told the handle of what is on the phone, and the empty text when nothing of ours is there any more.
    """

    def __init__(
        self,
        caller: Caller,
        csc: CscClient,
        trust: Trust,
        view: ApprovalView,
        pace: Pace,
        held: Callable[[str], None] = lambda handle: None,
    ) -> None:
        self._caller = caller
        self._csc = csc
        self._trust = trust
        self._view = view
        self._pace = pace
        self._held = held
        self._session = Session.READY
        self._handle = ""
        """Of the request that waits; the service may exchange it for another at every look."""

    async def ask(
        self, credential: Credential, documents: tuple[Document, ...], algorithm: Algorithm | None = None
    ) -> list[bytes]:
        """Steps 1 to 8. Whatever ends the waiting but an answer of the phone, the request is withdrawn.

        ``algorithm`` None: the usual one of the certificate's key.
        """
        way = algorithm or credential.certificate.algorithm
        asked = Asked(self._csc.computer, credential.id, credential.certificate, documents, way)
        authorization = await self._in_turn(lambda: self._csc.authorize(credential.id, documents, way))  # 1
        approved = await self._decided(authorization, asked, [item.label for item in documents])
        return await self._collect(credential, approved.sad, way, [item.digest for item in documents])  # 8

    async def ask_session(self, credential: Credential, terms: Terms, algorithm: Algorithm) -> Approved:
        """The same for a session (docs/walkthroughs/one-session.md): nothing is signed yet."""
        key = self._caller.key.thumbprint()
        asked = AskedSession(self._csc.computer, credential.id, credential.certificate, key, terms)
        authorization = await self._in_turn(lambda: self._csc.authorize_session(credential.id, terms, algorithm))  # 1
        return await self._decided(authorization, asked, [terms.purpose])

    async def _decided(
        self, authorization: Authorization, asked: Asked | AskedSession, labels: Sequence[str]
    ) -> Approved:
        """Steps 4 to 6, and the withdrawal of what nobody answered."""
        self._session = advance(self._session, Event.ASKED)
        self._hold(authorization.handle)
        try:
            now = self._caller.clock()
            if isinstance(asked, Asked):  # 4
                stated = open_statement(self._trust, authorization.statement, kind="sign", now=now)
                confirmed = confirm(stated, asked, now=now)
            else:
                stated = open_statement(self._trust, authorization.statement, kind="session", now=now)
                confirmed = confirm_session(stated, asked, now=now)
            await self._view.asked(confirmed, labels)
            approved = await self._wait(confirmed)  # 5, 6
            self._session = advance(self._session, Event.ANSWERED)
        except RefusedOnPhone:
            self._session = advance(self._session, Event.ANSWERED)
            raise
        except UntrustedServer as error:
            advice = "Se o celular mostrar um pedido agora, recuse-o com 'Não fui eu'."
            raise UntrustedServer(str(error), advice) from error
        finally:
            if self._session is Session.WAITING:
                await self._withdraw()
            else:
                self._held("")
        await self._view.approved()
        return approved

    async def _in_turn(self, authorize: Callable[[], Awaitable[Authorization]]) -> Authorization:
        """Step 1, in its turn: while another request of this computer waits on the phone, ours queues behind it."""
        waited = 0
        while True:
            try:
                return await authorize()
            except Busy as busy:
                waited += busy.retry_after
                if not 0 < busy.retry_after <= QUEUE_STEP or waited > QUEUE_SECONDS:
                    raise
                await self._view.queueing(busy.retry_after)
                await asyncio.sleep(busy.retry_after * self._pace.tick)

    async def _wait(self, confirmed: Confirmed) -> Approved:
        """Until the phone answers. Lost connections are survived until the request expires."""
        loop = asyncio.get_running_loop()
        started, online = loop.time(), True
        shown = False
        checking = asyncio.ensure_future(self._csc.check(self._handle, 0))
        try:
            while True:
                left = confirmed.expires - self._caller.clock()
                if left < -LATE_SECONDS:
                    raise NobodyAnswered("Ninguém respondeu a tempo no celular.")
                await asyncio.wait({checking}, timeout=self._pace.tick)
                if checking.done():
                    pause = self._pace.tick
                    try:
                        looked = checking.result()
                        if isinstance(looked, Approved):
                            return looked
                        self._hold(looked.handle)
                        online, pause = True, max(pause, looked.pause)
                    except NoConnection:
                        online = False
                    checking = asyncio.ensure_future(self._check_later(pause, max(1, min(WAIT_SECONDS, left))))
                if not shown and loop.time() - started >= self._pace.qr_after:
                    shown = True
                    await self._view.show_qr(f"{self._trust.app}/r#1.{confirmed.request}")
                await self._view.waiting(max(0, left), online=online)
        finally:
            checking.cancel()
            await asyncio.gather(checking, return_exceptions=True)

    async def _check_later(self, pause: float, wait: int) -> Approved | Undecided:
        await asyncio.sleep(pause)
        return await self._csc.check(self._handle, wait)

    async def _collect(
        self, credential: Credential, sad: str, algorithm: Algorithm, digests: list[bytes]
    ) -> list[bytes]:
        """Step 8, again and again while only the connection is to blame."""
        for attempt in range(1, SIGN_TRIES + 1):
            try:
                return await self._csc.sign(credential.id, sad, credential.certificate, digests, algorithm)
            except NoConnection:
                if attempt == SIGN_TRIES:
                    raise
            await asyncio.sleep(attempt * self._pace.tick)
        raise AssertionError("the loop returns or raises")

    async def _withdraw(self) -> None:
        self._session = advance(self._session, Event.ANSWERED)
        with suppress(AgentError, TimeoutError):
            await asyncio.wait_for(self._csc.withdraw(self._handle), WITHDRAW_SECONDS)
            self._held("")

    def _hold(self, handle: str) -> None:
        if handle != self._handle:
            self._handle = handle
            self._held(handle)
