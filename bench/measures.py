"""The table of what is measured: each row's flow, reference, floor and goal. A new row is a line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLIENTS: Final = 32
"""In flight at the same time, each beginning anew when it ended (closed loop)."""


@dataclass(frozen=True)
class Reference:
    """What a rate is divided by: ``raw`` PKCS#11 (``token`` or ``wrapped``, a key algorithm), or an ``echo``."""

    kind: str
    use: str = ""
    key: str = ""

    def __str__(self) -> str:
        names = {"token": "raw token key", "wrapped": "raw unwrap+sign+destroy"}
        return "aiohttp JSON echo" if self.kind == "echo" else f"{names[self.use]}, {self.key}"


@dataclass(frozen=True)
class Measure:
    """One row."""

    name: str
    what: str
    """A line for people."""
    flow: str
    """Of ``flows.FLOWS``."""
    reference: Reference
    floor: float
    goal: float
    waits_for: str = ""
    """What must be built before it can be measured; empty: ready."""


RAW_TOKEN: Final = Reference("raw", "token", "RSA-2048")
RAW_WRAPPED: Final = Reference("raw", "wrapped", "RSA-2048")
ECHO: Final = Reference("echo")

SESSIONS: Final = "sessions (flows.HttpSession is the place)"

MEASURES: Final = (
    Measure(
        "http_batch100_vs_pkcs11",
        "HTTP API, 100 hashes under one approval, every step of each batch in the window, RSA-2048",
        "http_batch",
        RAW_TOKEN,
        floor=0.85,
        goal=0.95,
    ),
    Measure(
        "http_single_session_vs_pkcs11",
        "HTTP API, single hashes within a session, RSA-2048",
        "http_session",
        RAW_TOKEN,
        floor=0.50,
        goal=0.65,
        waits_for=SESSIONS,
    ),
    Measure(
        "p256_single_session_vs_echo",
        "HTTP API, single hashes within a session, P-256",
        "http_session_p256",
        ECHO,
        floor=0.12,
        goal=0.25,
        waits_for=SESSIONS,
    ),
    Measure(
        "sam_single_vs_unwrap_sign",
        "SAM alone by its private channel, one approval for one hash, RSA-2048",
        "sam_single",
        RAW_WRAPPED,
        floor=0.65,
        goal=0.85,
    ),
    Measure(
        "http_single_vs_unwrap_sign",
        "HTTP API, one approval for one hash, RSA-2048",
        "http_single",
        RAW_WRAPPED,
        floor=0.40,
        goal=0.55,
    ),
)

LATENCY: Final = "approval_to_signature_ms"
LATENCY_FLOOR: Final = 15.0
LATENCY_GOAL: Final = 5.0
MILLION: Final = "million_vs_ten"
MILLION_FLOWS: Final = {
    f"{MILLION}_signing": ("HTTP API, one approval for one hash, with a million credentials", "http_single"),
    f"{MILLION}_list": ("credentials/list, with a million credentials", "http_list"),
    f"{MILLION}_info": ("credentials/info, with a million credentials", "http_info"),
}
"""Row: what it is, and its flow."""
MILLION_FLOOR: Final = 0.95
MILLION_MEMORY: Final = 1.1

EVERY_NAME: Final = (*(measure.name for measure in MEASURES), LATENCY, MILLION)
"""What can be asked for; the last two give several rows."""
ROWS: Final = (
    *(measure.name for measure in MEASURES),
    LATENCY,
    f"{LATENCY}_p99",
    *MILLION_FLOWS,
    f"{MILLION}_sam_memory",
)
"""Every row there is, in the page's order."""


@dataclass(frozen=True)
class Pace:
    """How often and how long."""

    rounds: int = 5
    seconds: float = 4.0
    """Flows begin for so long in one window; those that began then end."""


QUICK: Final = Pace(rounds=2, seconds=2.0)
