"""How long the tutorial takes somebody who has nothing yet: `python3 -m tools.tutorial` in a fresh clone.

Every command of docs/tutorial.md, one after the other, as one shell reads them; the first one goes on meanwhile. It
prints a line for each: seconds, and the command. Only the standard library: it starts before anything is set up. What
the page asks for beforehand (curl, openssl, Node.js) must be there.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
READY: Final = "The Link ID sandbox is ready."


def main() -> int:
    """0 when every command did what it should."""
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    first, *others = re.findall(r"^```(?:sh)?\n(.*?)\n```", text, re.MULTILINE | re.DOTALL)
    began = time.monotonic()
    sandbox = subprocess.Popen(["sh", "-c", first], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        if not _ready(sandbox):
            print("the sandbox did not start", file=sys.stderr)
            return 1
        _tell(time.monotonic() - began, first)
        code = _others(others)
        print(f"{time.monotonic() - began:7.1f} s  all {len(others) + 1}", flush=True)
        return code
    finally:
        os.killpg(sandbox.pid, signal.SIGINT)  # as Ctrl-C in its terminal
        sandbox.communicate(timeout=60)


def _ready(sandbox: "subprocess.Popen[str]") -> bool:
    assert sandbox.stdout is not None
    return any(READY in line for line in sandbox.stdout)


def _others(commands: list[str]) -> int:
    """In one shell, which says after each command how it ended."""
    shell = subprocess.Popen(
        ["bash"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert shell.stdin is not None
    assert shell.stdout is not None
    code = 0
    for command in commands:
        began = time.monotonic()
        shell.stdin.write(f"{command}\necho ended=$?\n")
        shell.stdin.flush()
        said: list[str] = []
        ended = None
        while ended is None:
            line = shell.stdout.readline()
            found = re.search(r"ended=(\d+)$", line)
            ended = int(found[1]) if found else None if line else 1
            said.append(line)
        _tell(time.monotonic() - began, command)
        if ended:
            print("".join(said), file=sys.stderr)
            code = 1
    shell.stdin.close()
    shell.wait(timeout=60)
    return code


def _tell(seconds: float, command: str) -> None:
    print(f"{seconds:7.1f} s  {command}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
