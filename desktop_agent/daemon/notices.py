"""Tells the person at the screen what waits on their phone, with the verification code to compare.

By `notify-send` where there is a desktop that shows such things, always also in the journal. Neither may hold anything
up or fail anything.
"""

import asyncio
import logging
import os
import shutil
from contextlib import suppress
from typing import Final

_SECONDS: Final = 5.0
_log = logging.getLogger("linkid-desktop")


class Notices:
    """``command``: None where nothing shows notices."""

    def __init__(self) -> None:
        there = os.environ.get("DBUS_SESSION_BUS_ADDRESS") or os.environ.get("XDG_RUNTIME_DIR")
        shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        self._command = shutil.which("notify-send") if there and shown else None
        self._running: set[asyncio.Task[None]] = set()

    def tell(self, title: str, text: str) -> None:
        """At once; shown as soon as may be."""
        _log.info("%s: %s", title, text)
        if self._command is not None:
            task = asyncio.ensure_future(self._show(self._command, title, text))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _show(self, command: str, title: str, text: str) -> None:
        words = ["--app-name=Link ID", "--icon=dialog-password", "--", title, text]
        with suppress(OSError, TimeoutError):
            process = await asyncio.create_subprocess_exec(command, *words)
            await asyncio.wait_for(process.wait(), _SECONDS)
