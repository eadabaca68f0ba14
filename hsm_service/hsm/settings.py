"""How a process reaches its token, and what a SAM makes in it ahead of time."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from foundation.settings import Secret, Section
from protocol.algorithms import KeyAlgorithm


class HsmSettings(Section):
    """One token, for one process."""

    module: Path
    """The vendor's PKCS#11 library. Whoever can replace it has every PIN: root's own file, writable by nobody else."""

    token_label: str
    """Which token, by its label; the SAM and the AC have one each. Whoever could make them share one would join what
    signs with what issues."""

    pin: Secret
    """The user PIN. Whoever has it and the token can use every key in it, and destroy them; not read holders' keys."""

    initialise: Literal["os_locking", "null"] = "os_locking"
    """``null`` only for modules that answer each C_GetFunctionList with a new instance and lock by themselves
    (p11-kit-client.so). SoftHSM initialised with ``null`` crashes within seconds under threads."""

    threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Sessions used at the same time. More than the processor's cores bring nothing with a soft token."""

    wrap_mechanism: Annotated[int, Field(ge=0, lt=2**64)] = 0x210A
    """AES key wrap with padding (RFC 5649). SoftHSM 0x210A, nShield 0x210B, Luna 0x80000171, CloudHSM its own."""

    deadline_seconds: Annotated[float, Field(gt=0, le=120)] = 8.0
    """A call that takes longer is given up; when every thread hangs, the process must be replaced. Less than the ten
    seconds that a gateway waits, so that its caller hears why."""

    recycle_unwraps: Annotated[int, Field(ge=0)] = 200_000
    """A SAM that unwrapped so many keys makes room for a new process, one SAM after the other: SoftHSM 2.6 keeps 250
    bytes of each. 0: never, for libraries that keep nothing."""


_Ahead = Annotated[int, Field(ge=0, le=100)]


class KeyPoolSettings(Section):
    """Keys that a SAM makes ahead, while its HSM is idle, so that an emission does not wait for one.

    They are in the memory of that process only and are made anew after each start. 0: none of that kind.
    """

    rsa_2048: _Ahead = 8
    """A tenth of a second each, with SoftHSM on one core."""
    rsa_3072: _Ahead = 2
    """Half a second each."""
    rsa_4096: _Ahead = 1
    """A second each."""

    def wanted(self) -> dict[KeyAlgorithm, int]:
        """By algorithm. Keys on curves take no time, and are not made ahead."""
        return {"RSA-2048": self.rsa_2048, "RSA-3072": self.rsa_3072, "RSA-4096": self.rsa_4096}
