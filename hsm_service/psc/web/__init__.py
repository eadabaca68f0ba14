"""The dialect on HTTP: ``endpoints`` for programs, ``authorize`` for people, ``answers`` what both say; ``page``
the page that waits for a session.
"""
