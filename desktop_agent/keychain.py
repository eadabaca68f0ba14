"""Where the association key rests: the desktop's own key store when there is one that works, else a 0600 file.

The key alone signs nothing: the phone still approves. But whoever has it can ask in this computer's name, so it does
not lie around in a file that every backup takes along, where that can be helped.
"""

import asyncio
import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

import keyring
import keyring.errors
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from desktop_agent.errors import KeychainProblem, StateLost
from desktop_agent.profiles import Profile, write_private
from desktop_agent.words import of_system

SERVICE: Final = "linkid-desktop"
STORE_SECONDS: Final = 15.0
"""A locked key store asks for its password in a window; where nobody sees the window we must not hang."""
_PROBE: Final = "teste"
_UNLOCK: Final = "Desbloqueie-o (o sistema pede a senha em uma janela) e repita o comando."


T = TypeVar("T")


class Keychain(Protocol):
    """One secret per profile."""

    name: str
    """What the profile remembers: ``keyring`` or ``file``."""

    def where(self, profile: Profile) -> str:
        """For people: where the key rests."""
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
    """A file that only its owner reads."""

    name = "file"

    def __init__(self, home: Path) -> None:
        self._home = home

    def where(self, profile: Profile) -> str:
        return f"arquivo {self._path(profile)} (só o seu usuário lê)"

    async def save(self, profile: Profile, key: ECKey) -> None:
        path = self._path(profile)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, _pem(key).encode("ascii"))
        except OSError as cause:
            raise KeychainProblem(f"Não foi possível guardar a chave em {path}: {of_system(cause)}.") from cause

    async def load(self, profile: Profile) -> ECKey:
        path = self._path(profile)
        try:
            mode, pem = stat.S_IMODE(path.stat().st_mode), path.read_text("ascii")
        except (FileNotFoundError, ValueError) as cause:
            raise StateLost(f"A chave deste computador não está mais em {path}.") from cause
        except OSError as cause:
            raise KeychainProblem(
                f"A chave deste computador não pôde ser lida em {path}: {of_system(cause)}."
            ) from cause
        if os.name == "posix" and mode & 0o077:
            raise KeychainProblem(
                f"Outros usuários podem ler {path}.",
                f"Se ninguém o copiou: chmod 600 '{path}'. Na dúvida: linkid-desktop remove, e associe de novo.",
            )
        return _key(pem)

    async def forget(self, profile: Profile) -> None:
        try:
            self._path(profile).unlink(missing_ok=True)
        except OSError as cause:
            raise KeychainProblem(f"Não foi possível apagar {self._path(profile)}: {of_system(cause)}.") from cause

    def _path(self, profile: Profile) -> Path:
        return self._home / profile.name / "association-key.pem"


async def choose(home: Path, wanted: str | None = None) -> Keychain:
    """``wanted`` (``keyring`` or ``file``), else the best that works.

    Raises KeychainProblem when the wanted one does not.
    """
    if wanted == "file":
        return FileKeychain(home)
    desktop = KeyringKeychain()
    if await desktop.works():
        return desktop
    if wanted == "keyring":
        raise KeychainProblem("O chaveiro do sistema não está disponível.", "Use --keychain file.")
    return FileKeychain(home)


def named(name: str, home: Path) -> Keychain:
    """The one a profile remembers."""
    return KeyringKeychain() if name == "keyring" else FileKeychain(home)


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
