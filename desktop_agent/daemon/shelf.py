"""The certificates of all associations, as last heard from the service; kept in a file, so that the token is there at
once, and offline. What lies there is public, and believed for nothing: a signature that comes is verified.
"""

import base64
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from desktop_agent.domain.certificate import read_chain
from desktop_agent.errors import AgentError
from desktop_agent.pkcs11.token import Handles, Held, Token
from desktop_agent.profiles import CERTIFICATES, Profiles, write_private

MOST_BYTES: Final = 2 * 1024 * 1024


class Shelf:
    """What the token shows."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self._handles = Handles()
        self._held: dict[str, list[Held]] = {}
        self.token = Token([], self._handles)

    @property
    def profiles(self) -> set[str]:
        """Whose certificates are here."""
        return set(self._held)

    def load(self) -> None:
        """What the files say. Harmless when there is nothing, or nothing that can be read."""
        self._held = {name: self._read(name) for name in self._profiles.names()}
        self._fill()

    def put(self, profile: str, held: Sequence[Held]) -> None:
        """What the service said just now."""
        self._held[profile] = [*held]
        self._fill()
        chains = [
            {"credential": item.credential, "chain": [base64.b64encode(one).decode() for one in item.certificate.ders]}
            for item in held
        ]
        with suppress(OSError):  # next time it takes a moment longer
            write_private(self._file(profile), json.dumps(chains).encode())

    def drop(self, profile: str) -> None:
        """An association that ended."""
        self._held.pop(profile, None)
        self._fill()

    def _fill(self) -> None:
        self.token = Token([item for held in self._held.values() for item in held], self._handles)

    def _read(self, profile: str) -> list[Held]:
        with suppress(OSError, ValueError, TypeError, KeyError, AgentError):
            path = self._file(profile)
            if path.stat().st_size <= MOST_BYTES:
                return [
                    Held(profile, str(item["credential"]), read_chain([base64.b64decode(one) for one in item["chain"]]))
                    for item in json.loads(path.read_bytes())
                ]
        return []

    def _file(self, profile: str) -> Path:
        return self._profiles.folder(profile) / CERTIFICATES
