"""A daemon in this process, beside a gateway that answers as told; programs connect to its real socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from desktop_agent import places
from desktop_agent.approval import Pace
from desktop_agent.daemon.process import Daemon, own, serve
from desktop_agent.profiles import Profiles
from tests.agent.daemon.p11_client import P11Client
from tests.agent.gateway_double import AgentGateway
from tests.agent.pki import Authority, Holder
from tests.sandbox_phone.roots import new_id

ROOT = Path(__file__).parents[3]


@dataclass
class Told:
    """A Teller that remembers."""

    notices: list[tuple[str, str]] = field(default_factory=list)

    def tell(self, title: str, text: str) -> None:
        self.notices.append((title, text))


@dataclass
class Running:
    """The daemon, and what is around it."""

    daemon: Daemon
    folder: Path
    gateway: AgentGateway
    told: Told
    maria: Holder
    ana: Holder

    @property
    def socket(self) -> Path:
        return self.folder / places.P11

    @property
    def control(self) -> Path:
        return self.folder / places.CONTROL

    @property
    def command(self) -> dict[str, str]:
        """For our own commands: where their state and the daemon's sockets are."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        backend = "keyring.backends.fail.Keyring"
        home = {"LINKID_DESKTOP_HOME": str(self.folder / "home"), "HOME": str(self.folder)}
        return kept | home | {"PYTHON_KEYRING_BACKEND": backend, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}

    @property
    def environment(self) -> dict[str, str]:
        """For programs that load p11-kit's client."""
        return {"P11_KIT_SERVER_ADDRESS": f"unix:path={self.socket}", "PATH": "/usr/bin:/bin", "HOME": str(self.folder)}

    async def until(self, happened: Callable[[], object]) -> None:
        """Returns when it has; a test that waits for what never comes is ended by pytest's own patience."""
        async with asyncio.timeout(20):
            while not happened():
                await asyncio.sleep(0.005)


@pytest.fixture(scope="session")
def ana(authority: Authority) -> Holder:
    """A holder with an elliptic key."""
    return Holder(authority, "ANA SOUZA:98765432100", ecdsa=True)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A socket's name has room for 107 bytes; pytest's folders have longer ones."""
    folder = Path(tempfile.mkdtemp(prefix="lk", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def hurried_seconds() -> float:
    """How long a TLS handshake waits; tests of that override it."""
    return 20.0


@pytest.fixture
async def running(
    gateway: AgentGateway,
    profiles: Profiles,
    associated: ECKey,
    maria: Holder,
    ana: Holder,
    short_folder: Path,
    hurried_seconds: float,
) -> AsyncIterator[Running]:
    """An associated computer with an RSA and an elliptic certificate, served."""
    gateway.credentials[new_id("cred")] = ana
    told, stop = Told(), asyncio.Event()
    daemon = Daemon(profiles, told, pace=Pace(qr_after=100.0, tick=0.01), hurried_seconds=hurried_seconds)
    (short_folder / "home").symlink_to(profiles.home)
    (profiles.home / "run").symlink_to(short_folder)
    task = asyncio.create_task(serve(daemon, own(short_folder), stop))
    yield Running(daemon, short_folder, gateway, told, maria, ana)
    stop.set()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def client(running: Running) -> AsyncIterator[P11Client]:
    """A program that has found the token."""
    connected = await P11Client.connect(running.socket)
    yield connected
    await connected.close()
