"""What this computer remembers: one folder per environment it is associated with, none of it secret.

`<data>/linkid-desktop/<environment>/` holds `profile.json` (who we are there) and `trust.json` (the pinned roots, the
very bytes). The association key lies elsewhere: `keychain.py`.
"""

import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platformdirs import user_data_path

from desktop_agent.errors import AgentError, BadCommand, KeychainProblem, NotAssociated, StateLost, UntrustedServer
from desktop_agent.words import of_system

if TYPE_CHECKING:  # what reads the roots takes longer to load than all else that the token needs to answer
    from desktop_agent.domain.trust import Trust

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")
CERTIFICATES: Final = "certificates.json"
"""What the daemon last heard of the certificates of an association; public."""
SITES: Final = "sites.json"
"""Which sites may see them; each entry under the holder's own signature."""
HOME_VARIABLE: Final = "LINKID_DESKTOP_HOME"
"""Another place for state and key file, for tests and portable use."""


@dataclass(frozen=True)
class Profile:
    """One association."""

    name: str
    computer: str
    """Our ``cmp_`` id."""
    computer_name: str
    keychain: str
    """Where the association key rests: ``keyring`` or ``file``."""
    associated_at: str
    """RFC 3339."""
    ca: str | None = None
    """A file of certificate authorities for https, for services of one's own network."""


class Profiles:
    """The folders."""

    def __init__(self, home: Path | None = None) -> None:
        chosen = os.environ.get(HOME_VARIABLE)
        self.home = home or (Path(chosen) if chosen else user_data_path("linkid-desktop", appauthor=False))

    def folder(self, name: str) -> Path:
        """Where a profile lives. Raises BadCommand for a name that is none."""
        if not _NAME.match(name):
            raise BadCommand(
                f"“{name}” não serve como nome de perfil.", "Use letras minúsculas, números, ponto e hífen."
            )
        return self.home / name

    def names(self) -> list[str]:
        """The associated ones, in order."""
        return sorted(path.parent.name for path in self.home.glob("*/profile.json"))

    def choose(self, name: str | None) -> "tuple[Profile, Trust]":
        """The named profile, or the only one.

        Raises NotAssociated, StateLost, BadCommand when there are several and none was named.
        """
        names = self.names()
        if name is None:
            if not names:
                raise NotAssociated("Este computador ainda não está associado a um celular.")
            if len(names) > 1:
                raise BadCommand(
                    f"Este computador está associado em mais de um ambiente: {', '.join(names)}.",
                    "Escolha um com --profile NOME.",
                )
            name = names[0]
        elif name not in names:
            known = f" Existem: {', '.join(names)}." if names else ""
            raise NotAssociated(f"Não há associação com o nome “{name}”.{known}")
        return self._load(name)

    def pinned(self, name: str) -> "Trust | None":
        """The trust pinned under ``name``, association or not. None when there is none, or nobody can read it."""
        from desktop_agent.domain.trust import read_trust

        path = self.folder(name) / "trust.json"
        with suppress(OSError, UntrustedServer):
            return read_trust(path.read_bytes())
        return None

    def save(self, profile: Profile, trust: "Trust") -> None:
        """Pin ``trust`` and remember ``profile``. Raises KeychainProblem."""
        folder = self.folder(profile.name)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(folder / "trust.json", trust.source)
            write_private(folder / "profile.json", json.dumps(asdict(profile), indent=1, ensure_ascii=False).encode())
        except OSError as cause:
            raise KeychainProblem(f"Não foi possível guardar a associação em {folder}: {of_system(cause)}.") from cause

    def forget(self, name: str) -> None:
        """Remove an association. The pinned trust goes too: the next association shows its fingerprint again."""
        folder = self.folder(name)
        for file in ("profile.json", "trust.json", CERTIFICATES, SITES):
            (folder / file).unlink(missing_ok=True)
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()

    def _load(self, name: str) -> "tuple[Profile, Trust]":
        from desktop_agent.domain.trust import read_trust

        folder = self.folder(name)
        try:
            profile = Profile(**json.loads((folder / "profile.json").read_text("utf-8")))
            trust = read_trust((folder / "trust.json").read_bytes())
        except PermissionError as cause:
            raise KeychainProblem(f"O que está em {folder} não pôde ser lido: {of_system(cause)}.") from cause
        except (OSError, ValueError, TypeError, AgentError) as cause:
            raise StateLost(f"O que estava guardado em {folder} está danificado.") from cause
        return profile, trust


def write_private(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` at once, readable by its owner only."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
