"""The stories, in the order of their steps.

* ``requests`` (A1): an authorize request, checked. ``authorizations`` (A2 to A5): by the page, to a code; ``pushes``:
  by ringing the phone. ``codes`` (A6): a code becomes a token.
* ``tokens``: whose is it. ``signatures`` (P1 to P6): its one use, or one of a session's. ``async_signatures``: without.
* ``explicit``: consents to factors that an application sends, and tokens for them (docs/walkthroughs/
  one-explicit-signature.md). ``outcomes`` (O1 to O5): what became of a consent, posted.
* ``starts`` (S1 to S6): for applications that draw the page themselves; ``start_bells``: when one is to be looked at.
* ``endings``: what an application opened and cannot use any more.
* ``applications``: those that register themselves.
* ``discovery``: who has a certificate here, and which. ``holders``: the one holder that a grant is about.
"""
