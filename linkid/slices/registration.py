"""The page where owners register applications: `hsm_service.registration`."""

from __future__ import annotations

from aiohttp import web

from hsm_service.credentials.service import CredentialService, Identifications
from hsm_service.registration.service.applications import ApplicationService as RegisteredApplications
from hsm_service.registration.service.sign_ins import SignInService
from hsm_service.registration.web.pages import BACK as REGISTRATION_BACK
from hsm_service.registration.web.pages import RegistrationPages
from hsm_service.webhooks.service import AddressService as WebhookAddresses
from hsm_service.webhooks.service import Telling
from linkid.dialects import dialects
from linkid.joins import (
    HoldersOfRegistration,
    WebhooksOfRegistration,
)
from linkid.slices.ground import Ground
from linkid.slices.oauth import OAuth


def mount_registration(
    app: web.Application,
    ground: Ground,
    oauth: OAuth,
    credentials: CredentialService,
    identifications: Identifications,
    telling: Telling,
) -> None:
    """The page where owners register applications."""
    database, clock, audit, origin = ground.database, ground.clock, ground.audit, ground.origin
    development = ground.settings.environment == "development"
    sign_ins = SignInService(
        database,
        clock,
        pages=oauth.page_service,
        holders=HoldersOfRegistration(credentials, identifications),
        back=origin + REGISTRATION_BACK,
    )
    pages = RegistrationPages(
        sign_ins,
        RegisteredApplications(database, clock, audit),
        WebhooksOfRegistration(WebhookAddresses(database, clock, audit, development=development), telling),
        oauth.pages,
        origin=origin,
        dialects=dialects(origin),
        calls_per_minute=oauth.pace.per_minute,
        proxies=ground.proxies,
    )
    app.add_routes(pages.routes())
