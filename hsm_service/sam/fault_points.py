"""Places where a test lets the process die, exactly between two steps. In production there are none to reach."""

import os
from collections.abc import Collection

from hsm_service.sam.settings import FaultPoint

_EXIT_LIKE_KILLED = 137


class FaultPoints:
    """``reach`` does nothing, unless the settings (development only) name the place."""

    def __init__(self, names: Collection[FaultPoint] = ()) -> None:
        self._names = frozenset(names)

    def reach(self, name: FaultPoint) -> None:
        """End the process here and now, without cleaning up, when a test asked for it."""
        if name in self._names:
            os._exit(_EXIT_LIKE_KILLED)
