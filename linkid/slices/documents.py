"""Signatures in documents, and *Verificar assinatura*: `hsm_service.documents`."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from hsm_service.documents.adapters.authority import AuthorityEvidence, AuthorityTsa
from hsm_service.documents.adapters.files import read_policies, read_roots
from hsm_service.documents.adapters.http_tsa import HttpTsa
from hsm_service.documents.ports import TimeStampingAuthority
from hsm_service.documents.service import DocumentService
from hsm_service.documents.service.time_stamps import TimeStampClient
from hsm_service.documents.service.verification import VerificationService
from hsm_service.documents.service.workshop import Nursery, Workshop
from hsm_service.documents.web.verify import VerifyPages
from linkid.slices.ground import Ground


@dataclass(frozen=True)
class Documents:
    """The slice `documents`: what dialects prepare, finish and stamp with."""

    service: DocumentService
    time_stamps: TimeStampClient | None


def make_time_stamps(ground: Ground) -> TimeStampClient | None:
    """Time stamps are the settings' authorities'; in development without any, the test authority's in the AC."""
    settings = ground.settings.documents
    authorities: list[TimeStampingAuthority] = [
        HttpTsa(
            each.url,
            seconds=each.seconds,
            authorization=None if each.authorization is None else each.authorization.get_secret_value(),
        )
        for each in settings.time_stamping
    ]
    if not authorities and ground.settings.environment == "development":
        authorities = [AuthorityTsa(ground.ac)]
    return TimeStampClient(authorities) if authorities else None


def make_documents(ground: Ground, nursery: Nursery) -> Documents:
    """Signatures in documents. It has no routes of its own: dialects prepare and finish with it."""
    time_stamps, settings = make_time_stamps(ground), ground.settings.documents
    service = DocumentService(
        ground.clock,
        policies=read_policies(settings.policies),
        time_stamps=time_stamps,
        evidences=AuthorityEvidence(ground.ac),
        parsing=Workshop(nursery, at_once=settings.readings),
    )
    return Documents(service, time_stamps)


def mount_verification(app: web.Application, ground: Ground, nursery: Nursery) -> None:
    """*Verificar assinatura*, for anybody."""
    settings = ground.settings.documents
    verification = VerificationService(
        ground.clock,
        Workshop(nursery, at_once=settings.verifications),
        roots=read_roots(settings.roots),
        evidences=AuthorityEvidence(ground.ac),
    )
    app.add_routes(VerifyPages(verification, ground.clock, ground.proxies).routes())
