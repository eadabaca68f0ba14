"""The stories of signing at the gateway: ``requests`` (asked, decided, signed), ``waiting`` (a call that waits for the
holder itself), ``responses`` (signatures that are collected later), ``preparations`` (documents that wait for
theirs).
"""

from hsm_service.signing.service.requests import Approved, Asked, SigningService, StillWaiting

__all__ = ["Approved", "Asked", "SigningService", "StillWaiting"]
