"""The kinds of things that `setup` does. Each knows how it stands, does itself, and undoes exactly what it did."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, Protocol

from desktop_agent.errors import AgentError
from desktop_agent.setup.record import Record

PATIENCE: Final = 30.0
MODULE_NAME: Final = "Link ID"


class State(Enum):
    """How a part stands on this computer."""

    DONE = "já está feito"
    TO_DO = "será feito"
    SOMEBODY_ELSES = "não será feito"
    """Something is there that we did not write; ``why`` says what."""


class Part(Protocol):
    """One thing to do. Texts are for people."""

    @property
    def what(self) -> str: ...

    def state(self, record: Record) -> tuple[State, str]:
        """And why, where it is not to be done."""
        ...

    def do(self, record: Record) -> None:
        """Raises OSError, AgentError."""
        ...

    def undo(self, record: Record) -> str:
        """Answers what was done, or why it was not."""
        ...


@dataclass(frozen=True)
class File:
    """A file of ours. One that we did not write is never replaced, one that was changed since is never removed."""

    what: str
    path: Path
    content: str
    mode: int = 0o644

    def state(self, record: Record) -> tuple[State, str]:
        if not os.path.lexists(self.path):
            return State.TO_DO, ""
        if self.path.is_file() and self.path.read_bytes() == self.content.encode():
            return State.DONE, ""
        if record.ours(self.path):
            return State.TO_DO, ""
        return State.SOMEBODY_ELSES, f"{self.path} já existe e não foi escrito por este programa"

    def do(self, record: Record) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        fresh.write_bytes(self.content.encode())
        fresh.chmod(self.mode)
        fresh.replace(self.path)
        record.wrote(self.path, self.content.encode())

    def undo(self, record: Record) -> str:
        return remove_file(self.path, record)


def remove_file(path: Path, record: Record) -> str:
    """Unless it was changed since we wrote it."""
    if not path.exists():
        record.removed(path)
        return f"{path} já não existia"
    if not record.ours(path):
        return f"{path} foi alterado depois: não foi apagado"
    path.unlink()
    record.removed(path)
    return f"{path} foi apagado"


@dataclass(frozen=True)
class NssModule:
    """Our entry in an NSS database (Firefox, Chromium, Evolution)."""

    program: str
    database: Path
    library: Path
    modutil: Path

    @property
    def what(self) -> str:
        return f"{self.program}: acrescenta o módulo “{MODULE_NAME}” em {self.database}"

    def state(self, record: Record) -> tuple[State, str]:
        if self.library.name in self._listing():
            return State.DONE, ""
        if _is_open(self.database):
            return State.SOMEBODY_ELSES, f"o {self.program} está aberto: feche-o e repita linkid-desktop setup"
        return State.TO_DO, ""

    def do(self, record: Record) -> None:
        _run(
            [str(self.modutil), "-add", MODULE_NAME, "-libfile", str(self.library), "-dbdir", f"sql:{self.database}",
             "-force"]
        )  # fmt: skip
        record.added_to(self.database)

    def undo(self, record: Record) -> str:
        if self.database not in record.databases:
            return f"{self.database} não foi alterado por este programa"
        if _is_open(self.database):
            return f"o {self.program} está aberto: feche-o e repita linkid-desktop setup --undo"
        if MODULE_NAME in self._listing():
            _run([str(self.modutil), "-delete", MODULE_NAME, "-dbdir", f"sql:{self.database}", "-force"])
        record.removed(self.database)
        return f"{self.program}: o módulo saiu de {self.database}"

    def _listing(self) -> str:
        """The file in which NSS lists its modules; empty when there is none."""
        try:
            return (self.database / "pkcs11.txt").read_text("utf-8", errors="replace")
        except OSError:
            return ""


@dataclass(frozen=True)
class NssDatabase:
    """A database for programs that use one and do not have it yet. Stays when the rest is undone: others use it."""

    database: Path
    certutil: Path

    @property
    def what(self) -> str:
        return f"cria o banco de certificados {self.database}, que o Chromium usa"

    def state(self, record: Record) -> tuple[State, str]:
        return (State.DONE if (self.database / "cert9.db").exists() else State.TO_DO), ""

    def do(self, record: Record) -> None:
        self.database.mkdir(mode=0o700, parents=True, exist_ok=True)
        _run([str(self.certutil), "-N", "-d", f"sql:{self.database}", "--empty-password"])

    def undo(self, record: Record) -> str:
        return f"{self.database} fica: outros programas também o usam"


@dataclass(frozen=True)
class Units:
    """The systemd user units of which the files are written already: known, enabled, started."""

    systemctl: Path
    socket: str

    @property
    def what(self) -> str:
        return f"ativa {self.socket}: o Link ID começa quando um programa procura o certificado"

    def state(self, record: Record) -> tuple[State, str]:
        asked = subprocess.run(
            [str(self.systemctl), "--user", "is-active", self.socket], capture_output=True, text=True, timeout=PATIENCE
        )
        return (State.DONE if asked.stdout.strip() == "active" else State.TO_DO), ""

    def do(self, record: Record) -> None:
        _run([str(self.systemctl), "--user", "daemon-reload"])
        _run([str(self.systemctl), "--user", "enable", "--now", self.socket])

    def undo(self, record: Record) -> str:
        service = self.socket.replace(".socket", ".service")
        _run([str(self.systemctl), "--user", "disable", "--now", self.socket, service])
        return f"{self.socket} foi desativado"


def _is_open(profile: Path) -> bool:
    """Firefox leaves a link ``lock`` to ``address:+pid`` while it runs."""
    try:
        pid = os.readlink(profile / "lock").rpartition("+")[2]
    except OSError:
        return False
    return pid.isdigit() and Path(f"/proc/{pid}").exists()


def _run(words: list[str]) -> None:
    """Raises AgentError with what the program said."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as cause:
        raise AgentError(f"{Path(words[0]).name} não terminou.", "") from cause
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or [""]
        raise AgentError(f"{Path(words[0]).name} não conseguiu: {said[0][:200]}", "")


def found(name: str) -> Path | None:
    """A program on the PATH."""
    there = shutil.which(name)
    return Path(there) if there else None
