"""Which sites may see which certificate on this computer: each under the holder's own signature, in a file of its
association. What lies there is believed for nothing: it holds if that signature does, every time it is asked for.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from desktop_agent.domain.site import Permission, Site, read_site
from desktop_agent.errors import AgentError, RefusedOnPhone
from desktop_agent.pkcs11.token import Held
from desktop_agent.profiles import SITES, Profiles, write_private

MOST_SITES: Final = 1000
"""Of one association; the oldest goes."""
MOST_BYTES: Final = 2 * 1024 * 1024
REFUSED_SECONDS: Final = 600
"""A site that was refused does not ring again before: pages try again by themselves."""
MOST_REFUSED: Final = 1000


@dataclass(frozen=True)
class Allowed:
    """The permit without which nothing is told to a page and nothing signed for it. Made by `Sites` alone."""

    origin: str
    held: Held


class Sites:
    """``computer_of``: the ``cmp_`` id of an association. ``clock``: seconds since 1970."""

    def __init__(self, profiles: Profiles, computer_of: Callable[[str], str], clock: Callable[[], int]) -> None:
        self._profiles, self._computer_of, self._clock = profiles, computer_of, clock
        self._known: dict[str, list[Site]] = {}
        self._refused: dict[tuple[str, str], int] = {}

    def allowed(self, origin: str, held: Held) -> Allowed | None:
        """1. a permission for this site, certificate and computer; 2. the holder's signature over exactly that."""
        computer = self._computer_of(held.profile)
        for site in self._of(held.profile):
            said = site.permission
            if (said.origin, said.credential, said.computer) != (origin, held.credential, computer):  # 1
                continue
            if site.holds(held.certificate):  # 2
                return Allowed(origin, held)
        return None

    def remember(self, permission: Permission, held: Held, signature: bytes) -> Allowed | None:
        """From now on. A disk that refuses costs the memory of it, not the visit."""
        known = self._of(held.profile)
        known[:] = [site for site in known if not _same(site.permission, permission)][-(MOST_SITES - 1) :]
        known.append(Site(permission, signature))
        self._write(held.profile)
        return self.allowed(permission.origin, held)

    def forget(self, origin: str) -> int:
        """The site may see nothing any more, and may ask anew. How many permissions went."""
        self._refused = {key: until for key, until in self._refused.items() if key[0] != origin}
        gone = 0
        for profile in self._profiles.names():
            known = self._of(profile)
            kept = [site for site in known if site.permission.origin != origin]
            gone += len(known) - len(kept)
            if len(kept) != len(known):
                self._known[profile] = kept
                self._write(profile)
        return gone

    def listed(self, held: Sequence[Held]) -> Iterator[tuple[Permission, Held]]:
        """Those that hold for certificates that are here."""
        for one in held:
            for site in self._of(one.profile):
                if site.permission.credential == one.credential and self.allowed(site.permission.origin, one):
                    yield site.permission, one

    def refused(self, origin: str, held: Held) -> None:
        """The holder said no."""
        now = self._clock()
        self._refused = {key: until for key, until in self._refused.items() if until > now}
        while len(self._refused) >= MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[origin, held.credential] = now + REFUSED_SECONDS

    def demand_not_refused(self, origin: str, held: Held) -> None:
        """Raises RefusedOnPhone."""
        if self._refused.get((origin, held.credential), 0) > self._clock():
            raise RefusedOnPhone(
                "Este site foi recusado há pouco neste computador.",
                f"Para que ele possa pedir de novo: linkid-desktop sites --forget {origin}",
            )

    def drop(self, profile: str) -> None:
        """An association that ended, or began anew: what is on file is read again."""
        self._known.pop(profile, None)

    def _of(self, profile: str) -> list[Site]:
        if profile not in self._known:
            self._known[profile] = [*self._read(self._file(profile))][-MOST_SITES:]
        return self._known[profile]

    def _read(self, path: Path) -> Iterator[Site]:
        """What can be read; the rest is as if it were not there."""
        kept: object = []
        with suppress(OSError, ValueError, RecursionError):
            kept = json.loads(path.read_bytes()) if path.stat().st_size <= MOST_BYTES else []
        for one in kept if isinstance(kept, list) else []:
            with suppress(AgentError):
                yield read_site(one)

    def _write(self, profile: str) -> None:
        with suppress(OSError):
            write_private(self._file(profile), json.dumps([one.kept() for one in self._known[profile]]).encode())

    def _file(self, profile: str) -> Path:
        return self._profiles.folder(profile) / SITES


def _same(one: Permission, other: Permission) -> bool:
    return (one.origin, one.credential) == (other.origin, other.credential)
