"""The files by which browsers find the host, and which extensions may start it.

One process under two names: `NAME` for Web eID's extension, `OUR_NAME` for ours (`extension/`), which is there also
where a real Web eID has the first.
"""

import json
from pathlib import Path
from typing import Final

NAME: Final = "eu.webeid"
CHROME_EXTENSIONS: Final = ("ncibgoaomkmdpilpocfeponihegamlic", "gnmckgbandlkacikdndelhfghdejfido")
"""Web eID in the stores of Chrome and Edge."""
FIREFOX_EXTENSION: Final = "{e68418bc-f2b0-4459-a9ea-3e72b6751b07}"


OUR_NAME: Final = "linkid.desktop"
OUR_CHROME_EXTENSION: Final = "ilpfbghpjngnhkgcfnbdkdlcjiekcfja"
"""Follows from ``key`` in `extension/manifest.json`. A store gives an id of its own: it then stands here."""
OUR_FIREFOX_EXTENSION: Final = "paginas@linkid.desktop"


def chrome(starter: Path, name: str = NAME) -> str:
    """For Chrome and its relatives."""
    who = CHROME_EXTENSIONS if name == NAME else (OUR_CHROME_EXTENSION,)
    return _manifest(name, starter, "allowed_origins", [f"chrome-extension://{one}/" for one in who])


def firefox(starter: Path, name: str = NAME) -> str:
    who = FIREFOX_EXTENSION if name == NAME else OUR_FIREFOX_EXTENSION
    return _manifest(name, starter, "allowed_extensions", [who])


def script(command: Path) -> str:
    """A manifest names one file to start, without arguments of ours."""
    return f'#!/bin/sh\n# Escrito por linkid-desktop setup.\nexec "{command}" web-eid-host "$@"\n'


def _manifest(name: str, starter: Path, who: str, extensions: list[str]) -> str:
    content = {"name": name, "description": "Link ID Desktop", "path": str(starter), "type": "stdio"}
    return json.dumps({**content, who: extensions}, indent=1) + "\n"
