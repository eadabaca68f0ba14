"""What a run of `st` was told by `fuzz.py`, and what every lead uses."""

import base64
import os
import random
from pathlib import Path
from typing import Any, Final

given: Final = os.environ.get
TOKEN: Final = given("FUZZ_TOKEN", "")
ALONE: Final = given("FUZZ_ALONE", "")
"""Which of `fuzz.ALONE` this run is."""
FOLDER: Final = Path(given("FUZZ_FOLDER", "")) if given("FUZZ_FOLDER") else None
HASH: Final = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
SHA256: Final = "2.16.840.1.101.3.4.2.1"
SETTLE_SECONDS: Final = 20.0
"""How long a holder's program is waited for."""
chosen: Final = random.Random(int(given("FUZZ_SEED", "1")))


def drop(body: dict[str, Any], *names: str) -> None:
    """Members that would lead elsewhere."""
    for name in names:
        body.pop(name, None)


def query(case: Any) -> dict[str, Any]:
    """What stands in the address."""
    return case.query if isinstance(case.query, dict) else {}


def application(case: Any) -> None:
    """The application says who it is in the body, and nowhere else."""
    left = {
        name: value for name, value in (case.headers or {}).items() if name.lower() not in ("authorization", "dpop")
    }
    case.headers = left
    drop(case.body, "client_assertion", "client_assertion_type")
    case.body.update(client_id=given("CLIENT_ID", ""), client_secret=given("CLIENT_SECRET", ""))


def basic() -> dict[str, str]:
    """The application by its header."""
    said = f"{given('CLIENT_ID', '')}:{given('CLIENT_SECRET', '')}"
    return {"Authorization": f"Basic {base64.b64encode(said.encode()).decode()}"}
