"""`python -m bench.profile FILE…`: what processes spent their time on, as LINKID_PROFILE wrote it, added up."""

from __future__ import annotations

import argparse
import pstats


def main() -> None:
    """The functions that cost most, by their own time and with all that they call."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile")
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--lines", type=int, default=40)
    given = parser.parse_args()
    stats = pstats.Stats(*given.files)
    for order in ("tottime", "cumulative"):
        stats.sort_stats(order).print_stats(given.lines)


if __name__ == "__main__":
    main()
