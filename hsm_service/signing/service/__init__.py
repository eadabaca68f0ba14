"""The stories of signing at the gateway: ``requests`` (asked, decided, signed), ``lives`` (what became of them),
``waiting`` (a call that waits for the holder itself), ``responses`` (signatures that are collected later),
``preparations`` (documents that wait for theirs), ``explicit`` (opened with factors that an application sends, under a
consent).
"""

from hsm_service.signing.service.lives import Approved, Consented, StillWaiting
from hsm_service.signing.service.requests import Asked, SigningService

__all__ = ["Approved", "Asked", "Consented", "SigningService", "StillWaiting"]
