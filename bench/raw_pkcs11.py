"""The reference: what python-pkcs11 alone does on the same token and the same cores, in its fastest layout.

Two uses are measured: a key that is found once and kept ("token"), and a key unwrapped, used and destroyed for every
signature ("wrapped"), which is what custody without HSM objects costs at least. Each by one process with a thread a
core, and by one process a core; which is faster depends on library and machine, so each round takes the better.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from linkid.platform import ROOT

WINDOW: Final = 1.5
"""Seconds of one window."""


@dataclass(frozen=True)
class Raw:
    """The better layout of one round. ``single``: median seconds of one signature by one process alone."""

    rate: float
    layout: str


class RawToken:
    """Worker processes that keep their sessions open over the rounds, so that only signing is measured."""

    def __init__(self, module: Path, environment: dict[str, str], label: str, pin: str, cores: int) -> None:
        """``environment`` carries SOFTHSM2_CONF for the workers; ``pin`` is the user's."""
        given = {**os.environ, **environment, "BENCH_PIN": pin}
        words = [sys.executable, "-m", "bench.raw_worker", str(module), label]
        self._layouts = {
            "processes": [_ready(_Worker([*words, "1"], given)) for _ in range(cores)],
            "threads": [_ready(_Worker([*words, str(cores)], given))],
        }

    def rate(self, use: str, key: str) -> Raw:
        """Signatures a second, all cores together. ``use``: ``token`` or ``wrapped``; ``key``: its algorithm."""
        found = [Raw(self._measure(workers, use, key), layout) for layout, workers in self._layouts.items()]
        return max(found, key=lambda raw: raw.rate)

    def seconds(self, use: str, key: str) -> float:
        """Median seconds of one signature by one process alone on the machine."""
        worker = self._layouts["processes"][0]
        worker.tell({"layout": use, "key": key, "seconds": WINDOW / 3})
        return worker.hear()["median"]

    def close(self) -> None:
        """End the workers."""
        for workers in self._layouts.values():
            for worker in workers:
                worker.close()

    def _measure(self, workers: list[_Worker], use: str, key: str) -> float:
        for worker in workers:
            worker.tell({"layout": use, "key": key, "seconds": WINDOW})
        answers = [worker.hear() for worker in workers]
        return sum(answer["count"] / answer["seconds"] for answer in answers)


def _ready(worker: _Worker) -> _Worker:
    """One after the other: SoftHSM writes its token's file at a login; whoever reads it then gets CKR_GENERAL_ERROR."""
    worker.tell({"ready": True})
    worker.hear()
    return worker


class _Worker:
    """One process that is asked in lines of JSON."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        )

    def tell(self, message: dict[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, float]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"a benchmark worker ended with code {self._process.wait()}")
        answer: dict[str, float] = json.loads(line)
        return answer

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=10)
