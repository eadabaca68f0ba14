""" "Bloquear tudo" in any story: pressed on whichever phone, undone by an operator, turned back by an attacker.

Rules of their own, in a machine of their own: a holder who has blocked everything lives quiet stories, in which little
else is found.
"""

from __future__ import annotations

from hypothesis.stateful import rule
from hypothesis.strategies import integers

from tests.sam.machine.attackers import AttackerRules
from tests.sam.machine.holders import PHONES, HolderRules


class BlockRules(HolderRules, AttackerRules):
    """The holder, their operator, and a thief of the database."""

    @rule(which=PHONES, rarely=integers(0, 2))
    def block(self, which: int, rarely: int) -> None:
        """Everything shut by one press of any of the three phones; somebody else's shuts nothing here."""
        if rarely:
            return
        phone = self.phone(which)
        ours = phone in self.holder.phones
        wanted: str | bool = "binding_unknown"
        if ours and phone.bound.stands:
            wanted = self.holder.turn(self.bench.now, shut=True)
        code, answer = self.bench.call("credentials/block", {"device": phone.signer.id})
        if ours:
            assert code == (wanted if isinstance(wanted, str) else None)
        told = [one for one in answer.get("blocks", []) if one["credential"] == self.holder.credential]
        assert any(one["new"] for one in told) is (wanted is True)

    @rule(shut=integers(0, 4))
    def turn_the_block(self, shut: int) -> None:
        """An operator, at the holder's word: mostly opens it again."""
        inactive = self.holder.usable() == "credential_not_active"
        wanted = (
            "credential_not_active" if inactive else self.holder.turn(self.bench.now, shut=shut == 0, by_operator=True)
        )
        act = "block" if shut == 0 else "unblock"
        code, changed = self.bench.run(self.bench.attempt(self.bench.world.turn(act, self.holder.credential)))
        assert code == (wanted if isinstance(wanted, str) else None)
        assert isinstance(wanted, str) or changed is wanted

    @rule()
    def turn_the_block_back(self) -> None:
        """The certificate's row as it was before it was shut (or opened): the SAM remembers, or hears of it again."""
        copied = self.copies.get(self.holder.credential)
        if copied is None or not self.holder.certificate.row or self.holder.certificate.ended is not None:
            return
        self.bench.sql("UPDATE sam.credentials SET mac = $2 WHERE id = $1", copied["id"], copied["mac"])
        self.put_blocks_back(copied)
