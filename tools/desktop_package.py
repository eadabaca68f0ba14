#!/usr/bin/env python3
"""Builds `linkid-desktop` for people who have neither this tree nor its environment. Without root, without the network.

    python -m tools.desktop_package folder OUT            OUT/linkid-desktop/: one folder; bin/linkid-desktop starts it
    python -m tools.desktop_package deb OUT               OUT/linkid-desktop_0.1.0_amd64.deb
    … --window                                            with the window (and Qt: 90 MB more)

The libraries are those of locks/desktop.txt (or window.txt), taken from this environment, which `make setup` installed
by their hashes; one that is missing here or has another version stops the build. The package has no maintainer scripts:
nothing of it runs as root. It holds compiled libraries, so it is for the Python and architecture that build it.
"""

from __future__ import annotations

import argparse
import compileall
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import Marker

from desktop_agent.setup import desktop, plan

ROOT = Path(__file__).resolve().parent.parent
AGENT = ROOT / "desktop_agent"
_LINE = re.compile(r"^([a-z0-9.-]+)==([^ ;\\]+)(?: *; *([^\\]+?))? *\\?$", re.MULTILINE)
_LAUNCHER = """\
#!/usr/bin/python3 -IS
# Isolated: nothing of the user's Python environment is loaded beside a key.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from desktop_agent.__main__ import main  # noqa: E402

sys.exit(main())
"""
_CONTROL = """\
Package: linkid-desktop
Version: {version}
Architecture: {architecture}
Maintainer: Link ID <suporte@linkid.invalid>
Installed-Size: {size}
Depends: {depends}
Recommends: libnss3-tools, libnotify-bin
Section: utils
Priority: optional
Description: the certificate in the cloud, in every program
 Signs documents, and shows a certificate in the cloud to browsers and other programs
 as a token would; every signature is approved on the holder's own phone.
"""
_WINDOW_NEEDS = (
    "libegl1, libxkbcommon-x11-0, libxcb-cursor0, libxcb-icccm4, libxcb-keysyms1, libdbus-1-3, libfontconfig1"
)
_INSTALLED = Path("/opt/linkid-desktop")


class CannotBuild(Exception):
    """What is missing, in a line."""


def locked(window: bool) -> Iterator[Distribution]:
    """What the lock names for this machine, as it is installed here. Raises CannotBuild."""
    lock = ROOT / "locks" / ("window.txt" if window else "desktop.txt")
    for name, version, marker in _LINE.findall(lock.read_text("utf-8")):
        if marker and not Marker(marker).evaluate():
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError as cause:
            raise CannotBuild(f"{name} is not installed here; run: make setup") from cause
        if found.version != version:
            raise CannotBuild(f"{name} is {found.version} here and {version} in {lock.name}; run: make setup")
        yield found


def wheel(into: Path) -> Path:
    """Our own distribution, as `uv tool install` and pipx get it."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    done = subprocess.run(words, cwd=AGENT, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotBuild(done.stderr)
    (made,) = into.glob("linkid_desktop-*.whl")
    return made


def folder(into: Path, *, window: bool, compiled: bool = True) -> Path:
    """``into/linkid-desktop``: bin and lib."""
    tree = into / "linkid-desktop"
    library = tree / "lib"
    library.mkdir(parents=True)
    for one in locked(window):
        for file in one.files or []:
            if ".." not in file.parts and "__pycache__" not in file.parts:  # no commands of libraries, no caches
                target = library / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), target)
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(wheel(Path(scratch))) as ours:
        ours.extractall(library)
    if compiled:
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(library, quiet=2, workers=0, stripdir=library, invalidation_mode=mode)
    launcher = tree / "bin" / "linkid-desktop"
    launcher.parent.mkdir()
    launcher.write_text(_LAUNCHER, "utf-8")
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path == launcher else 0o644)
    tree.chmod(0o755)
    return tree


def deb(into: Path, *, window: bool, compiled: bool = True, compression: str = "xz") -> Path:
    """The Debian package. Raises CannotBuild."""
    version = tomllib.loads((AGENT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True).stdout.strip()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        opt = root / _INSTALLED.relative_to("/").parent
        opt.mkdir(parents=True)
        folder(opt, window=window, compiled=compiled)
        _around(root, window=window)
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink()) // 1024
        _write(
            root / "DEBIAN" / "control",
            _CONTROL.format(version=version, architecture=architecture, size=size, depends=_depends(window)),
        )
        for path in (one for one in (root, *root.rglob("*")) if one.is_dir()):
            path.chmod(0o755)
        into.mkdir(parents=True, exist_ok=True)
        made = into / f"linkid-desktop_{version}_{architecture}.deb"
        words = ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", str(root), str(made)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotBuild(done.stderr)
        return made


def _around(root: Path, *, window: bool) -> None:
    """What the system is told: the command, the user's units (enabled by a link), and the window's entries."""
    command = root / "usr" / "bin" / "linkid-desktop"
    command.parent.mkdir(parents=True)
    command.symlink_to(_INSTALLED / "bin" / "linkid-desktop")
    for name, content in plan.packaged_units(Path("/usr/bin/linkid-desktop")).items():
        _write(root / "usr/lib/systemd/user" / name, content)
    wanted = root / "usr/lib/systemd/user/sockets.target.wants" / plan.SOCKET_UNIT
    wanted.parent.mkdir()
    wanted.symlink_to(f"../{plan.SOCKET_UNIT}")
    _write(root / "usr/share/doc/linkid-desktop/copyright", (ROOT / "LICENSE").read_text("utf-8"))
    if window:
        icon = Path("/usr/share/icons/hicolor/scalable/apps/linkid-desktop.svg")
        _write(root / icon.relative_to("/"), desktop.ICON.read_text("utf-8"))
        for name, content in desktop.packaged(Path("/usr/bin/linkid-desktop"), icon).items():
            _write(root / "usr/share" / name, content)


def _depends(window: bool) -> str:
    major, minor = sys.version_info[:2]
    python = f"python3 (>= {major}.{minor}~), python3 (<< {major}.{minor + 1}~)"
    return f"{python}, p11-kit-modules" + (f", {_WINDOW_NEEDS}" if window else "")


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    path.chmod(0o644)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("folder", "deb", "wheel"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--window", action="store_true")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    try:
        if chosen.what == "wheel":
            made = wheel(chosen.out)
        else:
            made = (folder if chosen.what == "folder" else deb)(chosen.out, window=chosen.window)
    except CannotBuild as cannot:
        print(cannot, file=sys.stderr)
        return 1
    print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
