"""Where the sockets lie, for the daemon and for everybody who looks for it."""

import os
import sys
from pathlib import Path
from typing import Final

from desktop_agent.profiles import HOME_VARIABLE

P11: Final = "p11"
COMMAND: Final = "linkid-desktop"
CONTROL: Final = "control"
MOST_PATH: Final = 100
"""Bytes: Linux cuts a socket's name at 107."""


def runtime_folder(home: Path) -> Path:
    """``$XDG_RUNTIME_DIR/linkid``: of this user only, and gone with the login. Without one, below ``home``."""
    run = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    if os.environ.get(HOME_VARIABLE) or not os.access(run, os.W_OK):
        return home / "run"
    return Path(run) / "linkid"


def own_command() -> list[str]:
    """The words that start this program once more."""
    started = Path(sys.argv[0])
    if started.name == COMMAND and os.access(started, os.X_OK):  # a command of pip's, or of a package of ours
        return [str(started.absolute())]
    return [sys.executable, "-m", "desktop_agent"]
