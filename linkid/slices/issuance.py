"""The emission page's relay, and the authority's files: `issuance`."""

from __future__ import annotations

from aiohttp import web

from hsm_service.credentials.service import CredentialService
from issuance.adapters.altcha import AltchaCaptcha
from issuance.adapters.channels import AcOverChannel
from issuance.adapters.channels import SamOverChannel as EmissionSam
from issuance.service import EmissionRelay
from issuance.web import EmissionRoutes, PkiRoutes
from linkid.slices.ground import Ground


def mount_issuance(app: web.Application, ground: Ground, credentials: CredentialService) -> PkiRoutes:
    """The emission page's relay, and the authority's files."""
    ac = AcOverChannel(ground.ac)
    captcha = AltchaCaptcha(ground.settings.gateway_key("captcha"), ground.clock)
    sam = EmissionSam(ground.sams)
    relay = EmissionRelay(ground.database, ac, sam, captcha, ground.replays, credentials, ground.clock)
    app.add_routes(EmissionRoutes(relay, ground.dpop, ground.origin, ground.proxies).routes())
    pki = PkiRoutes(ac, ground.clock, ground.proxies)
    app.add_routes(pki.routes())
    return pki
