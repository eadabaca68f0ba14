"""How a process of ours says, by the code it ends with, what whoever keeps it up should do next.

They are those of BSD's sysexits where one fits. 0 and 1 mean what they always do.
"""

from typing import Final

REPLACE_ME: Final = 70
"""A library of another maker hangs or does not come back in this process (EX_SOFTWARE): start another at once."""

RECYCLED: Final = 75
"""Worn out as planned, and all that ran was finished (EX_TEMPFAIL): start another at once."""

NEVER_AGAIN: Final = 77
"""Refused where every further try does harm (EX_NOPERM), as a PIN that a token may lock: an operator must act."""
