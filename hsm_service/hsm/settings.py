"""How a process reaches its token."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from foundation.settings import Secret, Section


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
