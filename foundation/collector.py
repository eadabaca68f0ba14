"""Python's collector of cycles, told to look at everything seldom.

It looks at young objects often, and at all of them now and then; with ten thousand open streams one look at all takes
some tenths of a second, in which the event loop stands and nobody is served. What a process made while it started stays
for ever and need not be looked at; what a request made and left in a cycle is nearly always young, and found as before.
"""

import gc
from typing import Final

OLD: Final = 1_000
"""A look at everything after so many looks at the middle generation: hours apart, instead of seconds."""


def look_seldom() -> None:
    """To be called once a process has started."""
    young, middle, _ = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, middle, OLD)
