"""By what a token is known again: after every renewal, and whenever a fault is suspect.

An outage looks like "no such key", a token of the same label may be another one, and a library that was initialised
anew may hand out another key under an old number. So what is compared is what keys *do*: the signature of ``root.1``
under the public key seen at first, the HMAC of a constant by each ``pepper``, the check value of each ``kek``; the
newest of both must be there, older ones are retired some day. What the token did not have at first (an AC has no KEK, a
new token nothing) is not asked; what it got since is learnt whenever all that was known holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import pkcs11
from pkcs11 import Attribute, Mechanism, ObjectClass

from hsm_service.hsm.faults import TokenChanged
from protocol.errors import SignatureInvalid
from protocol.keys import P256Key

M = TypeVar("M")

_CONSTANT: Final = b"linkid-canary"


@dataclass(frozen=True)
class Marks:
    """What one token was at first. Every ``demand`` raises TokenChanged, and what python-pkcs11 raises in an outage."""

    serial: bytes
    root: P256Key | None = None
    peppers: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """By label: what it made of the constant."""
    keks: Mapping[str, bytes | None] = field(default_factory=dict)
    """By label: its check value where the vendor tells one."""

    @property
    def empty(self) -> bool:
        """A token without a root key is not in use yet: it may still get everything."""
        return self.root is None

    @classmethod
    def of(cls, token: Any, room: Any) -> "Marks":
        """Look at it now. ``room``: a ``token.Room`` of it."""
        if not room.exists("root.1", ObjectClass.PUBLIC_KEY):
            return cls(bytes(token.serial))
        return cls(bytes(token.serial), room.p256_public("root.1")).grown(room)

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
            _demand_all(room, _mac, self.peppers)
            _demand_all(room, _check_value, self.keks)
        except SignatureInvalid as cause:
            raise TokenChanged("root.1 is another key") from cause

    def grown(self, room: Any) -> "Marks":
        """The same token, after ``demand`` held, with the versions it has by now. The root stays as it was at first."""
        return replace(
            self,
            peppers=_marked(room, "pepper", _mac, self.peppers),
            keks=_marked(room, "kek", _check_value, self.keks),
        )


def _marked(room: Any, name: str, mark: Callable[[Any, str], M], known: Mapping[str, M]) -> Mapping[str, M]:
    """Of each version, ascending: the mark that is known, or the one that it has now."""
    labels = [f"{name}.{version}" for version in room.versions(name, ObjectClass.SECRET_KEY)]
    return {label: known[label] if label in known else mark(room, label) for label in labels}


def _demand_all(room: Any, mark: Callable[[Any, str], M], known: Mapping[str, M]) -> None:
    """The newest must be there; an older one may have been retired meanwhile, and must else be what it was."""
    labels = sorted(known, key=lambda label: int(label.partition(".")[2]), reverse=True)
    for label in labels:
        if label != labels[0] and not room.exists(label, ObjectClass.SECRET_KEY):
            continue
        if mark(room, label) != known[label]:
            raise TokenChanged(f"{label} is another key")


def _mac(room: Any, label: str) -> bytes:
    return bytes(room.secret(label).sign(_CONSTANT, mechanism=Mechanism.SHA256_HMAC))


def _check_value(room: Any, label: str) -> bytes | None:
    key = room.secret(label)
    try:
        return bytes(key[Attribute.CHECK_VALUE])
    except (pkcs11.AttributeTypeInvalid, pkcs11.AttributeSensitive):
        return None
