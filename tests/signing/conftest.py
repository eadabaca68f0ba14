"""The signing API, assembled: see tests/support/signing_world.py."""

import pytest

from tests.signing.asking import MINE, OTHER
from tests.support.signing_world import World, world, world_of_module

__all__ = ["world", "world_of_module"]


@pytest.fixture
def known(world: World) -> None:
    """An operator's orders made them known to the SAM."""
    ids = [MINE.id, OTHER.id, *(f"cli_{number:026}" for number in range(5))]
    world.sam.integrators |= dict.fromkeys(ids, "Contratos SA")
