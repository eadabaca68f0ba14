"""The daemon as a process: sockets handed over or its own, one for each user, and nothing left on the phone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from desktop_agent.daemon.control import call
from desktop_agent.errors import BadCommand, NoConnection
from desktop_agent.pkcs11.codes import Cka, Ckm
from desktop_agent.pkcs11.peer import describe
from desktop_agent.profiles import Profiles
from tests.agent.daemon.conftest import ROOT, Running
from tests.agent.daemon.p11_client import Ckr, P11Client
from tests.agent.gateway_double import AgentGateway


class Outside:
    """Our command as another process, with a home of its own."""

    def __init__(self, home: Path) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = kept | {
            "LINKID_DESKTOP_HOME": str(home), "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    async def start(
        self, *words: str, fds: Sequence[int] = (), prefix: Sequence[str] = ()
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *prefix, sys.executable, "-m", "desktop_agent", *words, env=self.environment, pass_fds=fds,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def run(self, *words: str) -> tuple[int, str, str]:
        process = await self.start(*words)
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
def outside(short_folder: Path, profiles: Profiles, associated: ECKey) -> Outside:
    """The associated computer, its home within reach of a socket's name."""
    (short_folder / "home").symlink_to(profiles.home)
    (profiles.home / "run").symlink_to(short_folder)
    return Outside(short_folder / "home")


async def until_it_answers(path: Path) -> P11Client:
    async with asyncio.timeout(60):
        while True:
            try:
                return await P11Client.connect(path)
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.02)


async def test_one_for_each_user_and_nothing_left_behind(
    outside: Outside, short_folder: Path, gateway: AgentGateway
) -> None:
    """A second daemon goes away; SIGTERM takes what waits off the phone; the next one takes the place of the first."""
    gateway.answer = "never"
    first = await outside.start("daemon")
    program = await until_it_answers(short_folder / "p11")
    for name in ("p11", "control"):
        assert stat.S_IMODE((short_folder / name).stat().st_mode) == 0o600
    status, _, err = await outside.run("daemon")
    assert (status, "já está funcionando" in err) == (2, True)
    (key,) = await program.find(await program.session(), {Cka.CLASS: 3})
    signing = asyncio.ensure_future(program.sign(key, Ckm.SHA256_RSA_PKCS, b"x"))
    async with asyncio.timeout(30):
        while not (gateway.requests and gateway.requests[-1]["checks"]):
            await asyncio.sleep(0.02)
    first.send_signal(signal.SIGTERM)
    assert await first.wait() == 0
    assert len(gateway.withdrawn) == 1
    with pytest.raises(ConnectionError):
        await signing
    second = await outside.start("daemon")
    again = await until_it_answers(short_folder / "p11")
    assert await again.find(await again.session(), {Cka.CLASS: 3})  # from its file, before the service was asked
    second.terminate()
    await second.wait()
    for one in (program, again):
        await one.close()


async def test_sockets_that_systemd_hands_over(outside: Outside, short_folder: Path, gateway: AgentGateway) -> None:
    """A program that connects before the daemon is there is answered when it comes (sd_listen_fds).

    Killed while a request waits, nothing is signed and nobody took the request back; the sockets are still there, and
    the next daemon takes it back, finds the same certificates and signs.
    """
    with socket.socket(socket.AF_UNIX) as p11, socket.socket(socket.AF_UNIX) as control:
        for one, name in ((p11, "p11"), (control, "control")):
            one.bind(str(short_folder / f"systemd-{name}"))
            one.listen()
        shell = f'exec 3<&{p11.fileno()} 4<&{control.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=2; exec "$@"'

        async def started() -> asyncio.subprocess.Process:
            fds = (p11.fileno(), control.fileno())
            return await outside.start("daemon", fds=fds, prefix=("bash", "-c", shell, "bash"))

        early = asyncio.ensure_future(P11Client.connect(short_folder / "systemd-p11"))
        first = await started()
        async with asyncio.timeout(60):
            program = await early
        status = await call(short_folder / "systemd-control", "status")
        assert status["pid"] == first.pid
        assert not (short_folder / "p11").exists()

        gateway.answer = "never"
        (key,) = await program.find(await program.session(), {Cka.CLASS: 3})
        signing = asyncio.ensure_future(program.sign(key, Ckm.SHA256_RSA_PKCS, b"x"))
        async with asyncio.timeout(60):
            while not (gateway.requests and gateway.requests[-1]["checks"]):
                await asyncio.sleep(0.02)
        first.kill()
        await first.wait()
        with pytest.raises(ConnectionError):
            await signing
        assert gateway.withdrawn == []
        gateway.answer = "approve"
        early = asyncio.ensure_future(P11Client.connect(short_folder / "systemd-p11"))
        second = await started()
        async with asyncio.timeout(60):
            again = await early
        (key,) = await again.find(await again.session(), {Cka.CLASS: 3})
        assert await again.sign(key, Ckm.SHA256_RSA_PKCS, b"x")
        assert len(gateway.requests) == 2
        async with asyncio.timeout(60):  # by the second daemon, in the first one's place
            while not gateway.withdrawn:
                await asyncio.sleep(0.02)
        second.terminate()
        await second.wait()
        await program.close()
        await again.close()


async def test_a_daemon_that_ends_before_it_answers(short_folder: Path) -> None:
    """Whoever asked it for something hears that, and not that there is none: the next call starts it again."""

    async def ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    async with await asyncio.start_unix_server(ends, str(short_folder / "control")):
        with pytest.raises(NoConnection, match="terminou antes de responder"):
            await call(short_folder / "control", "status")


async def test_an_association_that_ends(running: Running, profiles: Profiles) -> None:
    """Removed here, or ended by the service: the token is empty as soon as the daemon is told, or next asks."""
    client = await P11Client.connect(running.socket)
    (key, *_) = await client.find(await client.session(), {Cka.CLASS: 3})
    running.gateway.ended = True
    status = await call(running.control, "refresh")
    assert (status["certificates"], list(status["troubles"])) == ([], ["test"])
    running.gateway.ended = False
    assert len((await call(running.control, "refresh"))["certificates"]) == 2
    profiles.forget("test")
    status = await call(running.control, "refresh")
    assert (status["certificates"], status["troubles"]) == ([], {})
    with pytest.raises(Ckr):
        await client.sign(key, Ckm.SHA256_RSA_PKCS, b"x")
    assert not any(profiles.home.glob("*/certificates.json"))
    await client.close()


async def test_a_place_that_cannot_be_written(outside: Outside, short_folder: Path) -> None:
    """The daemon says so in one line and goes; no trace."""
    (short_folder / "file").touch()
    outside.environment["LINKID_DESKTOP_HOME"] = str(short_folder / "file" / "below")
    status, _, err = await outside.run("daemon")
    assert (status, "Traceback" in err, "não pôde começar" in err) == (1, False, True)


async def test_the_control_socket(running: Running) -> None:
    """Says how it stands; what is no request, too long or unknown is an error in words, and harms nobody."""
    assert (await call(running.control, "status"))["waiting"] == []
    with pytest.raises(BadCommand):
        await call(running.control, "sign-everything")
    for wrong in ({"seconds": 5, "maximum": 1}, {"seconds": 600, "maximum": 0}, {"seconds": "x", "maximum": 1}, {}):
        with pytest.raises(BadCommand):
            await call(running.control, "open-session", family="RSA-PKCS1", hash="SHA-256", **wrong)
    with pytest.raises(BadCommand):
        asked = {"seconds": 600, "maximum": 1, "family": "DSA", "hash": "MD5", "certificate": "MARIA"}
        await call(running.control, "open-session", **asked)
    for line in (b"\n", b"[]\n", b"{\n", b"[" * 60_000 + b"\n", b"x" * 200_000):
        reader, writer = await asyncio.open_unix_connection(str(running.control))
        writer.write(line)
        try:
            answer = await reader.readline()
        except ConnectionError:  # hung up on before all of it was read
            answer = b""
        assert answer == b"" or json.loads(answer)["error"]["code"] == "bad_command"
        writer.close()
    assert running.gateway.requests == []
    with pytest.raises(NoConnection):
        await call(running.folder / "nowhere", "status")


async def test_the_commands_about_it(running: Running, profiles: Profiles) -> None:
    """history tells what happened and what waits; sessions and verify have answers for people and programs."""
    client = await P11Client.connect(running.socket)
    (key, *_) = await client.find(await client.session(), {Cka.CLASS: 3, Cka.KEY_TYPE: 0})
    await client.sign(key, Ckm.SHA256_RSA_PKCS, b"x")
    outside = Outside(running.folder / "home")
    status, out, _ = await outside.run("history", "--json")
    (entry,) = json.loads(out)["history"]
    assert (status, entry["outcome"], entry["by"], entry["code"]) == (0, "signed", "phone", "27")
    assert "12345678909" not in out, "no CPF"
    assert stat.S_IMODE((profiles.home / "history.jsonl").stat().st_mode) == 0o600
    status, _, err = await outside.run("sessions", "--open", "soon")
    assert (status, "não é um tempo" in err) == (2, True)
    await client.close()


def test_interpreters_are_told_by_what_they_run(tmp_path: Path) -> None:
    """`python3 sign.py` is sign.py; `java -jar x.jar` is x.jar; a program that is gone has no name, and no crash."""
    for number, (exe, words, name) in enumerate(
        [
            ("/usr/bin/python3.11", ["python3", "-X", "dev", "/opt/sign.py"], "sign.py (python3.11)"),
            ("/usr/lib/jvm/bin/java", ["java", "-cp", "a:b", "-Xmx1g", "org.x.Main"], "org.x.Main (java)"),
            ("/usr/lib/jvm/bin/java", ["java", "-jar", "/opt/pje.jar", "x"], "pje.jar (java)"),
            ("/usr/bin/python3", ["python3", "-c", "print(1)"], "python3"),
            ("/usr/bin/pdfsig (deleted)", ["evil name", "x"], "pdfsig"),
        ]
    ):
        process = tmp_path / str(number)
        process.mkdir()
        (process / "exe").symlink_to(exe)
        (process / "cmdline").write_bytes("\0".join(words).encode())
        assert describe(number, tmp_path).name == name
    assert describe(99, tmp_path).name == "programa desconhecido"
