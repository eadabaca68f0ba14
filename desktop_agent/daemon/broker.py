"""One signature for one program. The order of what may serve it:

a. a yes that came when this program had stopped waiting for exactly this digest; b. a session that the holder opened;
c. the phone. Two programs' requests go to the phone one after the other. Whoever leaves takes their request off the
phone; whoever may not wait longer (a TLS handshake) leaves it there for its short life, unless another one needs the
place.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from desktop_agent.daemon.diary import Diary, Entry
from desktop_agent.daemon.grants import Asked, Grants, OpenSession
from desktop_agent.daemon.service import Service, credential_of
from desktop_agent.domain.algorithm import Algorithm
from desktop_agent.domain.request import Confirmed, Document, Terms, clean_label
from desktop_agent.errors import (
    AgentError,
    KeychainProblem,
    NobodyAnswered,
    NoConnection,
    NotAssociated,
    RefusedOnPhone,
    ServiceRefused,
    Stopped,
    UntrustedServer,
)
from desktop_agent.pkcs11.codes import Refused, Rv
from desktop_agent.pkcs11.content import Content
from desktop_agent.pkcs11.mechanisms import Wanted
from desktop_agent.pkcs11.peer import Program
from desktop_agent.pkcs11.token import Held

if TYPE_CHECKING:
    from desktop_agent.approval import Pace

HURRIED_SECONDS: Final = 25.0
"""Browsers give up a handshake after 30 s; they must hear from us before."""
QUIET_SECONDS: Final = 5.0
"""After a refusal the same program is refused at once: browsers try again by themselves, and would ring again."""
MOST_WAITING: Final = 32
"""Requests that may stand in line for one association."""
USE_TRIES: Final = 4
_log = logging.getLogger("linkid-desktop")

RVS: Final[Sequence[tuple[type[AgentError], Rv]]] = (
    (RefusedOnPhone, Rv.FUNCTION_CANCELED),
    (NobodyAnswered, Rv.FUNCTION_CANCELED),
    (NotAssociated, Rv.DEVICE_REMOVED),
    (NoConnection, Rv.DEVICE_ERROR),
    (UntrustedServer, Rv.DEVICE_ERROR),
    (KeychainProblem, Rv.DEVICE_ERROR),
    (ServiceRefused, Rv.FUNCTION_FAILED),
    (AgentError, Rv.GENERAL_ERROR),
)
"""What programs hear. CKR_FUNCTION_CANCELED is the one that they have words for."""


class Teller(Protocol):
    """Who tells the person at the screen."""

    def tell(self, title: str, text: str) -> None: ...


@dataclass
class Pending:
    """A request on its way. ``waiters``: programs' threads that wait for it."""

    asked: Asked
    documents: Sequence[Document]
    program: str
    what: str
    holder: str
    since: int = 0
    """Seconds since 1970, as ``expires``, which is 0 until the phone has it."""
    waiters: int = 0
    code: str = ""
    expires: int = 0
    approved: bool = False
    task: "asyncio.Task[Sequence[bytes]]" = field(init=False)


class Broker:
    """``services`` by name of profile. ``clock``: seconds since 1970."""

    def __init__(
        self,
        services: Callable[[str], Service],
        grants: Grants,
        diary: Diary,
        teller: Teller,
        clock: Callable[[], int],
        pace: "Pace | None" = None,
        hurried_seconds: float = HURRIED_SECONDS,
    ) -> None:
        self._services = services
        self._grants = grants
        self._diary = diary
        self._teller = teller
        self._clock = clock
        self._pace = pace
        self._hurried = hurried_seconds
        self._pending: dict[Asked, Pending] = {}
        self._refused: dict[tuple[str, str], float] = {}

    async def sign(self, program: Program, held: Held, wanted: Wanted, content: Content) -> bytes:
        """For a program. Raises `Refused`."""
        try:
            return await self.signature(program, held, wanted.algorithm, wanted.digest, content)
        except TimeoutError as cause:
            raise Refused(Rv.FUNCTION_CANCELED) from cause
        except AgentError as error:
            _log.warning("%s: %s %s", program.name, error, error.advice)
            raise Refused(next(rv for kind, rv in RVS if isinstance(error, kind))) from error

    async def signature(
        self, program: Program, held: Held, algorithm: Algorithm, digest: bytes, content: Content
    ) -> bytes:
        """Raises AgentError, and TimeoutError when the program may not wait longer."""
        documents = [Document(clean_label(f"{program.name}: {content.text}"), None, digest)]
        (made,) = await self.signatures(program, held, algorithm, documents, content)
        return made

    async def signatures(
        self,
        program: Program,
        held: Held,
        algorithm: Algorithm,
        documents: Sequence[Document],
        content: Content,
        *,
        sessions: bool = True,
    ) -> Sequence[bytes]:
        """Of all documents, with one approval. ``sessions`` False: what only an answer of the phone itself can be.

        Raises AgentError, and TimeoutError when the program may not wait longer.
        """
        digest = b"".join(one.digest for one in documents)
        asked = Asked(program.identity, held.profile, held.credential, algorithm, digest)
        late = self._grants.take(asked)
        if late is not None:  # a
            self._note(asked, program.name, content.text, held, "signed", "late yes")
            return late
        session = self._grants.session_for(asked, program.name) if sessions and len(documents) == 1 else None
        if session is not None:  # b
            return [await self._use(*session, asked, documents, program, held, content)]
        return await self._from_the_phone(asked, documents, program, held, content)  # c

    def withdraw(self, program: str) -> None:
        """What a program (by its identity) has on the phone leaves it; whoever waits for it hears Stopped.

        It may ask anew at once.
        """
        self._refused = {key: moment for key, moment in self._refused.items() if key[0] != program}
        for one in self._pending.values():
            if one.asked.program == program:
                one.task.cancel()

    async def open_session(self, held: Held, terms: Terms, algorithm: Algorithm, program: str | None) -> OpenSession:
        """The holder is asked for a session. Raises AgentError."""
        service = self._services(held.profile)
        self._make_room(held.profile)
        view = _View(self._teller, f"sessão: {terms.purpose}", lambda confirmed: None, lambda: None)
        async with service.line:
            approval = await service.approval(view, self._the_pace())
            approved = await approval.ask_session(credential_of(held), terms, algorithm)
        opened = OpenSession(
            held.profile, held.credential, approved.activation, approved.sad, terms, program, approved.handle
        )
        self._grants.open(opened)
        self._refused = {key: moment for key, moment in self._refused.items() if key[1] != held.credential}
        return opened

    @property
    def waiting(self) -> Sequence[Pending]:
        """What is on its way to the phone, or on it."""
        return [*self._pending.values()]

    async def close(self) -> None:
        """Take everything off the phone."""
        tasks = [pending.task for pending in self._pending.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- b: a session -------------------------------------------------------------------------------------------------

    async def _use(
        self,
        session: OpenSession,
        counter: int,
        asked: Asked,
        documents: Sequence[Document],
        program: Program,
        held: Held,
        content: Content,
    ) -> bytes:
        """The same use again gets the same signature, so a lost answer costs nothing but patience."""
        service = self._services(asked.profile)
        for attempt in range(1, USE_TRIES + 1):
            try:
                made = await service.use(session, counter, held, asked.algorithm, asked.digest)
                break
            except NoConnection:
                if attempt == USE_TRIES:
                    raise
                await asyncio.sleep(attempt * self._the_pace().tick)
            except ServiceRefused as error:  # the holder ended it, or it is used up elsewhere: ask as always
                _log.warning("%s: %s", program.name, error)
                self._grants.end(session.activation)
                (made,) = await self._from_the_phone(asked, documents, program, held, content)
                return made
        self._note(asked, program.name, content.text, held, "signed", "session")
        return made

    # --- c: the phone -------------------------------------------------------------------------------------------------

    async def _from_the_phone(
        self, asked: Asked, documents: Sequence[Document], program: Program, held: Held, content: Content
    ) -> Sequence[bytes]:
        loop = asyncio.get_running_loop()
        if loop.time() < self._refused.get((asked.program, asked.credential), 0.0):
            raise RefusedOnPhone("O titular acabou de recusar um pedido deste programa.")
        pending = self._pending.get(asked)
        if pending is None:
            pending = self._start(asked, documents, program, held, content)
        pending.waiters += 1
        try:
            patience = self._hurried if content.hurried else None
            return await asyncio.wait_for(asyncio.shield(pending.task), patience)
        except asyncio.CancelledError:
            if pending.task.cancelled():  # it was taken off the phone, and not by who waits here
                raise Stopped("O pedido foi retirado do celular.") from None
            if pending.waiters == 1:
                self._nobody_waits(pending)
            raise
        finally:
            pending.waiters -= 1

    def _start(
        self, asked: Asked, documents: Sequence[Document], program: Program, held: Held, content: Content
    ) -> Pending:
        self._make_room(asked.profile)
        if sum(one.asked.profile == asked.profile for one in self._pending.values()) >= MOST_WAITING:
            raise ServiceRefused(
                "Há pedidos demais esperando o celular.", "Responda aos que esperam, ou feche o programa."
            )
        holder = held.certificate.holder
        pending = Pending(asked, documents, program.name, content.text, holder, since=self._clock())
        pending.task = asyncio.ensure_future(self._ask(pending, held))
        self._pending[asked] = pending
        pending.task.add_done_callback(lambda task: self._ended(pending, task))
        return pending

    async def _ask(self, pending: Pending, held: Held) -> Sequence[bytes]:
        service = self._services(held.profile)
        label = clean_label(f"{pending.program}: {pending.what}")

        def shown(confirmed: Confirmed) -> None:
            pending.code, pending.expires = confirmed.verification_code, confirmed.expires

        def approved() -> None:
            pending.approved = True

        async with service.line:
            approval = await service.approval(_View(self._teller, label, shown, approved), self._the_pace())
            return await approval.ask(credential_of(held), tuple(pending.documents), pending.asked.algorithm)

    def _nobody_waits(self, pending: Pending) -> None:
        """The last program that waited is gone. What was approved is finished and kept; the rest leaves the phone."""
        if not pending.task.done():
            if not pending.approved:
                pending.task.cancel()
        elif not pending.task.cancelled() and pending.task.exception() is None:
            self._grants.keep(pending.asked, pending.task.result())

    def _make_room(self, profile: str) -> None:
        """Requests that no program waits for any more leave the phone when another one needs it."""
        for one in self._pending.values():
            if one.asked.profile == profile and one.waiters == 0 and not one.approved:
                one.task.cancel()

    def _ended(self, pending: Pending, task: "asyncio.Task[Sequence[bytes]]") -> None:
        self._pending.pop(pending.asked, None)
        outcome = "signed"
        if task.cancelled():
            outcome = "withdrawn"
        elif (error := task.exception()) is not None:
            outcome = error.code if isinstance(error, AgentError) else "internal"
            if isinstance(error, RefusedOnPhone):
                until = asyncio.get_running_loop().time() + QUIET_SECONDS
                self._refused = {key: moment for key, moment in self._refused.items() if moment > until - QUIET_SECONDS}
                self._refused[pending.asked.program, pending.asked.credential] = until
            elif isinstance(error, AgentError):
                self._teller.tell(f"{pending.program}: não foi assinado", f"{error} {error.advice}".strip())
        elif pending.waiters == 0:
            outcome = "late"
            self._grants.keep(pending.asked, task.result())
            self._teller.tell(pending.program, "A aprovação chegou depois que o programa desistiu: repita a operação.")
        self._write(pending.program, pending.what, pending.holder, pending.asked, outcome, "phone", pending.code)

    def _the_pace(self) -> "Pace":
        if self._pace is None:
            from desktop_agent.approval import Pace

            self._pace = Pace()
        return self._pace

    # --- what is written down -----------------------------------------------------------------------------------------

    def _note(self, asked: Asked, program: str, what: str, held: Held, outcome: str, by: str) -> None:
        self._write(program, what, held.certificate.holder, asked, outcome, by, "")

    def _write(self, program: str, what: str, holder: str, asked: Asked, outcome: str, by: str, code: str) -> None:
        at = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._diary.write(Entry(at, program, what, holder, asked.algorithm.name, outcome, by, code))


class _View:
    """An ApprovalView for nobody in particular: notices, and the journal."""

    def __init__(
        self, teller: Teller, label: str, shown: Callable[[Confirmed], None], approved: Callable[[], None]
    ) -> None:
        self._teller = teller
        self._label = label
        self._shown = shown
        self._approved = approved

    async def queueing(self, seconds: int) -> None:
        self._teller.tell("Link ID", f"{self._label}: espera a vez; outro pedido está no celular.")

    async def asked(self, confirmed: Confirmed, labels: Sequence[str]) -> None:
        self._shown(confirmed)
        self._teller.tell(f"Aprove no celular: código {confirmed.verification_code}", self._label)

    async def show_qr(self, text: str) -> None:
        pass  # a notice has no room for one; `linkid-desktop history` says what waits

    async def waiting(self, seconds_left: int, *, online: bool) -> None:
        pass

    async def approved(self) -> None:
        with suppress(Exception):
            self._approved()
