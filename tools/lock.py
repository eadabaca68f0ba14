#!/usr/bin/env python3
"""Chooses the newest versions our requirements allow, and writes them with hashes to locks/.

    locks/all.txt       everything, for working on Link ID
    locks/server.txt    what the server runs on (container image)
    locks/desktop.txt   what `linkid-desktop` runs on
    locks/window.txt    the same with its window

No index address is written: whoever installs uses the index that the machine is set up for.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVER, AGENT = "pyproject.toml", "desktop_agent/pyproject.toml"
WINDOW = ("--extra", "window")


def compile_lock(output: str, *words: str) -> None:
    uv = Path(sys.executable).parent / "uv"
    common = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-header"]
    subprocess.run([uv, "pip", "compile", *words, *common, "--quiet", "-o", output], cwd=ROOT, check=True)
    print(f"  lock   {output}")


if __name__ == "__main__":
    compile_lock("locks/all.txt", SERVER, AGENT, "--group", "dev", *WINDOW, "--upgrade")
    compile_lock("locks/server.txt", SERVER, "--constraint", "locks/all.txt")
    compile_lock("locks/desktop.txt", AGENT, "--constraint", "locks/all.txt")
    compile_lock("locks/window.txt", AGENT, *WINDOW, "--constraint", "locks/all.txt")
