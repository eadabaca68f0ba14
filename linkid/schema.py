"""Which slices have tables, in the order in which their migrations run (grants and views look back, never forward)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from foundation.migrations import SliceMigrations

_ORDER: Final = (
    "foundation",
    "hsm_service.sam",
    "issuance.ac",
    "hsm_service.credentials",
    "hsm_service.oauth",
    "hsm_service.signing",
    "hsm_service.psc",
    "pairing",
    "push",
    "hsm_service.webhooks",
    "hsm_service.registration",
    "issuance",
)


def slices() -> list[SliceMigrations]:
    """The slices that have a `migrations` folder."""
    return [SliceMigrations(name.rpartition(".")[2], name) for name in _ORDER if _has_migrations(name)]


def _has_migrations(package: str) -> bool:
    try:
        found = find_spec(package)
    except ModuleNotFoundError:
        return False
    places = (found.submodule_search_locations or []) if found else []
    return any((Path(place) / "migrations").is_dir() for place in places)
