"""Python's collector of cycles, told to look at everything seldom.

It looks at young objects often, and at all of them now and then. With ten thousand open streams, or with all that a SAM
remembers of rows, one look at all takes some tenths of a second, in which the event loop stands and nobody is served.
What a process made while it started stays for ever and need not be looked at; what a request made and left in a cycle
is nearly always young, and found as before.
"""

import gc
from typing import Final

YOUNG: Final = 5_000
"""A look at the young after so many more objects were made than given up. Python's own 700 are fewer than one request
over a hundred hashes makes, so it was looked at several times in the middle, and all of it was needed still."""
OLD: Final = 150
"""A look at everything after so many looks at the middle generation: hours apart, instead of seconds."""


def look_seldom() -> None:
    """To be called once a process has started."""
    _, middle, _ = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, middle, OLD)
