"""`python -m soak`: run, write docs/soak/latest.md, exit with 1 when anything was violated."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from pathlib import Path
from typing import Final

from linkid.platform import ROOT, VAR
from soak.report import save
from soak.run import Options, soak

_LONG: Final = 20.0
_CALM: Final = 11.0
"""Minutes. Longer than the life after which growth is judged (soak/watch.py)."""


def main() -> int:
    """0: nothing was violated."""
    usual = Options()
    parser = argparse.ArgumentParser(prog="make soak", description="Mixed load on a whole Link ID while things break.")
    parser.add_argument("--minutes", type=float, default=usual.minutes)
    parser.add_argument(
        "--calm", type=float, help="minutes more without faults, for memory; 11 for a run of 20 or more"
    )
    parser.add_argument("--every", type=float, default=usual.every, help="seconds between faults")
    parser.add_argument("--seed", type=int, default=usual.seed, help="which faults, in which order")
    parser.add_argument("--holders", type=int, default=usual.holders, choices=(1, 2, 3))
    parser.add_argument("--folder", type=Path, default=VAR / "soak", help="where its Link ID lives; emptied first")
    parser.add_argument("--report", type=Path, default=ROOT / "docs" / "soak" / "latest.md")
    given = parser.parse_args()
    folder = given.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    calm = given.calm if given.calm is not None else (_CALM if given.minutes >= _LONG else 0.0)
    options = Options(given.minutes, calm, given.every, given.seed, given.holders)
    outcome = asyncio.run(soak(folder, options, lambda words: print(words, flush=True)))
    save(outcome, given.report)
    print(f"\n{len(outcome.violations)} violations; written to {given.report}")
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
