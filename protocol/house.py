"""Orders about the keys of the house, which two operators sign (docs/protocol.md section 8), and the house statement.

A house order is a text of two lines: each the JWS of an order (``orders``) of type ``house``, over the same payload, by
two different operators. One makes and signs it, the other adds a line on another machine.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias, cast

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from foundation.encoding import BadEncoding, JsonObject, JsonValue, b64u, strict_json, unb64u
from foundation.ids import is_id
from protocol.errors import OrderInvalid, SignatureInvalid
from protocol.keys import P256Key
from protocol.orders import TYP, sign_order
from protocol.pins import Operator
from protocol.statements import open_jws, open_root_signed

MAX_BYTES: Final = 4096
ORDER_LIFE: Final = timedelta(hours=24)
"""Two people on two machines, perhaps in two cities; a day later the token may be another."""
CLOCK_SKEW: Final = timedelta(minutes=5)

Act: TypeAlias = Literal["init", "rotate-kek", "rotate-pepper", "retire-kek", "retire-pepper", "adopt-backup"]
Slot: TypeAlias = Literal["sam", "ac"]

ACTS: Final[Mapping[Act, str]] = {
    "init": "make the first keys of an empty token",
    "rotate-kek": "make the next KEK",
    "rotate-pepper": "make the next pepper",
    "retire-kek": "destroy a KEK that nothing needs any more",
    "retire-pepper": "destroy a pepper that nothing needs any more",
    "adopt-backup": "let SAMs work with a second token that has the same keys",
}


class HouseOrder(BaseModel):
    """What two operators want done to one token."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    v: Literal[1]
    type: Literal["house"]
    id: str
    created: Annotated[int, Field(ge=0, lt=2**40)]
    act: Act
    slot: Slot
    serial: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,16}$")]
    """The token's serial number as PKCS#11 has it: an order is for one token."""
    version: Annotated[int, Field(ge=0, le=9999)]
    """Of the key that is made or destroyed; 0 where there is none."""

    def about(self) -> str:
        """In words, for whoever is to sign it."""
        version = f", version {self.version}" if self.version else ""
        return f"{self.act} ({ACTS[self.act]}{version}) on the {self.slot} token {self.serial}"


_HOUSE: TypeAdapter[HouseOrder] = TypeAdapter(HouseOrder)


@dataclass(frozen=True)
class Agreed:
    """An order, and the two operators who signed it: thumbprints of their keys."""

    order: HouseOrder
    first: str
    second: str


def read_house_order(jws: str) -> HouseOrder:
    """What a line says, **not** verified: for whoever is about to countersign it. Raises OrderInvalid."""
    try:
        _, body, _ = jws.split(".")
        return _HOUSE.validate_python(strict_json(unb64u(body, max_len=MAX_BYTES), max_bytes=MAX_BYTES))
    except (ValueError, BadEncoding) as cause:
        raise OrderInvalid("not a house order") from cause


def open_house_order(text: str, operators: Mapping[str, Operator], *, now: datetime) -> Agreed:
    """K3: both signatures, by two different people whom the pins name, over the same bytes, not older than a day.

    Raises OrderInvalid. Left to the caller: that the order fits the token (``serial``, ``version``): by that it is
    carried out once at most, since a version is made once and destroyed once.
    """
    lines = text.split()
    if len(text) > 2 * MAX_BYTES or len(lines) != 2:
        raise OrderInvalid("a house order has two signatures, a line each: one operator makes it, another countersigns")
    keys = {kid: operator.key for kid, operator in operators.items()}
    opened = [_open(line, keys) for line in lines]
    if lines[0].split(".")[1] != lines[1].split(".")[1]:
        raise OrderInvalid("the two signatures are about different orders")
    (order, first), (_, second) = opened
    if first == second or operators[first].name.casefold() == operators[second].name.casefold():
        raise OrderInvalid(f"signed twice by {operators[first].name}: it takes two people")
    created = datetime.fromtimestamp(order.created, now.tzinfo)
    if not now - ORDER_LIFE <= created <= now + CLOCK_SKEW:
        raise OrderInvalid("the order was not signed within the last 24 hours; check the clocks, or order again")
    return Agreed(order, first, second)


def _open(line: str, keys: Mapping[str, P256Key]) -> tuple[HouseOrder, str]:
    try:
        payload, kid = open_jws(line, TYP, keys, max_bytes=MAX_BYTES)
        order = _HOUSE.validate_python(payload)
    except SignatureInvalid as cause:
        raise OrderInvalid(cause.detail) from cause
    except ValidationError as cause:
        where = ".".join(str(part) for part in cause.errors()[0]["loc"])
        raise OrderInvalid(f"not a house order: {where}") from cause
    if not is_id(order.id, "ord"):
        raise OrderInvalid("an order's id begins with ord_")
    return order, kid


def countersign(text: str, key: ec.EllipticCurvePrivateKey) -> str:
    """K2: the order with a second signature. Raises OrderInvalid for one that has two, or was signed by this key."""
    lines = text.split()
    if len(lines) != 1:
        raise OrderInvalid("it has two signatures already" if len(lines) == 2 else "not a house order")
    order = read_house_order(lines[0])
    added = sign_order(cast(JsonObject, order.model_dump()), key)
    (head, body, _), (own_head, own_body, _) = lines[0].split("."), added.split(".")
    if body != own_body:
        raise OrderInvalid("the order is not in canonical form: whoever made it did not use our tools")
    if head == own_head:
        raise OrderInvalid("you signed it already: it takes two people")
    return f"{lines[0]}\n{added}\n"


# --- the house statement -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HouseKey:
    """One key of the slot: ``check`` tells it from another without telling it."""

    label: str
    made: int
    check: str

    def members(self) -> JsonObject:
        """As in the statement."""
        return {"label": self.label, "made": self.made, "check": self.check}


@dataclass(frozen=True)
class Probe:
    """A key of nobody's, wrapped under a KEK when that was made: who unwraps it and signs with it has that KEK."""

    kek: int
    spki: bytes
    blob: bytes

    def members(self) -> JsonObject:
        """As in the statement."""
        return {"kek": self.kek, "spki": b64u(self.spki), "blob": b64u(self.blob)}


@dataclass(frozen=True)
class House:
    """What the SAM's token must have: root-signed, kept in a file beside the pins."""

    tokens: tuple[str, ...]
    """Serial numbers of the tokens that may be worked with."""
    keys: tuple[HouseKey, ...]
    probes: tuple[Probe, ...]
    created: int

    def payload(self) -> JsonObject:
        """To be signed by the root."""
        return {
            "v": 1, "type": "house", "tokens": list(self.tokens), "keys": [key.members() for key in self.keys],
            "probes": [probe.members() for probe in self.probes], "created": self.created,
        }  # fmt: skip


def open_house(jws: str, roots: Mapping[str, P256Key], *, now: datetime) -> House:
    """Raises SignatureInvalid: not signed by a pinned root, or not a house statement."""
    payload = open_root_signed(jws, "house", roots, now=now, expires=False)
    try:
        keys = tuple(
            HouseKey(str(one["label"]), int(str(one["made"])), str(one["check"]))
            for one in _objects(payload.get("keys"))
        )
        probes = tuple(
            Probe(int(str(one["kek"])), unb64u(str(one["spki"]), max_len=512), unb64u(str(one["blob"]), max_len=1024))
            for one in _objects(payload.get("probes"))
        )
        tokens = tuple(str(one) for one in cast(list[object], payload["tokens"]))
        return House(tokens, keys, probes, int(str(payload["created"])))
    except (KeyError, TypeError, ValueError, BadEncoding) as cause:
        raise SignatureInvalid("not the members of a house statement") from cause


def _objects(value: JsonValue) -> Sequence[Mapping[str, JsonValue]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise TypeError("not a list of objects")
    return cast(Sequence[Mapping[str, JsonValue]], value)


_LABEL: Final = re.compile(r"([a-z-]+)\.([1-9][0-9]{0,3})")


def version_of(label: str) -> tuple[str, int]:
    """``("kek", 2)`` of ``kek.2``. Raises ValueError."""
    match = _LABEL.fullmatch(label)
    if match is None:
        raise ValueError(f"not a versioned label: {label!r}")
    return match[1], int(match[2])
