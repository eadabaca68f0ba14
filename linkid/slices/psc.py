"""The Brazilian dialect: `hsm_service.psc`."""

from __future__ import annotations

from aiohttp import web

from hsm_service.documents.web.verify import PATH as VERIFY_PATH
from hsm_service.psc.service.holders import Holders as PscHolders
from hsm_service.psc.service.outcomes import Outcomes
from hsm_service.psc.service.start_bells import StartBells
from hsm_service.psc.web.mounting import Parts as PscParts
from hsm_service.psc.web.mounting import psc_routes
from hsm_service.signing.service import SigningService
from hsm_service.signing.service.explicit import ExplicitSigning
from linkid.joins import (
    CallsOfPsc,
    DocumentsOfPsc,
    PostsOfPsc,
)
from linkid.slices.documents import Documents
from linkid.slices.ground import Ground
from linkid.slices.oauth import OAuth
from linkid.slices.pairing import Pairing


def mount_psc(
    app: web.Application,
    ground: Ground,
    pairing: Pairing,
    oauth: OAuth,
    holders: PscHolders,
    signing: SigningService,
    explicit: ExplicitSigning,
    documents: Documents,
    outcomes: Outcomes,
    starts: StartBells,
    posts: PostsOfPsc,
) -> None:
    """The Brazilian dialect, once for each vendor's variant."""
    parts = PscParts(
        database=ground.database,
        clock=ground.clock,
        audit=ground.audit,
        settings=ground.settings.psc,
        clients=oauth.reader,
        pace=oauth.pace,
        pages=oauth.page_service,
        shown=oauth.pages,
        holders=holders,
        signing=signing,
        explicit=explicit,
        outcomes=outcomes,
        bells=starts,
        calls=CallsOfPsc(pairing.calls),
        posts=posts,
        key=ground.settings.gateway_key("psc-starts"),
        documents=DocumentsOfPsc(documents.service, ground.origin + VERIFY_PATH),
        origin=ground.origin,
        environment=ground.settings.environment,
        proxies=ground.proxies,
    )
    app.add_routes(psc_routes(parts))
