"""What this process remembers against whoever writes to the database behind its back.

Beside the ranks of rows (``rows``): which signatures an activation gave, since rows that are deleted have no rank.
Learnt again from the audit when the process starts (``recall``). It is a second lock beside the guarded states of the
database, which alone works across processes and restarts. Not remembered: who was frozen. Whoever writes to the
database can let a frozen caller ask again; the holder still decides.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from foundation.encoding import b64u

_REMEMBERED: Final = 100_000
"""Entries of about 100 bytes. Documents live 300 s, activations 300 s more: this is 160 decisions a second."""


def name_of(signatures: Sequence[bytes]) -> str:
    """A digest that names signatures in the order of their occurrences."""
    parts = b"".join(len(one).to_bytes(4, "big") + one for one in signatures)
    return b64u(hashlib.sha256(parts).digest())


class Memory:
    """Bounded; forgets the oldest."""

    def __init__(self) -> None:
        self._released: OrderedDict[str, str] = OrderedDict()

    def release(self, activation: str, signatures: str) -> None:
        """Signatures of an activation were stored; ``signatures`` is ``name_of`` them."""
        self._released[activation] = signatures
        if len(self._released) > _REMEMBERED:
            self._released.popitem(last=False)

    def released(self, activation: str) -> str | None:
        """``name_of`` the signatures, if this process (or, by the audit, another) stored them."""
        return self._released.get(activation)
