"""What programs call of the Brazilian API, as tables: ``norm`` has ITI's calls, which are below each vendor's address
too, ``vendors`` what BirdID and VIDaaS have beside them, ``schemas`` what all of them share.

docs/psc-api.md says the same member by member, with the tests; `tests/ground/test_api_description.py` holds the tables
against the routes, the fuzzer of `tests/sandbox` against the whole.
"""

from typing import Final

from foundation.web.openapi import Section, Words
from hsm_service.psc.openapi import norm, schemas, vendors

__all__ = ["SECTION"]

SECTION: Final = Section(
    tag="PSC",
    title=Words("The Brazilian API (DOC-ICP-17.01)", "A API da ICP-Brasil (DOC-ICP-17.01)"),
    about=Words(
        "As SafeID, BirdID, VIDaaS and NeoID speak it; each signature is approved on the phone while /signature waits.",
        "Como SafeID, BirdID, VIDaaS e NeoID; cada assinatura é aprovada no celular enquanto /signature espera.",
    ),
    error="PscError",
    schemas={**schemas.SCHEMAS, **vendors.SCHEMAS},
    security={"pscBearer": {"type": "http", "scheme": "bearer", "description": "`pst_…` of /v0/oauth/token"}},
    operations=[*norm.OPERATIONS, *vendors.OPERATIONS],
)
