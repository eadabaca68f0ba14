"""Holders' keys that stay unwrapped for a few seconds, while a session that the holder opened is being used.

Unwrapping costs more than signing (RSA-2048 with SoftHSM: 0.6 ms beside 0.46; P-256: several times a signature), and in
a session the same key is wanted again at once. A key is kept as a session object of one thread's PKCS#11 session, which
no other process can use, for some seconds counted from its unwrapping, however often it is used; and there are never
more than a few. Nothing is decided here: each use was opened and permitted by the SAM before, as if nothing were kept
(docs/decisions/0032).
"""

import hashlib
from collections import OrderedDict
from typing import Any

from hsm_service.hsm.keys import WrappedKey


class KeptKeys:
    """Of one ``Room``: not for two threads at once. Times are seconds of a clock that never goes back."""

    def __init__(self, most: int, seconds: float) -> None:
        """``most``: keys at the same time, 0 for none; ``seconds``: each of them."""
        self._most, self._seconds = most, seconds
        self._kept: OrderedDict[bytes, tuple[Any, float]] = OrderedDict()
        """By ``_name``: the object, and when it is over; the oldest first."""

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, key: WrappedKey, now: float) -> Any | None:
        """The object, which stays ours: not to be destroyed by the caller. None: unwrap it."""
        kept = self._kept.get(_name(key))
        return kept[0] if kept is not None and now < kept[1] else None

    def keep(self, key: WrappedKey, private: Any, now: float) -> bool:
        """Whether it is ours from now on; else the caller destroys it. The oldest makes room."""
        self.forget(now)
        if self._most == 0 or _name(key) in self._kept:
            return False
        while len(self._kept) >= self._most:
            self._destroy_oldest()
        self._kept[_name(key)] = (private, now + self._seconds)
        return True

    def forget(self, now: float) -> None:
        """Destroy those whose time is over. Raises PKCS11Error; that one is forgotten all the same."""
        while self._kept and next(iter(self._kept.values()))[1] <= now:
            self._destroy_oldest()

    def _destroy_oldest(self) -> None:
        _, (private, _) = self._kept.popitem(last=False)
        private.destroy()


def _name(key: WrappedKey) -> bytes:
    """Whoever names the blob opened its activation; the blob itself is not kept."""
    return hashlib.sha256(b"%d." % key.kek + key.blob).digest()
