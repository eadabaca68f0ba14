"""`python -m tools.suite [pytest's arguments]`: the tests; the few that failed are looked at a second time, alone.

Many tests start real servers, browsers and token programs, three at a time on two cores. A machine that is slow for a
moment can fail one of them, and must not hide among thousands that passed; nor must it stop everybody. So up to five
that failed run once more with the machine to themselves. Who fails again fails the suite. Who passes then is named at
the end, in words that nobody overlooks: it is a defect still, of the test or of what it tests, and to be mended.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FEW: Final = 5
"""More failures than these are no accident: nothing is looked at again."""
FAILED: Final = 1
"""pytest's exit code when tests ran and some failed; any other is not about tests."""
CACHE: Final = Path(".pytest_cache", "suite")


def main(arguments: Sequence[str]) -> int:
    """The suite's exit code: 0 when every test passed, at the first look or at the second."""
    shutil.rmtree(CACHE, ignore_errors=True)  # what failed some other day is not this run's
    code = _pytest(*arguments)
    if code != FAILED:
        return code
    failed = _failed()
    if not failed or len(failed) > FEW:
        return code
    print(f"\n{len(failed)} failed among the others; a second look, alone:", flush=True)
    code = _pytest("-n", "0", *failed)
    if code == 0:
        print("\nPASSED ONLY AT THE SECOND LOOK, to be mended:", *failed, sep="\n  ", flush=True)
    return code


def _pytest(*arguments: str) -> int:
    """Compiled tests are kept, whatever the shell says: pytest rewrites each, which takes every worker ten seconds."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.call([sys.executable, "-m", "pytest", "-o", f"cache_dir={CACHE}", *arguments], env=environment)


def _failed() -> list[str]:
    """Names of the tests that failed, as pytest takes them."""
    try:
        found = json.loads((CACHE / "v" / "cache" / "lastfailed").read_text())
    except FileNotFoundError:
        return []
    return sorted(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
