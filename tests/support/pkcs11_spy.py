"""Stands between python-pkcs11 and the real library of this process: counts calls of a function, or answers for it.

    with spying(module, "C_Login") as logins:
        ...
    assert logins.count == 1
    with spying(module, "C_Sign", lambda call: 0x30 if call == 1 else None):   # the first one: CKR_DEVICE_ERROR
        ...

It swaps the entry in the library's own CK_FUNCTION_LIST, so whatever is not answered reaches the library unchanged.
"""

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_ENTRIES: Final = {  # name: place after CK_VERSION, number of arguments (each fits a register)
    "C_Initialize": (0, 1),
    "C_Finalize": (1, 1),
    "C_Login": (18, 4),
    "C_FindObjectsInit": (26, 3),
    "C_SignInit": (42, 3),
    "C_Sign": (43, 5),
    "C_UnwrapKey": (61, 8),
}
_VERSION: Final = ctypes.sizeof(ctypes.c_void_p)


class Spy:
    """What came by."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def came(self) -> int:
        """Number of this call, from 1."""
        with self._lock:
            self.count += 1
            return self.count


@contextmanager
def spying(module: Path, name: str, answer: Callable[[int], int | None] = lambda call: None) -> Iterator[Spy]:
    """For as long as the block runs. ``answer``: a CKR by the number of the call (from 1); None lets it through."""
    place, arguments = _ENTRIES[name]
    functions = ctypes.c_void_p()
    assert ctypes.CDLL(str(module)).C_GetFunctionList(ctypes.byref(functions)) == 0
    assert functions.value is not None
    entry = ctypes.c_void_p.from_address(functions.value + _VERSION + place * ctypes.sizeof(ctypes.c_void_p))
    prototype = ctypes.CFUNCTYPE(ctypes.c_ulong, *[ctypes.c_ulong] * arguments)
    original, spy = entry.value, Spy()
    assert original is not None
    real = prototype(original)

    def called(*given: int) -> int:
        said = answer(spy.came())
        return real(*given) if said is None else said

    ours = prototype(called)
    entry.value = ctypes.cast(ours, ctypes.c_void_p).value
    try:
        yield spy
    finally:
        entry.value = original
        _KEPT.append(ours)


_KEPT: Final[list[object]] = []
"""A thread may be inside one of ours still."""
