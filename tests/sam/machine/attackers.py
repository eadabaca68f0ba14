"""What somebody does who writes to the database as he likes (docs/threats.md, attacker 2)."""

from __future__ import annotations

from typing import Any

from hypothesis.stateful import rule
from hypothesis.strategies import booleans, integers, sampled_from

from tests.sam.machine.base import PICK, Base
from tests.sam.machine.model import Right, State, Tries


class AttackerRules(Base):
    """Rows of earlier, and rows of nobody's."""

    def begin(self, key: str) -> None:
        super().begin(key)
        self.ladders: list[Any] = []
        self.copies: dict[str, dict[str, Any]] = {}

    @rule()
    def copy(self) -> None:
        """Whatever stands in the rows now, to be put back some time."""
        credential = self.holder.credential
        self.ladders += self.bench.sql(
            "SELECT total, forgiven, last_at, mac FROM sam.attempts WHERE credential = $1 AND purpose = 'sign'",
            credential,
        )
        for table, column in (("bindings", "credential"), ("associations", "credential"), ("credentials", "id")):
            more = ", blocks, blocked_at, blocked_by" if table == "credentials" else ""
            for row in self.bench.sql(f"SELECT id, state, mac{more} FROM sam.{table} WHERE {column} = $1", credential):
                if row["state"] == "active":
                    self.copies[row["id"]] = dict(row)

    @rule(choice=integers(0, 9))
    def turn_the_ladder_back(self, choice: int) -> None:
        """An old row counts as little as the SAM has seen less; after a restart it is believed (what is left)."""
        if not self.ladders or self.holder.ladder.stored is None:
            return
        old = self.ladders[choice % len(self.ladders)]
        self.bench.sql(
            "UPDATE sam.attempts SET total = $2, forgiven = $3, last_at = $4, mac = $5 "
            "WHERE credential = $1 AND purpose = 'sign'",
            self.holder.credential, old["total"], old["forgiven"], old["last_at"], old["mac"],
        )  # fmt: skip
        self.holder.ladder.stored = Tries(old["total"], old["forgiven"], old["last_at"])

    @rule(which=integers(0, 4))
    def put_a_right_back(self, which: int) -> None:
        """What ended stands in its row again; only a SAM that began a quarter of an hour later believes it."""
        holder = self.holder
        rights: list[tuple[str, Right]] = [
            *(("bindings", one.bound) for one in holder.phones),
            *(("associations", one.allowed) for one in holder.callers[:2]),
            ("credentials", holder.certificate),
        ]
        table, right = rights[which]
        copied = self.copies.get(right.id or holder.credential)
        if right.row or copied is None:
            return
        self.bench.sql(
            f"UPDATE sam.{table} SET state = $2, mac = $3 WHERE id = $1", copied["id"], copied["state"], copied["mac"]
        )
        right.row = True
        if table == "credentials":
            self.put_blocks_back(copied)

    def put_blocks_back(self, copied: dict[str, Any]) -> None:
        self.bench.sql(
            "UPDATE sam.credentials SET blocks = $2, blocked_at = $3, blocked_by = $4 WHERE id = $1",
            copied["id"], copied["blocks"], copied["blocked_at"], copied["blocked_by"],
        )  # fmt: skip
        self.holder.blocks.row = copied["blocks"]
        self.holder.blocks.by_operator = copied["blocked_by"] == "operator"

    @rule(pick=PICK, restarted=booleans())
    def make_it_look_undecided(self, pick: int, restarted: bool) -> None:
        """As if the holder had never answered, or its caller never given up; perhaps while no SAM looked."""
        asked = self.one(pick, self.is_open)
        if asked.turned_back or asked.believed not in (State.APPROVED, State.REFUSED, State.WITHDRAWN):
            return
        if any(one.caller is asked.caller and one.believed is State.WAITING for one in self.holder.asked):
            return  # PostgreSQL itself would not have it
        for statement in _UNDECIDED:
            self.bench.sql(statement, asked.request.id)
        asked.turned_back = True
        if restarted:
            self.restart()
        self.look(asked)
        self.sign(asked)

    @rule(pick=PICK, restarted=booleans())
    def take_signatures_out(self, pick: int, restarted: bool) -> None:
        """As if nothing had been signed yet: so that others be made."""
        self.spoil(pick, "taken out", restarted=restarted)

    @rule(pick=PICK, how=sampled_from(["another", "swapped"]), restarted=booleans())
    def exchange_signatures(self, pick: int, how: str, restarted: bool) -> None:
        """What is stored is not what was released."""
        self.spoil(pick, how, restarted=restarted)

    def spoil(self, pick: int, how: str, *, restarted: bool) -> None:
        asked = self.one(pick, lambda one: one.stored and not one.spoiled and self.is_open(one))
        if not asked.stored or asked.turned_back or asked.state is not State.APPROVED:
            return
        if how == "swapped" and len(set(asked.request.digests)) < 2:
            return
        self.bench.sql(_SPOILED[how], asked.request.id)
        asked.spoiled = True
        if restarted:
            self.restart()
        self.sign(asked)


_UNDECIDED = (
    "DELETE FROM sam.signatures g USING sam.activations a WHERE g.activation = a.id AND a.document = $1",
    "DELETE FROM sam.activations WHERE document = $1",
    "DELETE FROM sam.decisions WHERE document = $1",
    "UPDATE sam.documents SET state = 'waiting' WHERE id = $1",
)
_SPOILED = {
    "taken out": _UNDECIDED[0],
    "another": "UPDATE sam.signatures g "
    "SET signatures = array_fill(decode('3006020101020101', 'hex'), ARRAY[cardinality(g.signatures)]) "
    "FROM sam.activations a WHERE g.activation = a.id AND a.document = $1",
    "swapped": "UPDATE sam.signatures g SET signatures = g.signatures[2:] || g.signatures[1:1] "
    "FROM sam.activations a WHERE g.activation = a.id AND a.document = $1",
}
