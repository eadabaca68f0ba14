"""The PKCS#11 library of this process: loaded once, initialised with locking, counted in epochs.

Two traps shape this file. python-pkcs11 calls C_Initialize(NULL), which says "no threads", and then releases the GIL:
SoftHSM switches its locks off and crashes within seconds; so we pass CKF_OS_LOCKING_OK ourselves. And after
C_Finalize + C_Initialize handles start again at 1, so that an old handle may name another key; so every handle carries
the epoch it was found in, and C_Finalize waits until no thread is inside the library (under load it would crash).
"""

import contextlib
import ctypes
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import pkcs11
from pkcs11 import _pkcs11

from hsm_service.hsm.faults import HsmUnavailable

_CKF_OS_LOCKING_OK: Final = 2
_CRYPTOKI_NOT_INITIALIZED: Final = 0x190
_CRYPTOKI_ALREADY_INITIALIZED: Final = 0x191

DRAIN_SECONDS: Final = 5.0
"""How long a new initialisation waits for calls under way. One that is still inside hangs; only a new process helps."""


class _InitArgs(ctypes.Structure):
    _fields_ = (
        ("create_mutex", ctypes.c_void_p),
        ("destroy_mutex", ctypes.c_void_p),
        ("lock_mutex", ctypes.c_void_p),
        ("unlock_mutex", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


class _FunctionList(ctypes.Structure):
    """CK_VERSION (padded), then pointers in the order of the standard; the first two are enough."""

    _fields_ = (
        ("major", ctypes.c_ubyte),
        ("minor", ctypes.c_ubyte),
        ("C_Initialize", ctypes.c_void_p),
        ("C_Finalize", ctypes.c_void_p),
    )


class _LockingLibrary(_pkcs11.lib):
    """``pkcs11.lib`` that initialises with CKF_OS_LOCKING_OK. The base calls ``initialize`` from its constructor."""

    def _call(self, name: str, argument: Any) -> int:
        functions = ctypes.POINTER(_FunctionList)()
        if ctypes.CDLL(self.so).C_GetFunctionList(ctypes.byref(functions)):
            raise pkcs11.PKCS11Error("C_GetFunctionList failed")
        prototype = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)
        return int(prototype(getattr(functions.contents, name))(argument))

    def initialize(self) -> None:
        result = self._call("C_Initialize", ctypes.byref(_InitArgs(flags=_CKF_OS_LOCKING_OK)))
        if result not in (0, _CRYPTOKI_ALREADY_INITIALIZED):
            raise pkcs11.PKCS11Error(f"C_Initialize: 0x{result:x}")

    def finalize(self) -> None:
        result = self._call("C_Finalize", None)
        if result not in (0, _CRYPTOKI_NOT_INITIALIZED):
            raise pkcs11.PKCS11Error(f"C_Finalize: 0x{result:x}")

    def reinitialize(self) -> None:
        self.finalize()
        self.initialize()


Initialise = Literal["os_locking", "null"]


class Module:
    """A loaded library. Use ``Module.load``: one object per library and process, never dropped."""

    def __init__(self, path: Path, initialise: Initialise) -> None:
        self.initialise = initialise
        self.epoch = 1
        """Goes up with every new initialisation; handles of another epoch are worthless."""
        try:
            kind = _LockingLibrary if initialise == "os_locking" else pkcs11.lib
            self.library = kind(str(path))
        except (pkcs11.PKCS11Error, RuntimeError, OSError) as cause:
            raise HsmUnavailable(f"{path} does not load: {cause}") from cause
        self._state = threading.Condition()
        self._inside = 0
        self._draining = False

    @classmethod
    def load(cls, path: Path, initialise: Initialise = "os_locking") -> "Module":
        """The library at ``path``. Raises HsmUnavailable; ValueError for a second way to load it."""
        with _loading:
            found = _loaded.get(path)
            if found is None:
                found = _loaded[path] = cls(path, initialise)
            if found.initialise != initialise:
                raise ValueError(f"{path} is already initialised with {found.initialise}")
            return found

    @contextlib.contextmanager
    def entered(self) -> Iterator[int]:
        """Be inside the library: yields the epoch, which cannot change meanwhile. Waits for a new initialisation."""
        with self._state:
            if not self._state.wait_for(lambda: not self._draining, DRAIN_SECONDS):
                raise HsmUnavailable("the module is being initialised anew", retry_after=5)
            self._inside += 1
            epoch = self.epoch
        try:
            yield epoch
        finally:
            with self._state:
                self._inside -= 1
                self._state.notify_all()

    def renew(self, seen: int) -> int:
        """Initialise anew, unless somebody did since epoch ``seen``; returns the epoch that holds now.

        The caller must be outside of ``entered``. Raises HsmUnavailable when a call hangs inside the library, and
        PKCS11Error when the library does not come back.
        """
        with self._state:
            if not self._state.wait_for(lambda: not self._draining, DRAIN_SECONDS):
                raise HsmUnavailable("the module is being initialised anew", retry_after=5)
            if self.epoch != seen:
                return self.epoch
            self._draining = True
            try:
                if not self._state.wait_for(lambda: self._inside == 0, DRAIN_SECONDS):
                    raise HsmUnavailable("a call hangs inside the module: the process must be replaced")
                self.epoch += 1  # before, so that nothing found earlier is used even if this fails half way
                self.library.reinitialize()
                return self.epoch
            finally:
                self._draining = False
                self._state.notify_all()


_loading = threading.Lock()
_loaded: dict[Path, Module] = {}
"""Never emptied: dropping a library object finalises and unloads it, under the feet of other threads."""
