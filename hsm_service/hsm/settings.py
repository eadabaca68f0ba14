"""How a process reaches its token, and what a SAM makes in it ahead of time."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from foundation.settings import Secret, Section
from hsm_service.hsm.vendors import PROFILES, Initialise, Vendor
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

    vendor: Vendor = "softhsm"
    """Whose module it is. What differs between them is a table (docs/hsm-vendors.md); a setting below that is given
    beats it. For ``cloudhsm`` and ``generic`` the table has no wrap_mechanism: give it."""

    initialise: Initialise = "os_locking"
    """Not given: the vendor's. ``null`` only for modules that answer each C_GetFunctionList with a new instance and
    lock by themselves (p11-kit-client.so). SoftHSM initialised with ``null`` crashes within seconds under threads."""

    threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Sessions used at the same time. More than the processor's cores bring nothing with a soft token."""

    wrap_mechanism: Annotated[int, Field(ge=0, lt=2**64)] = 0x210A
    """AES key wrap with padding (RFC 5649), by its number. Not given: the vendor's."""

    copyable: bool = True
    """Not given: the vendor's. False for a module that does not know CKA_COPYABLE; then keys of ours are made without
    it. Only where that module has no C_CopyObject: otherwise whoever has the PIN makes copies with other rights."""

    quiet_lock: Path | None = None
    """A file, the same for every process that uses this token. SoftHSM breaks objects that are made while others
    search, so all visit under this lock, and keys are made alone. Whoever can lock it can stop the SAMs. Not given:
    stop them before keys are made (SoftHSM under var has one by itself)."""

    deadline_seconds: Annotated[float, Field(gt=0, le=120)] = 8.0
    """A call that takes longer is given up; when every thread hangs, the process must be replaced. Less than the ten
    seconds that a gateway waits, so that its caller hears why."""

    recycle_unwraps: Annotated[int, Field(ge=0)] = 200_000
    """A SAM that unwrapped so many keys makes room for a new process, one SAM after the other: SoftHSM 2.6 keeps 250
    bytes of each. 0: never, for libraries that keep nothing."""

    kept_keys: Annotated[int, Field(ge=0, le=1000)] = 32
    """How many holders' keys each thread keeps unwrapped in the HSM while sessions are used. 0: none, each signature of
    a session unwraps its key. Whoever takes over a SAM can sign with those that are kept at that moment, for as long
    as they are."""

    kept_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    """How long each is kept, counted from its unwrapping."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_vendor(cls, given: Any) -> Any:
        """What was not said is the vendor's."""
        if not isinstance(given, dict):
            return given
        profile = next((known for name, known in PROFILES.items() if name == given.get("vendor", "softhsm")), None)
        if profile is None:
            return given  # the field itself says which there are
        if profile.wrap_mechanism is None and "wrap_mechanism" not in given:
            raise ValueError("wrap_mechanism: this vendor's number is in no table of ours; its header file has it")
        table = {"wrap_mechanism": profile.wrap_mechanism, "initialise": profile.initialise}
        return {**table, "copyable": profile.copyable, **given}


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
