"""By what a token is known again: after every renewal, and whenever a fault is suspect.

An outage looks like "no such key", a token of the same label may be another one, and a library that was initialised
anew may hand out another key under an old number. So what is compared is what keys *do*: the signature of ``root.1``
under the public key seen at first, the HMAC of a constant by the newest ``pepper``; and the newest ``kek`` must be
there with its check value. What the token did not have at first (an AC has no KEK, a new token nothing) is not asked.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import pkcs11
from pkcs11 import Attribute, Mechanism, ObjectClass

from hsm_service.hsm.faults import TokenChanged
from protocol.errors import SignatureInvalid
from protocol.keys import P256Key

_CONSTANT: Final = b"linkid-canary"


@dataclass(frozen=True)
class Marks:
    """What one token was at first. Every ``demand`` raises TokenChanged, and what python-pkcs11 raises in an outage."""

    serial: bytes
    root: P256Key | None = None
    pepper: tuple[str, bytes] | None = field(default=None, repr=False)
    """Its label, and what it made of the constant."""
    kek: tuple[str, bytes | None] | None = None
    """Its label, and its check value where the vendor tells one."""

    @property
    def empty(self) -> bool:
        """A token without a root key is not in use yet: it may still get everything."""
        return self.root is None

    @classmethod
    def of(cls, token: Any, room: Any) -> "Marks":
        """Look at it now. ``room``: a ``token.Room`` of it."""
        if not room.exists("root.1", ObjectClass.PUBLIC_KEY):
            return cls(bytes(token.serial))
        pepper, kek = _newest(room, "pepper"), _newest(room, "kek")
        return cls(
            bytes(token.serial),
            room.p256_public("root.1"),
            None if pepper is None else (pepper, _mac(room, pepper)),
            None if kek is None else (kek, _check_value(room, kek)),
        )

    def demand_serial(self, token: Any) -> None:
        """Before a login: a PIN is not tried on another token."""
        if bytes(token.serial) != self.serial:
            raise TokenChanged("another token under the same label")

    def demand(self, room: Any) -> None:
        """The canary itself."""
        if self.root is None:
            room.exists("root.1", ObjectClass.PUBLIC_KEY)
            return
        try:
            self.root.verify(room.sign_p256("root.1", _CONSTANT), _CONSTANT)
            if self.pepper is not None and _mac(room, self.pepper[0]) != self.pepper[1]:
                raise TokenChanged(f"{self.pepper[0]} is another key")
            if self.kek is not None and _check_value(room, self.kek[0]) != self.kek[1]:
                raise TokenChanged(f"{self.kek[0]} is another key")
        except SignatureInvalid as cause:
            raise TokenChanged("root.1 is another key") from cause


def _newest(room: Any, name: str) -> str | None:
    versions = room.versions(name, ObjectClass.SECRET_KEY)
    return f"{name}.{versions[-1]}" if versions else None


def _mac(room: Any, label: str) -> bytes:
    return bytes(room.secret(label).sign(_CONSTANT, mechanism=Mechanism.SHA256_HMAC))


def _check_value(room: Any, label: str) -> bytes | None:
    key = room.secret(label)
    try:
        return bytes(key[Attribute.CHECK_VALUE])
    except (pkcs11.AttributeTypeInvalid, pkcs11.AttributeSensitive):
        return None
