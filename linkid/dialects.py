"""The ways in which applications speak with us, as their owners are told."""

from __future__ import annotations

from hsm_service.csc.web.v1 import PREFIX as CSC_V1
from hsm_service.csc.web.v2 import PREFIX as CSC_V2
from hsm_service.oauth.domain.client import SERVICE, SIGNING
from hsm_service.psc.domain.scopes import OF_HOLDERS
from hsm_service.psc.domain.vendors import VENDORS
from hsm_service.psc.web.endpoints import ROOT
from hsm_service.registration.web.shown import Dialect

_OAUTH_SCOPES = f"scopes {SERVICE}, {SIGNING}"


def dialects(origin: str) -> list[Dialect]:
    """Every one, at the gateway's address."""
    of_psc = "scopes " + ", ".join(scope.value for scope in OF_HOLDERS)
    return [
        Dialect("CSC 2.0", origin + CSC_V2, _OAUTH_SCOPES),
        Dialect("CSC 1.0.4", origin + CSC_V1, _OAUTH_SCOPES),
        *(Dialect(f"ICP-Brasil ({one.name})", origin + one.prefix + ROOT, of_psc) for one in VENDORS.values()),
    ]
