"""The dialect on HTTP: ``endpoints`` for programs, ``programs`` and ``starts`` for those without a page, ``authorize``
for people (``page`` waits for a session), ``applications`` that register themselves, ``answers`` what all of them say,
``clients`` who calls, ``mounting`` all of it as routes.
"""
