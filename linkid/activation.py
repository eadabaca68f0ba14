"""The settings of one SAM, assembled from those of the whole."""

from __future__ import annotations

from pydantic import SecretStr

from hsm_service.sam.settings import SamSettings
from linkid.settings import Settings


def sam_settings(settings: Settings, number: int) -> SamSettings:
    """For the process that is that SAM, and for no other: it carries the slot's PIN."""
    places, name = settings.places, f"sam-{number}"
    return SamSettings(
        name=name,
        environment=settings.environment,
        listen=settings.listen or f"unix:{places.sam_socket(number)}",
        database=SecretStr(settings.dsn("sam")),
        hsm=settings.hsm("sam"),
        hsm_spare=settings.sam_hsm_spare,
        house=places.house,
        key_pool=settings.sam_key_pool,
        head_file=places.head(name),
        trust=places.trust,
        root_certificate=places.root_certificate,
        operators=places.operators,
        explicit=settings.explicit,
        phone_wait_hours=settings.phone_wait_hours,
        fault_points=settings.sam_fault_points,
    )
