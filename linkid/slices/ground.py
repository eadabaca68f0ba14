"""What every slice stands on."""

from __future__ import annotations

from dataclasses import dataclass

from foundation.audit import AuditChain
from foundation.channel import PrivateClient
from foundation.clock import Clock
from foundation.database import Database
from foundation.dpop import DatabaseReplayCache, DpopVerifier
from foundation.group_commit import GroupCommit
from foundation.web import HttpMetrics
from foundation.web.caller import Network
from foundation.web.certificates import CertificateReader
from linkid.settings import Settings


@dataclass(frozen=True)
class Ground:
    """What every slice stands on."""

    settings: Settings
    clock: Clock
    database: Database
    commits: GroupCommit
    """Of what happens for every signature."""
    audit: AuditChain
    sams: PrivateClient
    ac: PrivateClient
    replays: DatabaseReplayCache
    metrics: HttpMetrics
    proxies: tuple[Network, ...]
    origin: str
    """Our address as the outside knows it."""
    app: str
    """The app host's."""

    @property
    def certificates(self) -> CertificateReader:
        """Of the connections of programs that show one."""
        mtls = self.settings.mtls
        return CertificateReader(mtls.header if mtls else None, self.proxies)

    @property
    def dpop(self) -> DpopVerifier:
        """Proofs of possession; what was used is remembered for all gateways together."""
        return DpopVerifier(self.clock, self.replays)
