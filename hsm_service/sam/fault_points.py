"""Places where a test lets the process die, or stand still, exactly between two steps. Production has none.

A test names a folder in the settings (development only) and puts files into it: ``7e.die`` ends the process there, as
by kill -9; ``7e.hold`` makes it stand still there, so that the test can kill somebody else (the database, the gateway),
until the file is taken away. Whoever stands still says so by ``7e.reached``.
"""

import os
import time
from pathlib import Path

from hsm_service.sam.settings import FaultPoint

_EXIT_LIKE_KILLED = 137
_HOLD_SECONDS = 30.0
_LOOK_SECONDS = 0.02


class FaultPoints:
    """``reach`` does nothing, unless there is a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder``: where tests put their files."""
        self._folder = folder

    def reach(self, name: FaultPoint) -> None:
        """End the process, or stand still (the whole process: nothing else may overtake), when a test asked for it."""
        if self._folder is None:
            return
        if (self._folder / f"{name}.die").exists():
            os._exit(_EXIT_LIKE_KILLED)
        hold = self._folder / f"{name}.hold"
        if hold.exists():
            (self._folder / f"{name}.reached").touch()
            until = time.monotonic() + _HOLD_SECONDS
            while hold.exists() and time.monotonic() < until:
                time.sleep(_LOOK_SECONDS)
