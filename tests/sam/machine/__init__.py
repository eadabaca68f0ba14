"""A machine that does to a SAM, in any order, what holders, callers, thieves and crashes do to it.

``model`` says what must be so (pure: it knows no SAM), ``bench`` has the real one, ``base`` does one thing to both and
compares. The rules are in files by who acts: ``callers``, ``holders``, ``operators``, ``attackers``; a new kind of
approval is another such file, and one more base class in ``machine.py``, where they are put together. ``blocks`` are
rules of a machine of their own.
"""
