"""The objects of the two slots (docs/protocol.md section 7), made once by ``linkid hsm init`` and never replaced.

Running it again changes nothing. An interrupted run is completed: ``root.1`` is made last, so a slot without it was
never in use. A slot that has ``root.1`` and lacks another object has *lost* it, and is refused: a new KEK in its place
would hide that every key wrapped under the old one is gone. Objects are made while nobody else is in the token
(``quiet``); without that lock no SAM or AC may be running. Further versions of a key: ``house``.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from hsm_service.hsm.faults import SlotDamaged
from hsm_service.hsm.templates import FOR_EVER, FORCED
from hsm_service.hsm.token import Room, Token
from protocol.keys import P256Key

_SECRET, _PRIVATE = ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY
_NO_ID: Final = b""

CA_ROOT_BITS: Final = 4096
CA_ISSUING_BITS: Final = 4096
"""DOC-ICP-01.01: keys of certificate authorities are RSA-4096."""
OCSP_BITS: Final = 2048
TSA_BITS: Final = 2048
LATER: Final = frozenset({"tsa.1"})
"""What came after slots were in use. Nothing rests on such a key but a certificate that names it, so a slot that lacks
it gets one; if it was lost, the certificate's file does not fit the new one, and that is noticed."""

Template: TypeAlias = Mapping[Attribute, bool]
Maker: TypeAlias = Callable[[Room, str, datetime, Template], None]


def initialise_sam_slot(token: Token, now: datetime) -> P256Key:
    """Make what is missing of ``kek.1 pepper.1 rowmac.1 transport.1 root.1``; returns the SAM root's public key.

    Raises SlotDamaged when a slot in use lacks something.
    """
    plan: Sequence[tuple[str, object, Maker]] = (
        ("kek.1", _SECRET, make_kek),
        ("pepper.1", _SECRET, make_hmac_key),
        ("rowmac.1", _SECRET, make_hmac_key),
        ("transport.1", _PRIVATE, _make_p256_derive),
        ("root.1", _PRIVATE, _make_p256_sign),
    )
    with token.quiet.alone():
        return token.run(lambda room: _carry_out(room, plan, now, for_ever(token)))


def initialise_ac_slot(token: Token, now: datetime) -> P256Key:
    """Make what is missing of ``ca-root ca-issuing ocsp tsa pepper transport root``, each ``.1``; the AC root's key.

    ``ca-*``, ``ocsp`` and ``tsa`` are RSA keys for certificates (see ``x509_keys``); ``root.1`` signs statements;
    ``pepper.1`` is for verifiers of installation passwords.
    Raises SlotDamaged when a slot in use lacks something. Takes some seconds: RSA-4096 is found by luck.
    """
    plan: Sequence[tuple[str, object, Maker]] = (
        ("ca-root.1", _PRIVATE, _make_rsa(CA_ROOT_BITS)),
        ("ca-issuing.1", _PRIVATE, _make_rsa(CA_ISSUING_BITS)),
        ("ocsp.1", _PRIVATE, _make_rsa(OCSP_BITS)),
        ("tsa.1", _PRIVATE, _make_rsa(TSA_BITS)),
        ("pepper.1", _SECRET, make_hmac_key),
        ("transport.1", _PRIVATE, _make_p256_derive),
        ("root.1", _PRIVATE, _make_p256_sign),
    )
    with token.quiet.alone():
        return token.run(lambda room: _carry_out(room, plan, now, for_ever(token)))


def add_transport_key(token: Token, now: datetime) -> str:
    """Rotate: the next ``transport.N``, current from now on; the one before answers for ten minutes more. Its label."""

    def make(room: Room) -> str:
        label = f"transport.{max(room.versions('transport', _PRIVATE), default=0) + 1}"
        _make_p256_derive(room, label, now, for_ever(token))
        return label

    with token.quiet.alone():
        return token.run(make)


def for_ever(token: Token) -> Template:
    """Attributes of keys that stay in this token."""
    left_out = set() if token.settings.copyable else {Attribute.COPYABLE}
    return {name: value for name, value in FOR_EVER.items() if name not in left_out}


def made_at(room: Room, label: str) -> int:
    """When a P-256 key was made, seconds since 1970: it is its CKA_ID. 0 when it has none."""
    return time_of(room.find(label, ObjectClass.PUBLIC_KEY))


def time_of(key: Any) -> int:
    """The same of any object."""
    identity = bytes(key[Attribute.ID])
    return int(struct.unpack(">Q", identity)[0]) if len(identity) == 8 else 0


def _time(now: datetime) -> bytes:
    return struct.pack(">Q", int(now.timestamp()))


def _carry_out(room: Room, plan: Sequence[tuple[str, object, Maker]], now: datetime, template: Template) -> P256Key:
    # ``kek.1`` may have been retired: any version will do. Which ones there must be, the house statement says.
    missing = [entry for entry in plan if not room.versions(entry[0].partition(".")[0], entry[1])]
    gone = [label for label, _, _ in missing if label not in LATER]
    if gone and len(missing) < len(plan) and plan[-1] not in missing:
        lost = ", ".join(gone)
        raise SlotDamaged(f"the slot was in use and has lost {lost}; restore it from its backup")
    for label, _, make in missing:
        make(room, label, now, template)
    return room.p256_public("root.1")


def make_kek(room: Room, label: str, now: datetime, template: Template) -> None:
    """WRAP and UNWRAP only: with DECRYPT, whoever has the PIN reads blobs as plain text."""
    room.session.generate_key(
        KeyType.AES,
        256,
        store=True,
        label=label,
        id=_time(now),
        capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
        template={**template, Attribute.UNWRAP_TEMPLATE: FORCED},
    )


def make_hmac_key(room: Room, label: str, now: datetime, template: Template) -> None:
    """HMAC-SHA256 only."""
    room.session.generate_key(
        KeyType.GENERIC_SECRET,
        256,
        store=True,
        label=label,
        id=_time(now),
        capabilities=MechanismFlag.SIGN,
        mechanism=Mechanism.GENERIC_SECRET_KEY_GEN,
        template=template,
    )


def _make_p256_sign(room: Room, label: str, now: datetime, template: Template) -> None:
    _make_p256(room, label, now, template, MechanismFlag.SIGN | MechanismFlag.VERIFY)


def _make_p256_derive(room: Room, label: str, now: datetime, template: Template) -> None:
    _make_p256(room, label, now, template, MechanismFlag.DERIVE)


def _make_p256(room: Room, label: str, now: datetime, template: Template, capabilities: MechanismFlag) -> None:
    """The public half is stored too: a PKCS#11 private key need not tell it."""
    room.curve().generate_keypair(
        mechanism=Mechanism.EC_KEY_PAIR_GEN,
        store=True,
        label=label,
        id=_time(now),
        capabilities=capabilities,
        private_template=template,
    )


def _make_rsa(bits: int) -> Maker:
    def make(room: Room, label: str, now: datetime, template: Template) -> None:
        room.session.generate_keypair(
            KeyType.RSA,
            bits,
            store=True,
            label=label,
            id=_time(now),
            capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
            private_template=template,
        )

    return make
