"""A program of its own: initialises the free slot of a SoftHSM token. The PINs come by standard input.

    python -m softhsm_config.initialise MODULE LABEL     (SOFTHSM2_CONF set; lines: security officer's PIN, user PIN)

softhsm2-util takes PINs as arguments, where the list of processes shows them, or from a terminal, which a container
may not have. The five calls are those of PKCS#11 v2.40 section 5.5 and 5.6; a process of its own, because SoftHSM reads
its configuration once per process, and ours may have it loaded for another token.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Final

CK_ULONG = ctypes.c_ulong
_USER_SO: Final = 0
_RW_SESSION: Final = 0x2 | 0x4  # CKF_RW_SESSION, and CKF_SERIAL_SESSION which must always be set
_LABEL_BYTES: Final = 32


class Refused(Exception):
    """The module answered a call with something else than CKR_OK."""


def initialise(module: str, label: str, so_pin: bytes, pin: bytes) -> None:
    """Make a token in the first slot that has none. Raises Refused, or OSError when the module cannot be loaded."""
    library = ctypes.CDLL(module)

    def call(name: str, *arguments: object) -> None:
        function: Callable[..., int] = getattr(library, name)
        code = function(*arguments)
        if code != 0:
            raise Refused(f"{name} answered {code:#x}")

    call("C_Initialize", None)
    try:
        slot = _free_slot(call)
        name = label.encode("ascii").ljust(_LABEL_BYTES)
        call("C_InitToken", slot, so_pin, CK_ULONG(len(so_pin)), name)
        session = CK_ULONG()
        call("C_OpenSession", slot, CK_ULONG(_RW_SESSION), None, None, ctypes.byref(session))
        call("C_Login", session, CK_ULONG(_USER_SO), so_pin, CK_ULONG(len(so_pin)))
        call("C_InitPIN", session, pin, CK_ULONG(len(pin)))
        call("C_Logout", session)
    finally:
        library.C_Finalize(None)


def _free_slot(call: Callable[..., None]) -> CK_ULONG:
    """SoftHSM always shows exactly one slot without a token, after those that have one."""
    count = CK_ULONG()
    call("C_GetSlotList", ctypes.c_ubyte(1), None, ctypes.byref(count))
    slots = (CK_ULONG * count.value)()
    call("C_GetSlotList", ctypes.c_ubyte(1), slots, ctypes.byref(count))
    return CK_ULONG(max(slots))


def main() -> int:
    """0 when the token was made."""
    so_pin, pin = (sys.stdin.readline().rstrip("\n").encode("ascii") for _ in range(2))
    try:
        initialise(sys.argv[1], sys.argv[2], so_pin, pin)
    except (Refused, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
