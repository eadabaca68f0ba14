"""One program that uses a PKCS#11 token, with python-pkcs11 and nothing of ours: for the desktop's rows.

`python -m bench.p11_program MODULE LABEL`, the PIN in BENCH_PIN where the token wants one, and BENCH_MAKE where the key
has to be made first. Reads {"do": "read" | "sign", "seconds"} a line (``times`` instead of seconds: so many), answers
{"count", "seconds", "median"}. It says {"ready"} once it has found the key. ``Program`` is the other end.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from linkid.platform import ROOT

_LABEL: Final = "bench"
ENDED: Final = "the program ended"


class Program:
    """Starts it; ``tell`` and then ``hear``, so that many can work at the same time; ``close``."""

    def __init__(self, module: Path, label: str, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.p11_program", str(module), label],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )

    def tell(self, do: str, *, seconds: float = 0.0, times: int = 0) -> None:
        """What to do, for so long or so often."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, "seconds": seconds, "times": times}) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, float]:
        """What came of it; of a fresh one, that it is ready. Raises RuntimeError when it ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{ENDED} with code {self._process.wait()}; its words are above")
        said: dict[str, float] = json.loads(line)
        return said

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=20)
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()


def main() -> None:
    """Until the input ends."""
    pin = os.environ.get("BENCH_PIN")
    token = pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2])
    session = token.open() if pin is None else token.open(rw=True, user_pin=pin)
    if os.environ.get("BENCH_MAKE"):
        session.generate_keypair(KeyType.RSA, 2048, store=True, label=_LABEL, id=b"1")
    key = next(iter(list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))))
    deeds = {"read": lambda: key[Attribute.ID], "sign": lambda: _sign(key)}
    _say({"ready": 1})
    for line in sys.stdin:
        asked = json.loads(line)
        _say(_again(deeds[asked["do"]], asked["seconds"], asked["times"]))
    os._exit(0)


def _sign(key: Any) -> None:
    if len(key.sign(secrets.token_bytes(32), mechanism=Mechanism.SHA256_RSA_PKCS)) != 256:
        raise SystemExit("that is no signature")


def _again(work: Any, seconds: float, times: int) -> dict[str, float]:
    took: list[float] = []
    began = now = time.perf_counter()
    while len(took) < times or now < began + seconds:
        work()
        after = time.perf_counter()
        took.append(after - now)
        now = after
    return {"count": len(took), "seconds": now - began, "median": statistics.median(took)}


def _say(what: Mapping[str, float]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
