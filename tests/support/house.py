"""Operators of the house, and the orders that they sign, built from docs/protocol.md section 8."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from foundation.ids import new_id
from protocol import house, orders
from protocol.house import Agreed
from protocol.keys import P256Key
from protocol.pins import Operator


@dataclass
class Person:
    """An operator with a key of their own."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public(self) -> P256Key:
        return P256Key.from_public(self.key.public_key())

    @property
    def pin(self) -> dict[str, Any]:
        """As in operators.json."""
        return {"name": self.name, "key": self.public.jwk}


ANA, BIA = Person("Ana"), Person("Bia")


def pinned(*people: Person) -> dict[str, Operator]:
    return {person.public.jkt: Operator(person.name, person.public) for person in people}


def payload(act: str, serial: str, now: datetime, version: int = 0, slot: str = "sam", **changes: Any) -> Any:
    return {
        "v": 1, "type": "house", "id": new_id("ord"), "created": int(now.timestamp()), "act": act, "slot": slot,
        "serial": serial, "version": version, **changes,
    }  # fmt: skip


def order(act: str, serial: str, now: datetime, version: int = 0, people: tuple[Person, ...] = (ANA, BIA),
          **changes: Any) -> str:  # fmt: skip
    """Signed by each of the people, a line each."""
    said = payload(act, serial, now, version, **changes)
    return "".join(f"{orders.sign_order(said, person.key)}\n" for person in people)


def agreed(act: str, serial: str, now: datetime, version: int = 0, **changes: Any) -> Agreed:
    return house.open_house_order(order(act, serial, now, version, **changes), pinned(ANA, BIA), now=now)
