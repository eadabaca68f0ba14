"""An HSM on the network: its server killed under us and started again. p11-kit stands in for it, SoftHSM behind it.

p11-kit 0.24 carries no RFC 5649 mechanism, so what is asked here are HMACs and root signatures; holders' keys cannot be
unwrapped through it.
"""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmUnavailable
from hsm_service.hsm.settings import HsmSettings
from linkid.platform import program
from tests.hsm.fault_token import Lab

# python-pkcs11 ends an interrupted search in __del__, and says there that the device is gone; nobody can catch that
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Remote:
    """The server; `kill` ends it with all that it started."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        server, provider = str(program("p11-kit-server")), str(program("softhsm-module"))
        argv = [server, "-f", "-n", str(self.socket), "--provider", provider, "pkcs11:?write-protected=no"]
        self._process = subprocess.Popen(argv, start_new_session=True, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while not self.socket.exists():
            assert time.monotonic() < until, "p11-kit-server does not listen"
            time.sleep(0.01)

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for this module: the client reads its address once."""
    path = tmp_path_factory.mktemp("remote") / "p11"
    os.environ["P11_KIT_SERVER_ADDRESS"] = f"unix:path={path}"
    return path


@pytest.fixture
def remote(lab: Lab, socket: Path) -> Iterator[Remote]:
    """Started, before the module that connects to it is loaded."""
    made = Remote(socket)
    made.start()
    yield made
    made.kill()


@pytest.fixture
async def far(remote: Remote, lab: Lab) -> AsyncIterator[Hsm]:
    """The same token through the server."""
    change = {"module": program("p11-kit-client"), "initialise": "null", "threads": 4}
    opened = Hsm(HsmSettings.model_validate({**lab.settings.model_dump(), **change}))
    await opened.open()
    yield opened
    await opened.close()


async def healed(hsm: Hsm) -> None:
    """Ask until it answers, as its callers do; or until it asks to be replaced, when the module itself hangs."""
    async with asyncio.timeout(60):
        while not hsm.broken.is_set():
            try:
                await hsm.check()
            except HsmUnavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def test_killed_and_started_again(far: Hsm, remote: Remote, lab: Lab) -> None:
    """While it is away everybody is refused at once; when it is back the same process goes on, with the same keys."""
    root = await far.root()
    right = await far.hmac("pepper.1", b"x")
    for _ in range(2):
        remote.kill()
        answers = await asyncio.gather(*(far.hmac("pepper.1", b"x") for _ in range(20)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {HsmUnavailable}
        assert far.stopped_by is not None
        remote.start()
        await healed(far)
        assert await far.hmac("pepper.1", b"x") == right
        root.verify(await far.sign_root(b"statement"), b"statement")
    assert not far.broken.is_set()
    assert far.report()["renewals"] == 2


async def test_killed_between_two_calls_and_back_before_the_next(far: Hsm, remote: Remote) -> None:
    """A restart that nobody was waiting for costs the next caller a few milliseconds, and no error."""
    right = await far.hmac("pepper.1", b"x")
    remote.kill()
    remote.start()
    assert await far.hmac("pepper.1", b"x") == right


async def test_killed_under_load(far: Hsm, remote: Remote) -> None:
    """Calls in the middle of it get an answer or hsm_unavailable: never a wrong one, never silence.

    p11-kit's client sometimes hangs in a call that lost its server: that costs the process, which says so.
    """
    right, stop, got = await far.hmac("pepper.1", b"x"), asyncio.Event(), {"right": 0, "refused": 0}

    async def ask() -> None:
        while not stop.is_set():
            try:
                assert await far.hmac("pepper.1", b"x") == right
                got["right"] += 1
            except HsmUnavailable:
                got["refused"] += 1
                await asyncio.sleep(0.01)

    asking = [asyncio.create_task(ask()) for _ in range(8)]
    for _ in range(2):
        await asyncio.sleep(0.2)
        remote.kill()
        await asyncio.sleep(0.2)
        remote.start()
        await healed(far)
    before = got["right"]
    await asyncio.sleep(0.2)
    stop.set()
    await asyncio.gather(*asking)
    assert got["refused"] > 0
    assert got["right"] > before or far.broken.is_set()
