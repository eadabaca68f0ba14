"""What ties the file of the association key to this machine: a copy of it opens nowhere else (decision 0057).

Two ways, the better one first. Neither stops a program that this user runs here, nor root: they may ask as we do.

**systemd**, from version 256 on, seals for one user of one machine, under a key that only root can read, and the TPM's
where the machine has one. It takes no rights: its service knows by the socket which user asks.

**machine**: AES-256-GCM under a key that is derived from `/etc/machine-id`. That is no secret on the machine itself,
and lies on the same disk; but it does not lie in the home, so a backup of the home, a folder that is synchronized, or a
home that was copied to a stick has not got it. This is all that an ordinary user can have of an older system: the
kernel's keys do not outlive a start of the machine, and any second file of ours would lie in the same home.
"""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from desktop_agent.errors import KeychainProblem, StateLost

MACHINE_ID: Final = Path("/etc/machine-id")
CREDENTIALS_SOCKET: Final = Path("/run/systemd/io.systemd.Credentials")
"""Where `systemd-creds` asks when it is no root who calls it."""
CREDENTIALS_PROGRAM: Final = "systemd-creds"
_ANSWER_SECONDS: Final = 15.0
"""A TPM takes a second or two."""
_SALT, _NONCE, _KEY = 32, 12, 32
_INFO: Final = b"linkid-desktop association key v1"
_MACHINE_ID = re.compile(r"[0-9a-f]{32}")
_ELSEWHERE: Final = "Se esta pasta veio de outra máquina, ou o sistema foi reinstalado: linkid-desktop associate"


class CannotSeal(Exception):
    """Not on this machine."""


class Seal(Protocol):
    """Blocks for a moment. ``label``: what the secret is for; another label does not open it."""

    name: str
    """What the file says."""
    how: str
    """For people, behind the words "o arquivo está"."""
    against: str
    """For people: what it stops, and what not."""

    def seal(self, secret: bytes, label: str) -> bytes:
        """Raises CannotSeal."""
        ...

    def open(self, sealed: bytes, label: str) -> bytes:
        """Raises StateLost (of another machine, or damaged), KeychainProblem (not now)."""
        ...


class MachineSeal:
    """By `/etc/machine-id`."""

    name = "machine"
    how = "selado para esta máquina"
    against = (
        "Quem copia a sua pasta, ou um backup dela, não abre a chave em outra máquina. "
        "Quem leva o disco inteiro abre, e também um programa que roda aqui como o seu usuário."
    )

    def __init__(self, machine_id: Path = MACHINE_ID) -> None:
        self._path = machine_id

    def seal(self, secret: bytes, label: str) -> bytes:
        salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
        return salt + nonce + AESGCM(self._key(salt)).encrypt(nonce, secret, label.encode())

    def open(self, sealed: bytes, label: str) -> bytes:
        salt, nonce, rest = sealed[:_SALT], sealed[_SALT : _SALT + _NONCE], sealed[_SALT + _NONCE :]
        try:
            return AESGCM(self._key(salt)).decrypt(nonce, rest, label.encode())
        except CannotSeal as cause:
            raise KeychainProblem(
                f"A chave foi selada para uma máquina, e {self._path} não diz qual é esta."
            ) from cause
        except (InvalidTag, ValueError) as cause:
            raise StateLost(
                "A chave deste computador foi selada para outra máquina, ou o arquivo dela está danificado.", _ELSEWHERE
            ) from cause

    def _key(self, salt: bytes) -> bytes:
        return HKDF(SHA256(), _KEY, salt, _INFO).derive(self._machine().encode("ascii"))

    def _machine(self) -> str:
        """Raises CannotSeal where there is none, or another one after every start (a live system, a container)."""
        try:
            found = self._path.read_text("ascii").strip()
        except (OSError, ValueError) as cause:
            raise CannotSeal from cause
        if not _MACHINE_ID.fullmatch(found) or os.path.ismount(self._path):
            raise CannotSeal
        return found


class SystemdSeal:
    """By `systemd-creds --user`: the program, since its protocol is its own affair."""

    name = "systemd"
    how = "selado pelo systemd para esta máquina e este usuário"
    against = (
        "Quem copia a sua pasta, ou um backup dela, não abre a chave; outro usuário também não. "
        "Um programa que roda aqui como o seu usuário abre; quem leva o disco inteiro, só se a máquina não tem TPM."
    )

    def __init__(self, socket: Path = CREDENTIALS_SOCKET) -> None:
        self._socket = socket

    def seal(self, secret: bytes, label: str) -> bytes:
        program = shutil.which(CREDENTIALS_PROGRAM)
        if program is None or not self._socket.exists():
            raise CannotSeal
        try:
            return self._ask(program, "encrypt", secret, label)
        except (OSError, subprocess.SubprocessError) as cause:  # older than 256, or its service refuses
            raise CannotSeal from cause

    def open(self, sealed: bytes, label: str) -> bytes:
        program = shutil.which(CREDENTIALS_PROGRAM)
        if program is None:
            raise KeychainProblem(f"A chave foi selada pelo systemd, e falta o programa {CREDENTIALS_PROGRAM}.")
        try:
            return self._ask(program, "decrypt", sealed, label)
        except subprocess.CalledProcessError as cause:
            raise StateLost(
                "O systemd não abriu a chave deste computador: é de outra máquina ou de outro usuário, está "
                "danificada, ou o TPM não responde.",
                f"Repita o comando. {_ELSEWHERE}",
            ) from cause
        except (OSError, subprocess.SubprocessError) as cause:
            raise KeychainProblem("O systemd não respondeu, e a chave deste computador está selada por ele.") from cause

    def _ask(self, program: str, what: str, given: bytes, label: str) -> bytes:
        words = [program, "--user", f"--name=linkid-desktop.{label}", what, "-", "-"]
        done = subprocess.run(words, input=given, capture_output=True, timeout=_ANSWER_SECONDS, check=True)
        return done.stdout


class NoSeal:
    """Where nothing better can be had: the file says so, and whoever looks is told."""

    name = "none"
    how = "não selado"
    against = (
        "Só o seu usuário lê o arquivo; mas quem copia a sua pasta, ou um backup dela, pode pedir assinaturas em nome "
        "deste computador. Sem o seu celular e a sua senha, nada é assinado."
    )

    def seal(self, secret: bytes, label: str) -> bytes:
        return secret

    def open(self, sealed: bytes, label: str) -> bytes:
        return sealed


def usual() -> Sequence[Seal]:
    """The best first; the last one always works."""
    return SystemdSeal(), MachineSeal(), NoSeal()
