"""The programs besides Python: found on the machine, or brought; and noted in var/deps/programs.json.

`linkid/platform.py` reads that file. Nothing is brought that the machine has already.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import debian


class Missing(Exception):
    """Programs that we cannot bring; the message is the one line that says what to install."""


@dataclass(frozen=True)
class Program:
    """A program or module, the package that brings it, where it may lie, and how it shows that it works."""

    name: str
    package: str
    places: tuple[str, ...]  # glob patterns from the root of a file system
    proof: tuple[str, ...] | None  # arguments that must end with 0; None: the file is enough
    extra: tuple[str, ...] = ()  # packages that its package only recommends
    wrapper: str = ""  # shell lines to run before it; makes a wrapper even where the machine has the program
    private: str = ""  # shell lines for a wrapper without root; {tree} is where the package was unpacked
    unpacked: bool = False  # never installed, by root neither: its package would start a service


SOFTHSM = (
    Program("softhsm-module", "softhsm2", ("usr/lib*/softhsm/libsofthsm2.so", "usr/lib*/*/*/libsofthsm2.so"), None),
    Program(
        "softhsm2-util",
        "softhsm2",
        ("usr/bin/softhsm2-util",),
        ("--version",),
        private='set -- --module "{tree}/usr/lib/softhsm/libsofthsm2.so" "$@"\n',  # else it looks below /usr
    ),
)
FOR_TESTS = (
    Program("openssl", "openssl", ("usr/bin/openssl",), ("version",)),
    Program("curl", "curl", ("usr/bin/curl",), ("--version",)),
    Program(  # SoftHSM in a process of its own that can be killed: the tests' stand-in for an HSM on the network
        "p11-kit-server",
        "p11-kit",
        ("usr/libexec/p11-kit/p11-kit-server", "usr/lib/p11-kit/p11-kit-server"),
        ("--help",),
        private='export P11_KIT_PRIVATEDIR="{tree}/usr/libexec/p11-kit"\n',  # where it looks for p11-kit-remote
    ),
    Program(
        "p11-kit-client",
        "p11-kit-modules",
        ("usr/lib*/*/pkcs11/p11-kit-client.so", "usr/lib*/pkcs11/p11-kit-client.so"),
        None,
    ),
    Program("pdfsig", "poppler-utils", ("usr/bin/pdfsig",), ("-v",)),
    Program("pdftoppm", "poppler-utils", ("usr/bin/pdftoppm",), ("-v",)),
    Program("mutool", "mupdf-tools", ("usr/bin/mutool",), ("-v",)),
    Program("xmlsec1", "xmlsec1", ("usr/bin/xmlsec1",), ("--version",), ("libxmlsec1-openssl",)),
    Program("certutil", "libnss3-tools", ("usr/bin/certutil",), None),
    Program("modutil", "libnss3-tools", ("usr/bin/modutil",), None),
    Program("pkcs11-tool", "opensc", ("usr/bin/pkcs11-tool",), None),
    Program("p11tool", "gnutls-bin", ("usr/bin/p11tool",), ("--version",)),
    Program("pkcs11-engine", "libengine-pkcs11-openssl", ("usr/lib*/*/engines-3/pkcs11.so",), None),
    *(  # what Qt's libraries in PySide6-Essentials expect of the system (tests/support/qt.py loads them where unpacked)
        Program(name, package, (f"usr/lib*/*/{name}", f"usr/lib*/{name}", f"lib*/*/{name}"), None)
        for name, package in (
            ("libEGL.so.1", "libegl1"),
            ("libGL.so.1", "libgl1"),
            ("libxkbcommon.so.0", "libxkbcommon0"),
            ("libfontconfig.so.1", "libfontconfig1"),
            ("libdbus-1.so.3", "libdbus-1-3"),
            ("libglib-2.0.so.0", "libglib2.0-0"),
        )
    ),
    Program(
        "chromium",
        "chromium",
        ("usr/lib/chromium/chromium", "usr/bin/chromium", "usr/bin/chromium-browser", "usr/bin/google-chrome"),
        ("--version",),
        ("fonts-liberation",),
        # root cannot have Chromium's sandbox, and containers often have no shared memory folder that one may write
        '[ "$(id -u)" != 0 ] || set -- --no-sandbox "$@"\n[ -w /dev/shm ] || set -- --disable-dev-shm-usage "$@"\n',
    ),
)
FOR_A_TPM = (  # a TPM 2.0 as a process, and what speaks to one; where they cannot be had, those tests say so
    Program(
        "swtpm",
        "swtpm",
        ("usr/bin/swtpm",),
        ("--version",),
        private='export LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$(echo "{tree}"/usr/lib/*/swtpm)"\n',
    ),
    *(
        Program(name, "tpm2-tools", (f"usr/bin/{name}",), ("--version",), ("libtss2-tcti-swtpm0",))
        for name in (
            "tpm2_createprimary", "tpm2_create", "tpm2_load", "tpm2_readpublic", "tpm2_sign", "tpm2_flushcontext",
        )
    ),
)  # fmt: skip
FOR_SURVEY = (  # `make test-programs`: programs that are not ours, each as it comes
    Program("ssh", "openssh-client", ("usr/bin/ssh",), ("-V",)),
    Program("jarsigner", "default-jdk-headless", ("usr/bin/jarsigner",), None),
    Program("soffice", "libreoffice-writer-nogui", ("usr/bin/soffice",), None, ("python3-uno",)),
    Program("firefox", "firefox-esr", ("usr/bin/firefox-esr", "usr/bin/firefox"), None),
    Program("nginx", "nginx", ("usr/sbin/nginx",), ("-v",), unpacked=True),
)


def bring_what_can_be(programs: Sequence[Program], deps: Path, say: Callable[[str], None]) -> None:
    """Each by itself. What cannot be had is said, and the survey's table says it again."""
    for program in programs:
        try:
            bring((program,), deps, say)
        except Missing as missing:
            say(f"goes on without {program.name}: {missing}")


def bring(programs: Sequence[Program], deps: Path, say: Callable[[str], None]) -> None:
    """Make every one of *programs* available and note where. Raises Missing."""
    noted = _noted(deps)
    wanted = [program for program in programs if not _still_there(noted.get(program.name))]
    if not wanted:
        return
    lacking = [program for program in wanted if not _note_if_found(program, noted, deps)]
    if lacking:
        packages = _packages(lacking)
        _bring_packages(lacking, packages, noted, deps, say)
    _write_notes(deps, noted)


def _bring_packages(
    lacking: list[Program], packages: list[str], noted: dict[str, str], deps: Path, say: Callable[[str], None]
) -> None:
    names, started = " ".join(packages), time.monotonic()
    if not debian.is_here():
        raise Missing(f"please install these with your system's package manager, then run again: {names}")
    try:
        installed = not any(program.unpacked for program in lacking)
        if installed and os.geteuid() == 0 and not os.environ.get("LINKID_PRIVATE_PROGRAMS"):
            say(f"installing with apt-get: {names}")
            debian.install(packages)
            left = [program for program in lacking if not _note_if_found(program, noted, deps)]
        else:
            say(f"bringing into var/deps: {names} (the first time takes a minute or two)")
            tree = debian.PrivateTree(deps / "debian", deps / "apt")
            tree.add(packages)
            left = [program for program in lacking if not _note_private(program, noted, tree, deps)]
    except debian.AptFailed as cause:
        raise Missing(f"please run as root: apt-get install {names}   ({cause})") from cause
    if left:
        names = " ".join(_packages(left))
        raise Missing(f"{left[0].name} does not run on this machine; please run as root: apt-get install {names}")
    say(f"programs ready ({time.monotonic() - started:.0f} s)")


def _packages(programs: list[Program]) -> list[str]:
    return list(dict.fromkeys(name for program in programs for name in (program.package, *program.extra)))


def _note_if_found(program: Program, noted: dict[str, str], deps: Path) -> bool:
    """Note where the machine has *program*, in its usual places or on PATH."""
    found = [path for place in program.places for path in sorted(Path("/").glob(place))]
    found += [Path(path) for path in [shutil.which(program.name)] if path]
    for path in found:
        if _works(program, path):
            noted[program.name] = str(_wrapper(program, path, deps, "") if program.wrapper else path)
            return True
    return False


def _note_private(program: Program, noted: dict[str, str], tree: debian.PrivateTree, deps: Path) -> bool:
    """Note the module itself, or a small wrapper that tells the program where its libraries and fonts are."""
    found = next((path for place in program.places for path in sorted(tree.root.glob(place))), None)
    if found is None:
        return False
    if program.proof is None and ".so" in found.suffixes:
        noted[program.name] = str(found)
        return True
    where = (
        f'export LD_LIBRARY_PATH="{":".join(map(str, tree.libraries()))}"\n'
        f'export FONTCONFIG_FILE="{_fonts(tree, deps)}"\n' + program.private.replace("{tree}", str(tree.root))
    )
    wrapper = _wrapper(program, found, deps, where)
    noted[program.name] = str(wrapper)
    return _works(program, wrapper)


def _wrapper(program: Program, found: Path, deps: Path, where: str) -> Path:
    wrapper = deps / "bin" / program.name
    wrapper.parent.mkdir(exist_ok=True)
    wrapper.write_text(
        f'#!/bin/sh\n# Written by tools/programs.py.\n{where}{program.wrapper}exec "{found}" "$@"\n', encoding="utf-8"
    )
    wrapper.chmod(0o755)
    return wrapper


def _fonts(tree: debian.PrivateTree, deps: Path) -> Path:
    """A fontconfig file that knows the private fonts and the machine's own, with a cache that we may write."""
    file = deps / "fonts.conf"
    file.write_text(
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n<fontconfig>\n'
        f"  <dir>{tree.root}/usr/share/fonts</dir>\n  <dir>/usr/share/fonts</dir>\n"
        f"  <cachedir>{deps}/fontcache</cachedir>\n"
        f'  <include ignore_missing="yes">{tree.root}/etc/fonts/conf.d</include>\n'
        '  <include ignore_missing="yes">/etc/fonts/conf.d</include>\n</fontconfig>\n'
    )
    return file


def _works(program: Program, path: Path) -> bool:
    if program.proof is None:
        return path.exists()
    try:
        return subprocess.run([path, *program.proof], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _still_there(path: str | None) -> bool:
    return path is not None and Path(path).exists()


def _noted(deps: Path) -> dict[str, str]:
    try:
        return dict(json.loads((deps / "programs.json").read_text())["programs"])
    except (OSError, ValueError, KeyError):
        return {}


def _write_notes(deps: Path, noted: dict[str, str]) -> None:
    fresh = deps / "programs.json.new"
    fresh.write_text(json.dumps({"v": 1, "programs": noted}, indent=2, sort_keys=True) + "\n")
    fresh.replace(deps / "programs.json")
