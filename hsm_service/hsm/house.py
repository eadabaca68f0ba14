"""The keys to the house: further versions of KEK and pepper, old ones destroyed, and what a token has.

The letters K3 to K7 are steps of docs/walkthroughs/keys-to-the-house.md. Nothing here changes a token without a permit,
and only ``permit`` makes one: of an order that two operators signed, and that fits this token as it is now.

A *check value* tells a key from another one: HMAC keys authenticate a constant; a KEK, which may do nothing but wrap,
wraps one (RFC 5649 is deterministic); key pairs have a public half. A *probe* is a key of nobody's, wrapped when its
KEK was made: a token that unwraps it and signs with it can do so with holders' keys.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, KeyType, ObjectClass, PKCS11Error

from foundation.encoding import b64u
from foundation.errors import Conflict
from hsm_service.hsm import operations
from hsm_service.hsm.faults import SlotDamaged
from hsm_service.hsm.keys import WrappedKey
from hsm_service.hsm.slots import for_ever, make_hmac_key, make_kek, time_of
from hsm_service.hsm.token import Room, Token
from hsm_service.hsm.x509_keys import rsa_public
from protocol.algorithms import SIGN_ALGORITHMS
from protocol.errors import SignatureInvalid
from protocol.house import Act, Agreed, HouseKey, Probe, Slot, version_of
from protocol.keys import P256Key

T = TypeVar("T")

_SECRET, _PRIVATE, _PUBLIC = ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY

CHECKED: Final = hashlib.sha256(b"linkid-check-v1").digest()
"""What check values are made of. No message that an HMAC key of ours authenticates otherwise begins like this."""

SAM_SECRETS: Final = ("kek", "pepper", "rowmac")
SAM_PAIRS: Final = ("root", "transport")
AC_SECRETS: Final = ("pepper",)
AC_PAIRS: Final = ("ca-root", "ca-issuing", "ocsp", "tsa", "root", "transport")
_P256: Final = ("root", "transport")


class OrderDoesNotFit(Conflict):
    """A house order for another act, slot, token or version than what is to be done now."""

    code = "house_order_does_not_fit"


class _Mint:
    """Only ``permit`` has it."""


_MINT: Final = _Mint()


@dataclass
class HousePermit:
    """The right to do one thing to one token, once."""

    mint: _Mint = field(repr=False)
    agreed: Agreed
    spent: bool = False

    def __post_init__(self) -> None:
        if self.mint is not _MINT:
            raise TypeError("permits are made by the check of an order")

    def spend(self) -> None:
        """Raises RuntimeError for the second time."""
        if self.spent:
            raise RuntimeError("this permit was used already")
        self.spent = True


@dataclass(frozen=True)
class Found:
    """One key as it is in the token. ``weakness``: why a process would not start over it, else None."""

    label: str
    made: int
    check: str
    weakness: str | None

    def key(self) -> HouseKey:
        """For the house statement."""
        return HouseKey(self.label, self.made, self.check)


def serial_of(token: Token) -> str:
    """The token's serial number. Raises HsmUnavailable."""
    return token.run(lambda room: bytes(room.session.token.serial).decode("ascii", "replace").strip())


def permit(token: Token, agreed: Agreed, act: Act, slot: Slot, noted: Collection[str] = ()) -> HousePermit:
    """K4: the order fits: this act, this slot, this token; and it was not carried out before.

    A version is made when it is the next and destroyed when it is there, so an order that comes again does not fit.
    ``noted``: what the house statement names; the newest version of a token that it does not name was being made when
    something broke off, and may be finished by the same order.

    Raises OrderDoesNotFit.
    """
    order = agreed.order
    if (order.act, order.slot) != (act, slot):
        raise OrderDoesNotFit(f"the order says: {order.about()}")
    serial = serial_of(token)
    if order.serial != serial:
        raise OrderDoesNotFit(f"the order is for the token {order.serial}, this is {serial}")
    verb, _, name = act.partition("-")
    if verb == "rotate":
        there = token.run(lambda room: room.versions(name, _SECRET))
        newest = max(there, default=0)
        unfinished = order.version == newest and f"{name}.{newest}" not in noted
        if order.version != newest + 1 and not unfinished:
            raise OrderDoesNotFit(f"the order is for {name}.{order.version}, the next is {name}.{newest + 1}")
    if verb == "retire":
        there = token.run(lambda room: room.versions(name, _SECRET))
        if order.version not in there[:-1]:
            raise OrderDoesNotFit(f"{name}.{order.version} is not an older version that the token has")
    if verb == "init" and not token.run(is_empty):
        raise OrderDoesNotFit("the token is in use already")
    return HousePermit(_MINT, agreed)


def is_empty(room: Room) -> bool:
    """Whether the token was never in use: ``root.1`` is made last (``slots``)."""
    return not room.exists("root.1", _PUBLIC)


def add_version(token: Token, given: HousePermit, now: datetime) -> str:
    """K6: make the version that the permit names, alone in the token. Its label. Raises HsmUnavailable, SlotDamaged."""
    name, label = _named(given, "rotate")
    given.spend()
    make = make_kek if name == "kek" else make_hmac_key
    with token.quiet.alone():
        token.run(lambda room: None if room.exists(label, _SECRET) else make(room, label, now, for_ever(token)))
    token.run(lambda room: demand_strong_version(room, label))
    return label


def destroy_version(token: Token, given: HousePermit) -> str:
    """Take the version that the permit names out of the token, for good. Its label. What may need it is the caller's
    question."""
    _, label = _named(given, "retire")
    given.spend()
    with token.quiet.alone():
        token.run(lambda room: room.secret(label).destroy() if room.exists(label, _SECRET) else None)
    return label


def _named(given: HousePermit, verb: str) -> tuple[str, str]:
    order = given.agreed.order
    done, _, name = order.act.partition("-")
    if done != verb:
        raise TypeError(f"a permit to {order.act}")
    return name, f"{name}.{order.version}"


def demand_strong_version(room: Room, label: str) -> None:
    """One version of KEK or pepper, as strong as those we make. Raises SlotDamaged."""
    operations.demand_hidden(room.secret(label), label)
    if label.startswith("kek."):
        operations.demand_strong_kek(room, version_of(label)[1])


# --- what a token has ----------------------------------------------------------------------------------------------


def inventory(room: Room, slot: Slot) -> list[Found]:
    """Every key of ours in the slot."""
    secrets, pairs = (SAM_SECRETS, SAM_PAIRS) if slot == "sam" else (AC_SECRETS, AC_PAIRS)
    found = []
    for name in secrets:
        for version in room.versions(name, _SECRET):
            found.append(_found(room, room.secret(f"{name}.{version}"), f"{name}.{version}"))
    for name in pairs:
        for version in room.versions(name, _PRIVATE):
            found.append(_found(room, room.private(f"{name}.{version}"), f"{name}.{version}"))
    return found


def _found(room: Room, key: Any, label: str) -> Found:
    try:
        if label.startswith("kek."):
            demand_strong_version(room, label)
        else:
            operations.demand_hidden(key, label)
        weakness = None
    except SlotDamaged as error:
        weakness = error.detail
    return Found(label, time_of(key), check_value(room, label), weakness)


def check_value(room: Room, label: str) -> str:
    """Short, and the same in every token that has this key."""
    name, _ = version_of(label)
    if name == "kek":
        return _short(_wrapped_constant(room, label))
    if name in _P256:
        return room.p256_public(label).jkt[:22]
    if name in (*SAM_SECRETS, *AC_SECRETS):
        return _short(operations.hmac(room, label, CHECKED))
    key = rsa_public(room.private(label))
    return _short(str(key.public_numbers().n).encode("ascii"))


def _short(data: bytes) -> str:
    return b64u(hashlib.sha256(b"linkid-check-v1\x00" + data).digest()[:16])


def _wrapped_constant(room: Room, label: str) -> bytes:
    template = {
        Attribute.CLASS: _SECRET, Attribute.KEY_TYPE: KeyType.GENERIC_SECRET, Attribute.VALUE: CHECKED,
        Attribute.TOKEN: False, Attribute.PRIVATE: True, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True,
    }  # fmt: skip
    constant = room.session.create_object(template)
    try:
        return bytes(room.secret(label).wrap_key(constant, mechanism=room.wrap_mechanism))
    finally:
        constant.destroy()


# --- whether another token could take its place ----------------------------------------------------------------------


def make_probe(room: Room, kek: int) -> Probe:
    """A fresh one under ``kek.<kek>``."""
    made = operations.generate_wrapped(room, "P-256", kek)
    return Probe(kek, made.spki, made.blob)


def differences(room: Room, keys: Sequence[HouseKey]) -> list[str]:
    """What the statement names and the token has not, or has another of."""
    problems = []
    for key in keys:
        name, _ = version_of(key.label)
        if not room.exists(key.label, _SECRET if name in SAM_SECRETS else _PRIVATE):
            problems.append(f"{key.label} is missing")
        elif check_value(room, key.label) != key.check:
            problems.append(f"{key.label} is another key")
    return problems


def failures(room: Room, keys: Sequence[HouseKey], probes: Sequence[Probe]) -> list[str]:
    """What the token has and cannot work with: probes unwrapped and signed with, the root signing, ECDH agreeing."""
    problems = [problem for probe in probes if (problem := _tries(f"kek.{probe.kek}", _use_probe, room, probe))]
    for key in keys:
        use = {"root": _use_root, "transport": _use_transport}.get(version_of(key.label)[0])
        problem = _tries(key.label, use, room, key.label) if use else None
        problems += [problem] if problem else []
    return problems


def _tries(label: str, use: Callable[[Room, T], None], room: Room, given: T) -> str | None:
    try:
        use(room, given)
    except (PKCS11Error, SignatureInvalid) as error:
        return f"{label} does not work ({type(error).__name__})"
    return None


def _use_probe(room: Room, probe: Probe) -> None:
    algorithm = SIGN_ALGORITHMS["ECDSA-SHA256"]
    wrapped = WrappedKey(probe.blob, probe.spki, probe.kek)
    (signature,) = operations.sign_wrapped(room, wrapped, "P-256", algorithm, [CHECKED])
    public = load_der_public_key(probe.spki)
    assert isinstance(public, ec.EllipticCurvePublicKey), "a probe is P-256"
    algorithm.verify(public, signature, CHECKED)


def _use_root(room: Room, label: str) -> None:
    room.p256_public(label).verify(room.sign_p256(label, CHECKED), CHECKED)


def _use_transport(room: Room, label: str) -> None:
    fresh = ec.generate_private_key(ec.SECP256R1())
    ours = fresh.exchange(ec.ECDH(), room.p256_public(label).public)
    if operations.derive(room, label, P256Key.from_public(fresh.public_key())) != ours:
        raise SignatureInvalid(label)
