"""What proves, long after, that certificates were valid when something was signed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """DER each: issuers up to the root, revocation lists, OCSP answers."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
