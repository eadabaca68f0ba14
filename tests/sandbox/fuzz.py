"""`make fuzz`: schemathesis, from the registry and unmodified, on everything that `/openapi.json` promises.

    python -m tests.sandbox.fuzz --requests 50000        on a sandbox that runs (`make sandbox` in another terminal)

No answer may be a server's error, have a status, content type, header or body that is not described, take what breaks
the description, or be given without the authentication that is promised. Left out of its checks: that valid data is
accepted, since the description cannot say which certificates, secrets and hashes exist; and `ignored_auth`, which takes
only 401 for a header that is no token at all, where CSC wants 400: `refuses_strangers` of the hooks is in its place.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from linkid.platform import ROOT

NOT_CHECKED: Final = "positive_data_acceptance,ignored_auth"
_GENERATED: Final = re.compile(r"(\d+) generated")
_TOLD: Final = {
    "operations": re.compile(r"Selected: (\d+/\d+)"),
    "tested": re.compile(r"Tested: (\d+)"),
    "links": re.compile(r"API Links:\s+(\d+) covered"),
    "of links": re.compile(r"API Links:.*?(\d+) total"),
    "scenarios": re.compile(r"Scenarios:\s+(\d+)"),
}
_VERSION: Final = re.compile(r"Schemathesis v(\S+)")
_PAGE: Final = """\
# The described API, fuzzed

Written by `make fuzz` on {date}; do not edit. {machine}, schemathesis {version}.

{calls:,} calls of what `/openapi.json` describes, in {minutes} minutes: **no server's error, no answer that is not
described, nothing taken that breaks the description, nothing given to strangers.** The first finding stops the run, and
no page is written. Checks, and the two that are left out with their reasons: `tests/sandbox/fuzz.py`. A smaller run of
it is in the tests.

| seed | calls | operations tested, of | links followed, of | scenarios of linked calls |
|---|---|---|---|---|
{rows}
"""


def command(url: str, *, examples: int, seed: int, phases: str, tags: str = "") -> list[str]:
    """`st run` on a gateway, as a list of words. ``tags``: an expression; not given: everything."""
    program = Path(sys.executable).parent / "st"
    options = {"-u": url, "-n": examples, "--seed": seed, "--phases": phases, "--exclude-checks": NOT_CHECKED}
    options |= {"--include-tag-regex": tags} if tags else {}
    words = [str(word) for option in options.items() for word in option]
    config = str(Path(__file__).with_name("schemathesis.toml"))
    return [
        str(program),
        "--config-file",
        config,
        "run",
        f"{url}/openapi.json",
        *words,
        "--continue-on-failure",
        "--no-color",
    ]


def environment(variables: Mapping[str, str], token: str, seed: int) -> dict[str, str]:
    """What `fuzz_hooks.py` reads."""
    hooks = {"SCHEMATHESIS_HOOKS": "tests.sandbox.fuzz_hooks", "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    return {**os.environ, **variables, **hooks, "FUZZ_TOKEN": token, "FUZZ_SEED": str(seed)}


def generated(said: str) -> int:
    """How many calls a run made."""
    return sum(int(number) for number in _GENERATED.findall(said))


def new_token(variables: Mapping[str, str]) -> str:
    """Good for an hour: one for each round."""
    told = f"{variables['CLIENT_ID']}:{variables['CLIENT_SECRET']}"
    words = ["curl", "-s", f"{variables['LINKID_URL']}/oauth2/token", "-u", told, "-d", "grant_type=client_credentials"]
    answer = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(r'"access_token": *"([^"]+)"', answer)
    if found is None:
        raise SystemExit(f"no token: {answer}")
    return found[1]


def main() -> int:
    """1 at the first round that found something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, help="where to write what came of it")
    given = parser.parse_args()
    file = ROOT / "var" / "sandbox" / "env"
    if not file.exists():
        raise SystemExit(
            "start a sandbox first, in another terminal: LINKID__OAUTH__CALLS_PER_MINUTE=10000000 make sandbox"
        )
    variables = dict(re.findall(r"^export (\w+)=(\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE))
    made, seed = 0, given.seed
    began, rounds = time.monotonic(), list[str]()
    while made < given.requests:
        words = command(variables["LINKID_URL"], examples=300, seed=seed, phases="examples,coverage,fuzzing,stateful")
        done = subprocess.run(
            words,
            env=environment(variables, new_token(variables), seed),
            cwd=file.parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        made += generated(done.stdout)
        print(f"seed {seed}: {made} calls so far", flush=True)
        if done.returncode != 0:
            print(done.stdout)
            return 1
        rounds.append(_row(seed, done.stdout))
        seed += 1
    if given.page:
        given.page.write_text(_page(made, time.monotonic() - began, done.stdout, rounds), encoding="utf-8")
    return 0


def _row(seed: int, said: str) -> str:
    found = {name: pattern.search(said) for name, pattern in _TOLD.items()}
    told = {name: one[1] if one else "-" for name, one in found.items()}
    tested = f"{told['tested']}, {told['operations'].rpartition('/')[2]}"
    return f"| {seed} | {generated(said):,} | {tested} | {told['links']}, {told['of links']} | {told['scenarios']} |"


def _page(calls: int, seconds: float, said: str, rounds: list[str]) -> str:
    version = _VERSION.search(said)
    return _PAGE.format(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        version=version[1] if version else "",
        calls=calls,
        minutes=round(seconds / 60),
        rows="\n".join(rounds),
    )


if __name__ == "__main__":
    sys.exit(main())
