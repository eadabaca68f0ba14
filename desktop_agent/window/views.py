"""`ui/port.py` fulfilled by the window: what stories say over there is shown over here, what people type goes back."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from desktop_agent.client.csc_client import Credential
from desktop_agent.daemon.notices import Notices
from desktop_agent.domain.link import Link
from desktop_agent.domain.request import Confirmed
from desktop_agent.domain.trust import Trust
from desktop_agent.window.worker import Worker

T = TypeVar("T")


class AssociationFace(Protocol):
    """What the association's page offers; called in the window's thread."""

    def show_trust(self, trust: Trust, known: bool) -> None: ...

    def show_link(self, link: Link) -> None: ...

    def show_offline(self) -> None: ...

    def ask_digits(self, phone: str | None, tries_left: int | None, answer: Callable[[str], None]) -> None: ...

    def show_associated(self, computer_name: str, holders: Sequence[str], key_place: str) -> None: ...


class SigningFace(Protocol):
    """What a request's card and the signing page offer; called in the window's thread."""

    def show_preparing(self, path: Path, size: int) -> None: ...

    def show_warning(self, message: str) -> None: ...

    def ask_which(self, credentials: Sequence[Credential], answer: Callable[[Credential | None], None]) -> None: ...

    def show_queueing(self, seconds: int) -> None: ...

    def show_asked(self, confirmed: Confirmed, labels: Sequence[str]) -> None: ...

    def show_request_qr(self, text: str) -> None: ...

    def show_waiting(self, seconds_left: int, online: bool) -> None: ...

    def show_approved(self) -> None: ...

    def show_signed(self, source: Path, output: Path) -> None: ...


class WindowAssociation:
    """An AssociationView."""

    def __init__(self, worker: Worker, face: AssociationFace) -> None:
        self._worker, self._face = worker, face

    async def trust(self, trust: Trust, *, known: bool) -> None:
        self._worker.show(partial(self._face.show_trust, trust, known))

    async def link(self, link: Link) -> None:
        self._worker.show(partial(self._face.show_link, link))

    async def offline(self) -> None:
        self._worker.show(self._face.show_offline)

    async def ask_check(self, phone: str | None, tries_left: int | None) -> str:
        answer, typed = _question("")
        self._worker.show(partial(self._face.ask_digits, phone, tries_left, answer))
        return await typed

    async def associated(self, computer_name: str, holders: Sequence[str], key_place: str) -> None:
        self._worker.show(partial(self._face.show_associated, computer_name, holders, key_place))

    async def failed(self, message: str, advice: str) -> None:
        pass  # the worker tells whoever began the ceremony


class WindowSigning:
    """A SigningView. Who looks elsewhere is told by the desktop's own notice."""

    def __init__(self, worker: Worker, face: SigningFace, looked_at: Callable[[], bool]) -> None:
        self._worker, self._face, self._looked_at = worker, face, looked_at
        self._notices = Notices()

    async def preparing(self, path: Path, size: int) -> None:
        self._worker.show(partial(self._face.show_preparing, path, size))

    async def warning(self, message: str) -> None:
        self._worker.show(partial(self._face.show_warning, message))

    async def choose(self, credentials: Sequence[Credential]) -> Credential | None:
        answer, chosen = _question(_MAYBE)
        self._worker.show(partial(self._face.ask_which, credentials, answer))
        return await chosen

    async def queueing(self, seconds: int) -> None:
        self._worker.show(partial(self._face.show_queueing, seconds))

    async def asked(self, confirmed: Confirmed, labels: Sequence[str]) -> None:
        self._worker.show(partial(self._face.show_asked, confirmed, labels))
        if not self._looked_at():
            self._notices.tell(f"Aprove no celular: código {confirmed.verification_code}", ", ".join(labels[:3]))

    async def show_qr(self, text: str) -> None:
        self._worker.show(partial(self._face.show_request_qr, text))

    async def waiting(self, seconds_left: int, *, online: bool) -> None:
        self._worker.show(partial(self._face.show_waiting, seconds_left, online))

    async def approved(self) -> None:
        self._worker.show(self._face.show_approved)

    async def signed(self, source: Path, output: Path) -> None:
        self._worker.show(partial(self._face.show_signed, source, output))


_MAYBE: Credential | None = None


def _question(_like: T) -> "tuple[Callable[[T], None], asyncio.Future[T]]":
    """What the window calls with the answer, and what the story awaits. A second answer, or a late one, is nothing."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[T] = loop.create_future()

    def answer(given: T) -> None:
        loop.call_soon_threadsafe(lambda: None if answered.done() else answered.set_result(given))

    return answer, answered
