"""Signing sessions: one approval, so many signatures until a time, for one caller.

``asking`` fixes what the holder is asked; a yes leaves an activation as other requests do (``decisions.effects``);
``opening`` has everything that must be so at each use, numbered as in docs/walkthroughs/one-session.md; ``service``
signs, lists and ends.
"""
