"""The signing API, assembled: see tests/support/signing_world.py."""

from tests.support.signing_world import world, world_of_module

__all__ = ["world", "world_of_module"]
