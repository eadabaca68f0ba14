"""What operators and the AC do, what time does, and how SAMs end."""

from __future__ import annotations

from typing import get_args

from hypothesis.stateful import rule
from hypothesis.strategies import integers, sampled_from

from hsm_service.sam.housekeeping import forget_sealed, forget_tries
from hsm_service.sam.settings import FaultPoint
from tests.sam.machine.base import PICK, Base

WAITS = (1, 1, 30, 30, 179, 180, 299, 300, 301, 16 * 60, 3 * 3600, 24 * 3600)
"""Seconds: lives of requests (180) and activations (300), what is recalled (900), locks of the ladder."""


class OperatorRules(Base):
    """Everybody who is neither holder nor caller, and no thief."""

    @rule(pick=PICK, rarely=integers(0, 5))
    def revoke(self, pick: int, rarely: int) -> None:
        """The AC's word. Rare, because nothing much happens afterwards."""
        asked = self.one(pick, self.waits)
        if rarely != 5:
            return
        named = asked.request.statement.document.text("certificate")
        code, _ = self.bench.call("credentials/revoke", {"revocation": self.bench.authority.revocation(named)})
        assert code is None
        self.holder.revoke(self.bench.now)

    @rule(who=integers(0, 3))
    def lift_freeze(self, who: int) -> None:
        caller = self.holder.callers[who]
        documents = self.bench.world.sam.rooms.documents
        self.bench.run(documents.lift_freeze(self.holder.credential, caller.ref["kind"], caller.ref["id"]))
        caller.frozen = False

    @rule(seconds=sampled_from(WAITS))
    def wait(self, seconds: int) -> None:
        self.bench.clock.advance(seconds)

    @rule()
    def keep_house(self) -> None:
        """What a SAM forgets by itself."""
        database = self.bench.world.sam.database
        self.bench.run(forget_sealed(database, self.bench.now))
        self.bench.run(forget_tries(database, self.bench.now))
        self.holder.forget(self.bench.now)

    @rule()
    def another_sam(self) -> None:
        """The process ends between two calls; another takes over."""
        self.restart()

    @rule(pick=PICK, where=sampled_from(get_args(FaultPoint)))
    def the_sam_dies(self, pick: int, where: FaultPoint) -> None:
        """In the middle of a right decision or of a right call, at any of its steps; another takes over."""
        asked = self.one(pick, self.waits if where.startswith("7") else self.is_open)
        self.bench.faults.planned = where
        if where.startswith("7"):
            self.decide(asked, self.decision(asked, self.holder.phones[0]), dies_at=where)
        else:
            self.sign(asked, dies_at=where)
        self.restart()
