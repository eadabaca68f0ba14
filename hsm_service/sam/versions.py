"""Which version of KEK and pepper new things are made with: looked for again while we run, so nobody restarts a SAM.

A version that this process has not heard of yet is used all the same to *open*: a row names its versions, and the token
finds keys by their labels. A new one is first examined like those at the start: whoever has the PIN could add a pepper
that he knows, and a minute later every password would be bound by it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from foundation.logs import get_logger
from hsm_service.hsm.facade import Hsm

LOOK_AGAIN_SECONDS: Final = 60.0
_NAMES: Final = ("kek", "pepper", "rowmac")

_log = get_logger(__name__)


@dataclass(frozen=True)
class Versions:
    """The newest of each."""

    kek: int
    pepper: int
    rowmac: int


class KeyVersions:
    """``newest()``. One per SAM."""

    def __init__(self, hsm: Hsm, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._hsm, self._monotonic = hsm, monotonic
        self._newest: Versions | None = None
        self._looked = float("-inf")

    async def newest(self) -> Versions:
        """K9: as of a minute ago at most. Raises SlotDamaged for a new version weaker than ours, HsmUnavailable."""
        if self._newest is None or self._monotonic() - self._looked > LOOK_AGAIN_SECONDS:
            self._looked = self._monotonic()  # who asks meanwhile goes on with what we knew
            try:
                found = Versions(**await self._hsm.newest_versions(_NAMES))
                if found != self._newest:
                    await self._hsm.demand_strong(found.kek)
                    _log.info("key_versions", kek=found.kek, pepper=found.pepper, rowmac=found.rowmac)
            except BaseException:
                self.forget()
                raise
            self._newest = found
        return self._newest

    async def newest_kek(self) -> int:
        """The same, of the KEK alone."""
        return (await self.newest()).kek

    async def newest_pepper(self) -> int:
        """And of the pepper."""
        return (await self.newest()).pepper

    def forget(self) -> None:
        """Look again at the next question."""
        self._looked = float("-inf")
