"""Where the time goes: with LINKID_PROFILE=folder a process writes a profile of its main thread when it ends.

For development. A profile names functions and says nothing of what passed through them, but whoever can set a
variable of a process in production should not be able to make it slower and to have it write files.
"""

from __future__ import annotations

import cProfile
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from foundation.settings import SettingsError
from linkid.settings import Settings

VARIABLE: Final = "LINKID_PROFILE"

T = TypeVar("T")


def profiled(settings: Settings, name: str, work: Callable[[], T]) -> T:
    """What *work* gives; its profile goes to ``<folder>/<name>-<pid>.prof``. Raises SettingsError in production."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return work()
    if settings.environment == "production":
        raise SettingsError([f"{VARIABLE} is for development only: take it out of the environment"])
    profile = cProfile.Profile()
    try:
        return profile.runcall(work)
    finally:
        Path(folder).mkdir(parents=True, exist_ok=True)
        profile.dump_stats(Path(folder) / f"{name}-{os.getpid()}.prof")
