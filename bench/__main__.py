"""`python -m bench`: measure, print a table for people, keep var/bench/latest.json for programs."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from bench import signing
from bench.report import Row, save, table
from linkid.platform import VAR

BENCHMARKS: Final[dict[str, Callable[[Path, Callable[[str], None]], Awaitable[list[Row]]]]] = {
    "signing": signing.run,
}
"""Name: (folder of its own, say) → rows. `make bench ONLY=name` runs one; several names go with commas."""


def main() -> int:
    """0 when everything asked for was measured."""
    parser = argparse.ArgumentParser(
        prog="make bench", description="How fast, as ratios to a reference of the same run."
    )
    parser.add_argument("--only", metavar="NAMES", help=f"of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--folder", type=Path, default=VAR / "bench")
    given = parser.parse_args()
    names = given.only.split(",") if given.only else list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    rows: list[Row] = []
    for name in names:
        folder = given.folder.resolve() / name
        shutil.rmtree(folder, ignore_errors=True)
        rows += asyncio.run(_run(name, folder))
    print("\n" + table(rows))
    save(rows, given.folder / "latest.json")
    print(f"\nkept in {given.folder / 'latest.json'}")
    return 0


async def _run(name: str, folder: Path) -> list[Row]:
    return await BENCHMARKS[name](folder, lambda text: print(f"{name}: {text}", flush=True))


if __name__ == "__main__":
    sys.exit(main())
