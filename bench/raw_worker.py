"""One process of the raw reference: reads {"layout", "key", "seconds"} lines, answers {"count", "seconds", "median"}.

Uses python-pkcs11 directly and nothing of ours, so that the comparison is with the library and not with ourselves. Keys
are session objects: nothing stays on the token. (A key that lies on the token signs a little slower with SoftHSM, which
looks after its file; so this is the harder reference.)

`python -m bench.raw_worker MODULE LABEL THREADS`, the PIN in BENCH_PIN.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, _pkcs11
from pkcs11.constants import DEFAULT
from pkcs11.util.ec import encode_named_curve_parameters

DIGEST: Final = hashlib.sha256(b"benchmark").digest()
DIGEST_INFO_SHA256: Final = bytes.fromhex("3031300d060960864801650304020105000420")
PRIVATE_KEY_TEMPLATE: Final = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.PRIVATE: True,
    Attribute.TOKEN: False,
    Attribute.ENCRYPT: DEFAULT,
    Attribute.VERIFY: DEFAULT,
    Attribute.WRAP: DEFAULT,
    Attribute.LABEL: DEFAULT,
    Attribute.ID: DEFAULT,
}
_OS_LOCKING: Final = 0x2
_ALREADY_INITIALISED: Final = 0x191
_MESSAGES: Final = {
    "RSA-2048": (KeyType.RSA, Mechanism.RSA_PKCS, DIGEST_INFO_SHA256 + DIGEST),
    "P-256": (KeyType.EC, Mechanism.ECDSA, DIGEST),
}


class _InitializeArgs(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("create", "destroy", "lock", "unlock")),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


class _Functions(ctypes.Structure):
    """The head of CK_FUNCTION_LIST."""

    _fields_ = (("version", ctypes.c_ubyte * 2), ("initialize", ctypes.c_void_p))


class LockingLibrary(_pkcs11.lib):
    """python-pkcs11 that initialises with operating-system locks.

    By itself it passes NULL, "one thread only", and then lets other threads in during each call: SoftHSM crashes.
    """

    def initialize(self) -> None:
        """C_Initialize with CKF_OS_LOCKING_OK. Raises PKCS11Error."""
        functions = ctypes.POINTER(_Functions)()
        if ctypes.CDLL(self.so).C_GetFunctionList(ctypes.byref(functions)):
            raise pkcs11.PKCS11Error("C_GetFunctionList failed")
        initialize = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)(functions.contents.initialize)
        answer = initialize(ctypes.byref(_InitializeArgs(flags=_OS_LOCKING)))
        if answer not in (0, _ALREADY_INITIALISED):
            raise pkcs11.PKCS11Error(f"C_Initialize: 0x{answer:x}")


class Signer:
    """One thread's session, with a key of each algorithm in both layouts."""

    def __init__(self, session: Any) -> None:
        self.layouts: dict[tuple[str, str], Callable[[], None]] = {}
        kek = session.generate_key(
            KeyType.AES, 256, store=False, capabilities=pkcs11.MechanismFlag.WRAP | pkcs11.MechanismFlag.UNWRAP
        )
        for algorithm in _MESSAGES:
            private = _private_key(session, algorithm)
            blob = kek.wrap_key(private, mechanism=Mechanism.AES_KEY_WRAP_PAD)
            self.layouts["token", algorithm] = _token_key(private, algorithm)
            self.layouts["wrapped", algorithm] = _wrapped_key(kek, blob, algorithm)


def _private_key(session: Any, algorithm: str) -> Any:
    template = {Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False}
    if algorithm == "RSA-2048":
        return session.generate_keypair(KeyType.RSA, 2048, store=False, private_template=template)[1]
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    parameters = session.create_domain_parameters(KeyType.EC, curve, local=True)
    return parameters.generate_keypair(mechanism=Mechanism.EC_KEY_PAIR_GEN, store=False, private_template=template)[1]


def _token_key(private: Any, algorithm: str) -> Callable[[], None]:
    _, mechanism, message = _MESSAGES[algorithm]

    def sign() -> None:
        private.sign(message, mechanism=mechanism)

    return sign


def _wrapped_key(kek: Any, blob: bytes, algorithm: str) -> Callable[[], None]:
    kind, mechanism, message = _MESSAGES[algorithm]

    def sign() -> None:
        key = kek.unwrap_key(
            ObjectClass.PRIVATE_KEY,
            kind,
            blob,
            mechanism=Mechanism.AES_KEY_WRAP_PAD,
            capabilities=pkcs11.MechanismFlag.SIGN,
            template=PRIVATE_KEY_TEMPLATE,
        )
        key.sign(message, mechanism=mechanism)
        key.destroy()

    return sign


def main() -> None:
    """Open, prepare every layout in every thread, then answer until the input ends."""
    module, label, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    token = LockingLibrary(module).get_token(token_label=label)
    root = token.open(rw=True, user_pin=os.environ["BENCH_PIN"])  # the login of the whole process
    signers = [Signer(root if at == 0 else token.open(rw=True)) for at in range(threads)]
    for line in sys.stdin:
        asked = json.loads(line)
        layout = (asked.get("layout"), asked.get("key"))
        answer = {"ready": True} if "ready" in asked else _all(signers, layout, asked["seconds"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    os._exit(0)  # the module's own clearing up at exit is not what is measured, and does not like threads


def _all(signers: list[Signer], layout: tuple[str, str], seconds: float) -> dict[str, float]:
    counts: list[int] = []
    took: list[float] = []
    until = time.perf_counter() + seconds

    def work(sign: Callable[[], None]) -> None:
        times, now = [], time.perf_counter()
        while now < until:
            sign()
            after = time.perf_counter()
            times.append(after - now)
            now = after
        counts.append(len(times))
        took.extend(times)

    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(signer.layouts[layout],)) for signer in signers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"count": sum(counts), "seconds": time.perf_counter() - began, "median": statistics.median(took)}


if __name__ == "__main__":
    main()
