"""The roof: the one command, the settings assembled, the slices wired into processes. Only it knows everybody.

First files to open: `__main__` (the commands), `serve` (which processes there are), `supervisor` (what keeps them up).
"""
