"""What people install: the wheel in an empty environment, the folder, the Debian package; started as strangers do."""

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from desktop_agent.pkcs11.wire import u32
from desktop_agent.profiles import CERTIFICATES, HOME_VARIABLE, Profiles
from tests.agent.daemon.conftest import short_folder  # noqa: F401
from tests.agent.daemon.p11_client import P11Client
from tests.agent.pki import Holder
from tools import desktop_package

BARE = {"PATH": "/usr/bin:/bin", "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once; neither compiled nor compressed, which changes nothing but how long it takes."""
    if shutil.which("dpkg-deb") is None:
        pytest.fail("dpkg-deb is not here: install dpkg")
    return desktop_package.deb(tmp_path_factory.mktemp("deb"), window=False, compiled=False, compression="none")


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As it lies on a computer."""
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    return root


def test_what_lies_in_the_package(package: Path, unpacked: Path) -> None:
    """All is root's, nothing is setuid or writable by others; no script runs as root; units are enabled by a link."""
    listing = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    lines = [line.split(None, 5) for line in listing.splitlines()]
    assert {line[1] for line in lines} == {"root/root"}
    for line in lines:
        assert re.fullmatch(r"[-d]r[w-][-x]r-[-x]r-[-x]|lrwxrwxrwx", line[0]), line
    control = subprocess.run(["dpkg-deb", "-I", package], capture_output=True, text=True, check=True).stdout
    assert not re.search(r"\b(preinst|postinst|prerm|postrm|conffiles)\b", control)
    assert "p11-kit-modules" in control
    units = unpacked / "usr/lib/systemd/user"
    assert "ListenStream=%t/linkid/p11" in (units / "linkid-desktop.socket").read_text()
    assert 'ExecStart="/usr/bin/linkid-desktop" daemon' in (units / "linkid-desktop.service").read_text()
    assert (units / "sockets.target.wants/linkid-desktop.socket").resolve() == units / "linkid-desktop.socket"
    assert not list(unpacked.rglob("*tests*/agent*")), "our tests stay here"
    for stranger in ("hsm_service", "linkid", "asyncpg", "PySide6"):
        assert not (unpacked / "opt/linkid-desktop/lib" / stranger).exists()


async def test_it_shows_the_token(
    unpacked: Path,
    associated: ECKey,
    profiles: Profiles,
    short_folder: Path,  # noqa: F811
) -> None:
    """The unpacked program starts with nothing of ours around it, and answers a program."""
    command = [sys.executable, "-IS", str(unpacked / "opt/linkid-desktop/bin/linkid-desktop")]
    home = {"LINKID_DESKTOP_HOME": str(profiles.home), "HOME": str(short_folder)}
    environment = BARE | home | {"PYTHONPATH": "/nowhere"}
    asked = subprocess.run([*command, "--help"], env=environment, capture_output=True, text=True, timeout=60)
    assert "Para começar" in asked.stdout
    daemon = await asyncio.create_subprocess_exec(*command, "daemon", str(short_folder), env=environment)
    try:
        client = await connected(short_folder / "p11")
        answer = await client.call("get_slot_list", b"\0" + u32(4))
        assert answer.byte() == 1
        await client.close()
    finally:
        daemon.terminate()
        assert await daemon.wait() == 0


async def connected(socket: Path) -> P11Client:
    """As soon as somebody listens there."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await P11Client.connect(socket)
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(0.01)


def test_the_wheel_in_an_empty_environment(unpacked: Path, tmp_path: Path) -> None:
    """With the locked libraries and nothing else, as `uv tool install` does it, the command is there and speaks."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    wheel = desktop_package.wheel(tmp_path)
    uv = Path(sys.executable).with_name("uv")
    words = [uv, "pip", "install", "-q", "--offline", "--no-deps", "--no-index", "--python", python, wheel]
    alone = BARE | {"HOME": str(tmp_path), "UV_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run([str(word) for word in words], check=True, env=alone)
    (library,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    for one in (unpacked / "opt/linkid-desktop/lib").iterdir():
        if not one.name.startswith(("desktop_agent", "linkid_desktop")):
            (library / one.name).symlink_to(one)
    home = BARE | {"HOME": str(tmp_path), "LINKID_DESKTOP_HOME": str(tmp_path / "home")}
    done = subprocess.run([tmp_path / "venv/bin/linkid-desktop", "--help"], env=home, capture_output=True, text=True)
    assert (done.returncode, "Códigos de saída" in done.stdout) == (0, True), done.stderr
    done = subprocess.run([tmp_path / "venv/bin/linkid-desktop", "window"], env=home, capture_output=True, text=True)
    assert done.returncode == 2
    done = subprocess.run(
        [tmp_path / "venv/bin/linkid-desktop", "window"], env=home | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, "linkid-desktop[window]" in done.stderr) == (2, True)


async def test_what_the_first_answer_needs_not(associated: ECKey, profiles: Profiles, maria: Holder) -> None:
    """The daemon shows what is on file without HTTP, JOSE or PDFs: programs wait for its first answer."""
    heavy = ("aiohttp", "joserfc", "pyhanko", "keyring", "qrcode", "PySide6")
    code = f"""if True:
        import sys
        from desktop_agent.daemon.process import Daemon
        from desktop_agent.profiles import CERTIFICATES, HOME_VARIABLE, Profiles
        assert Daemon(Profiles(), None).token.present
        print([name for name in {heavy} if name in sys.modules])
    """
    certificates = json.dumps([{"credential": "c", "chain": [base64.b64encode(one).decode() for one in maria.chain]}])
    (profiles.folder("test") / CERTIFICATES).write_text(certificates)
    env = dict(os.environ) | {HOME_VARIABLE: str(profiles.home)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_library_of_another_version_stops_the_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is packed is what the lock says, or nothing."""
    (tmp_path / "locks").mkdir()
    monkeypatch.setattr(desktop_package, "ROOT", tmp_path)
    lock = tmp_path / "locks" / "desktop.txt"
    for line, why in (("cryptography==1.0 \\\n", "is .* here and 1.0"), ("no-such-library==1.0 \\\n", "not installed")):
        lock.write_text(line)
        with pytest.raises(desktop_package.CannotBuild, match=why):
            list(desktop_package.locked(window=False))
    lock.write_text("no-such-library==1.0 ; sys_platform == 'win32' \\\n")
    assert list(desktop_package.locked(window=False)) == []
