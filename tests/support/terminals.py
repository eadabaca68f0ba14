"""Terminals for programs that ask their person something."""

import pty

import pytest


def open_terminal() -> tuple[int, int]:
    """Its two ends as descriptors: ours, the program's. Skips the test where the machine has none to give."""
    try:
        return pty.openpty()
    except OSError:
        pytest.skip("this machine has no terminals to give (a container without /dev/pts)")
