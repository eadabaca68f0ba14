"""Signing PDFs, step by step; the numbers are those of docs/walkthroughs/one-signature.md where they meet.

a. Every file is checked before anybody is asked anything. b. The certificate is chosen. c. Each file is prepared: its
digest exists. 1. The service is asked. 4. The statement signed by the SAM must say exactly what we asked; only then its
verification code is shown. 5./6. The phone is called; we wait, and show the request's QR when it does not react. 8. The
signatures come, each verified against the certificate. d. Each goes into its file, the result is validated and
published.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from desktop_agent import pdf
from desktop_agent.client.csc_client import (
    UNUSABLE,
    UNUSABLE_ADVICE,
    WAIT_SECONDS,
    Authorization,
    Credential,
    CscClient,
)
from desktop_agent.client.http import Caller
from desktop_agent.domain.request import Asked, Confirmed, Document, clean_label, confirm
from desktop_agent.domain.session import Event, Session, advance
from desktop_agent.domain.trust import Trust, open_statement
from desktop_agent.errors import (
    AgentError,
    BadCommand,
    Busy,
    NobodyAnswered,
    NoConnection,
    NotAssociated,
    RefusedOnPhone,
    ServiceRefused,
    UntrustedServer,
)
from desktop_agent.plan import Job
from desktop_agent.ui.port import SigningView

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


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    credential: str | None = None
    """Id, or the beginning of one; or part of the holder's name."""
    reason: str | None = None
    overwrite: bool = False
    qr_after: float = QR_AFTER
    tick: float = 1.0
    """Seconds between two looks at the clock; tests pass quickly."""


class Signing:
    """The story, for one association."""

    def __init__(
        self,
        caller: Caller,
        computer: str,
        trust: Trust,
        view: SigningView,
        options: Options,
    ) -> None:
        self._caller = caller
        self._csc = CscClient(caller, computer)
        self._trust = trust
        self._view = view
        self._options = options
        self._session = Session.READY
        self._handle = ""
        """Of the request that waits; the service may exchange it for another at every look."""

    async def run(self, jobs: Sequence[Job]) -> None:
        """All of them in one approval (several when the service takes fewer at once). Raises any AgentError."""
        for job in jobs:  # a
            for earlier in await asyncio.to_thread(pdf.check, job.source):
                if not earlier.good:
                    who = f" ({earlier.signer})" if earlier.signer else ""
                    await self._view.warning(f"{job.source.name} já traz uma assinatura que não é válida{who}.")
        credential = await self._choose()  # b
        for start in range(0, len(jobs), credential.batch):
            await self._sign(credential, jobs[start : start + credential.batch])

    async def _sign(self, credential: Credential, jobs: Sequence[Job]) -> None:
        prepared: list[pdf.PreparedPdf] = []
        try:
            for job in jobs:  # c
                await self._view.preparing(job.source, job.source.stat().st_size)
                prepared.append(
                    await asyncio.to_thread(
                        pdf.prepare, job.source, job.output.parent, credential.certificate, reason=self._options.reason
                    )
                )
            signatures = await self._ask(credential, prepared)
            for job, half, signature in zip(jobs, prepared, signatures, strict=True):  # d
                await asyncio.to_thread(pdf.finish, half, signature)
                await asyncio.to_thread(pdf.publish, half, job.output, overwrite=self._options.overwrite)
                await self._view.signed(job.source, job.output)
        finally:
            for half in prepared:
                half.discard()

    async def _choose(self) -> Credential:
        """b. Raises ServiceRefused, BadCommand, NotAssociated."""
        known = await self._csc.credentials()
        if not known:
            raise NotAssociated("Nenhum certificado está disponível neste computador.")
        wanted = self._options.credential
        if wanted is not None:
            found = [item for item in known if _matches(item, wanted)]
            if len(found) != 1:
                which = "Nenhum certificado" if not found else "Mais de um certificado"
                raise BadCommand(f"{which} corresponde a {wanted!r}.", "Veja os números com: linkid-desktop certs")
        else:
            found = [item for item in known if item.usable] or known
        if len(found) > 1:
            chosen = await self._view.choose(found)
            if chosen is None:
                raise BadCommand("Há mais de um certificado.", "Escolha com --certificate; veja: linkid-desktop certs")
            found = [chosen]
        (credential,) = found
        if not credential.usable:
            raise ServiceRefused(UNUSABLE, UNUSABLE_ADVICE)
        credential.certificate.check_dates(datetime.fromtimestamp(self._caller.clock(), UTC))
        return credential

    async def _ask(self, credential: Credential, prepared: Sequence[pdf.PreparedPdf]) -> list[bytes]:
        """Steps 1 to 8. Whatever ends the waiting but an answer of the phone, the request is withdrawn."""
        documents = tuple(Document(clean_label(half.source.name), half.size, half.digest) for half in prepared)
        asked = Asked(self._csc.computer, credential.id, credential.certificate, documents)
        authorization = await self._authorize(credential.id, documents)  # 1
        self._session = advance(self._session, Event.ASKED)
        self._handle = authorization.handle
        try:
            now = self._caller.clock()
            stated = open_statement(self._trust, authorization.statement, kind="sign", now=now)
            confirmed = confirm(stated, asked, now=now)  # 4
            await self._view.asked(confirmed, [item.label for item in documents])
            sad = await self._wait(confirmed)  # 5, 6
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
        await self._view.approved()
        return await self._collect(credential, sad, [item.digest for item in documents])  # 8

    async def _authorize(self, credential: str, documents: tuple[Document, ...]) -> Authorization:
        """Step 1, in its turn: while another request of this computer waits on the phone, ours queues behind it."""
        waited = 0
        while True:
            try:
                return await self._csc.authorize(credential, documents)
            except Busy as busy:
                waited += busy.retry_after
                if not 0 < busy.retry_after <= QUEUE_STEP or waited > QUEUE_SECONDS:
                    raise
                await self._view.queueing(busy.retry_after)
                await asyncio.sleep(busy.retry_after * self._options.tick)

    async def _wait(self, confirmed: Confirmed) -> str:
        """Until the phone answers. Lost connections are survived until the request expires. Answers the SAD."""
        loop = asyncio.get_running_loop()
        started, online = loop.time(), True
        shown = False
        checking = asyncio.ensure_future(self._csc.check(self._handle, 0))
        try:
            while True:
                left = confirmed.expires - self._caller.clock()
                if left < -LATE_SECONDS:
                    raise NobodyAnswered("Ninguém respondeu a tempo no celular.")
                await asyncio.wait({checking}, timeout=self._options.tick)
                if checking.done():
                    pause = self._options.tick
                    try:
                        self._handle, sad, pause_asked = checking.result()
                        if sad is not None:
                            return sad
                        online, pause = True, max(pause, pause_asked)
                    except NoConnection:
                        online = False
                    checking = asyncio.ensure_future(self._check_later(pause, max(1, min(WAIT_SECONDS, left))))
                if not shown and loop.time() - started >= self._options.qr_after:
                    shown = True
                    await self._view.show_qr(f"{self._trust.app}/r#1.{confirmed.request}")
                await self._view.waiting(max(0, left), online=online)
        finally:
            checking.cancel()
            await asyncio.gather(checking, return_exceptions=True)

    async def _check_later(self, pause: float, wait: int) -> tuple[str, str | None, int]:
        await asyncio.sleep(pause)
        return await self._csc.check(self._handle, wait)

    async def _collect(self, credential: Credential, sad: str, digests: list[bytes]) -> list[bytes]:
        """Step 8, again and again while only the connection is to blame."""
        for attempt in range(1, SIGN_TRIES + 1):
            try:
                return await self._csc.sign(credential.id, sad, credential.certificate, digests)
            except NoConnection:
                if attempt == SIGN_TRIES:
                    raise
            await asyncio.sleep(attempt * self._options.tick)
        raise AssertionError("the loop returns or raises")

    async def _withdraw(self) -> None:
        self._session = advance(self._session, Event.ANSWERED)
        with suppress(AgentError, TimeoutError):
            await asyncio.wait_for(self._csc.withdraw(self._handle), WITHDRAW_SECONDS)


def _matches(credential: Credential, wanted: str) -> bool:
    return credential.id.startswith(wanted) or wanted.casefold() in credential.certificate.holder.casefold()
