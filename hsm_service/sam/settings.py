"""What one SAM process is told."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from foundation.settings import Secret, Section
from hsm_service.hsm.settings import HsmSettings, KeyPoolSettings
from protocol.consents import ExplicitSettings

FaultPoint = Literal[
    "7d",
    "7e",
    "7f-before-commit",
    "7f-after-commit",
    "8-reserved",
    "8-signed-before-commit",
    "8-signed-after-commit",
    "9",
]


class SamSettings(Section):
    """One process of several alike; they differ in ``name`` and ``listen``."""

    name: Annotated[str, Field(pattern=r"^sam-[0-9]{1,3}$")] = "sam-0"
    """Names the audit chain. Two processes of one name would disturb each other's chain."""

    environment: Literal["development", "production"]

    listen: str
    """Private address: ``unix:/…/sam-0.sock`` or ``tls:host:port``. Whoever reaches it may ask phones for signatures,
    and cannot make one."""

    database: Secret
    """DSN of the role linkid_sam. Whoever has it can stop and confuse, not sign: docs/threats.md, attacker 2."""

    database_connections: Annotated[int, Field(ge=2, le=200)] = 10

    hsm: HsmSettings

    hsm_spare: HsmSettings | None = None
    """A second token with the same keys: a restored copy, another partition, another HSM. Used when the first does not
    open at the start, and only if the house statement names it and all its keys."""

    house: Path | None = None
    """The house statement: which keys the SAM's token must have, signed by its root. Whoever can write it can stop
    SAMs; what it says counts only under that signature."""
    key_pool: KeyPoolSettings = KeyPoolSettings()

    head_file: Path
    """Where the last audit head is kept, outside the database. Whoever can write database *and* this file can turn both
    back to an earlier day; keep it on another disk than the database and its backups."""

    trust: Path
    """trust.json: the AC's root keys are pinned from it. Whoever can write it can have a certificate of their own
    accepted for a holder's key (and nothing signed with it without the holder)."""

    root_certificate: Path
    """PEM of the AC's root certificate, pinned: chains end here."""

    operators: Path
    """operators.json: whose orders about integrators count. Whoever can write it chooses the names that phones show for
    integrators, and the keys that ask for them; no signature is made without the holder."""

    explicit: ExplicitSettings = ExplicitSettings()

    phone_wait_hours: Annotated[int, Field(ge=0, le=168)] = 24
    """Before a phone that is not a certificate's first may decide, unless another one of it or an operator says yes:
    in that time a holder whose number was stolen hears of it. 0: no wait."""

    fault_points: Path | None = None
    """Tests only: a folder with files that say where the process is to die or to stand still (``fault_points``)."""

    @property
    def signed_heads_file(self) -> Path:
        """Beside the audit head: the newest heads of all chains that this SAM signed."""
        return self.head_file.with_suffix(".signed")

    @model_validator(mode="after")
    def _no_faults_in_production(self) -> "SamSettings":
        if self.fault_points is not None and self.environment != "development":
            raise ValueError("fault_points exist for tests; environment must be development")
        return self
