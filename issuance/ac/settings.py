"""What the AC process is told."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from foundation.tls import TlsFiles
from hsm_service.hsm.settings import HsmSettings
from issuance.ac.domain.authority import Authority


@dataclass(frozen=True)
class AcSettings:
    """Assembled by the roof, from its own settings."""

    dsn: str
    """Role ``linkid_ac``. Whoever has it can stop emissions and hide revocations; not have a certificate made."""
    hsm: HsmSettings
    """The AC's own slot. Whoever has PIN and token can sign as this authority."""
    listen: str
    """``unix:/…/ac.sock`` or ``tls:host:port``. Whoever reaches it can guess installation passwords, five an hour."""
    pki_folder: Path
    """Certificates of the authority: public."""
    head_file: Path
    """The head of the audit chain ``ac``, outside PostgreSQL."""
    trust_file: Path
    """``trust.json``: its ``sam`` keys are pinned. Whoever writes it can vouch for keys that no SAM made."""
    operators_file: Path
    """Public keys of operators. Whoever writes it can order certificates in any name."""
    authority: Authority = field(default_factory=Authority)
    listen_tls: TlsFiles | None = None
    listen_mode: int = 0o600
    listen_group: int | None = None
    crl_life: timedelta = timedelta(hours=24)
    crl_every: timedelta = timedelta(hours=6)
    ocsp_life: timedelta = timedelta(hours=1)
