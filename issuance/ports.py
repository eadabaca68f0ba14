"""What the gateway's side of an emission needs from others, stated here and met elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from foundation.encoding import JsonObject


@dataclass(frozen=True)
class PasswordWanted:
    """What the SAM fixed for the page: the statement about the document ``emission-key``."""

    statement: str
    document: str
    credential: str


@dataclass(frozen=True)
class Possession:
    """The SAM's root-signed word that it made a key for this emission."""

    statement: str
    credential: str


@dataclass(frozen=True)
class Issued:
    """What the AC answers: DER certificates, leaf first, and whom to note as holder."""

    chain: Sequence[bytes]
    name: str
    phone: str
    email: str
    kind: str


@dataclass(frozen=True)
class Published:
    """A signed file of the authority. ``max_age``: seconds it may be kept, 0 for not at all."""

    content_type: str
    body: bytes
    max_age: int


class Ac(Protocol):
    """The certificate authority (docs/protocol.md section 11). Raises ``issuance.errors`` and ``protocol.errors``."""

    async def start(self, protocol: str, key: Mapping[str, str]) -> tuple[str, str]:
        """``emission/start``: emission id and statement."""
        ...

    async def identify(self, emission: str, *, decision: str, proof: str | None, signature: str) -> str:
        """``emission/identify``: the statement about the term. The three texts go through as they came."""
        ...

    async def agree(self, emission: str, *, decision: str, signature: str) -> str:
        """``emission/agree``: the key algorithm ordered."""
        ...

    async def issue(self, emission: str, possession: str) -> Issued:
        """``emission/issue``. Repeating it gives the same certificate."""
        ...

    async def published(self, name: str, body: JsonObject) -> Published:
        """``pki/<name>``."""
        ...


class Sam(Protocol):
    """The signature activation module (section 10), as far as an emission goes."""

    async def prepare(self, emission: str, key: str, key_algorithm: str) -> PasswordWanted:
        """``emission/prepare``; ``key`` is the emission key's thumbprint."""
        ...

    async def make_keys(
        self, document: str, key: Mapping[str, str], *, decision: str, proof: str | None, signature: str
    ) -> Possession:
        """``emission/keys``: the key is made, wrapped and bound to the password."""
        ...

    async def activate(self, credential: str, chain: Sequence[bytes]) -> None:
        """``credentials/activate``. Repeating it changes nothing."""
        ...


@dataclass(frozen=True)
class Solved:
    """A captcha that was solved. ``digest`` names it, so that it can be used once; it is dead after ``until``."""

    digest: bytes
    until: datetime


class Captcha(Protocol):
    """*Não sou um robô*."""

    def challenge(self) -> JsonObject:
        """A new one, for the widget of the page."""
        ...

    def verify(self, answer: str) -> Solved:
        """The widget's answer. Raises CaptchaInvalid. Whether it was used before is for the caller to ask."""
        ...


class UsedOnce(Protocol):
    """Remembers what was used (``foundation.dpop.ReplayCache``)."""

    async def first_use(self, digest: bytes, until: datetime) -> bool:
        """True exactly once."""
        ...


class Holders(Protocol):
    """Who owns which credential (the slice ``credentials``)."""

    async def record_holder(self, *, credential: str, name: object, phone: object, email: object, kind: object) -> str:
        """Note whose a new credential is; the holder's id. Repeating it changes nothing."""
        ...
