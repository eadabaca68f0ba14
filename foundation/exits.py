"""How a process of ours ends: by a code that tells whoever keeps it up what to do next.

They are those of BSD's sysexits where one fits. 0 and 1 mean what they always do.
"""

import os
import sys
from typing import Final, NoReturn

REPLACE_ME: Final = 70
"""A library of another maker hangs or does not come back in this process (EX_SOFTWARE): start another at once."""

RECYCLED: Final = 75
"""Worn out as planned, and all that ran was finished (EX_TEMPFAIL): start another at once."""

NEVER_AGAIN: Final = 77
"""Refused where every further try does harm (EX_NOPERM), as a PIN that a token may lock: an operator must act."""


def leave(code: int) -> NoReturn:
    """End the process now. A thread that hangs inside a foreign library would keep an ordinary end waiting for ever."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
