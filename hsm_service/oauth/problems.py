"""Our errors in the words of RFC 6749 section 5.2, for the token and revocation endpoints and for redirects."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from foundation import errors
from foundation.dpop import BadProof
from foundation.errors import JsonObject, LinkIdError
from foundation.web import Dialect, WireError
from foundation.web.errors import OAUTH_FAMILIES, Entry
from hsm_service.oauth.errors import (
    BadDetails,
    ClientNotPermitted,
    GrantRefused,
    GrantUnknown,
    ProofMissing,
    RequestObjectUnsupported,
    ResponseTypeUnknown,
    ScopeMissing,
    ScopeUnknown,
    UnknownClient,
)
from protocol.errors import CallerUnknown

ENTRIES: Final[Mapping[type[LinkIdError], Entry]] = MappingProxyType(
    {
        **OAUTH_FAMILIES,
        # at the token endpoint it is the client that is not known, and a lock passes
        errors.NotAuthenticated: (401, "invalid_client"),
        errors.Locked: (429, "temporarily_unavailable"),
        # RFC 6749 sections 4.1.2.1 and 5.2, RFC 9449 section 5
        UnknownClient: (401, "invalid_client"),
        GrantRefused: (400, "invalid_grant"),
        ClientNotPermitted: (400, "unauthorized_client"),
        CallerUnknown: (400, "unauthorized_client"),
        GrantUnknown: (400, "unsupported_grant_type"),
        ResponseTypeUnknown: (400, "unsupported_response_type"),
        ScopeUnknown: (400, "invalid_scope"),
        ProofMissing: (400, "invalid_dpop_proof"),
        BadProof: (400, "invalid_dpop_proof"),
        # RFC 9396 section 5, RFC 9101 section 6.3, RFC 6750 section 3.1
        BadDetails: (400, "invalid_authorization_details"),
        RequestObjectUnsupported: (400, "request_not_supported"),
        ScopeMissing: (403, "insufficient_scope"),
    }
)


def description(text: str) -> str:
    """``error_description``: printable ASCII without quotes and backslashes (RFC 6749 appendix A.8)."""
    return "".join(char if " " <= char <= "~" and char not in '"\\' else "'" for char in text)


def _body(error: WireError) -> JsonObject:
    return {"error": error.code, "error_description": description(error.detail or error.summary)}


DIALECT: Final = Dialect(
    name="oauth",
    render=_body,
    entries=ENTRIES,
    # section 5.1 wants both, and errors are no less private
    headers={"Cache-Control": "no-store", "Pragma": "no-cache"},
    challenge='Basic realm="linkid", charset="UTF-8"',
)

PREFIXES: Final = ("/oauth2/token", "/oauth2/revoke", "/oauth2/pushed_authorize", "/oauth2/introspect")
"""Where this dialect is spoken; the authorize page's own calls answer in ours."""


def redirect_parameters(error: LinkIdError) -> dict[str, str]:
    """The answer's members when an error travels back to the client by redirect (section 4.1.2.1)."""
    _, code = DIALECT.lookup(type(error))
    text = error.detail if type(error).may_disclose and error.detail else error.summary
    return {"error": code, "error_description": description(text)}
