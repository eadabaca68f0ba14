"""The files by which browsers find the host, and which extensions may start it."""

import json
from pathlib import Path
from typing import Final

NAME: Final = "eu.webeid"
CHROME_EXTENSIONS: Final = ("ncibgoaomkmdpilpocfeponihegamlic", "gnmckgbandlkacikdndelhfghdejfido")
"""Web eID in the stores of Chrome and Edge."""
FIREFOX_EXTENSION: Final = "{e68418bc-f2b0-4459-a9ea-3e72b6751b07}"


def chrome(starter: Path) -> str:
    """For Chrome and its relatives."""
    return _manifest(starter, "allowed_origins", [f"chrome-extension://{one}/" for one in CHROME_EXTENSIONS])


def firefox(starter: Path) -> str:
    return _manifest(starter, "allowed_extensions", [FIREFOX_EXTENSION])


def script(command: Path) -> str:
    """A manifest names one file to start, without arguments of ours."""
    return f'#!/bin/sh\n# Escrito por linkid-desktop setup.\nexec "{command}" web-eid-host "$@"\n'


def _manifest(starter: Path, who: str, extensions: list[str]) -> str:
    content = {"name": NAME, "description": "Link ID Desktop (Web eID)", "path": str(starter), "type": "stdio"}
    return json.dumps({**content, who: extensions}, indent=1) + "\n"
