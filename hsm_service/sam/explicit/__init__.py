"""Signing with factors that an application sends ("explicit"): off, until the holder's phone consented.

``service`` has the steps E1 to E8 of docs/walkthroughs/one-explicit-signature.md; ``stretching`` is the room in which
passwords are stretched here, where nobody's phone did it; ``opening`` judges the factors; ``asking`` fixes what the
holder is asked to consent to.
"""
