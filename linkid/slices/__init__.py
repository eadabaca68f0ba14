"""The slices of the gateway, each made and mounted by a file of its own, in the order in which they need one another.

What one slice needs of another is a port of its own; `linkid.joins` speaks them. Nothing here decides anything.

`ground` (what all stand on); `push`, `webhooks` (reaching people and programs); `signing`, `pairing`, `oauth`,
`documents`; the dialects `psc` and `csc`; `registration`, `issuance`.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from foundation.errors import Unavailable
from foundation.logs import get_logger
from hsm_service.credentials.service import CredentialService, Identifications
from hsm_service.documents.service.workshop import Nursery
from hsm_service.psc.service.holders import Holders as PscHolders
from hsm_service.psc.service.outcomes import Outcomes
from hsm_service.psc.service.start_bells import StartBells
from hsm_service.signing.service import SigningService
from issuance.web import PkiRoutes
from linkid.apidocs.pages import ApiPages
from linkid.joins import (
    CallersOfPairing,
    NoticesOfSigning,
    PostsOfPsc,
)
from linkid.running import in_background
from linkid.slices.csc import mount_csc
from linkid.slices.documents import make_documents, mount_verification
from linkid.slices.ground import Ground
from linkid.slices.issuance import mount_issuance
from linkid.slices.oauth import mount_oauth
from linkid.slices.pairing import mount_pairing
from linkid.slices.psc import mount_psc
from linkid.slices.push import mount_push
from linkid.slices.registration import mount_registration
from linkid.slices.signing import make_explicit, make_signing
from linkid.slices.webhooks import mount_webhooks
from pairing.service.link_life import LinkLife
from pairing.service.pauses import PauseService

_log = get_logger(__name__)

__all__ = ["Ground", "Mounted", "mount_slices"]


@dataclass(frozen=True)
class Mounted:
    """What the gateway's process still needs when every slice stands."""

    life: LinkLife
    signing: SigningService
    pki: PkiRoutes
    """They stand on the plain listener too."""
    pauses: PauseService


async def mount_slices(app: web.Application, ground: Ground, stack: AsyncExitStack) -> Mounted:
    """Make every slice, join them, add their routes."""
    identifications = Identifications(ground.database, ground.settings.gateway_key("identification"))
    in_background(stack, caught_up(identifications))
    credentials = CredentialService(ground.database, ground.clock, identifications=identifications)
    push = mount_push(app, ground, stack)
    webhooks = mount_webhooks(app, ground, stack, push)
    telling = webhooks.telling
    development = ground.settings.environment == "development"
    posts = PostsOfPsc(webhooks.outbox, development=development)
    outcomes = Outcomes(ground.database, ground.clock, posts, ground.settings.gateway_key("psc-outcomes"))
    starts = StartBells(ground.database, ground.clock)
    signing = await make_signing(ground, stack, push, credentials, NoticesOfSigning(telling, outcomes, starts))
    in_background(stack, outcomes.run(signing))
    explicit = make_explicit(ground, credentials)
    pairing = mount_pairing(app, ground, stack, push, credentials, CallersOfPairing(signing, telling, starts), explicit)
    oauth = mount_oauth(app, ground, pairing, credentials, signing)
    nursery = Nursery()
    stack.callback(nursery.close)
    documents = make_documents(ground, nursery)
    psc_holders = PscHolders(credentials, identifications)
    mount_psc(app, ground, pairing, oauth, psc_holders, signing, explicit, documents, outcomes, starts, posts)
    in_background(stack, starts.run())
    mount_csc(app, ground, pairing, oauth, credentials, signing, explicit, documents)
    mount_registration(app, ground, oauth, credentials, identifications, telling)
    mount_verification(app, ground, nursery)
    pki = mount_issuance(app, ground, credentials)
    app.add_routes(ApiPages(ground.origin).routes())
    return Mounted(pairing.life, signing, pki, pairing.pauses)


async def caught_up(identifications: Identifications) -> None:
    """Credentials from before the table of identifications are found by their number too, soon after the start."""
    try:
        await identifications.catch_up()
    except Unavailable as error:
        _log.warning("identifications_put_off", error_code=error.code)
