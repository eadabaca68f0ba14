"""Keys made ahead of their emission, because an RSA key is found by luck and its holder would wait for it.

They lie in the memory of this process only, wrapped under the KEK, and are given out once each. Never in the database:
there a blob under the KEK alone would be in an old copy, and later be somebody's key, with no password around it
(docs/decisions/0017-keys-made-ahead-live-in-memory.md).

Making one cannot be broken off once it began, so it begins only when nobody needed the HSM between two looks: one key
at a time, then the next look.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Never, Protocol

from foundation.errors import LinkIdError
from foundation.logs import get_logger
from hsm_service.hsm.keys import WrappedKey
from protocol.algorithms import KEY_ALGORITHMS, KeyAlgorithm

LOOK_SECONDS: Final = 0.5
"""Between two looks at whether anybody needs the HSM."""

FIRST_WAIT_SECONDS: Final = 5.0
LONGEST_WAIT_SECONDS: Final = 300.0
"""After failures: twice as long each time. The HSM heals by the calls of those who need it, not by ours."""

_log = get_logger(__name__)


class Maker(Protocol):
    """The HSM, as far as the pool knows it (``hsm.facade.Hsm``)."""

    begun: int
    at_work: int

    @property
    def epoch(self) -> int:
        """Of the token."""
        ...

    async def generate_ahead(self, algorithm: KeyAlgorithm, kek: int) -> WrappedKey:
        """A key that nobody waits for."""
        ...


def next_to_make(wanted: Mapping[KeyAlgorithm, int], have: Mapping[KeyAlgorithm, int]) -> KeyAlgorithm | None:
    """What is furthest from full; of equals the first of the protocol's list. None: nothing is missing."""
    missing = [one for one in KEY_ALGORITHMS if have.get(one, 0) < wanted.get(one, 0)]
    return min(missing, key=lambda one: have.get(one, 0) / wanted[one], default=None)


def wait_after(failures: int) -> float:
    """Seconds before the next try, after so many failures in a row."""
    return min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 10))


class KeyPool:
    """Bounded by ``wanted``. Its keys are of one epoch of the token and one version of the KEK, or are forgotten."""

    def __init__(
        self,
        maker: Maker,
        wanted: Mapping[KeyAlgorithm, int],
        kek: int,
        ready: Callable[[], bool],
        newest: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        """Empty. ``ready``: whether the SAM works; nothing is made before. ``newest``: which version of the KEK is the
        newest by now; not given: the one that whoever takes keys names."""
        self._maker, self._wanted, self._ready, self._newest = maker, dict(wanted), ready, newest
        self._kek, self._epoch = kek, maker.epoch
        self._keys: dict[KeyAlgorithm, deque[WrappedKey]] = {}
        self._begun = -1
        self._failures = 0

    def take(self, algorithm: KeyAlgorithm, kek: int) -> WrappedKey | None:
        """A key under ``kek.<kek>`` that nobody else gets; None: there is none, make one."""
        self._keep_only(kek)
        keys = self._keys.get(algorithm)
        return keys.popleft() if keys else None

    def forget(self) -> None:
        """All of them."""
        self._keys.clear()

    @property
    def have(self) -> dict[KeyAlgorithm, int]:
        """How many there are."""
        return {algorithm: len(keys) for algorithm, keys in self._keys.items() if keys}

    async def keep_filled(self) -> Never:
        """For as long as the process runs."""
        while True:
            wait = await self.step()
            await asyncio.sleep(wait)

    async def step(self) -> float:
        """Make one key, if one is missing and nobody needs the HSM; seconds until the next step."""
        self._keep_only(self._kek)
        if not self._ready():
            return LOOK_SECONDS
        try:
            if self._newest is not None:
                self._keep_only(await self._newest())
            algorithm = next_to_make(self._wanted, self.have)
            if algorithm is None or not self._is_quiet():
                return LOOK_SECONDS
            kek, epoch = self._kek, self._epoch
            key = await self._maker.generate_ahead(algorithm, kek)
        except LinkIdError as error:
            self._failures += 1
            wait = wait_after(self._failures)
            _log.warning("key_pool_not_filled", error_code=error.code, detail=error.detail, again_in=wait)
            return wait
        self._failures = 0
        self._keep_only(self._kek)
        if (kek, epoch) == (self._kek, self._epoch):
            self._keys.setdefault(algorithm, deque()).append(key)
            _log.info("key_made_ahead", algorithm=algorithm, waiting=self.have[algorithm])
        return LOOK_SECONDS

    def _is_quiet(self) -> bool:
        """Nobody waits for the HSM, and nobody asked for it since the last look."""
        before, self._begun = self._begun, self._maker.begun
        return self._maker.at_work == 0 and before == self._begun

    def _keep_only(self, kek: int) -> None:
        """Of another version, or of an earlier life of the token, nothing is kept."""
        if (kek, self._maker.epoch) != (self._kek, self._epoch):
            self._kek, self._epoch = kek, self._maker.epoch
            self.forget()
