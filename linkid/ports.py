"""Whether the addresses that `linkid serve` listens on can be had, before anything is started."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

from linkid.settings import Listener, Settings


class PortsTaken(Exception):
    """Addresses that cannot be had. ``problems``: a sentence each, saying what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def demand_free(settings: Settings) -> None:
    """Listen on all of them for a moment, together: two of ours must not want the same one. Raises PortsTaken."""
    problems = []
    with ExitStack() as stack:
        for name in ("app", "gateway", "pki", "health"):
            listener: Listener = getattr(settings, name)
            taken = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in listener.host else socket.AF_INET))
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
            try:
                taken.bind((listener.host, listener.port))
                taken.listen()
            except OSError as error:
                problems.append(explained(error, listener.port, name))
    if problems:
        raise PortsTaken(problems)


def explained(error: OSError, port: int, name: str) -> str:
    """Why *port* cannot be had, and what to do."""
    why = "is used by another program" if error.errno == errno.EADDRINUSE else f"cannot be had: {error.strerror}"
    other = f"LINKID__{name.upper()}__PORT={port + 1000 if port < 64_000 else port - 1000}"
    return f"port {port} ({name}) {why}; stop that, or choose another port: {other} make run"
