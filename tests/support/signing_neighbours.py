"""Whom the signing API asks: computers and links of pairing, the doorbell, operators, webhooks. All in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from foundation.clock import FixedClock
from foundation.database import Connection
from foundation.encoding import JsonObject
from foundation.errors import BadInput, LinkIdError
from foundation.ids import new_id
from hsm_service.credentials.errors import NoSuchCredential
from hsm_service.credentials.service import CredentialService
from hsm_service.oauth.ports import LinkView
from hsm_service.signing.ports import CredentialView
from protocol.keys import P256Key
from push.ports import Parcel
from tests.support.signing_sam import SigningSam

APP = "https://app.linkid.test"


@dataclass
class ComputerRow:
    """What pairing knows of a computer."""

    id: str
    name: str
    key: JsonObject
    credentials: Sequence[str]


class Computers:
    """Pairing's computers, in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, ComputerRow] = {}
        self.came: list[str] = []

    async def find(self, computer: str) -> ComputerRow | None:
        return self.rows.get(computer)

    async def used(self, computer: str) -> None:
        self.came.append(computer)


@dataclass
class Doorbell:
    """Counts rings that would happen if their transactions commit."""

    rings: list[tuple[str, str]] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    async def settle(self, connection: Connection, *, document: str) -> None:
        self.settled.append(document)

    async def ring(self, connection: Connection, *, document: str, credential: str) -> None:
        async def rung() -> None:
            self.rings.append((document, credential))

        connection.after_commit(rung)


class Told:
    """Where applications' events arrive; ``away``: what the carrier says instead."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.away: LinkIdError | None = None

    async def carry(self, parcel: Parcel) -> None:
        if self.away is not None:
            raise self.away
        self.events.append((str(parcel.content["to"]), parcel.content["event"]))


class Vouching:
    """An operator whose word goes to the SAM; ``away`` says why it does not arrive."""

    def __init__(self, sam: SigningSam) -> None:
        self._sam = sam
        self.away: LinkIdError | None = None

    async def registered(self, client: str, name: str, keys: Sequence[Mapping[str, str]]) -> None:
        if self.away is not None:
            raise self.away
        self._sam.integrators[client] = name
        if keys:
            self._sam.signers[client] = P256Key.from_jwk(keys[0])

    async def disabled(self, client: str, name: str) -> None:
        if self.away is not None:
            raise self.away
        self._sam.integrators.pop(client, None)


class CheckWrong(BadInput):
    """As pairing says it."""

    code = "double_check_wrong"
    message = "Código errado."


@dataclass
class PageLink:
    """A link with purpose identify."""

    key: str
    client: str
    client_name: str
    scope: str
    address: str
    state: str = "waiting"
    credentials: Sequence[str] = ()
    check_code: str = "042"
    tries: int = 0
    ended_by: str | None = None


class Links:
    """Pairing's links as the authorize page has them; `scan`, `approve` and `refuse` are the phone's part."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.links: dict[str, PageLink] = {}

    async def open(self, *, page_key: str, client: str, client_name: str, scope: str, address: str) -> str:
        assert len(page_key) == 43
        link = new_id("lnk")
        self.links[link] = PageLink(page_key, client, client_name, scope, address)
        return link

    async def look(self, link: str, *, page_key: str) -> LinkView:
        found = self._own(link, page_key)
        n = int(self._clock.now().timestamp()) % 300
        if found.state == "waiting":
            frame = f"{APP}/l#1.{found.key[:22]}.{n}.{found.key[-22:]}"
            return LinkView("waiting", 290, frame=frame, code="K7M2P-9XQ4T")
        return LinkView(found.state, 250, phone="Celular da Maria", ended_by=found.ended_by)

    async def check(self, link: str, code: str, *, page_key: str) -> Sequence[str]:
        found = self._own(link, page_key)
        assert found.state == "approved", found.state
        if code != found.check_code:
            found.tries += 1
            raise CheckWrong(data={"tries_left": 3 - found.tries})
        found.state = "associated"
        return found.credentials

    async def give_up(self, link: str, *, page_key: str) -> None:
        found = self._own(link, page_key)
        if found.state in ("waiting", "claimed", "approved"):
            found.state = "dead"

    @property
    def last(self) -> PageLink:
        """The newest."""
        return list(self.links.values())[-1]

    def _own(self, link: str, page_key: str) -> PageLink:
        found = self.links[link]
        assert found.key == page_key
        return found


class Warned:
    """Whoever tells holders."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    async def consent_ended(self, credential: str, client_name: str, since: datetime) -> None:
        self.told.append((credential, client_name))


class CredentialsPort:
    """Signing's port over the credentials slice, as the roof joins them."""

    def __init__(self, service: CredentialService) -> None:
        self._service = service

    async def find(self, credential: str) -> CredentialView | None:
        try:
            return await self._service.facts(credential)
        except NoSuchCredential:
            return None
