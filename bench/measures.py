"""The table of what is measured: each row's flow, reference, floor and goal. A new row is a line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CLIENTS: Final = 32
"""In flight at the same time, each beginning anew when it ended (closed loop)."""


@dataclass(frozen=True)
class Reference:
    """What a rate is divided by: ``raw`` PKCS#11 (``token`` or ``wrapped``, a key algorithm), an ``echo``, or one of
    the ``sized`` bodies of the row's own call and answer."""

    kind: str
    use: str = ""
    key: str = ""

    def __str__(self) -> str:
        names = {"token": "raw token key", "wrapped": "raw unwrap+sign+destroy"}
        if self.kind == "raw":
            return f"{names[self.use]}, {self.key}"
        return "aiohttp JSON echo" if self.kind == "echo" else "aiohttp JSON handler of the same sizes"


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


RAW_TOKEN: Final = Reference("raw", "token", "RSA-2048")
RAW_WRAPPED: Final = Reference("raw", "wrapped", "RSA-2048")
ECHO: Final = Reference("echo")
SIZED: Final = Reference("sized")

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
    ),
    Measure(
        "p256_single_session_vs_echo",
        "HTTP API, single hashes within a session, P-256",
        "http_session_p256",
        ECHO,
        floor=0.12,
        goal=0.25,
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
    Measure(
        "token_vs_handler",
        "OAuth token by client credentials, private_key_jwt",
        "http_token",
        SIZED,
        floor=0.03,
        goal=0.08,
    ),
    Measure(
        "info_vs_handler",
        "credentials/info with the certificate chain",
        "http_info",
        SIZED,
        floor=0.05,
        goal=0.15,
    ),
    Measure(
        "sign_hash_vs_handler",
        "signHash of one hash within a session, RSA-2048",
        "http_session",
        SIZED,
        floor=0.01,
        goal=0.04,
    ),
    Measure(
        "psc_signature_vs_handler",
        "Brazilian API, /v0/oauth/signature of one hash with a session's token, RSA-2048",
        "psc_session",
        SIZED,
        floor=0.01,
        goal=0.04,
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

WAITING: Final = "waiting_p99"
WAITING_FLOWS: Final = {
    f"{WAITING}_token": ("p99 of a token, with 1,000 approvals waiting", "http_token"),
    f"{WAITING}_info": ("p99 of credentials/info, with 1,000 approvals waiting", "http_info"),
    f"{WAITING}_sign_hash": ("p99 of signHash within a session, with 1,000 approvals waiting", "http_session"),
    f"{WAITING}_psc_signature": ("p99 of the Brazilian API's signature, with 1,000 approvals waiting", "psc_session"),
}
"""Row: what it is, and its flow."""
WAITING_FLOOR: Final = 2.0
WAITING_GOAL: Final = 1.25

LIVE: Final = "live_event_ms"
LIVE_ROWS: Final = {
    LIVE: (100.0, 30.0),
    f"{LIVE}_p99": (300.0, 100.0),
    f"{LIVE}_20000": (150.0, 50.0),
    f"{LIVE}_20000_p99": (500.0, 150.0),
    "live_stall_ms": (50.0, 30.0),
    "live_stall_own_ms": (50.0, 30.0),
    "live_stall_ms_20000": (50.0, 50.0),
    "live_stall_own_ms_20000": (50.0, 30.0),
    "live_memory_kb": (50.0, 10.0),
}
"""Row: floor and goal."""

OUTBOX: Final = "outbox_vs_inserts"
OUTBOX_FLOOR: Final = 0.15
OUTBOX_GOAL: Final = 0.30

DESKTOP: Final = "desktop"
DESKTOP_ROWS: Final = {
    "desktop_calls_vs_p11kit": (0.10, 0.25),
    "desktop_50_programs_vs_p11kit": (0.10, 0.25),
    "desktop_sign_added_ms": (10.0, 3.0),
    "desktop_memory_mb": (60.0, 40.0),
}
"""Row: floor and goal."""


@dataclass(frozen=True)
class Part:
    """What can be asked for. ``rows``: that it gives; ``minutes``: all its rounds on two quiet cores, with people."""

    name: str
    rows: tuple[str, ...]
    minutes: float


PARTS: Final = (
    *(Part(measure.name, (measure.name,), 1) for measure in MEASURES),
    Part(LATENCY, (LATENCY, f"{LATENCY}_p99"), 1),
    Part(WAITING, tuple(WAITING_FLOWS), 12),
    Part(LIVE, tuple(LIVE_ROWS), 18),
    Part(OUTBOX, (OUTBOX,), 1),
    Part(DESKTOP, tuple(DESKTOP_ROWS), 5),
    Part(MILLION, (*MILLION_FLOWS, f"{MILLION}_sam_memory"), 25),
)
PEOPLE_MINUTES: Final = 2
"""To make the people of the first rows, which share them."""
EVERY_NAME: Final = tuple(part.name for part in PARTS)
"""What can be asked for."""
ROWS: Final = tuple(row for part in PARTS for row in part.rows)
"""Every row there is, in the page's order."""


@dataclass(frozen=True)
class Pace:
    """How often, how long, how many."""

    rounds: int = 5
    seconds: float = 4.0
    """Flows begin for so long in one window; those that began then end."""
    waiting: int = 1000
    """Approvals that wait."""
    phones: int = 20_000
    """Phones that are connected."""
    minute: float = 60.0
    """Seconds of an even load."""


QUICK: Final = Pace(rounds=2, seconds=2.0, waiting=100, phones=400, minute=10.0)
