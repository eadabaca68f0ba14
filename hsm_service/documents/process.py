"""The processes that parse what others send: a nursery that never reads any of it, and for each document a child of it.

    python -I -m hsm_service.documents.process     (its standard input is a socket of the gateway's)

The nursery loads the parsers once. For each job the gateway hands it one end of a new connection; it forks, gives the
gateway a hold on that child (a pidfd: a number could be another process's by the time it is used), and forgets about
it. The child takes limits on itself, reads one job, answers it or not, and ends: what a document did to it dies with
it. Neither has secrets (an empty environment), database or channel, and nobody asks anybody anything. Files cannot be
written.

The forms: ``domain/parcel.py``; the jobs: ``service/jobs.py``; the gateway's side: ``service/workshop.py``.
"""

import gc
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

MEMORY: Final = 1024 * 1024 * 1024
"""Bytes of address space: pyHanko and its libraries take a third of it."""
PROCESSOR_SECONDS: Final = 20


def main() -> int:
    """Until the gateway is gone."""
    from hsm_service.documents.service import jobs

    signal.signal(signal.SIGCHLD, _bury)  # nobody waits for them
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the gateway's end is ours
    gc.freeze()  # what is loaded stays shared
    control = socket.socket(fileno=0)
    while True:
        word, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not word:
            return 0
        # Until we hold it nobody buries it, so that it is this child that we hold, and not one that got its number.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        child = os.fork()
        if child == 0:
            control.close()
            _work(socket.socket(fileno=descriptors[0]), jobs.answered)
        hold = os.pidfd_open(child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        os.close(descriptors[0])
        socket.send_fds(control, [b"c"], [hold])
        os.close(hold)


def _bury(_number: int, _frame: object) -> None:
    """Children that ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _work(connection: socket.socket, answered: Callable[[bytes], bytes]) -> None:
    """One job. Never returns; ends with 3 when memory was not enough, with 4 at whatever else goes wrong."""
    code = 4
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with connection, connection.makefile("rb") as asked:
            connection.sendall(answered(asked.read()))
        code = 0
    except MemoryError:
        code = 3
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
