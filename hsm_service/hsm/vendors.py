"""What differs between vendors, as a table: docs/hsm-vendors.md says where each value is from, and what was tried.

A setting that is given beats the table. ``None``: nobody has told us, so it must be given.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Vendor: TypeAlias = Literal["softhsm", "luna", "cloudhsm", "nshield", "generic"]
Initialise: TypeAlias = Literal["os_locking", "null"]


@dataclass(frozen=True)
class Profile:
    """How to speak to one vendor's module. None of it weakens anything: a SAM tries its token before it serves."""

    wrap_mechanism: int | None
    """CKM_* number of AES key wrap with padding (RFC 5649). All give the same bytes."""
    initialise: Initialise
    """How C_Initialize is told that there are threads."""
    quiet: bool
    """Whether nobody may search while a token object is made."""
    copyable: bool
    """Whether objects are made with CKA_COPYABLE false; a module that does not know the attribute refuses it."""
    tested: bool
    """Whether our own tests ran against it."""


PROFILES: Final[dict[Vendor, Profile]] = {
    "softhsm": Profile(0x210A, "os_locking", quiet=True, copyable=True, tested=True),
    "luna": Profile(0x80000171, "os_locking", quiet=False, copyable=True, tested=False),
    "cloudhsm": Profile(None, "os_locking", quiet=False, copyable=True, tested=False),
    "nshield": Profile(0x210B, "os_locking", quiet=False, copyable=True, tested=False),
    "generic": Profile(None, "os_locking", quiet=False, copyable=True, tested=False),
}
