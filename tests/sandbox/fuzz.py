"""`make fuzz`: schemathesis, from the registry and unmodified, on everything that `/openapi.json` promises.

    python -m tests.sandbox.fuzz --requests 50000        starts a sandbox of its own, and ends it

No answer may be a server's error, have a status, content type, header or body that is not described, take what breaks
the description, or be given without the authentication that is promised. Left out of its checks: that valid data is
accepted, since the description cannot say which certificates, secrets and hashes exist; and `ignored_auth`, which takes
only 401 for a header that is no token at all, where CSC wants 400: `refuses_strangers` of the hooks is in its place.

Every link must be followed, to a call that succeeds. schemathesis begins a row of linked calls only at operations that
it takes for likely to succeed, which leaves out those for tokens as long as there are others; each code of a holder's
phone serves once; a holder is asked to identify five times in ten minutes; and a request is undecided for a second
only. So these have runs of their own (`ALONE`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from linkid.platform import ROOT
from tests.sandbox import fuzz_given
from tests.sandbox.newcomer import Sandbox, project, running

NOT_CHECKED: Final = "positive_data_acceptance,ignored_auth"
ALONE: Final[Mapping[str, tuple[str, ...]]] = {
    "tokens": (
        *("oauthToken", "cscV1OAuthToken", "pscClientToken"),
        *("oauthIntrospect", "oauthRevoke", "cscV1OAuthRevoke", "pscRevoke"),
    ),
    "identified": ("pscToken", "pscRevoke"),
    "factors": ("cscV2Authorize", "cscV2SignHash"),
    "version 1": ("cscV1Authorize", "cscV1SignHash"),
    "waiting": ("cscV2Authorize", "cscV2AuthorizeCheck", "cscV2Withdraw"),
}
"""Operations that are fuzzed by themselves too, in linked calls."""
_PHASES: Final = "examples,coverage,fuzzing,stateful"
_GENERATED: Final = re.compile(r"(\d+) generated")
_TESTED: Final = re.compile(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)")
_SCENARIOS: Final = re.compile(r"Scenarios:\s+(\d+)")
_VERSION: Final = re.compile(r"Schemathesis v(\S+)")
_PAGE: Final = """\
# The described API, fuzzed

Written by `make fuzz` on {date}; do not edit. {machine}, schemathesis {version}.

{calls:,} calls of what `/openapi.json` describes, in {minutes} minutes: **no server's error, no answer that is not
described, nothing taken that breaks the description, nothing given to strangers**, and **every one of the {links}
links followed to a call that succeeded**. The first finding stops the run, as does a link that no call followed, and no
page is written. Checks, and the two that are left out with their reasons: `tests/sandbox/fuzz.py`. A smaller run of it
is in the tests.

| seed | calls | operations tested, of | links followed to success, of | scenarios of linked calls |
|---|---|---|---|---|
{rows}
"""


class Found(Exception):
    """What schemathesis says of a defect."""


@dataclass
class Fuzzing:
    """Of one sandbox. ``followed``: links, as schemathesis names them, whose call at the end succeeded."""

    sandbox: Sandbox
    links: Mapping[str, tuple[str, str]]
    """Each with the two operations at its ends."""
    given: dict[str, str]
    followed: set[str] = field(default_factory=set)

    @classmethod
    async def begin(cls, sandbox: Sandbox) -> Fuzzing:
        """With everything that links need."""
        async with aiohttp.ClientSession() as session, session.get(f"{sandbox.url}/openapi.json") as answer:
            links = links_of(await answer.json())
        return cls(sandbox, links, await fuzz_given.factors(sandbox))

    async def round(self, seed: int, *, examples: int, phases: str, linked: int, tries: int = 5) -> str:
        """Everything, with ``linked`` examples of what has to be alone, and again what was not followed, since what is
        tried is drawn by lot; what was said. Raises Found."""
        await self.sandbox.read_kit()  # a token is good for an hour
        self.given |= await fuzz_given.session(self.sandbox)
        said = ""
        for attempt in range(tries):
            for name in self.unfollowed():
                operations = ALONE.get(name, ())
                again = seed + 1000 * attempt
                said += await self.run(again, examples=linked, phases="stateful", operations=operations)
        return said + (await self.run(seed, examples=examples, phases=phases) if phases else "")

    def unfollowed(self) -> list[str]:
        """Names of `ALONE`, and "" for what is not there, that have links without a call that succeeded."""
        left = [set(ends) for link, ends in self.links.items() if link not in self.followed]
        alone = {name: [ends for ends in left if ends <= set(operations)] for name, operations in ALONE.items()}
        found = [name for name, links in alone.items() if links]
        return found + ([""] if len(left) > sum(map(len, alone.values())) else [])

    async def run(self, seed: int, *, examples: int, phases: str, operations: tuple[str, ...] = ()) -> str:
        """`st run` on the gateway: what it said. ``operations``: not given: all. Raises Found."""
        program, config = Path(sys.executable).parent / "st", Path(__file__).with_name("schemathesis.toml")
        options = {"-u": self.sandbox.url, "-n": examples, "--seed": seed, "--phases": phases}
        options |= {"--exclude-checks": NOT_CHECKED}
        words = [str(word) for option in options.items() for word in option]
        words += [word for one in operations for word in ("--include-operation-id", one)]
        (Path(self.given["FUZZ_FOLDER"]) / "links").write_text("", encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(str(program), "--config-file", str(config), "run", f"{self.sandbox.url}/openapi.json", *words),
            *("--continue-on-failure", "--no-color"),
            cwd=self.sandbox.folder,
            env=self._environment(seed, "yes" if operations == ALONE["factors"] else "no"),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        try:
            said = (await process.communicate())[0].decode()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise Found(said)
        file = Path(self.given["FUZZ_FOLDER"]) / "links"
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        self.followed |= {link for link, status in lines if status < 300}
        return said

    def _environment(self, seed: int, factors: str) -> dict[str, str]:
        """What `fuzz_hooks.py` and `fuzz_leads.py` read."""
        hooks = {"SCHEMATHESIS_HOOKS": "tests.sandbox.fuzz_hooks", "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
        told = {"FUZZ_TOKEN": self.sandbox.token, "FUZZ_SEED": str(seed), "FUZZ_FACTORS": factors}
        return {**os.environ, **self.sandbox.variables, **hooks, **told, **self.given}


def generated(said: str) -> int:
    """How many calls a run made."""
    return sum(int(number) for number in _GENERATED.findall(said))


def links_of(described: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Every link of a description, as schemathesis names them; and the operations at its ends."""
    operations = [
        (f"{method.upper()} {path}", one)
        for path, methods in described["paths"].items()
        for method, one in methods.items()
        if isinstance(one, Mapping) and "operationId" in one
    ]
    labels = {one["operationId"]: label for label, one in operations}
    return {
        f"{label} -> [{status}] {name} -> {labels[link['operationId']]}": (one["operationId"], link["operationId"])
        for label, one in operations
        for status, response in one["responses"].items()
        for name, link in response.get("links", {}).items()
    }


async def fuzz(requests: int, first: int, examples: int, page: Path | None) -> None:
    """Rounds, until there were so many calls. Raises Found."""
    began, rounds, made, seed = time.monotonic(), list[str](), 0, first
    with tempfile.TemporaryDirectory(prefix="linkid-fuzz-") as folder:
        words = (sys.executable, "-m", "linkid", "sandbox")
        async with running(project(Path(folder) / "linkid"), *words) as sandbox:
            fuzzing = await Fuzzing.begin(sandbox)
            while made < requests:
                before, fuzzing.followed = fuzzing.followed, set()
                said = await fuzzing.round(seed, examples=examples, phases=_PHASES, linked=40)
                made += generated(said)
                print(
                    f"seed {seed}: {made} calls so far, {len(fuzzing.followed)} links",
                    *fuzzing.unfollowed(),
                    flush=True,
                )
                rounds.append(_row(seed, said, fuzzing))
                fuzzing.followed |= before
                seed += 1
    if unfollowed := sorted(fuzzing.links.keys() - fuzzing.followed):
        raise Found("no call followed these links to success:\n" + "\n".join(unfollowed))
    if page is not None:
        text = _page(made, time.monotonic() - began, said, rounds, len(fuzzing.links))
        page.write_text(text, encoding="utf-8")


def main() -> int:
    """1 at the first round that found something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=300, help="of each operation in a round")
    parser.add_argument("--page", type=Path, help="where to write what came of it")
    given = parser.parse_args()
    try:
        asyncio.run(fuzz(given.requests, given.seed, given.examples, given.page))
    except Found as found:
        print(found)
        return 1
    return 0


def _row(seed: int, said: str, fuzzing: Fuzzing) -> str:
    tested = _TESTED.findall(said)[-1:]  # the last run is of everything
    scenarios = sum(int(number) for number in _SCENARIOS.findall(said))
    told = f"{tested[0][2]}, {tested[0][1]}" if tested else "-"
    links = f"{len(fuzzing.followed)}, {len(fuzzing.links)}"
    return f"| {seed} | {generated(said):,} | {told} | {links} | {scenarios} |"


def _page(calls: int, seconds: float, said: str, rounds: list[str], links: int) -> str:
    version = _VERSION.search(said)
    return _PAGE.format(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        version=version[1] if version else "",
        calls=calls,
        minutes=round(seconds / 60),
        links=links,
        rows="\n".join(rounds),
    )


if __name__ == "__main__":
    sys.exit(main())
