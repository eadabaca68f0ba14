"""What a newcomer is given, and where it is kept: `var/sandbox/kit.json`, and `var/sandbox/env` for a shell to read."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from linkid.sandbox.people import HOLDERS
from linkid.settings import Settings

REDIRECT: Final = "http://127.0.0.1:8765/callback"
_PASSWORD_LENGTH: Final = 12


@dataclass
class Kit:
    """Secrets of a sandbox: of nobody, and yet 0600, so that nobody learns to leave such files open."""

    folder: Path
    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    """By holder."""
    credentials: dict[str, str] = field(default_factory=dict)
    """By holder, once they have one."""
    client: str | None = None
    client_secret: str | None = field(default=None, repr=False)

    @classmethod
    def load(cls, settings: Settings) -> Kit:
        """The one that is kept, or a fresh one with passwords, kept from now on."""
        folder = settings.var / "sandbox"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            kept = json.loads((folder / "kit.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            kept = {}
        kit = cls(folder, **{name: kept[name] for name in _KEPT if name in kept})
        for holder in HOLDERS:
            kit.passwords.setdefault(holder.key, _new_password())
        kit.save()
        return kit

    @property
    def env_file(self) -> Path:
        """Lines of `export`, for `. var/sandbox/env`."""
        return self.folder / "env"

    def save(self) -> None:
        """Whole or not at all."""
        _write(self.folder / "kit.json", json.dumps({name: getattr(self, name) for name in _KEPT}, indent=1) + "\n")

    def write_env(self, settings: Settings) -> None:
        """The file for the shell."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.variables(settings).items()]
        _write(self.env_file, "\n".join(["# made by `linkid sandbox`: test data, worth nothing", *lines, ""]))

    def variables(self, settings: Settings) -> dict[str, str]:
        """What the examples and the tutorial read."""
        return {
            "LINKID_URL": by_number(settings.url("gateway")),
            "LINKID_ROOT": str(settings.places.root_certificate),
            "CLIENT_ID": self.client or "",
            "CLIENT_SECRET": self.client_secret or "",
            **{holder.variable: self.credentials.get(holder.key, "") for holder in HOLDERS},
        }


_KEPT: Final = ("passwords", "credentials", "client", "client_secret")


def by_number(url: str) -> str:
    """A bare Debian or a container may not know the name localhost, and programs that are not browsers ask for it."""
    return url.replace("//localhost:", "//127.0.0.1:")


def card(kit: Kit, settings: Settings) -> str:
    """Everything a newcomer needs, on one screen."""
    url = by_number(settings.url("gateway"))
    people = [f"    {kit.credentials[one.key]}  {one.name:<18} {one.about}" for one in HOLDERS]
    return "\n".join(
        [
            "",
            "  The Link ID sandbox is ready. Its certificates are TEST certificates: their root",
            f"  ({settings.places.root_certificate})",
            "  calls itself a development authority, and nothing signed here binds anybody.",
            "",
            f"    signing API      {url}/csc/v2   (CSC 2.0; 1.0.4 at {url}/csc/v1)",
            f"    Brazilian API    {url}/v0/oauth   (as ITI has it; vendors' manners: docs/psc-api.md)",
            f"    authorization    {url}/oauth2   (settings: {url}/.well-known/oauth-authorization-server)",
            f"    API description  {url}/docs/api/   (OpenAPI 3.1: {url}/openapi.json)",
            f"    phone app        {settings.url('app')}/   (SMS and e-mail: {settings.url('gateway')}/dev/inbox)",
            f"    applications     {settings.url('gateway')}/integradores   (register your own; sign in as Ana:",
            "                     .venv/bin/linkid sandbox --identify CODE, with the code below the QR code)",
            f"    server's log     {_short(kit.folder / 'server.log')}",
            "",
            f"    client_id        {kit.client}",
            f"    client_secret    {kit.client_secret}",
            f"    redirect_uri     {REDIRECT}",
            "",
            "  Test holders. Each has a real key, a real password and a phone that is a program:",
            "",
            *people,
            "",
            "  In another terminal:",
            "",
            f"    . {_short(kit.env_file)}",
            '    curl -s "$LINKID_URL/oauth2/token" -u "$CLIENT_ID:$CLIENT_SECRET" -d grant_type=client_credentials',
            '    .venv/bin/python examples/python/sign_pdf.py contract.pdf "$HOLDER_APPROVES"',
            "",
            "  From zero to a signed PDF: docs/tutorial.md. Ctrl-C stops it; the next one has the same people.",
            "",
        ]
    )


def _short(path: Path) -> str:
    """As one would type it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _new_password() -> str:
    """Twelve letters and digits, some of each."""
    alphabet = string.ascii_letters + string.digits
    while True:
        made = "".join(secrets.choice(alphabet) for _ in range(_PASSWORD_LENGTH))
        if any(one.isdigit() for one in made) and any(one.isalpha() for one in made):
            return made


def _write(file: Path, text: str) -> None:
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    fresh.replace(file)
