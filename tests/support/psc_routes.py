"""The Brazilian dialect on the services of `signing_world`, with phones that a test answers for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foundation.ids import new_id
from hsm_service.documents.adapters.files import read_policies
from hsm_service.documents.domain.policies import PolicyShelf
from hsm_service.documents.settings import PolicyFile, PolicySettings
from hsm_service.psc.ports import CallAnswer, Numbered
from hsm_service.psc.settings import PscSettings
from tests.documents.policy_files import policy_file

SETTINGS = PscSettings.model_construct(
    **{**PscSettings().model_dump(), "wait_seconds": 0, "discoveries_per_minute": 5, "registration": True}
)
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
    numbered: Numbered | None = None
    answer: CallAnswer = field(default_factory=lambda: CallAnswer("waiting"))


class Calls:
    """Pairing's calls, in memory: `last.answer = CallAnswer("approved", (credential,))` is the holder's part."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}

    def number(self, secret: str) -> str:
        return f"{int(secret[:8], 16) % 10_000:04}"

    async def show(
        self, secret: str, *, client: str, client_name: str, scope: str, address: str, numbered: Numbered
    ) -> tuple[str, str]:
        link = new_id("lnk")
        self.calls[link] = Call(secret, client, client_name, scope, address, "", numbered)
        return link, f"https://app.linkid.test/l#2.{link}"

    async def call(
        self,
        secret: str,
        *,
        client: str,
        client_name: str,
        scope: str,
        address: str,
        credential: str,
        numbered: Numbered | None = None,
    ) -> Sequence[str]:
        link = new_id("lnk")
        self.calls[link] = Call(secret, client, client_name, scope, address, credential, numbered)
        return [link]

    async def answer(self, calls: Sequence[str], secret: str) -> CallAnswer:
        assert {self.calls[link].secret for link in calls} == {secret}
        answers = [self.calls[link].answer for link in calls]
        for state in ("approved", "refused", "waiting"):
            for one in answers:
                if one.state == state:
                    return one
        return CallAnswer("dead")

    @property
    def last(self) -> Call:
        """The newest."""
        return list(self.calls.values())[-1]


POLICY_OID = "2.16.76.1.7.1.1.2.999"


def policies_in(folder: Path) -> PolicyShelf:
    """AD-RB of both formats; AD-RT of none, as where an operator has not set it up."""
    given = PolicyFile(file=folder / "policy.der", uri="http://politicas.example/PA.der")
    given.file.write_bytes(policy_file(POLICY_OID))
    return read_policies(PolicySettings(cades_ad_rb=given, pades_ad_rb=given))
