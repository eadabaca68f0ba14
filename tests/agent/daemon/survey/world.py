"""One cell's world: a computer that is associated, its daemon, the service, and servers that want a certificate."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from desktop_agent import places
from desktop_agent.daemon.control import call
from desktop_agent.domain.trust import read_trust
from desktop_agent.keychain import FileKeychain
from desktop_agent.profiles import Profile, Profiles
from linkid.platform import ProgramMissing, program
from tests.agent.daemon import programs
from tests.agent.daemon.conftest import ROOT
from tests.agent.daemon.programs import Done
from tests.agent.daemon.survey.phone import Phone
from tests.agent.pki import Authority, Holder, der
from tests.sandbox_phone.roots import Roots, new_id

PATIENCE = 240.0
"""Seconds: two approvals of 45 s, and what a slow machine adds."""
MARIA, ANA = "MARIA DA SILVA", "ANA SOUZA"
ANOTHER_PYTHON = 'exec 3<&{p11} 4<&{control}; export LISTEN_PID=$$ LISTEN_FDS=2; exec "$@"'


class Lacking(Exception):
    """This machine has not what the row needs; the message says what."""


@dataclass
class People:
    """The same for every world: keys take long to make."""

    authority: Authority
    maria: Holder
    ana: Holder

    @classmethod
    def new(cls) -> People:
        authority = Authority()
        return cls(authority, Holder(authority), Holder(authority, f"{ANA}:98765432100", ecdsa=True))


class Daemon:
    """Behind sockets that were there before it: whoever connects while none runs starts one, as systemd would do."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._sockets: dict[str, socket.socket] = {}
        self._closed = False
        self.starts = 0
        run = home / "run"
        run.mkdir(mode=0o700)
        for name in (places.P11, places.CONTROL):
            listening = self._sockets[name] = socket.socket(socket.AF_UNIX)
            listening.bind(str(run / name))
            (run / name).chmod(0o600)
            listening.listen(64)
        self._wait()

    def _wait(self) -> None:
        for one in self._sockets.values():
            asyncio.get_running_loop().add_reader(one, self._somebody_came)

    def _somebody_came(self) -> None:
        for one in self._sockets.values():
            asyncio.get_running_loop().remove_reader(one)
        self._watching = asyncio.create_task(self._run())

    async def _run(self) -> None:
        numbers = {name: one.fileno() for name, one in self._sockets.items()}
        self.starts += 1
        with (self._home / "journal").open("ab") as journal:
            self._process = await asyncio.create_subprocess_exec(
                "bash", "-c", ANOTHER_PYTHON.format(**numbers), "bash", sys.executable, "-m", "desktop_agent", "daemon",
                env=self.environment, pass_fds=[*numbers.values()], stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL, stderr=journal,
            )  # fmt: skip
        await self._process.wait()
        if not self._closed:
            self._wait()

    @property
    def environment(self) -> dict[str, str]:
        """For our own commands."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return kept | {
            "LINKID_DESKTOP_HOME": str(self._home), "HOME": str(self._home),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    @property
    def address(self) -> str:
        return f"unix:path={self._home}/run/{places.P11}"

    @property
    def control(self) -> Path:
        return self._home / "run" / places.CONTROL

    async def kill(self) -> None:
        """Without a word, as the system does when memory is short."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def close(self) -> None:
        self._closed = True
        for one in self._sockets.values():
            asyncio.get_running_loop().remove_reader(one)
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 20)
            except TimeoutError:
                self._process.kill()
        if self._watching is not None:
            await self._watching
        for one in self._sockets.values():
            one.close()


@dataclass
class World:
    """Everything a row needs."""

    folder: Path
    phone: Phone
    people: People
    daemon: Daemon
    environment: dict[str, str]
    port: int = 0
    visitors: list[str] = field(default_factory=list)
    said: str = ""
    """What the last program printed."""
    alive: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Programs that live on after their turn, until the world or `end_programs` ends them."""
    running: dict[str, Any] = field(default_factory=dict)

    async def run(self, *words: str | Path, **extra: str) -> Done:
        if shutil.which(str(words[0])) is None:
            raise Lacking(f"{Path(words[0]).name} is not on this machine")
        done = await programs.run(words, self.environment | extra, self.folder, PATIENCE)
        self.said = f"{self.said}\n{done.output}"
        return done

    async def start(self, *words: str | Path, **extra: str) -> asyncio.subprocess.Process:
        """A program that lives on; what it prints is in the file ``printed``. With its children it is one group."""
        if shutil.which(str(words[0])) is None:
            raise Lacking(f"{Path(words[0]).name} is not on this machine")
        with (self.folder / "printed").open("ab") as printed:
            process = await asyncio.create_subprocess_exec(
                *map(str, words), env=self.environment | extra, cwd=self.folder, stdin=asyncio.subprocess.DEVNULL,
                stdout=printed, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.alive.push_async_callback(_end, process)
        return process

    async def end_programs(self) -> None:
        self.running.clear()
        await self.alive.aclose()
        self.alive = AsyncExitStack()

    async def until(self, happened: Callable[[], object], seconds: float = 5.0) -> bool:
        """Whether it has."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not happened():
                    await asyncio.sleep(0.02)
        return bool(happened())

    async def nss(self) -> Path:
        database = self.folder / "nss"
        return database if database.exists() else await programs.nss_database(self.folder, self.environment)


async def _end(process: asyncio.subprocess.Process) -> None:
    for number, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived it


def here(name: str) -> Path:
    """A program that the set-up may have brought. Raises Lacking."""
    try:
        return program(name)
    except ProgramMissing:
        raise Lacking(f"{name} is not on this machine") from None


def named(variable: str, what: str) -> Path:
    """What the environment names. Raises Lacking."""
    path = Path(os.environ.get(variable) or "/nonexistent")
    if not path.exists():
        raise Lacking(f"{what} is not on this machine")
    return path


@asynccontextmanager
async def world(people: People) -> AsyncIterator[World]:
    """A computer that was associated a moment ago, with the certificates of Maria (RSA) and Ana (elliptic)."""
    folder = Path(tempfile.mkdtemp(prefix="lk", dir="/tmp"))
    phone = Phone(Roots(), people.authority, people.maria)
    phone.credentials[new_id("cred")] = people.ana
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        service = TestServer(phone.app(), host="127.0.0.1")
        await service.start_server()
        stack.push_async_callback(service.close)
        phone.roots.app = phone.roots.gateway = str(service.make_url("")).rstrip("/")
        profiles, key = Profiles(folder / "home"), ECKey.generate_key("P-256")
        phone.key = key
        profile = Profile("test", phone.computer, "Notebook", "file", "2026-01-01T00:00:00Z")
        await FileKeychain(profiles.home).save(profile, key)
        profiles.save(profile, read_trust(phone.roots.trust()))
        daemon = Daemon(profiles.home)
        stack.push_async_callback(daemon.close)
        environment = {
            "P11_KIT_SERVER_ADDRESS": daemon.address, "PATH": os.environ["PATH"], "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder), "LANG": "C.UTF-8",
        }  # fmt: skip
        made = World(folder, phone, people, daemon, environment)
        stack.push_async_callback(made.end_programs)
        _papers(made)
        server = await _tls_server(made)
        stack.callback(server.close)
        await call(daemon.control, "refresh")  # starts it, and has the certificates on file
        yield made


def _papers(world: World) -> None:
    """Files that programs are pointed at."""
    maria, folder = world.people.maria, world.folder
    pem, public = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "data").write_bytes(b"o que se assina\n")
    (folder / "maria.pem").write_bytes(maria.certificate.public_bytes(pem))
    (folder / "maria.pub").write_bytes(maria.key.public_key().public_bytes(pem, public))
    (folder / "authority.pem").write_bytes(world.people.authority.certificate.public_bytes(pem))


def _server_certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "server.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.key").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


async def _tls_server(world: World) -> asyncio.AbstractServer:
    """Wants a certificate of the holders' authority, and greets by name."""
    context = _server_certificate(world.folder)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=der(world.people.authority.certificate))

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: Any = writer.get_extra_info("peercert")
        who = ", ".join(value for part in peer["subject"] for name, value in part if name == "commonName")
        with suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            await reader.readuntil(b"\r\n\r\n")
        world.visitors.append(who)
        body = who.encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context, ssl_handshake_timeout=PATIENCE)
    world.port = server.sockets[0].getsockname()[1]
    return server
