"""What the holder has approved already: late yeses, and sessions. In memory only: whoever ends this program ends them.

A **late yes** is one signature over one digest, for the program that asked for it. It was approved as every signature
is; only the program had stopped waiting. It serves once, for the same program, certificate, algorithm and digest, and
only for a short while. It never serves another digest: a TLS handshake that is tried again signs something new, and so
does the second run of a program that signs once for size.

A **session** (docs/walkthroughs/one-session.md) is what serves those: so many signatures until a time, approved on the
phone under a purpose that the holder reads. Here it can be narrowed further, to one program.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from desktop_agent.domain.algorithm import Algorithm
from desktop_agent.domain.request import Terms

LATE_YES_SECONDS: Final = 120
MOST_LATE: Final = 64


@dataclass(frozen=True)
class Asked:
    """What an approval is for. ``program``: `peer.Program.identity`; ``digest``: of several documents, joined."""

    program: str
    profile: str
    credential: str
    algorithm: Algorithm
    digest: bytes


@dataclass
class OpenSession:
    """A session that this program may use. ``program`` None: any program of this user."""

    profile: str
    credential: str
    activation: str
    sad: str = field(repr=False)
    terms: Terms
    program: str | None = None
    handle: str = field(default="", repr=False)
    """By which the service is told that it ends."""
    used: int = 0

    @property
    def left(self) -> int:
        return self.terms.maximum - self.used

    def serves(self, asked: Asked, program_name: str, now: int) -> bool:
        """Same certificate and algorithm, not over, not used up, and for this program."""
        return (
            (self.profile, self.credential) == (asked.profile, asked.credential)
            and (self.terms.sign_algorithm, self.terms.hash_algorithm)
            == (asked.algorithm.name, asked.algorithm.hash_name)
            and self.program in (None, program_name)
            and now < self.terms.until
            and self.left > 0
        )


class Grants:
    """``clock``: seconds since 1970."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._late: dict[Asked, tuple[Sequence[bytes], int]] = {}
        self.sessions: dict[str, OpenSession] = {}

    def keep(self, asked: Asked, signatures: Sequence[bytes]) -> None:
        """A yes came when nobody waited any more."""
        self._forget_old()
        while len(self._late) >= MOST_LATE:
            del self._late[next(iter(self._late))]
        self._late[asked] = signatures, self._clock() + LATE_YES_SECONDS

    def take(self, asked: Asked) -> Sequence[bytes] | None:
        """The signatures that such a yes allowed, once."""
        self._forget_old()
        found = self._late.pop(asked, None)
        return found[0] if found else None

    def session_for(self, asked: Asked, program_name: str) -> tuple[OpenSession, int] | None:
        """A session that serves, and the counter of its next use; the use is counted here before it is made."""
        self._forget_old()
        for session in self.sessions.values():
            if session.serves(asked, program_name, self._clock()):
                session.used += 1
                return session, session.used
        return None

    def open(self, session: OpenSession) -> None:
        self.sessions[session.activation] = session

    def end(self, activation: str) -> OpenSession | None:
        """It serves nobody any more. Answers it, if there was one."""
        return self.sessions.pop(activation, None)

    def forget(self, profile: str) -> None:
        """Everything of an association that ended."""
        self._late = {asked: kept for asked, kept in self._late.items() if asked.profile != profile}
        self.sessions = {key: one for key, one in self.sessions.items() if one.profile != profile}

    def listed(self) -> list[OpenSession]:
        self._forget_old()
        return [replace(session) for session in self.sessions.values()]

    def _forget_old(self) -> None:
        now = self._clock()
        self._late = {asked: kept for asked, kept in self._late.items() if kept[1] > now}
        self.sessions = {key: one for key, one in self.sessions.items() if one.terms.until > now and one.left > 0}
