"""The association ceremony's calls (docs/protocol.md section 9.3)."""

from typing import Final

from desktop_agent import VERSION
from desktop_agent.client.http import Caller, Reply, refusal_of
from desktop_agent.domain.encoding import integer
from desktop_agent.domain.link import Link, LinkState, read_computer, read_link, with_key
from desktop_agent.errors import NotLinked, UntrustedServer

PREFIX: Final = "/links/v1"
LOOK_SECONDS: Final = 10.0
"""One look. A look that hangs must not freeze the QR for half a minute."""


class WrongCheckCode(Exception):
    """The three digits were wrong, and there are tries left."""

    def __init__(self, tries_left: int | None) -> None:
        super().__init__("wrong check code")
        self.tries_left = tries_left


class Links:
    """One ceremony at a time, by this computer's key."""

    def __init__(self, caller: Caller, app: str) -> None:
        """``app``: the pinned address of the app; no QR that opens anything else is accepted."""
        self._caller = caller
        self._app = app
        self._link = ""
        self._state = LinkState.WAITING

    async def start(self, name: str, os: str) -> None:
        """Begin. Raises ServiceRefused, NoConnection."""
        reply = await self._caller.call("POST", PREFIX, {"name": name, "os": os, "version": VERSION})
        if not reply.ok:
            raise refusal_of(reply)
        link = reply.content.get("link")
        if not isinstance(link, str) or not link.startswith("lnk_") or not link.removeprefix("lnk_").isalnum():
            raise UntrustedServer("O serviço não abriu uma associação.")
        self._link, self._state = link, LinkState.WAITING

    async def look(self) -> Link:
        """How it stands. Raises NoConnection (try again), UntrustedServer."""
        reply = await self._caller.call("GET", f"{PREFIX}/{self._link}", seconds=LOOK_SECONDS)
        if reply.status in (404, 410):
            self._state = LinkState.DEAD
            return Link(LinkState.DEAD, seconds_left=0)
        if not reply.ok:
            raise refusal_of(reply)
        link = read_link(reply.content, app=self._app, before=self._state)
        self._state = link.state
        return with_key(link, self._caller.key.thumbprint())

    async def check(self, code: str) -> str:
        """The digits shown on the phone.

        Answers our ``cmp_`` id. Raises WrongCheckCode, NotLinked when it was the last try.
        """
        reply = await self._caller.call("POST", f"{PREFIX}/{self._link}/check", {"code": code})
        if reply.ok:
            return read_computer(reply.content)
        left = integer(reply.content.get("tries_left"))
        if reply.status in (404, 410) or left == 0:
            raise NotLinked("O código de conferência foi digitado errado três vezes.")
        if _is_wrong_code(reply):
            raise WrongCheckCode(left)
        raise refusal_of(reply)

    async def give_up(self) -> None:
        """Tell the service (and through it the phone) that nobody waits here any more."""
        if self._link:
            await self._caller.call("DELETE", f"{PREFIX}/{self._link}", seconds=LOOK_SECONDS)

    async def end_association(self, computer: str) -> bool:
        """End this computer's association. False when the service cannot do it from here. Raises NoConnection."""
        reply = await self._caller.call("DELETE", f"{PREFIX}/computers/{computer}")
        if reply.status >= 500:
            raise refusal_of(reply)
        return reply.ok or reply.content.get("code") in ("not_authenticated", "not_associated")


def _is_wrong_code(reply: Reply) -> bool:
    return str(reply.content.get("code", "")).endswith("code_wrong")
