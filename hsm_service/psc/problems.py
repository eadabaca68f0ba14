"""Our errors in the dialect's words: RFC 6749's codes, the norm's ``user_denied``, and three texts for three readers.

``error`` for programs, ``error_description`` (English) for whoever writes them, ``message`` (Portuguese) for people:
applications of this market look for any of the three, so every body has all of them.
"""

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from foundation.errors import JsonObject, JsonValue, LinkIdError
from foundation.web import Dialect, WireError
from foundation.web.errors import OAUTH_FAMILIES, Entry
from hsm_service.documents.errors import PolicyNotAvailable
from hsm_service.oauth.errors import (
    ClientNotPermitted,
    GrantRefused,
    MalformedAuthorization,
    ResponseTypeUnknown,
    TokenInvalid,
    TokenMissing,
    UnknownClient,
)
from hsm_service.oauth.problems import description
from hsm_service.psc.domain.vendors import VENDORS, Vendor, as_configured
from hsm_service.psc.errors import (
    CodeRefused,
    DecisionTimeOver,
    FactorsRefused,
    FormatUnavailable,
    GrantTypeUnavailable,
    NotDecidedYet,
    PasswordGrantOff,
    PscTokenInvalid,
    ScopeTooSmall,
    ScopeUnavailable,
    UserDenied,
    WaitUnknown,
)
from hsm_service.signing import errors as signing
from protocol.errors import CallerUnknown

ENTRIES: Final[Mapping[type[LinkIdError], Entry]] = MappingProxyType(
    {
        **OAUTH_FAMILIES,
        # RFC 6749 section 5.2, RFC 6750 section 3.1
        UnknownClient: (401, "invalid_client"),
        ClientNotPermitted: (400, "unauthorized_client"),
        CallerUnknown: (403, "unauthorized_client"),
        PasswordGrantOff: (403, "unauthorized_client"),
        FactorsRefused: (400, "invalid_grant"),
        GrantTypeUnavailable: (400, "unsupported_grant_type"),
        ResponseTypeUnknown: (400, "unsupported_response_type"),
        ScopeUnavailable: (400, "invalid_scope"),
        CodeRefused: (400, "invalid_grant"),
        GrantRefused: (400, "invalid_grant"),
        MalformedAuthorization: (400, "invalid_request"),
        TokenMissing: (401, "invalid_token"),
        TokenInvalid: (401, "invalid_token"),
        PscTokenInvalid: (401, "invalid_token"),
        ScopeTooSmall: (403, "insufficient_scope"),
        WaitUnknown: (404, "invalid_request"),
        # what became of a request. 503 is what applications take for "later"; 4xx for "no".
        NotDecidedYet: (503, "authorization_pending"),
        DecisionTimeOver: (400, "authorization_timeout"),
        FormatUnavailable: (400, "unsupported_signature_format"),
        PolicyNotAvailable: (400, "unsupported_signature_format"),
        signing.CredentialDisabled: (400, "certificate_revoked"),
        signing.CertificateNotValid: (400, "certificate_expired"),
        signing.SessionExhausted: (403, "session_exhausted"),
    }
)


@functools.cache
def dialect(vendor: Vendor) -> Dialect:
    """The error bodies of one variant."""

    def body(error: WireError) -> JsonObject:
        text = description(error.detail or error.summary)
        found: dict[str, JsonValue] = {"error": error.code, "error_description": text, "message": error.message}
        if vendor.code_and_msg:
            found |= {"code": error.code, "msg": error.message}
        if error.data:
            found["linkid"] = dict(error.data)  # ours, beside the norm
        return found

    return Dialect(
        name=f"psc-{vendor.code}",
        render=body,
        entries={**ENTRIES, UserDenied: (400, vendor.refusal), signing.RequestRefused: (400, vendor.refusal)},
        headers={"Cache-Control": "no-store", "Pragma": "no-cache"},
        challenge='Bearer realm="linkid"',
    )


def by_prefix(refusal: str | None = None) -> dict[str, Dialect]:
    """Where each is spoken. ``refusal``: what an operator wants ``error`` to say when the holder said no."""
    spoken = [as_configured(vendor, refusal) for vendor in VENDORS.values()]
    return {vendor.prefix or "/v0/oauth": dialect(vendor) for vendor in spoken}


def redirect_parameters(vendor: Vendor, error: LinkIdError) -> dict[str, str]:
    """The answer's members when an error travels to the application by redirect."""
    _, code = dialect(vendor).lookup(type(error))
    text = error.detail if type(error).may_disclose and error.detail else error.summary
    return {"error": code, "error_description": description(text)}
