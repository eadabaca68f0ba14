"""The Brazilian dialect on the services of `signing_world`, with phones that a test answers for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from foundation.ids import new_id
from hsm_service.psc.ports import CallAnswer
from hsm_service.psc.settings import PscSettings

SETTINGS = PscSettings.model_construct(**{**PscSettings().model_dump(), "wait_seconds": 0, "discoveries_per_minute": 5})
"""No call waits: what a test wants to happen meanwhile happens between two calls."""


@dataclass
class Call:
    """Phones that ring."""

    secret: str
    client: str
    client_name: str
    scope: str
    address: str
    credential: str
    answer: CallAnswer = field(default_factory=lambda: CallAnswer("waiting"))


class Calls:
    """Pairing's calls, in memory: `last.answer = CallAnswer("approved", (credential,))` is the holder's part."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}

    async def call(
        self, secret: str, *, client: str, client_name: str, scope: str, address: str, credential: str
    ) -> Sequence[str]:
        link = new_id("lnk")
        self.calls[link] = Call(secret, client, client_name, scope, address, credential)
        return [link]

    async def answer(self, calls: Sequence[str], secret: str) -> CallAnswer:
        (link,) = calls
        assert self.calls[link].secret == secret
        return self.calls[link].answer

    @property
    def last(self) -> Call:
        """The newest."""
        return list(self.calls.values())[-1]
