"""`trust.json`: the public halves of the root keys, and where the service is (protocol section 2).

`linkid hsm init` of each slot leaves its root here; when both are known, the file that clients trust is written.
An operator copies it to the app host and into the agents; it is never fetched from a gateway.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final, Literal

from linkid.settings import Settings
from protocol.keys import P256Key

Role = Literal["sam", "ac"]
_ROLES: Final[tuple[Role, ...]] = ("sam", "ac")


def note_root(settings: Settings, role: Role, root: P256Key) -> bool:
    """Keep the root of *role*; whether `trust.json` is now complete and written. Safe when both slots do it at once."""
    folder = settings.places.trust_parts
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{role}.json", [root.jwk])
    parts: dict[str, object] = {}
    for each in _ROLES:
        try:
            parts[each] = json.loads((folder / f"{each}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return False  # the other slot comes later, sees this one's part, and writes the whole
    head = {
        "v": 1,
        "environment": settings.environment,
        "gateway": settings.url("gateway"),
        "app": settings.url("app"),
    }
    _write(settings.places.trust, {**head, **parts})
    return True


def roots(settings: Settings, role: Role) -> list[P256Key]:
    """The pinned roots of *role*. Raises FileNotFoundError before `linkid hsm init` of both slots."""
    known = json.loads(settings.places.trust.read_text(encoding="utf-8"))
    return [P256Key.from_jwk(jwk) for jwk in known[role]]


def _write(file: Path, value: object) -> None:
    """Whole or not at all: the app host reads it while it runs."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    fresh.replace(file)
