"""The judge of the soak finds each kind of wrong that is planted, and nothing where all is well."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from soak.ledger import ACTIVATION_SECONDS, Ledger, Occurrence, Received

A, B, C = b"a" * 32, b"b" * 32, b"c" * 32
Rows = list[Occurrence]


def signature(digest: bytes, number: int = 0) -> bytes:
    return b"signed " + digest + bytes([number])


def verify(holder: str, digest: bytes, made: bytes) -> bool:
    return holder == "maria" and made.startswith(b"signed " + digest)


def story() -> tuple[Ledger, Rows]:
    """All is well: two hashes, one of them twice, fetched twice; and a request that nobody answered."""
    ledger = Ledger()
    digests = [A, B, A]
    ledger.asked |= {"req_1": "maria", "req_2": "maria"}
    ledger.sends("req_1", "maria", digests, now=10)
    ledger.acknowledges("req_1", now=11)
    made = [signature(A, 1), signature(B, 2), signature(A, 3)]
    ledger.receives("req_1", digests, made)
    ledger.receives("req_1", [B, A, A], [made[1], made[0], made[2]])
    return ledger, [Occurrence("req_1", at, digest, made[at]) for at, digest in enumerate(digests)]


def found(ledger: Ledger, rows: Rows, **named: object) -> set[str]:
    return {one.kind for one in ledger.judge(rows, verify, **{"now": 20.0, "over": True, **named})}  # type: ignore[arg-type]


def test_all_is_well() -> None:
    """Nothing is found where nothing is wrong, in whatever order the rows are read."""
    ledger, rows = story()
    assert found(ledger, rows) == set()
    assert found(ledger, rows[::-1]) == set()


def unknown_row(_ledger: Ledger, rows: Rows) -> None:
    rows.append(Occurrence("req_2", 0, C, signature(C)))


def unknown_activation(_ledger: Ledger, rows: Rows) -> None:
    rows.append(Occurrence("req_2", 0, C, None))


def other_hash(_ledger: Ledger, rows: Rows) -> None:
    rows[1] = Occurrence("req_1", 1, C, signature(C))


def one_too_many(_ledger: Ledger, rows: Rows) -> None:
    rows.append(Occurrence("req_1", 3, B, signature(B, 9)))


def handed_out_unapproved(ledger: Ledger, _rows: Rows) -> None:
    ledger.receives("req_2", [C], [signature(C)])


def handed_out_other(ledger: Ledger, _rows: Rows) -> None:
    ledger.receives("req_1", [A, B, C], [signature(A, 1), signature(B, 2), signature(C)])


def two_answers(ledger: Ledger, _rows: Rows) -> None:
    ledger.receives("req_1", [A, B, A], [signature(A, 1), signature(B, 7), signature(A, 3)])


def twins_exchanged(ledger: Ledger, _rows: Rows) -> None:
    ledger.receives("req_1", [A, B, A], [signature(A, 3), signature(B, 2), signature(A, 1)])


def stored_another(_ledger: Ledger, rows: Rows) -> None:
    rows[1] = replace(rows[1], signature=signature(B, 7))


def stored_nothing(_ledger: Ledger, rows: Rows) -> None:
    rows[1] = replace(rows[1], signature=None)


def stored_false(_ledger: Ledger, rows: Rows) -> None:
    rows[0] = replace(rows[0], signature=b"nonsense")


def handed_out_false(ledger: Ledger, rows: Rows) -> None:
    ledger.received[:] = [Received("req_1", [A, B, A], [signature(A, 1), b"nonsense", signature(A, 3)])]
    rows[1] = replace(rows[1], signature=b"nonsense")


def by_another_key(ledger: Ledger, _rows: Rows) -> None:
    ledger.approvals["req_1"].holder = "joana"


def never_fetched(ledger: Ledger, _rows: Rows) -> None:
    ledger.received.clear()


def never_signed(ledger: Ledger, rows: Rows) -> None:
    ledger.received.clear()
    rows[:] = [replace(row, signature=None) for row in rows]


def activation_gone(ledger: Ledger, rows: Rows) -> None:
    ledger.received.clear()
    rows.clear()


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (unknown_row, "unapproved"), (unknown_activation, "unapproved"), (other_hash, "unapproved"),
        (one_too_many, "unapproved"), (handed_out_unapproved, "unapproved"), (handed_out_other, "unapproved"),
        (two_answers, "double"), (twins_exchanged, "double"), (stored_another, "double"), (stored_nothing, "double"),
        (stored_false, "false"), (handed_out_false, "false"), (by_another_key, "false"),
        (never_fetched, "lost"), (never_signed, "lost"), (activation_gone, "lost"),
    ],
)  # fmt: skip
def test_what_is_planted_is_found(plant: Callable[[Ledger, Rows], None], kind: str) -> None:
    """Unapproved, double, false, lost: each by its name."""
    ledger, rows = story()
    plant(ledger, rows)
    assert kind in found(ledger, rows)


def test_lost_is_what_nobody_can_fetch_any_more() -> None:
    """While the activation lives and callers ask, nothing is lost yet; afterwards it is."""
    ledger, rows = story()
    never_fetched(ledger, rows)
    assert found(ledger, rows, over=False, now=11 + ACTIVATION_SECONDS) == set()
    assert found(ledger, rows, over=False, now=12 + ACTIVATION_SECONDS) == {"lost"}


def test_an_approval_that_nobody_acknowledged_or_fetches_is_not_lost() -> None:
    """The phone was not told that it counts, or the caller never heard of its request."""
    for forget in (lambda one: one.asked.clear(), lambda one: setattr(one.approvals["req_1"], "acknowledged", None)):
        ledger, rows = story()
        never_fetched(ledger, rows)
        forget(ledger)
        assert found(ledger, rows) == set()


def test_answers_that_came_while_the_rows_were_read_are_judged_next_time() -> None:
    """Rows that are older than an answer say nothing about it."""
    ledger, rows = story()
    old = [replace(row, signature=None) for row in rows]
    assert found(ledger, old, received=0) == set()
    assert found(ledger, old, received=2) == {"double"}
