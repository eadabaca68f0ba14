"""What this package needs of whoever signs."""

from typing import Protocol

from desktop_agent.pkcs11.content import Content
from desktop_agent.pkcs11.mechanisms import Wanted
from desktop_agent.pkcs11.peer import Program
from desktop_agent.pkcs11.token import Key, Token


class Signer(Protocol):
    """Certificates, and a way to have something signed with their keys."""

    @property
    def token(self) -> Token:
        """As it is known now."""
        ...

    async def ready(self) -> None:
        """Returns when there is something to show, or soon if there is not. Raises nothing."""
        ...

    async def sign(self, program: Program, key: Key, wanted: Wanted, content: Content) -> bytes:
        """A signature as the service makes it, after the holder's consent.

        Cancelled: the program no longer wants it. Raises `codes.Refused` with what the program is to hear.
        """
        ...
