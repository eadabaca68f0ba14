"""The processes of a sandbox: the server unless one runs here already, what makes the people, their phones."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from linkid.sandbox.kit import Kit
from linkid.sandbox.people import HOLDERS, TestHolder, phone_file
from linkid.serve import http_answers
from linkid.settings import Settings
from linkid.supervisor import Child, Patience

PATIENCE: Final = Patience(first_ready=180.0, first_attempts=1, stop=40.0)
"""A server started for the first time makes a database and tokens; when it stops, its own children have their turn."""


def children(settings: Settings, settings_arguments: Sequence[str], kit: Kit, *, attached: bool) -> list[Child]:
    """The table. ``attached``: a server runs from this folder already, and stays when the sandbox ends."""
    linkid = (sys.executable, "-m", "linkid", *settings_arguments)
    ours = {name: value for name, value in os.environ.items() if name.startswith("LINKID_")}
    ready = http_answers(f"http://127.0.0.1:{settings.health.port}/health/ready")
    log = kit.folder / "server.log"
    server = Child(
        "server",
        (*linkid, "serve"),
        ready=ready,
        environment=ours,
        stop_with=signal.SIGINT,
        log=log,
        advice=f"See {log}",
    )
    after = () if attached else ("server",)
    return [
        *([] if attached else [server]),
        Child("people", (*linkid, "sandbox", "--make"), after=after, environment=ours, once=True),
        Child("operator", (*linkid, "sandbox", "--operator"), after=("people",), environment=ours),
        *(_phone(settings, kit.folder, kit, holder) for holder in HOLDERS),
    ]


def identify(settings: Settings, kit: Kit, code: str) -> tuple[Sequence[str], dict[str, str]]:
    """The command, and its environment's own part, by which Ana says who she is to the page that shows a code."""
    return _ana(settings, kit, "scan", "--approve", code)


def type_number(settings: Settings, kit: Kit, number: str) -> tuple[Sequence[str], dict[str, str]]:
    """The same to an application that shows a number, and rang her phone."""
    return _ana(settings, kit, "type", number)


def _ana(settings: Settings, kit: Kit, *words: str) -> tuple[Sequence[str], dict[str, str]]:
    phone = ("--app", settings.url("app"), "--state", str(phone_file(kit.folder, HOLDERS[0])))
    environment = {"LINKID_SANDBOX_PASSWORD": kit.passwords[HOLDERS[0].key]}
    return (sys.executable, "-m", "sandbox_phone", *phone, *words), environment


def _phone(settings: Settings, folder: Path, kit: Kit, holder: TestHolder) -> Child:
    words = ("--app", settings.url("app"), "--state", str(phone_file(folder, holder)), "wait", *holder.manner)
    return Child(
        holder.key,
        (sys.executable, "-m", "sandbox_phone", *words),
        after=("people",),
        environment={"LINKID_SANDBOX_PASSWORD": kit.passwords[holder.key]},
    )
