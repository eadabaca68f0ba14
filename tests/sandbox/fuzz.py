"""`make fuzz`: schemathesis, from the registry and unmodified, on everything that `/openapi.json` promises.

    python -m tests.sandbox.fuzz --requests 50000        starts a sandbox of its own, and ends it

No answer may be a server's error, have a status, content type, header or body that is not described, take what breaks
the description, or be given without the authentication that is promised. Left out of its checks: that valid data is
accepted, since the description cannot say which certificates, secrets and hashes exist; and `ignored_auth`, which takes
only 401 for a header that is no token at all, where CSC wants 400: `refuses_strangers` of the hooks is in its place.

Every link must be followed, to a call that succeeds. schemathesis begins a row of linked calls only at operations that
it takes for likely to succeed, which leaves out those for tokens as long as there are others; each code of a holder's
phone serves once; a holder is asked to identify five times in ten minutes; and a request is undecided for a second
only. So these have runs of their own (`ALONE`), and so has what is left. What vendors share is called below each
vendor's address too.
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
    "waiting": ("cscV2Authorize", "cscV2AuthorizeCheck", "cscV2Withdraw"),
    "tokens": (
        *("oauthToken", "cscV1OAuthToken", "pscClientToken", "oauthPush", "oauthAuthorize"),
        *("cscV2List", "cscV1List", "oauthIntrospect", "oauthRevoke", "cscV1OAuthRevoke", "pscRevoke"),
    ),
    "identified": ("pscPushPoll", "pscToken", "pscSignature"),
    "started": ("pscStartOutcome", "pscToken", "pscCertificateDiscovery", "pscRevoke"),
    "named": (
        *("pscAsync", "pscAsyncResult", "pscTrusted", "pscTrustedOutcome"),
        *("pscStart", "pscNotify", "pscStartOutcome"),
    ),
    "factors": ("cscV2Authorize", "cscV2SignHash"),
    "password": ("pscPassword", "pscSignature"),
    "version 1": (
        *("cscV1Authorize", "cscV1SignHash"),
        *("cscV1List", "cscV1CredentialInfo", "cscV2List", "cscV2CredentialInfo"),
    ),
}
"""Operations that are fuzzed by themselves too, in linked calls. Who waits comes first: a holder who was asked a few
times and never answered is left alone for an hour."""
REST: Final = "the rest"
IN_SUITE: Final = 7_000
"""How big the run in the tests is: so many calls at least, whatever the machine. This number and no other. Its first
round, which covers every operation and follows every link, has some 3,200 already; what is asked for beyond them is
generated data and linked calls, as in the long run, a thousand or so at a time. With three workers on two cores a call
of those takes 20 ms: 7,000 are two minutes and a half of one worker."""
_MORE: Final = 10
"""Examples of each operation in a further round of it."""
_ONLY_LINKS: Final = """
# Where a few operations are alone: the links that are described, each as often as another.
[phases.stateful]
link-calibration = false

[phases.stateful.inference]
algorithms = []
"""
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
page is written. What vendors share was called at each vendor's address. Checks, and the two that are left out with
their reasons: `tests/sandbox/fuzz.py`. A smaller run of it is in the tests.

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
    shared: Mapping[str, tuple[str, ...]]
    """By the beginning of a vendor's addresses: the operations that are there too."""
    given: dict[str, str]
    followed: set[str] = field(default_factory=set)
    answered: dict[str, str] = field(default_factory=dict)
    """What was said instead, the last time, at the end of a link."""

    @classmethod
    async def begin(cls, sandbox: Sandbox) -> Fuzzing:
        """With everything that links need."""
        async with aiohttp.ClientSession() as session, session.get(f"{sandbox.url}/openapi.json") as answer:
            told = await answer.json()
        return cls(sandbox, links_of(told), shared_of(told), await fuzz_given.factors(sandbox))

    async def round(self, seed: int, *, examples: int, phases: str, linked: int, tries: int = 5) -> str:
        """Everything, with ``linked`` examples of what has to be alone, and again what was not followed, since what is
        tried is drawn by lot; what was said. Raises Found."""
        await self.sandbox.read_kit()  # a token is good for an hour
        self.given |= await fuzz_given.session(self.sandbox)
        said = ""
        for attempt in range(tries):
            for name, operations in self.unfollowed().items():
                if name == "started":
                    self.given |= await fuzz_given.started(self.sandbox)
                again = seed + 1000 * attempt
                said += await self.run(again, examples=linked, phases="stateful", name=name, operations=operations)
        return said + (await self.run(seed, examples=examples, phases=phases) if phases else "")

    async def in_suite(self, calls: int = IN_SUITE) -> int:
        """The run in the tests: how many calls it made. Raises Found."""
        made, seed = generated(await self.round(1, examples=1, phases="coverage", linked=10)), 1
        while made < calls:
            seed += 1
            made += generated(await self.run(seed, examples=_MORE, phases="fuzzing,stateful"))
        return made

    async def below(self, seed: int, examples: int) -> str:
        """What vendors share, at each one's own address. Raises Found."""
        said = ""
        for beginning, operations in self.shared.items():
            said += await self.run(
                seed, examples=examples, phases="coverage,fuzzing", operations=operations, below=beginning
            )
        return said

    def missed(self) -> list[str]:
        """Links that no call followed to success, with what was said instead."""
        return [
            f"{link}: {self.answered.get(link, 'never tried')}" for link in sorted(self.links.keys() - self.followed)
        ]

    def unfollowed(self) -> dict[str, tuple[str, ...]]:
        """What of `ALONE`, and of what is not there, has links without a call that succeeded; and its operations."""
        apart = {**ALONE, REST: self._rest()}
        left = [set(ends) for link, ends in self.links.items() if link not in self.followed]
        return {name: each for name, each in apart.items() if any(ends <= set(each) for ends in left)}

    def _rest(self) -> tuple[str, ...]:
        """The ends of links that are nowhere in `ALONE`."""
        apart = [set(operations) for operations in ALONE.values()]
        ends = [set(one) for one in self.links.values() if not any(set(one) <= each for each in apart)]
        return tuple(sorted(set[str]().union(*ends)))

    async def run(
        self,
        seed: int,
        *,
        examples: int,
        phases: str,
        name: str = "",
        operations: tuple[str, ...] = (),
        below: str = "",
    ) -> str:
        """`st run` on the gateway: what it said. ``name``: of `ALONE`, where only links matter; ``operations``: not
        given: all; ``below``: where the address begins. Raises Found."""
        program, config = Path(sys.executable).parent / "st", self._configuration(name)
        options = {"-u": self.sandbox.url + below, "-n": examples, "--seed": seed, "--phases": phases}
        options |= {"--exclude-checks": NOT_CHECKED, **({"--mode": "positive"} if name else {})}
        words = [str(word) for option in options.items() for word in option]
        words += [word for one in operations for word in ("--include-operation-id", one)]
        followed = Path(self.given["FUZZ_FOLDER"]) / "links"
        followed.write_text("", encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(str(program), "--config-file", str(config), "run", f"{self.sandbox.url}/openapi.json", *words),
            *("--continue-on-failure", "--no-color"),
            cwd=self.sandbox.folder,
            env={**self._environment(seed), "FUZZ_ALONE": name, "FUZZ_LINKS": str(followed)},
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
        lines = [json.loads(line) for line in followed.read_text(encoding="utf-8").splitlines()]
        self.followed |= {link for link, status, _ in lines if status < 300}
        self.answered |= {link: f"{status} {text}" for link, status, text in lines if status >= 300}
        return said

    def _configuration(self, name: str) -> Path:
        config = Path(__file__).with_name("schemathesis.toml")
        if not name:
            return config
        alone = Path(self.given["FUZZ_FOLDER"]) / "alone.toml"
        alone.write_text(config.read_text(encoding="utf-8") + _ONLY_LINKS, encoding="utf-8")
        return alone

    def _environment(self, seed: int) -> dict[str, str]:
        """What `fuzz_told.py` reads."""
        hooks = {"SCHEMATHESIS_HOOKS": "tests.sandbox.fuzz_hooks", "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
        told = {"FUZZ_TOKEN": self.sandbox.token, "FUZZ_SEED": str(seed)}
        return {**os.environ, **self.sandbox.variables, **hooks, **told, **self.given}


def generated(said: str) -> int:
    """How many calls a run made."""
    return sum(int(number) for number in _GENERATED.findall(said))


def links_of(described: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Every link of a description, as schemathesis names them; and the operations at its ends."""
    operations = _operations(described)
    labels = {one["operationId"]: label for label, one in operations}
    return {
        f"{label} -> [{status}] {name} -> {labels[link['operationId']]}": (one["operationId"], link["operationId"])
        for label, one in operations
        for status, response in one["responses"].items()
        for name, link in response.get("links", {}).items()
    }


def shared_of(described: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """By what addresses begin with: the operations that are there beside the usual address."""
    usual, found = str(described["servers"][0]["url"]), dict[str, list[str]]()
    for _, one in _operations(described):
        for server in one.get("servers", ()):
            found.setdefault(str(server["url"]).removeprefix(usual), []).append(one["operationId"])
    return {beginning: tuple(operations) for beginning, operations in found.items() if beginning}


def _operations(described: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [
        (f"{method.upper()} {path}", one)
        for path, methods in described["paths"].items()
        for method, one in methods.items()
        if isinstance(one, Mapping) and "operationId" in one
    ]


async def fuzz(requests: int, first: int, examples: int, page: Path | None) -> None:
    """Rounds, until there were so many calls. Raises Found."""
    began, rounds, made, seed = time.monotonic(), list[str](), 0, first
    with tempfile.TemporaryDirectory(prefix="linkid-fuzz-") as folder:
        words = (sys.executable, "-m", "linkid", "sandbox")
        async with running(project(Path(folder) / "linkid"), *words) as sandbox:
            fuzzing = await Fuzzing.begin(sandbox)
            while made < requests:
                before, fuzzing.followed = fuzzing.followed, set()
                said = await fuzzing.below(seed, examples // 10)
                said += await fuzzing.round(seed, examples=examples, phases=_PHASES, linked=40)
                made += generated(said)
                print(
                    f"seed {seed}: {made} calls so far, {len(fuzzing.followed)} links",
                    *fuzzing.unfollowed(),
                    flush=True,
                )
                rounds.append(_row(seed, said, fuzzing))
                fuzzing.followed |= before
                seed += 1
    if missed := fuzzing.missed():
        raise Found("no call followed these links to success:\n" + "\n".join(missed))
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
