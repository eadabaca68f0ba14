"""Qt without a screen, pumped from the test's own loop: the gateway answers here, the worker has its thread."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support.qt import load_qt

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
load_qt()

from PySide6.QtWidgets import QApplication, QWidget  # noqa: E402

from desktop_agent.profiles import Profiles  # noqa: E402
from desktop_agent.window import look  # noqa: E402
from desktop_agent.window.frame import Frame  # noqa: E402
from desktop_agent.window.worker import Worker  # noqa: E402

PATIENCE = 30
T = TypeVar("T")


@pytest.fixture(scope="session")
def app() -> QApplication:
    """One for all: Qt allows no second one in a process."""
    made = QApplication.instance() or QApplication(["linkid-desktop"])
    assert isinstance(made, QApplication)
    look.dress(made)
    return made


@dataclass
class Desk:
    """A window, and hands."""

    app: QApplication
    frame: Frame
    worker: Worker
    folder: Path

    async def until(self, happened: Callable[[], object]) -> None:
        """Draw and wait until it has. What never comes ends the test."""
        async with asyncio.timeout(PATIENCE):
            while not happened():
                self.app.processEvents()
                await asyncio.sleep(0.005)
        self.app.processEvents()

    async def also(self, other: "asyncio.Future[T]") -> T:
        """What comes of ``other``, while the window goes on."""
        await self.until(other.done)
        return other.result()

    def picture(self, name: str, of: QWidget | None = None) -> Path:
        """What stands on the screen now, as a file; looked at by people when LINKID_PICTURES names a folder."""
        folder = Path(os.environ.get("LINKID_PICTURES", self.folder))
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.png"
        self.app.processEvents()
        assert (of or self.frame).grab().save(str(path))
        return path


@asynccontextmanager
async def opened(app: QApplication, profiles: Profiles, folder: Path) -> AsyncIterator[Desk]:
    """A window, and its end."""
    worker = Worker()
    frame = Frame(worker, profiles)
    frame.show()
    try:
        yield Desk(app, frame, worker, folder)
    finally:
        frame.close()
        await asyncio.to_thread(worker.close)
        app.processEvents()
        frame.deleteLater()
        app.processEvents()


@pytest.fixture
async def desk(app: QApplication, profiles: Profiles, tmp_path: Path) -> AsyncIterator[Desk]:
    """The window as it opens."""
    async with opened(app, profiles, tmp_path) as made:
        yield made
