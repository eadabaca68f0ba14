"""`linkid hsm`: tokens and the keys in them."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import asyncpg

from foundation.errors import JsonObject, LinkIdError
from linkid import house
from linkid.activation import sam_settings
from linkid.house import Process, SlotReport
from linkid.platform import ProgramMissing
from linkid.postgres import PostgresFailed
from linkid.processes import NoWayIn
from linkid.running import code_for
from linkid.settings import Settings
from protocol.house import Act, version_of
from softhsm_config.tokens import TokenFailed

_TOLD: Final = (TokenFailed, ProgramMissing, PostgresFailed, NoWayIn, OSError, ValueError)
"""What went wrong outside of our own rules: told in a line, without a traceback."""
_ABOUT: Final = """\
The keys to the house: KEK, pepper, row MAC, root and transport keys of the SAM, and the authority's keys of the AC,
each in a token of its own. Whoever changes them needs the word of two operators (linkid operator order, countersign).
The ceremony, step by step: docs/walkthroughs/keys-to-the-house.md
"""
_EXIT: Final = """\
exit codes:
  0  done, or everything is as it should be
  1  refused, or it failed; the line says what and why, and what is to be done
  2  the command line or the settings are wrong
  3  it was looked at and is not good: a weak, missing, different or unordered key; a backup that cannot do the work
  77 the token refused the PIN; it is not to be tried again before somebody put it right
"""
_ROTATE: Final = {
    "kek": (
        "make the next KEK: new credentials are wrapped under it",
        "Credentials that exist stay under the KEK they were born with: their keys unwrap as not extractable, so that\n"
        "nobody can wrap them again, we included (docs/decisions/0018-old-keks-end-by-emission.md). An old KEK is\n"
        "retired when the last certificate under it has ended. In an emergency: revoke, and issue again.",
    ),
    "pepper": (
        "make the next pepper: each credential moves to it with its next right password",
        "SAMs go on meanwhile, and hear of it within a minute. Whoever does not sign stays with the old pepper; it is\n"
        "retired when nobody needs it any more.",
    ),
}
_RETIRE: Final = """\
Refused while a living credential needs it (a certificate that may still sign, or a key that may still get one), and
within an hour of its successor's making. Every row's MAC is checked before anything is destroyed. Keep the token's last
backup for as long as you keep backups of the database: rows of then need keys of then.
"""
_BACKUP: Final = """\
A backup that nobody tried is none. This compares the check values of every key with the house statement (no key leaves
a token for that), unwraps the probe of each KEK, signs with it and with the root, and derives with each transport key.
It changes nothing.

  linkid hsm backup-check                                  the token under [sam_hsm_spare]
  linkid hsm backup-check --softhsm /backup/tokens/sam     a copy of var/tokens/sam, opened where it lies
  linkid hsm backup-check --adopt --order FILE             and SAMs may work with it from now on (two operators)
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command for each act."""
    parser.description, parser.epilog = _ABOUT, _EXIT
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    init = _action(
        actions, "init", "make the token and the first keys of a process, where they are not there yet",
        "Safe to run again. In production an empty token is filled only by two operators' order; run it without one\n"
        "to see the token's serial number. In development it needs none, and says so.",
    )  # fmt: skip
    init.add_argument("process", choices=["sam", "ac"])
    _order(init)
    status = _action(
        actions, "status", "which keys there are, since when, how strong, and how many credentials need which",
        "Reads only. Check values tell keys apart without telling them: the same in every token that has the key.",
    )  # fmt: skip
    status.add_argument("slot", choices=["sam", "ac"], nargs="?", help="default: both")
    status.add_argument("--json", action="store_true", help="for programs")
    for name, (about, more) in _ROTATE.items():
        rotate = _action(actions, f"rotate-{name}", about, more)
        rotate.add_argument("what", choices=["status"], nargs="?", help="only say how many credentials need which")
        rotate.add_argument("--json", action="store_true", help="of status, for programs")
        _order(rotate)
    retire = _action(actions, "retire", "destroy an old KEK or pepper that nothing needs any more", _RETIRE)
    retire.add_argument("name", choices=["kek", "pepper"])
    retire.add_argument("version", type=int)
    _order(retire)
    backup = _action(actions, "backup-check", "show that a backup of the SAM's token can do the work", _BACKUP)
    backup.add_argument("--softhsm", type=Path, metavar="FOLDER", help="a copy of var/tokens/sam")
    backup.add_argument("--pin-file", type=Path, metavar="FILE", help="its PIN (default: that of the SAM's token)")
    backup.add_argument("--adopt", action="store_true", help="by --order: let SAMs work with it")
    backup.add_argument("--json", action="store_true", help="for programs")
    _order(backup)
    about = "make the next key to which phones encrypt passwords; the one before answers for ten minutes more"
    _action(actions, "rotate-transport", about, "SAMs go on meanwhile. It needs no order: it opens nothing of old.")


def _action(actions: Any, name: str, about: str, more: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = actions.add_parser(
        name, help=about, description=about[0].upper() + about[1:] + ".", epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    return made


def _order(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--order", type=Path, metavar="FILE", help="the order that two operators signed")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """The exit codes are those of ``--help``."""
    acts = {
        "init": _init, "status": _status, "rotate-kek": _rotate, "rotate-pepper": _rotate, "retire": _retire,
        "backup-check": _backup_check, "rotate-transport": _rotate_transport,
    }  # fmt: skip
    try:
        return acts[given.action](settings, given)
    except LinkIdError as error:
        _complain(given, f"{error.detail or error.summary} ({error.code})")
        return code_for(error)
    except (*_TOLD, asyncpg.PostgresError) as error:
        _complain(given, str(error))
    return 1


def _complain(given: argparse.Namespace, text: str) -> None:
    print(f"linkid hsm {given.action}: {text}", file=sys.stderr)


def _init(settings: Settings, given: argparse.Namespace) -> int:
    house.initialise(settings, given.process, given.order, print)
    return 0


def _rotate_transport(settings: Settings, _given: argparse.Namespace) -> int:
    from hsm_service.sam.commands import run_rotate_transport

    house.point_at(settings, "sam")
    label = asyncio.run(run_rotate_transport(sam_settings(settings, 0)))
    print(f"{label} is the key from now on")
    return 0


def _rotate(settings: Settings, given: argparse.Namespace) -> int:
    name = given.action.removeprefix("rotate-")
    house.point_at(settings, "sam")
    with house.database_there(settings):
        if given.what == "status":
            return _tell_uses(settings, name, given.json)
        label = asyncio.run(house.carry_out(settings, given.action, given.order, None))
    print(f"{label} is made; SAMs work with it within a minute")
    return 0


def _tell_uses(settings: Settings, name: str, as_json: bool) -> int:
    counts: dict[int, list[int]] = {}
    for one in asyncio.run(house.uses(settings)):
        count = counts.setdefault(one.kek if name == "kek" else one.pepper, [0, 0])
        count[0], count[1] = count[0] + one.living, count[1] + one.all
    if as_json:
        rows = [{"version": version, "living": both[0], "all": both[1]} for version, both in sorted(counts.items())]
        print(json.dumps({"v": 1, "key": name, "versions": rows}))
        return 0
    for version, (living, every) in sorted(counts.items()):
        print(f"{name}.{version}  {living:>9,} living credentials   {every:>9,} with those that are over")
    if not counts:
        print("there are no credentials yet")
    return 0


def _retire(settings: Settings, given: argparse.Namespace) -> int:
    house.point_at(settings, "sam")
    act = cast(Act, f"retire-{given.name}")
    with house.database_there(settings):
        label = asyncio.run(house.carry_out(settings, act, given.order, given.version))
    print(f"{label} is destroyed")
    return 0


def _backup_check(settings: Settings, given: argparse.Namespace) -> int:
    with house.backup_settings(settings, given.softhsm, given.pin_file) as backup:
        serial, problems = asyncio.run(house.check_backup(settings, backup))
        if given.json:
            print(json.dumps({"v": 1, "serial": serial, "good": not problems, "problems": list(problems)}))
        elif problems:
            print(f"the token {serial} cannot take the SAM's place:", *problems, sep="\n  ")
        else:
            print(f"the token {serial} has every key of the house, and works with each")
        if problems:
            return 3
        if given.adopt:
            with house.database_there(settings):
                asyncio.run(house.adopt_backup(settings, backup, given.order))
            print("adopted: SAMs may work with it")
    return 0


# --- status ----------------------------------------------------------------------------------------------------------


def _status(settings: Settings, given: argparse.Namespace) -> int:
    slots: list[Process] = [given.slot] if given.slot else ["sam", "ac"]
    reports: list[JsonObject | None]
    if len(slots) == 1:
        reports = [_one_slot(settings, slots[0])]
    else:
        reports = [_in_own_process(given, slot) for slot in slots]
    answered = [report for report in reports if report is not None]
    if given.json:
        print(json.dumps({"v": 1, "slots": {str(one["slot"]): one for one in answered}}, ensure_ascii=False))
    else:
        print("\n\n".join(_words(one) for one in answered))
    if len(answered) < len(slots):
        return 1
    return 0 if all(one["good"] for one in answered) else 3


def _one_slot(settings: Settings, slot: Process) -> JsonObject:
    """As ``--json`` has it."""
    house.point_at(settings, slot)
    report = asyncio.run(house.slot_report(settings, slot))
    counted: list[JsonObject] | None = None
    if slot == "sam" and report.noted:
        try:
            with house.database_there(settings):
                counted = [vars(one) for one in asyncio.run(house.uses(settings))]
        except (LinkIdError, *_TOLD, asyncpg.PostgresError) as error:
            print(f"linkid hsm status: credentials not counted: {error}", file=sys.stderr)
    return _as_json(report, counted)


def _in_own_process(given: argparse.Namespace, slot: Process) -> JsonObject | None:
    """A process reaches one SoftHSM token, whose configuration is read once."""
    words = ["--settings", str(given.settings)] if given.settings else []
    environment = {name: value for name, value in os.environ.items() if name != "SOFTHSM2_CONF"}
    done = subprocess.run(
        [sys.executable, "-m", "linkid", *words, "hsm", "status", slot, "--json"],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    if done.returncode not in (0, 3):
        return None
    told: dict[str, Any] = json.loads(done.stdout)
    return cast(JsonObject, told["slots"][slot])


def _as_json(report: SlotReport, counted: list[JsonObject] | None) -> JsonObject:
    def row(key: Any) -> JsonObject:
        name, version = version_of(key.label)
        told: dict[str, Any] = {
            "label": key.label, "made": key.made, "check": key.check, "weakness": key.weakness,
            "ordered": key.label not in report.unnoted,
        }  # fmt: skip
        if counted is not None and name in ("kek", "pepper"):
            told["living"] = sum(int(str(one["living"])) for one in counted if one[name] == version)
        return told

    keys: list[Any] = [row(key) for key in report.keys]
    problems = [*report.problems, *_lost(report, counted or [])]
    return {
        "slot": report.slot, "token": report.label, "serial": report.serial, "vendor": report.vendor,
        "house": report.noted, "good": report.good and not problems, "problems": problems, "keys": keys,
        "uses": cast(Any, counted),
    }  # fmt: skip


def _lost(report: SlotReport, counted: list[JsonObject]) -> list[str]:
    """Versions that living credentials need and the token has not: a database of earlier, over a token of later."""
    there = {key.label for key in report.keys}
    needed: dict[str, int] = {}
    for one in counted:
        for name in ("kek", "pepper"):
            label = f"{name}.{one[name]}"
            needed[label] = needed.get(label, 0) + int(str(one["living"]))
    return [
        f"{label} is not in the token, and {living:,} living credentials need it: restore the backup that has it"
        for label, living in sorted(needed.items())
        if living and label not in there
    ]


def _words(report: JsonObject) -> str:
    told: Any = report
    head = f"{told['slot']}: token {told['token']}, serial number {told['serial']} ({told['vendor']})"
    if not told["keys"]:
        return f"{head}\n  empty; linkid hsm init {told['slot']}"
    lines = [head]
    for key in told["keys"]:
        made = f"{datetime.fromtimestamp(key['made'], UTC):%Y-%m-%d %H:%M:%SZ}" if key["made"] else "at an unknown time"
        needed = f"   {key['living']:,} living credentials" if "living" in key else ""
        lines.append(f"  {key['label']:<14} made {made}   check value {key['check']}{needed}")
        lines += [f"      WEAK: {key['weakness']}"] if key["weakness"] else []
        lines += [] if key["ordered"] else ["      NOBODY ORDERED IT: the house statement does not name it"]
    if told["slot"] == "sam" and not told["house"]:
        lines.append("  there is no house statement yet; linkid hsm init sam writes it")
    return "\n".join([*lines, *(f"  PROBLEM: {problem}" for problem in told["problems"])])
