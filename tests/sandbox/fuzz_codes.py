"""The codes of a holder's phone, for calls that are led to sign by their factors: each serves once."""

import time

from protocol.codes import PERIOD
from tests.sandbox.fuzz_told import ALONE, FOLDER, given

_first, _, _codes = given("FUZZ_CODES", "0 ").partition(" ")
_used: dict[str, int] = {}
"""By path: the step whose code this run of `st` used there."""


def next_code(path: str) -> str | None:
    """One that the SAM takes now and took never before: two at once, then one in thirty seconds. Each path has one in a
    run, waited for; None afterwards."""
    if ALONE not in ("factors", "password") or not _codes or FOLDER is None or path in _used:
        return None
    kept = FOLDER / "step"
    step = max(int(kept.read_text(encoding="utf-8")) + 1, int(time.time()) // PERIOD)
    while step > int(time.time()) // PERIOD + 1:
        time.sleep(0.5)
    _used[path] = step
    kept.write_text(str(step), encoding="utf-8")
    return _codes.split(",")[step - int(_first)]
