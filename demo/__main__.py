"""`python -m demo`: tell the story; what it leaves lies in var/demo."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import time
from pathlib import Path

from demo.agent import AgentFailed
from demo.proof import NotProven
from demo.stack import Stack, StackFailed
from demo.story import Story, StoryBroke
from linkid.platform import VAR, ProgramMissing


def main() -> int:
    """0 when everything happened that must, and nothing that must not."""
    parser = argparse.ArgumentParser(prog="make demo", description="The whole story, told step by step.")
    parser.add_argument("--phone", choices=["chromium", "simulated"], default="chromium")
    parser.add_argument("--folder", type=Path, default=VAR / "demo", help="what it leaves (default: %(default)s)")
    given = parser.parse_args()
    began = time.monotonic()
    try:
        asyncio.run(_run(given.folder.resolve(), given.phone))
    except (AgentFailed, NotProven, ProgramMissing, StackFailed, StoryBroke) as error:
        print(f"\nThe story broke: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(
        f"\nThe end, after {time.monotonic() - began:.0f} s. Look into {given.folder}: signed.pdf, evidence.json"
        + (", pictures/" if given.phone == "chromium" else "")
    )
    return 0


async def _run(folder: Path, phone: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print("Starting a Link ID of its own (an empty database, new tokens) …", flush=True)
    async with Stack(folder / "linkid") as stack:
        await Story(stack, folder, phone, lambda text: print(text, flush=True)).tell()


if __name__ == "__main__":
    sys.exit(main())
