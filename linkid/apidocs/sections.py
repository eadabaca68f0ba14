"""Every described part of the public API, and the routes that are described elsewhere."""

from __future__ import annotations

from typing import Final

from foundation.web.openapi import Answer, Operation, Section, Words
from hsm_service.csc.openapi import OAUTH_V1
from hsm_service.csc.openapi import SECTION as CSC
from hsm_service.csc.openapi import SECTION_V1 as CSC_V1
from hsm_service.documents.openapi import SECTION as VERIFICATION
from hsm_service.oauth.openapi import SECTION as OAUTH
from hsm_service.psc.domain.vendors import VENDORS
from hsm_service.psc.openapi import SECTION as PSC
from hsm_service.psc.web.endpoints import ROOT as PSC_ROOT
from hsm_service.webhooks.openapi import SECTION as WEBHOOKS
from issuance.openapi import SECTION as PKI

ITSELF: Final = Section(
    tag="API",
    title=Words("This description", "Esta descrição"),
    about=Words("For programs and for people.", "Para programas e para pessoas."),
    error="Error",
    operations=[
        Operation(
            id="openapi",
            method="GET",
            path="/openapi.json",
            summary=Words("OpenAPI 3.1", "OpenAPI 3.1"),
            answers={200: Answer(Words("All of it.", "Tudo."), {"type": "object", "required": ["openapi", "paths"]})},
        ),
        Operation(
            id="docsPt",
            method="GET",
            path="/docs/api/",
            summary=Words("As a page, in Portuguese", "Como página"),
            answers={200: Answer(Words("The page.", "A página."), media="text/html")},
        ),
        Operation(
            id="docsEn",
            method="GET",
            path="/docs/api/en/",
            summary=Words("As a page, in English", "Como página, em inglês"),
            answers={200: Answer(Words("The page.", "A página."), media="text/html")},
        ),
    ],
)

SECTIONS: Final = (CSC, CSC_V1, OAUTH, OAUTH_V1, PSC, WEBHOOKS, VERIFICATION, PKI, ITSELF)

PRIVATE: Final = {
    "/phone/v1/": "between us and the phone app (docs/protocol.md 9.2)",
    "/links/v1": "between us and the computer's agent (9.3)",
    "/emission/v1/": "between us and the emission page (9.1)",
    "/oauth2/authorize/": "the authorize page's own calls",
    "/oauth2/assets/": "its files",
    "/integradores": "the page where applications are registered: for people (docs/integrators.md)",
    "/verificar/assets/": "the files of the page that verifies",
    **{f"{vendor.prefix}{PSC_ROOT}/authorize/": "the pages' own calls" for vendor in VENDORS.values()},
    f"{PSC_ROOT}/assets/": "the script of one of them",
    "/docs/api/assets/": "the files of the page of this description",
    "/dev/": "exists only in development, for this very machine (9.7)",
    "/csc/v1/{method}": "answers 501 to every method that we do not have",
    "/csc/v2/{method}": "answers 501 to every method that we do not have",
}
"""Routes that no integrator calls, by how their path begins, and why."""

COMING: Final[frozenset[str]] = frozenset()
"""Beginnings of paths that are being built and not described yet. To be empty when they are."""


def is_private(path: str) -> bool:
    """Whether a route is described elsewhere."""
    return path.startswith((*PRIVATE, *COMING))
