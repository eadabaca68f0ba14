"""The collector of cycles: after the start, everything is looked at seldom, and young cycles are found as before."""

import subprocess
import sys

SAYS = """
import gc, weakref
from foundation.collector import OLD, YOUNG, look_seldom

before = gc.get_threshold()
look_seldom()
assert gc.get_threshold() == (YOUNG, before[1], OLD), gc.get_threshold()
assert gc.get_freeze_count() > 1000

class Node: pass

def cycle():
    one = Node()
    one.me = one
    return weakref.ref(one)

left = cycle()
kept = []
looks = gc.get_stats()[2]["collections"]
while left() is not None:
    kept.append([])  # something young, again and again
    assert len(kept) < 1_000_000, "nobody looked at young objects"
assert gc.get_stats()[2]["collections"] == looks, "everything was looked at"
"""


def test_everything_is_looked_at_seldom() -> None:
    """In a process of its own: what it changes is the whole process's."""
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
