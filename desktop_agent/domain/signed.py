"""What is said of a signature that is there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EarlierSignature:
    """``good``: it verifies over what it covers, and nothing it forbids came after. ``field``: where it stands."""

    field: str
    signer: str
    good: bool
