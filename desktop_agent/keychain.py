"""Where the association key rests: in the TPM where this user may use it, else in the desktop's own key store where one
works, else in a 0600 file, sealed.

The key alone signs nothing: the phone still approves. But whoever has it can ask in this computer's name, so it does
not lie around in a file that every backup takes along, where that can be helped.
"""

import asyncio
import base64
import json
import os
import stat
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

import keyring
import keyring.errors
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from desktop_agent.errors import KeychainProblem, StateLost
from desktop_agent.profiles import Profile, write_private
from desktop_agent.sealing import CannotSeal, NoSeal, Seal, usual
from desktop_agent.tpm import Halves, NoTpm, Tpm, TpmPrivateKey
from desktop_agent.words import of_system

SERVICE: Final = "linkid-desktop"
STORE_SECONDS: Final = 15.0
"""A locked key store asks for its password in a window; where nobody sees the window we must not hang."""
_PROBE: Final = "teste"
_SEALED, _PLAIN = "association-key.json", "association-key.pem"
_UNLOCK: Final = "Desbloqueie-o (o sistema pede a senha em uma janela) e repita o comando."


T = TypeVar("T")


class Keychain(Protocol):
    """One secret per profile."""

    name: str
    """What the profile remembers: ``tpm``, ``keyring`` or ``file``."""

    def where(self, profile: Profile) -> str:
        """For people: where the key rests."""
        ...

    def against(self, profile: Profile) -> str:
        """For people: whom that stops, and whom not."""
        ...

    async def make(self) -> ECKey:
        """A new key, to be saved here and nowhere else. Raises KeychainProblem."""
        ...

    async def save(self, profile: Profile, key: ECKey) -> None:
        """Raises KeychainProblem."""
        ...

    async def load(self, profile: Profile) -> ECKey:
        """Raises KeychainProblem, StateLost when it is gone for good."""
        ...

    async def forget(self, profile: Profile) -> None:
        """Harmless when there is nothing."""
        ...


class KeyringKeychain:
    """The desktop's: Secret Service (GNOME, KDE), macOS Keychain, Windows Credential Manager."""

    name = "keyring"

    def where(self, profile: Profile) -> str:
        return f"chaveiro do sistema ({keyring.get_keyring().name})"

    def against(self, profile: Profile) -> str:
        return (
            "Quem copia a sua pasta, ou leva o disco, precisa da senha do chaveiro. "
            "Um programa que roda aqui como o seu usuário, com o chaveiro aberto, lê a chave."
        )

    async def works(self) -> bool:
        """Write, read and remove something: a backend that is there but locked or broken says so only then."""

        def probe() -> bool:
            keyring.set_password(SERVICE, _PROBE, _PROBE)
            found = keyring.get_password(SERVICE, _PROBE)
            keyring.delete_password(SERVICE, _PROBE)
            return found == _PROBE

        try:
            return await _in_thread(probe)
        except KeychainProblem:
            return False

    async def make(self) -> ECKey:
        return ECKey.generate_key("P-256")

    async def save(self, profile: Profile, key: ECKey) -> None:
        await _in_thread(lambda: keyring.set_password(SERVICE, profile.computer, _pem(key)))

    async def load(self, profile: Profile) -> ECKey:
        pem = await _in_thread(lambda: keyring.get_password(SERVICE, profile.computer))
        if not pem:
            raise StateLost("A chave deste computador não está no chaveiro do sistema.")
        return _key(str(pem))

    async def forget(self, profile: Profile) -> None:
        def remove() -> None:
            with suppress(keyring.errors.PasswordDeleteError):  # it was not there
                keyring.delete_password(SERVICE, profile.computer)

        await _in_thread(remove)


class FileKeychain:
    """A file that only its owner reads, sealed to this machine where that can be had (`sealing.py`)."""

    name = "file"

    def __init__(self, home: Path, seals: Sequence[Seal] | None = None) -> None:
        """``seals``: the best first; None: those of this system."""
        self._home = home
        self._seals = usual() if seals is None else seals

    def where(self, profile: Profile) -> str:
        return f"arquivo {self._path(profile)} ({self._seal_of(profile).how})"

    def against(self, profile: Profile) -> str:
        return self._seal_of(profile).against

    async def make(self) -> ECKey:
        return ECKey.generate_key("P-256")

    async def save(self, profile: Profile, key: ECKey) -> None:
        try:
            self._folder(profile).mkdir(mode=0o700, parents=True, exist_ok=True)
            await asyncio.to_thread(self._write, profile, _pem(key).encode("ascii"))
        except OSError as cause:
            folder = self._folder(profile)
            raise KeychainProblem(f"Não foi possível guardar a chave em {folder}: {of_system(cause)}.") from cause

    async def load(self, profile: Profile) -> ECKey:
        path = self._path(profile)
        try:
            mode, content = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
        except FileNotFoundError as cause:
            raise StateLost(f"A chave deste computador não está mais em {self._folder(profile)}.") from cause
        except OSError as cause:
            raise KeychainProblem(
                f"A chave deste computador não pôde ser lida em {path}: {of_system(cause)}."
            ) from cause
        if os.name == "posix" and mode & 0o077:
            raise KeychainProblem(
                f"Outros usuários podem ler {path}.",
                f"Se ninguém o copiou: chmod 600 '{path}'. Na dúvida: linkid-desktop remove, e associe de novo.",
            )
        if path.name == _PLAIN:
            key = _key(content.decode("ascii", "replace"))
            with suppress(OSError):  # a disk that only reads: it stays as it is, and `status` says so
                await asyncio.to_thread(self._write, profile, content)
            return key
        seal, sealed = self._read(content)
        return _key((await asyncio.to_thread(seal.open, sealed, profile.computer)).decode("ascii", "replace"))

    async def forget(self, profile: Profile) -> None:
        for path in (self._folder(profile) / _SEALED, self._folder(profile) / _PLAIN):
            try:
                path.unlink(missing_ok=True)
            except OSError as cause:
                raise KeychainProblem(f"Não foi possível apagar {path}: {of_system(cause)}.") from cause

    def _write(self, profile: Profile, pem: bytes) -> None:
        """Under the best seal that opens again; the other file goes when this one stands. Raises OSError."""
        sealed, plain = self._folder(profile) / _SEALED, self._folder(profile) / _PLAIN
        for seal in self._seals:
            try:
                made = seal.seal(pem, profile.computer)
                if seal.open(made, profile.computer) != pem:
                    continue
            except (CannotSeal, KeychainProblem):
                continue
            content = {"v": 1, "seal": seal.name, "sealed": base64.b64encode(made).decode("ascii")}
            write_private(sealed, json.dumps(content).encode())
            plain.unlink(missing_ok=True)
            return

    def _read(self, content: bytes) -> tuple[Seal, bytes]:
        """Raises StateLost."""
        try:
            said = json.loads(content)
            if said["v"] != 1:
                raise ValueError
            seal = next(one for one in self._seals if one.name == said["seal"])
            return seal, base64.b64decode(said["sealed"], validate=True)
        except (ValueError, TypeError, KeyError, StopIteration, RecursionError) as cause:
            raise StateLost("A chave guardada está danificada.") from cause

    def _seal_of(self, profile: Profile) -> Seal:
        with suppress(OSError, StateLost):
            return self._read((self._folder(profile) / _SEALED).read_bytes())[0]
        return NoSeal()

    def _folder(self, profile: Profile) -> Path:
        return self._home / profile.name

    def _path(self, profile: Profile) -> Path:
        """The plain one is an earlier version's, where it stands alone."""
        sealed, plain = self._folder(profile) / _SEALED, self._folder(profile) / _PLAIN
        return plain if plain.exists() and not sealed.exists() else sealed


class TpmKeychain:
    """In the TPM; the file holds what only that TPM can read (`tpm.py`)."""

    name = "tpm"

    def __init__(self, home: Path, tpm: Tpm | None = None) -> None:
        self._home, self._tpm = home, tpm or Tpm()

    def where(self, profile: Profile) -> str:
        return "TPM desta máquina"

    def against(self, profile: Profile) -> str:
        return (
            "A chave não sai do TPM: quem copia a sua pasta, ou leva o disco, não a usa. "
            "Um programa que roda aqui como o seu usuário pode pedir ao TPM que a use."
        )

    async def demand(self) -> None:
        """Whether there is a TPM that answers. Raises KeychainProblem."""
        try:
            await asyncio.to_thread(self._tpm.demand)
        except NoTpm as cause:
            raise KeychainProblem(str(cause), "Use --keychain keyring, ou file.") from cause

    async def make(self) -> ECKey:
        try:
            return await asyncio.to_thread(self._tpm.make)
        except NoTpm as cause:
            raise KeychainProblem(str(cause)) from cause

    async def save(self, profile: Profile, key: ECKey) -> None:
        private = key.private_key
        if not isinstance(private, TpmPrivateKey):
            raise TypeError("a key that was made elsewhere does not enter the TPM")
        content = {name: base64.b64encode(half).decode("ascii") for name, half in asdict(private.halves).items()}
        path = self._path(profile)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, json.dumps({"v": 1} | content).encode())
        except OSError as cause:
            raise KeychainProblem(f"Não foi possível guardar a chave em {path}: {of_system(cause)}.") from cause

    async def load(self, profile: Profile) -> ECKey:
        path = self._path(profile)
        try:
            said = json.loads(path.read_bytes())
            if said["v"] != 1:
                raise ValueError
            halves = Halves(*(base64.b64decode(said[name], validate=True) for name in ("public", "private")))
        except FileNotFoundError as cause:
            raise StateLost(f"A chave deste computador não está mais em {path}.") from cause
        except OSError as cause:
            raise KeychainProblem(
                f"A chave deste computador não pôde ser lida em {path}: {of_system(cause)}."
            ) from cause
        except (ValueError, TypeError, KeyError, RecursionError) as cause:
            raise StateLost("A chave guardada está danificada.") from cause
        await self.demand()
        return await asyncio.to_thread(self._tpm.open, halves)

    async def forget(self, profile: Profile) -> None:
        """The halves go; the TPM itself keeps nothing of ours."""
        path = self._path(profile)
        try:
            path.unlink(missing_ok=True)
        except OSError as cause:
            raise KeychainProblem(f"Não foi possível apagar {path}: {of_system(cause)}.") from cause

    def _path(self, profile: Profile) -> Path:
        return self._home / profile.name / "association-key.tpm.json"


async def choose(home: Path, wanted: str | None = None) -> Keychain:
    """``wanted`` (``tpm``, ``keyring`` or ``file``), else the best that works.

    Raises KeychainProblem when the wanted one does not.
    """
    if wanted == "file":
        return FileKeychain(home)
    if wanted in (None, "tpm"):
        chip = TpmKeychain(home)
        try:
            await chip.demand()
        except KeychainProblem:
            if wanted == "tpm":
                raise
        else:
            return chip
    desktop = KeyringKeychain()
    if await desktop.works():
        return desktop
    if wanted == "keyring":
        raise KeychainProblem("O chaveiro do sistema não está disponível.", "Use --keychain file.")
    return FileKeychain(home)


def named(name: str, home: Path) -> Keychain:
    """The one a profile remembers."""
    match name:
        case "keyring":
            return KeyringKeychain()
        case "tpm":
            return TpmKeychain(home)
        case _:
            return FileKeychain(home)


async def replace(home: Path, before: Profile, after: Profile) -> None:
    """Forget the key of ``before``, unless that of ``after`` has taken its very place already."""
    if before.keychain != after.keychain or (before.keychain == "keyring" and before.computer != after.computer):
        with suppress(KeychainProblem):
            await named(before.keychain, home).forget(before)


def _pem(key: ECKey) -> str:
    return key.as_pem(private=True).decode("ascii")


def _key(pem: str) -> ECKey:
    try:
        key = ECKey.import_key(pem)
    except (JoseError, ValueError) as cause:
        raise StateLost("A chave guardada está danificada.") from cause
    if not key.is_private or key.curve_name != "P-256":
        raise StateLost("A chave guardada não é a deste programa.")
    return key


async def _in_thread(work: Callable[[], T]) -> T:
    """Key stores block, and may ask the person. Raises KeychainProblem.

    A thread of its own that may be left behind: the loop's executor would wait at exit for a window nobody answers.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def deliver(outcome: Callable[[], None]) -> None:
        if not done.done():
            outcome()

    def run() -> None:
        outcome: Callable[[], None]
        try:
            outcome = partial(done.set_result, work())
        except Exception as error:  # backends raise whatever their platform raises
            outcome = partial(done.set_exception, error)
        with suppress(RuntimeError):  # the program has gone on, and ended, without us
            loop.call_soon_threadsafe(deliver, outcome)

    threading.Thread(target=run, daemon=True).start()
    try:
        return await asyncio.wait_for(done, STORE_SECONDS)
    except TimeoutError as cause:
        raise KeychainProblem("O chaveiro do sistema não respondeu.", _UNLOCK) from cause
    except keyring.errors.KeyringLocked as cause:
        raise KeychainProblem("O chaveiro do sistema está bloqueado.", _UNLOCK) from cause
    except Exception as cause:
        raise KeychainProblem("O chaveiro do sistema falhou.") from cause
