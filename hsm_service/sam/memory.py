"""What this process remembers against whoever writes to the database behind its back.

Beside the ranks of rows (``rows``): which signatures an activation gave, since rows that are deleted have no rank.
What sessions gave and which are over (``Sessions``) likewise.
Learnt again from the audit when the process starts (``recall``). It is a second lock beside the guarded states of the
database, which alone works across processes and restarts. Not remembered: who was frozen. Whoever writes to the
database can let a frozen caller ask again; the holder still decides.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from foundation.encoding import b64u

_REMEMBERED: Final = 100_000
"""Entries of about 100 bytes. Documents live 300 s, activations 300 s more: this is 160 decisions a second."""


def name_of(signatures: Sequence[bytes]) -> str:
    """A digest that names signatures in the order of their occurrences."""
    parts = b"".join(len(one).to_bytes(4, "big") + one for one in signatures)
    return b64u(hashlib.sha256(parts).digest())


class Sessions:
    """How far each session has gone. Bounded; forgets first what was not heard of for longest.

    Apart from the ranks of rows, because sessions live days: other rows' comings and goings must not drive them out.
    """

    def __init__(self) -> None:
        self._used: OrderedDict[str, int] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._released: OrderedDict[tuple[str, int], str] = OrderedDict()
        self.since: datetime | None = None
        """The audit was read back to here: what a session that began earlier used before is not known yet."""

    def use(self, activation: str, used: int) -> None:
        """So many signatures were reserved of a session, all together."""
        self._used[activation] = max(used, self._used.get(activation, 0))
        self._used.move_to_end(activation)
        _bound(self._used)

    def used(self, activation: str) -> int:
        """The most that this process heard of; 0 for a session that it never heard of."""
        return self._used.get(activation, 0)

    def ended(self, activation: str) -> None:
        """A session is over."""
        self._ended[activation] = None
        _bound(self._ended)

    def is_over(self, activation: str) -> bool:
        """Whether it was heard to be."""
        return activation in self._ended

    def release(self, activation: str, counter: int, signatures: str) -> None:
        """Signatures of one use were stored; ``signatures`` is ``name_of`` them."""
        self._released[activation, counter] = signatures
        _bound(self._released)

    def recall_release(self, activation: str, counter: int, signatures: str) -> None:
        """The same, heard of an older use than all that are known: it drives none of them out."""
        if len(self._released) < _REMEMBERED:
            self._released.setdefault((activation, counter), signatures)
            self._released.move_to_end((activation, counter), last=False)

    def released(self, activation: str, counter: int) -> str | None:
        """``name_of`` the signatures of a use, if this process (or, by the audit, another) stored them."""
        return self._released.get((activation, counter))


@dataclass(frozen=True)
class Gone:
    """How far a consent has gone: tries ever reserved, signatures counted, and whether it is over."""

    total: int = 0
    used: int = 0
    over: bool = False


class Consents:
    """How far each consent has gone. Bounded; forgets first what was not heard of for longest.

    Apart from the ranks of rows, as sessions are: consents live months.
    """

    def __init__(self) -> None:
        self._gone: OrderedDict[str, Gone] = OrderedDict()

    def see(self, consent: str, *, total: int = 0, used: int = 0, over: bool = False) -> None:
        """It has come at least this far."""
        known = self.of(consent)
        self._gone[consent] = Gone(max(total, known.total), max(used, known.used), over or known.over)
        self._gone.move_to_end(consent)
        _bound(self._gone)

    def of(self, consent: str) -> Gone:
        """What was heard; of one that was never heard of, nothing."""
        return self._gone.get(consent, Gone())


class Memory:
    """Bounded; forgets the oldest."""

    def __init__(self) -> None:
        self._released: OrderedDict[str, str] = OrderedDict()
        self.sessions = Sessions()
        self.consents = Consents()

    def release(self, activation: str, signatures: str) -> None:
        """Signatures of an activation were stored; ``signatures`` is ``name_of`` them."""
        self._released[activation] = signatures
        _bound(self._released)

    def released(self, activation: str) -> str | None:
        """``name_of`` the signatures, if this process (or, by the audit, another) stored them."""
        return self._released.get(activation)


def _bound(remembered: "OrderedDict[Any, Any]") -> None:
    if len(remembered) > _REMEMBERED:
        remembered.popitem(last=False)
