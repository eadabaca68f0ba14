"""`python -m bench`: measure, print a table for people, keep var/bench/latest.json for programs."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from bench import rounds
from bench.machine import facts
from bench.measures import EVERY_NAME
from bench.page import PAGE, write_page
from bench.report import save, table
from linkid.platform import VAR


def main() -> int:
    """0 when everything asked for was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="How fast, as ratios to a reference.")
    parser.add_argument("--only", metavar="NAMES", help="rows, with commas: " + ", ".join(EVERY_NAME))
    parser.add_argument("--quick", action="store_true", help="two short rounds: to try something out, not to publish")
    parser.add_argument("--again", action="store_true", help="use the people of the last run, when they are there")
    parser.add_argument("--rounds", type=int, help=f"instead of {rounds.Pace().rounds}")
    parser.add_argument("--folder", type=Path, default=VAR / "bench")
    given = parser.parse_args()
    names = given.only.split(",") if given.only else list(EVERY_NAME)
    unknown = [name for name in names if name not in EVERY_NAME]
    if unknown:
        parser.error(f"no row is called {', '.join(unknown)}; there are: {', '.join(EVERY_NAME)}")
    pace = rounds.QUICK if given.quick else rounds.Pace()
    if given.rounds:
        pace = rounds.Pace(given.rounds, pace.seconds)
    machine, folder = facts(), given.folder.resolve()
    rows = asyncio.run(
        rounds.run(names, folder, pace, again=given.again, say=lambda text: print(f"bench: {text}", flush=True))
    )
    print("\n" + "\n".join(f"{name:<12} {value}" for name, value in machine.items()) + "\n\n" + table(rows))
    print(f"\nkept in {save(rows, machine, folder)}")
    if not given.only and pace.rounds >= rounds.Pace().rounds:  # a page of all rows, measured alike, or none
        write_page(rows, machine)
        print(f"written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
