"""How the vendors' variants of the API differ, as data: one row each. Nothing else in this slice names a vendor.

An application chooses by the address it calls: what stands before ``/v0/oauth``. Sources: the vendors' public
documentation, as docs/psc-api.md lists it. Where documentation and clients disagree (the pending status of VIDaaS, the
word for a refusal), a setting decides and this table has what the most clients expect.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class Vendor:
    """One variant."""

    code: str
    name: str
    prefix: str
    """Before ``/v0/oauth``; "" for the norm itself."""
    refusal: str = "user_denied"
    """``error`` when the holder said no."""
    token_type: str = "Bearer"
    code_and_msg: bool = False
    """Whether error bodies also have ``code`` and ``msg``."""
    registered: str = "New Client Application registered with success"
    """``message`` of a registered application."""
    push: bool = False
    """Whether ``redirect_uri=push://`` asks the phone and answers ``code=…`` for polling."""
    pending_status: int = 304
    """Of a poll that has nothing to say yet."""
    asynchronous: bool = False
    """Whether there is ``/async-signature``, and ``/oauth/start``."""


_ALL: Final = (
    Vendor("iti", "DOC-ICP-17.01", ""),
    Vendor("safeid", "SafeID", "/psc/safeid"),
    Vendor("birdid", "BirdID", "/psc/birdid", token_type="bearer", asynchronous=True),
    Vendor(
        "vidaas",
        "VIDaaS",
        "/psc/vidaas",
        push=True,
        registered="New Client Application registered with Sucess",  # its spelling, which clients may compare
    ),
    Vendor("neoid", "NeoID", "/psc/neoid", code_and_msg=True),
)

VENDORS: Final[Mapping[str, Vendor]] = MappingProxyType({vendor.code: vendor for vendor in _ALL})


def as_configured(vendor: Vendor, refusal: str | None) -> Vendor:
    """A variant with an operator's word for a refusal, if there is one."""
    return vendor if refusal is None else replace(vendor, refusal=refusal)
