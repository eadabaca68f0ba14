"""The page where applications are registered, in the assembled world."""

from tests.support.signing_world import world, world_of_module

__all__ = ["world", "world_of_module"]
