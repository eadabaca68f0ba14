"""The reference: what python-pkcs11 alone does on the same token, in its fastest layout.

Two layouts are measured: a token key that is found once and kept ("token"), and a key unwrapped, used and destroyed
for every signature ("wrapped"), which is what custody without HSM objects costs at least. Each by one process a core,
one session each: threads gain less, since SoftHSM and OpenSSL serialise them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROUND_SECONDS = 2.0


class RawToken:
    """Worker processes that keep their session open over the rounds, so that only signing is measured."""

    def __init__(self, module: Path, environment: dict[str, str], label: str, pin: str, processes: int) -> None:
        """``environment`` carries SOFTHSM2_CONF for the workers; ``pin`` is the user's."""
        self._workers = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.raw_worker", str(module), label],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **environment, "BENCH_PIN": pin},
            )
            for _ in range(processes)
        ]
        for worker in self._workers:
            _ask(worker, {"ready": True})

    def rate(self, layout: str, seconds: float = ROUND_SECONDS) -> float:
        """RSA-2048 PKCS#1 v1.5 signatures a second, all workers together. ``layout``: ``token`` or ``wrapped``."""
        for worker in self._workers:
            _tell(worker, {"layout": layout, "seconds": seconds})
        answers = [_hear(worker) for worker in self._workers]
        return sum(answer["count"] / answer["seconds"] for answer in answers)

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            if worker.stdin:
                worker.stdin.close()
        for worker in self._workers:
            worker.wait(timeout=10)


def _tell(worker: "subprocess.Popen[str]", message: dict[str, object]) -> None:
    if worker.stdin is None:
        raise RuntimeError("the worker has no input")
    worker.stdin.write(json.dumps(message) + "\n")
    worker.stdin.flush()


def _hear(worker: "subprocess.Popen[str]") -> dict[str, float]:
    line = worker.stdout.readline() if worker.stdout else ""
    if not line:
        raise RuntimeError(f"a benchmark worker ended with code {worker.wait()}")
    answer: dict[str, float] = json.loads(line)
    return answer


def _ask(worker: "subprocess.Popen[str]", message: dict[str, object]) -> dict[str, float]:
    _tell(worker, message)
    return _hear(worker)
