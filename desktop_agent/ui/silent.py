"""Shows nothing and can answer nothing: for scripts (`--quiet`)."""

from collections.abc import Sequence
from pathlib import Path

from desktop_agent.client.csc_client import Credential
from desktop_agent.domain.request import Confirmed


class SilentSigning:
    """A SigningView for scripts."""

    async def preparing(self, path: Path, size: int) -> None:
        pass

    async def warning(self, message: str) -> None:
        pass

    async def choose(self, credentials: Sequence[Credential]) -> Credential | None:
        return None

    async def queueing(self, seconds: int) -> None:
        pass

    async def asked(self, confirmed: Confirmed, labels: Sequence[str]) -> None:
        pass

    async def show_qr(self, text: str) -> None:
        pass

    async def waiting(self, seconds_left: int, *, online: bool) -> None:
        pass

    async def approved(self) -> None:
        pass

    async def signed(self, source: Path, output: Path) -> None:
        pass
