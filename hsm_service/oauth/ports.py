"""What OAuth needs from others: the computers, the ceremony behind the authorize page's QR, and an operator's word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from foundation.errors import JsonObject


class Computer(Protocol):
    """An associated computer: its registered name, its key (JWK), and the credentials it may ask for."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def key(self) -> JsonObject: ...
    @property
    def credentials(self) -> Sequence[str]: ...


class Computers(Protocol):
    """Pairing's computers."""

    async def find(self, computer: str) -> Computer | None:
        """None when there is none, or its association ended: its tokens are then worth nothing at once."""
        ...

    async def used(self, computer: str) -> None:
        """It came, and proved its key: for the holder's list of computers."""
        ...


@dataclass(frozen=True)
class LinkView:
    """A link as its page shows it. ``state``: waiting, claimed, approved, associated, refused, dead."""

    state: str
    expires_in: int
    frame: str | None = None
    """What the QR says this second, while waiting."""
    code: str | None = None
    """The same for typing."""
    phone: str | None = None
    """The nickname of the phone that scanned it."""
    ended_by: str | None = None
    """Why a dead one died: second_scan, checks_spent, give_up; None when its time ran out."""


class Links(Protocol):
    """Links with purpose ``identify`` (docs/protocol.md section 9.3)."""

    async def open(self, *, page_key: str, client: str, client_name: str, scope: str, address: str) -> str:
        """Start one; its id (``lnk_…``). ``page_key``: 43 base64url characters that only this page has; they stand
        where a computer's key thumbprint would.

        Raises a TooMany when this address opens too many.
        """
        ...

    async def look(self, link: str, *, page_key: str) -> LinkView:
        """As it is this second."""
        ...

    async def check(self, link: str, code: str, *, page_key: str) -> Sequence[str]:
        """The check code typed; the credentials that the phone approved. Raises pairing's errors, with their texts."""
        ...

    async def give_up(self, link: str, *, page_key: str) -> None:
        """The page was left: the phone need not go on."""
        ...


class Vouching(Protocol):
    """An operator's signed word to the SAM, which believes nobody else about integrators (docs/protocol.md section 8).

    Raises LinkIdError; its ``detail`` tells the operator what to do.
    """

    async def registered(self, client: str, name: str, keys: Sequence[Mapping[str, str]]) -> None:
        """Phones show this name; ``keys`` (JWK) sign what it asks, if there are any. Again: no change."""
        ...

    async def disabled(self, client: str, name: str) -> None:
        """Nobody is asked in its name any more, and nothing that was approved opens for it."""
        ...


class Webhooks(Protocol):
    """Where applications want to be told what became of their requests."""

    async def set(self, client: str, url: str) -> None:
        """From now on there. Raises LinkIdError saying what is wrong."""
        ...

    async def drop(self, client: str) -> bool:
        """Nowhere any more; whether it was anywhere."""
        ...

    async def address(self, client: str) -> str | None:
        """Where."""
        ...


@dataclass(frozen=True)
class AskedSignature:
    """A phone rings. ``handle`` carries the activation secret: it is sealed at once."""

    handle: str = field(repr=False)
    verification_code: str
    expires_in: int
    address: str
    """Where the phone app opens this request: for a link on the same phone, and for a QR when it does not ring."""


@dataclass(frozen=True)
class SignatureView:
    """How a request for signatures stands. ``state``: waiting, approved, refused, lapsed, withdrawn."""

    state: str
    expires_in: int = 0
    sad: str | None = field(default=None, repr=False)
    """Once approved."""


class Signatures(Protocol):
    """The signing API behind the scope ``credential``: one reading and one set of rules for both ways in."""

    def check(self, body: JsonObject) -> None:
        """Whether a body of CSC's ``credentials/authorize`` may be one at all. Raises BadInput in CSC's sentences."""
        ...

    async def ask(self, client: str, client_name: str, body: JsonObject) -> AskedSignature:
        """Ask the holder. Raises a TooMany when they are asked already or want quiet; BadInput, NotFound, …"""
        ...

    async def look(self, client: str, client_name: str, handle: str) -> SignatureView:
        """As it is now."""
        ...

    async def withdraw(self, client: str, client_name: str, handle: str) -> None:
        """The page was left: the phone stops showing it."""
        ...
