"""`python -m bench`: measure, print a table for people, keep var/bench/latest.json for programs."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench import desktop, live, million, outbox, rounds, waiting
from bench.machine import facts
from bench.measures import EVERY_NAME, PARTS, PEOPLE_MINUTES, QUICK, Pace
from bench.page import PAGE, write_page
from bench.report import Row, kept, save, table
from linkid.platform import VAR


def main() -> int:
    """0 when everything asked for was measured."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="How fast, as ratios to a reference.",
        epilog=_menu(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", metavar="NAMES", help="some of those below, with commas between them")
    parser.add_argument("--quick", action="store_true", help="two short rounds: to try something out, not to publish")
    parser.add_argument("--again", action="store_true", help="use the people of the last run, when they are there")
    parser.add_argument("--rounds", type=int, help=f"instead of {Pace().rounds}")
    parser.add_argument("--folder", type=Path, default=VAR / "bench")
    given = parser.parse_args()
    names = given.only.split(",") if given.only else list(EVERY_NAME)
    unknown = [name for name in names if name not in EVERY_NAME]
    if unknown:
        parser.error(f"no row is called {', '.join(unknown)}; there are: {', '.join(EVERY_NAME)}")
    pace = QUICK if given.quick else Pace()
    if given.rounds:
        pace = replace(pace, rounds=given.rounds)
    asyncio.run(_measure(names, given.folder.resolve(), pace, again=given.again))
    return 0


async def _measure(names: Sequence[str], folder: Path, pace: Pace, *, again: bool) -> None:
    """What was measured is shown and kept before the next part begins, which takes minutes and may fail."""
    machine = facts()
    print("\n".join(f"{name:<12} {value}" for name, value in machine.items()), flush=True)
    for part in (rounds, waiting, live, outbox, desktop, million):
        _keep(await part.run(names, folder, pace, again=again, say=_say), machine, folder, pace)


def _menu() -> str:
    """What can be asked for, and how long each takes."""
    lines = [f"  {part.name:<32} {part.minutes:>3.0f} min  {len(part.rows)} row(s)" for part in PARTS]
    whole = sum(part.minutes for part in PARTS) + PEOPLE_MINUTES
    about = f"{PEOPLE_MINUTES} more for the people of those that share them; about {whole:.0f} for all"
    return "\n".join(["what can be asked for, in minutes on two quiet cores:", "", *lines, "", about])


def _keep(rows: Sequence[Row], machine: Mapping[str, str], folder: Path, pace: Pace) -> None:
    if not rows:
        return
    print(f"\n{table(rows)}\n\nkept in {save(rows, machine, folder)}", flush=True)
    if pace.rounds >= Pace().rounds:
        write_page(kept(folder))
        print(f"written: {PAGE}", flush=True)


def _say(text: str) -> None:
    print(f"bench: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
