"""The page that the survey writes."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tests.agent.daemon.survey.columns import COLUMNS, SHOWN, SILENT, Cell
from tests.agent.daemon.survey.command_line import newer_clients
from tests.agent.daemon.survey.table import ROWS
from tests.agent.daemon.survey.web_eid import version_of_extension
from tests.agent.daemon.survey.world import Lacking, here

PAGE = Path(__file__).parents[4] / "docs" / "desktop-programs.md"
_PACKAGES = (
    "p11-kit", "opensc", "gnutls-bin", "openssl", "libengine-pkcs11-openssl", "curl", "openssh-client",
    "openjdk-17-jdk-headless", "libnss3-tools", "poppler-utils", "libreoffice-core-nogui", "chromium", "firefox-esr",
)  # fmt: skip
_PYTHON = ("python-pkcs11", "pyhanko")


def line(name: str, cells: Mapping[str, Cell]) -> str:
    """One row of the table."""
    row = ROWS[name]
    if cells["yes"].lacking:
        return f"| {name} | {cells['yes'].text()} | | | | | | {row.note} |"
    texts = ["" if cells[key].ends == (SILENT,) else cells[key].text() for key in SHOWN]
    return f"| {name} | {' | '.join(texts)} | {row.note} |"


def page(cells: Mapping[str, Mapping[str, Cell]], when: datetime, minutes: float) -> str:
    """The document."""
    titles = {column.name: column.title for column in COLUMNS}
    odd = [
        f"{name} ({titles[key]})"
        for name in ROWS
        for key, cell in cells[name].items()
        if not ROWS[name].right(_COLUMN[key], cell)
    ]
    return _PAGE.format(
        when=when.strftime("%Y-%m-%d %H:%M UTC"),
        minutes=minutes,
        machine=f"{_system()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        versions=", ".join(versions()),
        heads=" | ".join(titles[key] for key in SHOWN),
        rules="|".join(["---"] * (len(SHOWN) + 2)),
        table="\n".join(line(name, cells[name]) for name in ROWS),
        odd=f"Otherwise than [desktop](desktop.md) says: {', '.join(odd)}." if odd else _AS_DOCUMENTED,
    )


_COLUMN = {column.name: column for column in COLUMNS}
_AS_DOCUMENTED = "Every cell is what [desktop](desktop.md#what-happens-when) says; the survey fails otherwise."
_PAGE = """\
# Programs that use the certificate

Written by `make test-programs` on {when}, in {minutes:.0f} minutes: {machine}; {versions}.

Programs that are not ours, unmodified. The columns: the phone says yes at once, or 5, 20, 45 seconds after it rang
(each time, where a program makes several requests), or no; and the daemon is killed while the request waits, started
again by its socket, and the program used once more. Seconds are the program's, from start to end; those of a browser,
LibreOffice or nginx contain its own start. The columns that wait ran side by side. "ok" is somebody else's word:
OpenSSL verifies, the server greets by name, pyHanko validates the PDF. "fails" after a no is what should happen: the
program ends with an error (the one that it named stands there), and nothing is signed.

| program | {heads} | |
|{rules}|
{table}

{odd}

As root, p11-kit does not read the module file that `linkid-desktop setup` writes into a home; these programs were
given the socket by `P11_KIT_SERVER_ADDRESS` and load `p11-kit-client.so`, the library that the file leads to. A
request that waits on the phone when the daemon is killed is taken off it by the next daemon, and serves nobody.
"""


def versions() -> list[str]:
    """Of everything in the table."""
    import importlib.metadata

    found = [f"{name} {_package(name)}" for name in _PACKAGES]
    found += [f"{name} {importlib.metadata.version(name)}" for name in _PYTHON]
    with suppress(Lacking):
        said = subprocess.run([here("nginx"), "-v"], capture_output=True, text=True).stderr  # unpacked, not installed
        found.append(f"nginx {said.strip().rpartition('/')[2]}")
    with suppress(Lacking):
        found.append(f"Web eID's extension {version_of_extension()}")
    found += [f"p11-kit {version} from its source" for version in newer_clients()]
    if provider := os.environ.get("PKCS11_PROVIDER"):
        found.append(f"pkcs11-provider {_of_provider(Path(provider))} from its source")
    return found


def _of_provider(library: Path) -> str:
    words = ["openssl", "list", "-providers", "-provider-path", str(library.parent), "-provider", library.stem]
    told = subprocess.run(words, capture_output=True, text=True).stdout
    found = re.search(rf"^ *{re.escape(library.stem)}\n(?: +.*\n)*? +version: *(\S+)", told, re.MULTILINE)
    return found.group(1) if found else "?"


def _system() -> str:
    return platform.freedesktop_os_release()["PRETTY_NAME"]


def _package(package: str) -> str:
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return asked.stdout or "not here"
