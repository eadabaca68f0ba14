"""The dialect of the Cloud Signature Consortium: `hsm_service.csc`."""

from __future__ import annotations

from aiohttp import web

from hsm_service.credentials.service import CredentialService
from hsm_service.csc.web import CscV1, CscV2, OAuthV1
from hsm_service.csc.web.documents import DocumentCalls
from hsm_service.documents.web.verify import PATH as VERIFY_PATH
from hsm_service.oauth.service.callers import CallerService
from hsm_service.oauth.web.bearer import Authenticator
from hsm_service.signing.service import SigningService
from hsm_service.signing.service.explicit import ExplicitSigning
from hsm_service.signing.service.preparations import PreparationService
from hsm_service.signing.service.responses import ResponseService
from hsm_service.signing.service.waiting import WaitingCalls
from linkid.slices.documents import Documents
from linkid.slices.ground import Ground
from linkid.slices.oauth import OAuth
from linkid.slices.pairing import Pairing


def mount_csc(
    app: web.Application,
    ground: Ground,
    pairing: Pairing,
    oauth: OAuth,
    credentials: CredentialService,
    signing: SigningService,
    explicit: ExplicitSigning,
    documents: Documents,
) -> None:
    """The first dialect of the signing API, in both its versions."""
    database, clock = ground.database, ground.clock
    callers = CallerService(database, clock, dpop=ground.dpop, computers=pairing.computers, pace=oauth.pace)
    authenticator = Authenticator(callers, ground.origin, ground.certificates)
    responses = ResponseService(database, clock, signing)
    document_calls = DocumentCalls(
        clock,
        signing,
        documents.service,
        documents.time_stamps,
        preparations=PreparationService(database, clock),
        responses=responses,
        verification=ground.origin + VERIFY_PATH,
    )
    second = CscV2(
        clock=clock,
        authenticator=authenticator,
        credentials=credentials,
        signing=signing,
        explicit=explicit,
        responses=responses,
        documents=document_calls,
        issuer=ground.origin,
        app_url=ground.app,
    )
    first = CscV1(
        clock=clock,
        authenticator=authenticator,
        credentials=credentials,
        signing=signing,
        explicit=explicit,
        waiting=WaitingCalls(signing),
        documents=document_calls,
        clients=oauth.clients,
        tokens=oauth.tokens,
        base_url=ground.origin,
        app_url=ground.app,
        wait_seconds=ground.settings.csc.authorize_seconds,
    )
    # API 1's own token addresses first: its last route answers for all that is not there.
    app.add_routes(OAuthV1(oauth.endpoints, oauth.pages).routes())
    app.add_routes([*second.routes(), *first.routes()])
