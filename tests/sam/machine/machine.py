"""The machine, put together. A new kind of approval: a file of rules of its own, and its class here."""

from __future__ import annotations

from hypothesis.stateful import initialize
from hypothesis.strategies import integers, sampled_from

from tests.sam.machine.attackers import AttackerRules
from tests.sam.machine.blocks import BlockRules
from tests.sam.machine.callers import SHAPES, CallerRules
from tests.sam.machine.holders import HolderRules
from tests.sam.machine.operators import OperatorRules

KEYS = ("P-256", "P-256", "P-256", "P-384", "RSA-2048")
"""RSA is dear to make: one in five."""
SHAPE = sampled_from(sorted(SHAPES))


class SamMachine(CallerRules, HolderRules, OperatorRules, AttackerRules):
    """Everybody at once."""

    @initialize(key=sampled_from(KEYS), one=SHAPE, two=SHAPE, choice=integers(0, 4))
    def everybody_meets(self, key: str, one: str, two: str, choice: int) -> None:
        """A story begins with a request that was approved, and two that wait: hypothesis forbids itself some
        rules in each story, perhaps to ask."""
        self.begin(key)
        asked = [self.ask_one(0, one, choice), self.ask_one(2, two, choice), self.ask_one(3, one, choice + 1)]
        made = [each for each in asked if each is not None]
        self.approve_at_once(made[0])


class BlockMachine(SamMachine, BlockRules):
    """And a holder who shuts everything now and then."""
