"""Views that remember what they were told, and answer as told."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from desktop_agent.client.csc_client import Credential
from desktop_agent.domain.link import Link
from desktop_agent.domain.request import Confirmed
from desktop_agent.domain.trust import Trust


class RecordingSigning:
    """A SigningView."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.confirmed: Confirmed | None = None
        self.qr: str | None = None
        self.choice: int | None = None
        self.waits: list[tuple[int, bool]] = []
        self.waiting_once = asyncio.Event()

    async def preparing(self, path: Path, size: int) -> None:
        self.said.append(f"preparing {path.name} {size}")

    async def warning(self, message: str) -> None:
        self.said.append(f"warning {message}")

    async def choose(self, credentials: Sequence[Credential]) -> Credential | None:
        return None if self.choice is None else credentials[self.choice]

    async def queueing(self, seconds: int) -> None:
        self.said.append(f"queueing {seconds}")

    async def asked(self, confirmed: Confirmed, labels: Sequence[str]) -> None:
        self.confirmed = confirmed
        self.said.append(f"asked {list(labels)}")

    async def show_qr(self, text: str) -> None:
        self.qr = text

    async def waiting(self, seconds_left: int, *, online: bool) -> None:
        self.waits.append((seconds_left, online))
        self.waiting_once.set()

    async def approved(self) -> None:
        self.said.append("approved")

    async def signed(self, source: Path, output: Path) -> None:
        self.said.append(f"signed {output.name}")


class RecordingAssociation:
    """An AssociationView. ``codes`` are typed one after the other; then nobody types."""

    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)
        self.links: list[Link] = []
        self.tries: list[int | None] = []
        self.fingerprint = ""
        self.known: bool | None = None
        self.offline_seen = 0
        self.done: tuple[str, list[str]] | None = None
        self.failure: str | None = None
        self.seen_frame = asyncio.Event()

    async def trust(self, trust: Trust, *, known: bool) -> None:
        self.fingerprint, self.known = trust.fingerprint, known

    async def link(self, link: Link) -> None:
        self.links.append(link)
        if link.frame:
            self.seen_frame.set()

    async def offline(self) -> None:
        self.offline_seen += 1

    async def ask_check(self, phone: str | None, tries_left: int | None) -> str:
        self.tries.append(tries_left)
        if not self.codes:
            await asyncio.Event().wait()
        return self.codes.pop(0)

    async def associated(self, computer_name: str, holders: Sequence[str], key_place: str) -> None:
        self.done = computer_name, list(holders)

    async def failed(self, message: str, advice: str) -> None:
        self.failure = message
