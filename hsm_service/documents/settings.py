"""Settings of documents: who stamps time, which signature policies there are, whom verification trusts."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from foundation.settings import Secret, Section
from hsm_service.documents.domain.form import Format, Policy

Address = Annotated[str, Field(pattern=r"^https?://[^\s@]+$", max_length=400)]


class TsaSettings(Section):
    """A time-stamping authority (RFC 3161 over HTTP). Several are asked in their order."""

    url: Address
    """Where it answers. Whoever can write it, or stands between, sees digests and decides whose stamps we take;
    verifiers then do not believe them."""
    seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    """How long an answer may take; then the next one is asked."""
    authorization: Secret | None = None
    """The header Authorization, where it wants one. Whoever has it stamps at our cost."""


class PolicyFile(Section):
    """A signature policy of ICP-Brasil. OID, hash and signing period are read from the file."""

    file: Path
    """The policy, DER, as the ITI publishes it. Whoever can write it chooses what signatures claim to follow."""
    uri: Address
    """Where the ITI publishes it: it stands in the signature."""


class PolicySettings(Section):
    """Signature policies, by format; a form whose policy is not given is refused."""

    cades_ad_rb: PolicyFile | None = None
    cades_ad_rt: PolicyFile | None = None
    pades_ad_rb: PolicyFile | None = None
    pades_ad_rt: PolicyFile | None = None

    def files(self) -> dict[tuple[Format, Policy], PolicyFile]:
        """Those that are given."""
        named: dict[tuple[Format, Policy], PolicyFile | None] = {
            (Format.CADES, "AD-RB"): self.cades_ad_rb,
            (Format.CADES, "AD-RT"): self.cades_ad_rt,
            (Format.PADES, "AD-RB"): self.pades_ad_rb,
            (Format.PADES, "AD-RT"): self.pades_ad_rt,
        }
        return {key: given for key, given in named.items() if given is not None}


class DocumentSettings(Section):
    """Signatures in documents, and their verification."""

    time_stamping: tuple[TsaSettings, ...] = ()
    policies: PolicySettings = PolicySettings()
    roots: tuple[Path, ...] = ()
    """Certificates (PEM or DER, one a file) that verification trusts beside our own root. Whoever can write one makes
    signatures of his own authority pass on the page; nothing signs by it."""
    verifications: Annotated[int, Field(ge=1, le=16)] = 2
    """How many documents are verified at the same time, each in a process of its own; others wait, then hear 429."""
    readings: Annotated[int, Field(ge=1, le=16)] = 2
    """How many documents that applications have signed are read at the same time, each in a process of its own beside
    those above; others wait, then hear 429."""
