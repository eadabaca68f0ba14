"""What stories show and ask, whoever does the showing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from desktop_agent.client.csc_client import Credential
from desktop_agent.domain.link import Link
from desktop_agent.domain.request import Confirmed
from desktop_agent.domain.trust import Trust


class AssociationView(Protocol):
    """The association ceremony."""

    async def trust(self, trust: Trust, *, known: bool) -> None:
        """Whose roots will be pinned; ``known``: they are pinned already."""
        ...

    async def link(self, link: Link) -> None:
        """How the ceremony stands; about once a second. Draws the frame while there is one."""
        ...

    async def offline(self) -> None:
        """The service did not answer this second; we go on trying."""
        ...

    async def ask_check(self, phone: str | None, tries_left: int | None) -> str:
        """The three digits shown on the phone. ``tries_left`` is None the first time."""
        ...

    async def associated(self, computer_name: str, holders: Sequence[str], key_place: str) -> None:
        """Done."""
        ...

    async def failed(self, message: str, advice: str) -> None:
        """The ceremony ended without an association; ``advice``: what to do next."""
        ...


class SigningView(Protocol):
    """One signature request."""

    async def preparing(self, path: Path, size: int) -> None:
        """A file is being read."""
        ...

    async def warning(self, message: str) -> None:
        """Something worth knowing that stops nothing."""
        ...

    async def choose(self, credentials: Sequence[Credential]) -> Credential | None:
        """Which certificate, when there are several; None when nobody can be asked."""
        ...

    async def queueing(self, seconds: int) -> None:
        """Another request waits on the phone; ours is asked again in so many seconds."""
        ...

    async def asked(self, confirmed: Confirmed, labels: Sequence[str]) -> None:
        """The phone is being called; show the verification code."""
        ...

    async def show_qr(self, text: str) -> None:
        """The phone did not react (or the person asked for it): scanning this opens the request."""
        ...

    async def waiting(self, seconds_left: int, *, online: bool) -> None:
        """Still waiting; about once a second."""
        ...

    async def approved(self) -> None:
        """The phone said yes; the signature is being made."""
        ...

    async def signed(self, source: Path, output: Path) -> None:
        """This file is signed."""
        ...
