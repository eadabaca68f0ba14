"""House orders: two people, one order; and nothing else passes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from foundation.encoding import b64u, unb64u
from protocol import house, pins
from protocol.errors import OrderInvalid, SignatureInvalid
from protocol.house import House, HouseKey, Probe
from protocol.keys import sign_raw
from protocol.orders import sign_order
from protocol.statements import assemble, signing_input
from tests.support.house import ANA, BIA, Person, order, payload, pinned

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SERIAL = "0f1e2d3c4b5a6978"


def test_two_people_sign_one_order() -> None:
    """One makes it, the other adds a line on another machine; both are named, in that order."""
    alone = order("rotate-kek", SERIAL, NOW, 2, people=(ANA,))
    both = house.countersign(alone, BIA.key)
    agreed = house.open_house_order(both, pinned(ANA, BIA), now=NOW)
    assert (agreed.first, agreed.second) == (ANA.public.jkt, BIA.public.jkt)
    assert agreed.order.about() == f"rotate-kek (make the next KEK, version 2) on the sam token {SERIAL}"


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ((ANA,), "has two signatures"),
        ((ANA, BIA, Person("Caio")), "has two signatures"),
        ((ANA, ANA), "signed twice by Ana"),
        ((ANA, Person("ana")), "not pinned"),
        ((ANA, Person("Caio")), "not pinned"),
        ((Person("Ana"), BIA), "not pinned"),
    ],
)
def test_one_is_not_two(people: tuple[Person, ...], why: str) -> None:
    """Alone, twice the same, three, or with somebody whom the pins do not name: refused."""
    with pytest.raises(OrderInvalid, match=why):
        house.open_house_order(order("rotate-kek", SERIAL, NOW, 2, people=people), pinned(ANA, BIA), now=NOW)


def test_one_person_with_two_keys_is_one() -> None:
    """Two pinned keys of one name do not make two people."""
    again = Person("ANA")
    text = order("rotate-kek", SERIAL, NOW, 2, people=(ANA, again))
    with pytest.raises(OrderInvalid, match="signed twice by Ana"):
        house.open_house_order(text, pinned(ANA, again), now=NOW)


def test_both_sign_the_same() -> None:
    """Two orders that look alike, each signed by one, are no order of both."""
    first, second = (order("rotate-kek", SERIAL, NOW, 2, people=(one,)) for one in (ANA, BIA))
    with pytest.raises(OrderInvalid, match="different orders"):
        house.open_house_order(first + second, pinned(ANA, BIA), now=NOW)


@pytest.mark.parametrize("age", [timedelta(hours=24, seconds=1), timedelta(minutes=-6)])
def test_an_order_lives_a_day(age: timedelta) -> None:
    """Older, or from the future: refused; just within, taken."""
    text = order("rotate-kek", SERIAL, NOW - age, 2)
    with pytest.raises(OrderInvalid, match="24 hours"):
        house.open_house_order(text, pinned(ANA, BIA), now=NOW)
    house.open_house_order(
        text, pinned(ANA, BIA), now=NOW - age + timedelta(hours=1) if age > timedelta() else NOW - age
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"act": "sell-the-house"}, {"slot": "gateway"}, {"serial": ""}, {"serial": "x" * 17}, {"version": -1},
        {"version": "2"}, {"version": 10_000}, {"id": "req_01234567890123456789012345"}, {"created": 1.5},
        {"surplus": 1}, {"type": "issue"}, {"v": 2},
    ],
)  # fmt: skip
def test_strange_orders(changes: dict[str, Any]) -> None:
    """Anything but exactly an order of the house, even signed by both."""
    said = {**payload("rotate-kek", SERIAL, NOW, 2), **changes}
    text = "".join(f"{sign_order(said, person.key)}\n" for person in (ANA, BIA))
    with pytest.raises(OrderInvalid):
        house.open_house_order(text, pinned(ANA, BIA), now=NOW)


@pytest.mark.parametrize("text", ["", "x", "a.b.c a.b.c", "\n\n", "é.é.é\né.é.é", "." * 9000, ". ." * 100])
def test_garbage_is_no_order(text: str) -> None:
    """Told as such, whatever it is."""
    with pytest.raises(OrderInvalid):
        house.open_house_order(text, pinned(ANA, BIA), now=NOW)
    with pytest.raises(OrderInvalid):
        house.countersign(text, BIA.key)


def test_countersigning_refuses() -> None:
    """One's own order, one that has both signatures, and one whose bytes are not as our tools write them."""
    alone = order("rotate-kek", SERIAL, NOW, 2, people=(ANA,))
    with pytest.raises(OrderInvalid, match="two people"):
        house.countersign(alone, ANA.key)
    with pytest.raises(OrderInvalid, match="two signatures already"):
        house.countersign(house.countersign(alone, BIA.key), ANA.key)
    head, body, tail = alone.strip().split(".")
    spaced = b64u(json.dumps(json.loads(unb64u(body, max_len=4096)), indent=1).encode())
    with pytest.raises(OrderInvalid, match="canonical"):
        house.countersign(".".join((head, spaced, tail)), BIA.key)


def test_a_changed_order_is_nobodys() -> None:
    """Another version put into both lines: the signatures do not hold."""
    lines = order("rotate-kek", SERIAL, NOW, 2).split()
    body = sign_order(payload("rotate-kek", SERIAL, NOW, 3), ANA.key).split(".")[1]
    changed = "\n".join(".".join((line.split(".")[0], body, line.split(".")[2])) for line in lines)
    with pytest.raises(OrderInvalid):
        house.open_house_order(changed, pinned(ANA, BIA), now=NOW)


def test_names_of_operators() -> None:
    """The pins name people; one without a name is named by the key, and is nobody else."""
    data = json.dumps({"v": 1, "operators": [ANA.pin, {"key": BIA.public.jwk}]}).encode()
    found = pins.named_operators(data)
    assert [one.name for one in found.values()] == ["Ana", BIA.public.jkt]
    assert pins.named_operators(None) == {}


def test_the_house_statement_comes_back() -> None:
    """What the root signed is read as it was written; signed by another root, or of other members, it is nothing."""
    root, other = Person("root"), Person("other")
    said = House(("0a",), (HouseKey("kek.1", 5, "abc"),), (Probe(1, b"spki", b"blob"),), 7)

    def signed(members: object, by: Person = root) -> str:
        signing = signing_input(members, kid=by.public.jkt)  # type: ignore[arg-type]
        return assemble(signing, sign_raw(by.key, signing))

    roots = {root.public.jkt: root.public}
    assert house.open_house(signed(said.payload()), roots, now=NOW) == said
    with pytest.raises(SignatureInvalid):
        house.open_house(signed(said.payload(), other), roots, now=NOW)
    lies: list[dict[str, Any]] = [{"keys": {}}, {"keys": [1]}, {"probes": [{"kek": "x"}]}, {"tokens": None},
                                  {"created": None}]  # fmt: skip
    for broken in lies:
        with pytest.raises(SignatureInvalid):
            house.open_house(signed({**said.payload(), **broken}), roots, now=NOW)


@pytest.mark.parametrize("label", ["kek", "kek.0", "kek.01", "kek.2x", ".1", "KEK.1", "kek.10000"])
def test_labels_have_versions(label: str) -> None:
    """name.version, and nothing that only looks like it."""
    assert house.version_of("ca-root.12") == ("ca-root", 12)
    with pytest.raises(ValueError, match="not a versioned label"):
        house.version_of(label)
