"""The usage password is stretched where it is typed (docs/protocol.md section 4).

The server only ever states the parameters; ``stretch`` is here for our own clients in Python, simulators and tests.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from argon2.low_level import ARGON2_VERSION, Type, hash_secret_raw

from foundation.encoding import JsonValue
from protocol.errors import BadPassword, WeakParameters

SALT_BYTES: Final = 16
STRETCHED_BYTES: Final = 32

_PASSWORD: Final = re.compile(r"[A-Za-z0-9]{8,15}\Z")


@dataclass(frozen=True)
class Argon2:
    """Argon2id version 0x13: memory in KiB, passes, lanes. Raises WeakParameters outside floor and ceiling."""

    m: int = 19456
    t: int = 2
    p: int = 1

    def __post_init__(self) -> None:
        """Below the floor guessing is cheap (OWASP's minimum); above the ceiling a phone freezes."""
        for name, value, low, high in (("m", self.m, 19456, 262144), ("t", self.t, 2, 10), ("p", self.p, 1, 4)):
            if isinstance(value, bool) or not low <= value <= high:
                raise WeakParameters(f"argon2 {name} is {low} to {high}")

    @classmethod
    def parse(cls, value: JsonValue) -> "Argon2":
        """Exactly ``m``, ``t``, ``p``, whole numbers within the range. Raises WeakParameters."""
        if not isinstance(value, Mapping) or set(value) != {"m", "t", "p"}:
            raise WeakParameters("argon2 has exactly m, t and p")
        m, t, p = value["m"], value["t"], value["p"]
        if not isinstance(m, int) or not isinstance(t, int) or not isinstance(p, int):
            raise WeakParameters("argon2 parameters are whole numbers")
        return cls(m, t, p)

    def members(self) -> dict[str, JsonValue]:
        """As in a statement."""
        return {"m": self.m, "t": self.t, "p": self.p}


def check(password: str) -> None:
    """Raises BadPassword unless it is 8 to 15 ASCII letters and digits."""
    if not _PASSWORD.match(password):
        raise BadPassword("8 to 15 of A-Z, a-z, 0-9")


def possible(password: str) -> bool:
    """Whether it has the form of a usage password."""
    return _PASSWORD.match(password) is not None


def stretch(password: str, salt: bytes, parameters: Argon2) -> bytes:
    """Argon2id(password as ASCII, salt) → 32 bytes. Raises BadPassword. Takes about 20 ms of one core."""
    check(password)
    return hash_secret_raw(
        password.encode("ascii"),
        salt,
        time_cost=parameters.t,
        memory_cost=parameters.m,
        parallelism=parameters.p,
        hash_len=STRETCHED_BYTES,
        type=Type.ID,
        version=ARGON2_VERSION,
    )
