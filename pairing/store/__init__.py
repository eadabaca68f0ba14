"""Every row of this slice, and rows as objects. The SQL is in ``pairing/queries.sql``.

``phones``, ``links``, ``computers``, ``uses`` (what limits count), ``pauses``, ``warnings``, ``look`` (an
operator's), over ``statements``.

A store asks and tells, and decides nothing: what may follow what is in ``domain``, whose tables it hands to the
statements. Methods that take a ``connection`` are part of the caller's transaction; the others are their own.
"""

from pairing.store.computers import AssociatedRow, ComputerRow, ComputerStore
from pairing.store.links import LinkRow, LinkStore, RungDocument
from pairing.store.look import LookStore
from pairing.store.pauses import PauseRow, PauseStore
from pairing.store.phones import DeviceRow, DeviceStore, PairingRow, PairingStore, SeenRow
from pairing.store.statements import forget
from pairing.store.uses import UseStore
from pairing.store.warnings import WarningRow, WarningStore

__all__ = [
    "AssociatedRow",
    "ComputerRow",
    "ComputerStore",
    "DeviceRow",
    "DeviceStore",
    "LinkRow",
    "LinkStore",
    "LookStore",
    "PairingRow",
    "PairingStore",
    "PauseRow",
    "PauseStore",
    "RungDocument",
    "SeenRow",
    "UseStore",
    "WarningRow",
    "WarningStore",
    "forget",
]
