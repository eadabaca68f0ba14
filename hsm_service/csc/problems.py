"""Our errors in CSC's words: status, ``error``, and the standard's own sentence where it has one."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from foundation import errors
from foundation.dpop import BadProof
from foundation.errors import JsonObject, JsonValue, LinkIdError
from foundation.web import Dialect, RouteNotFound, UnsupportedMedia, WireError
from foundation.web.errors import OAUTH_FAMILIES, Entry
from hsm_service.credentials.errors import NoSuchCredential
from hsm_service.csc.errors import (
    AuthenticationFailed,
    InvalidAuthenticationData,
    InvalidOtp,
    InvalidPin,
    MalformedAuthentication,
    NotImplementedHere,
    TokenTypeUnknown,
)
from hsm_service.oauth.errors import (
    GrantRefused,
    GrantUnknown,
    MalformedAuthorization,
    RedirectMismatch,
    RefreshRefused,
    TokenInvalid,
    TokenMissing,
    UnknownClient,
)
from hsm_service.oauth.problems import DIALECT as OAUTH
from hsm_service.oauth.problems import description
from hsm_service.signing import errors as signing
from protocol.errors import (
    AskInvalid,
    CallerUnknown,
    ConsentRefused,
    ConsentUnknown,
    CredentialLocked,
    FactorsWrong,
    SessionRefused,
)

ENTRIES: Final[Mapping[type[LinkIdError], Entry]] = MappingProxyType(
    {
        **OAUTH_FAMILIES,
        # CSC knows no 403 and no 404
        errors.NotPermitted: (400, "access_denied"),
        errors.NotFound: (400, "invalid_request"),
        errors.Locked: (400, "access_denied"),
        # HTTP's own; CSC 10: an unknown method is "not implemented", never "not found"
        RouteNotFound: (501, "invalid_request"),
        NotImplementedHere: (501, "invalid_request"),
        UnsupportedMedia: (400, "invalid_request"),
        # who is calling
        MalformedAuthorization: (400, "invalid_request"),
        TokenMissing: (401, "invalid_token"),
        TokenInvalid: (401, "invalid_token"),
        BadProof: (401, "invalid_dpop_proof"),
        # what became of a request
        CredentialLocked: (400, "invalid_authentication_data"),
        InvalidAuthenticationData: (400, "invalid_authentication_data"),
        InvalidPin: (400, "invalid_pin"),
        InvalidOtp: (400, "invalid_otp"),
        MalformedAuthentication: (401, "invalid_request"),
        AuthenticationFailed: (400, "authentication_error"),
        TokenTypeUnknown: (400, "unsupported_token_type"),
        ConsentUnknown: (400, "invalid_authentication_data"),
        FactorsWrong: (400, "invalid_authentication_data"),
        AskInvalid: (400, "invalid_request"),
        CallerUnknown: (400, "access_denied"),
        signing.RequestRefused: (400, "access_denied"),
        signing.RequestWithdrawn: (400, "access_denied"),
        signing.RequestLapsed: (400, "expired_token"),
        signing.SadExpired: (400, "invalid_request"),
        signing.BadSad: (400, "invalid_request"),
        signing.NotTheApprovedHashes: (400, "invalid_request"),
        signing.FixedList: (400, "access_denied"),
        signing.UnknownResponse: (400, "invalid_request"),
        signing.SessionExhausted: (400, "invalid_request"),
        signing.UseNotSigned: (400, "invalid_request"),
    }
)

TEXTS: Final[Mapping[type[LinkIdError], str]] = MappingProxyType(
    {
        CredentialLocked: "Credential locked",
        NoSuchCredential: "Invalid parameter credentialID",
        signing.UnknownCredential: "Invalid parameter credentialID",
        signing.CredentialDisabled: "The credential identified by credentialID is disabled",
        signing.AlgorithmNotPossible: "Invalid parameter signAlgo",
        signing.BadDigest: "Invalid digest value length",
        signing.NoHashes: "Empty hash array",
        signing.TooManyHashes: "Numbers of signatures is too high",
        signing.BadLabels: "Invalid parameter clientData",
        signing.UnknownHandle: "Invalid parameter handle",
        signing.UnknownResponse: "Invalid parameter requestID",
        signing.BadSad: "Invalid parameter SAD",
        signing.SadExpired: "SAD expired",
        signing.NotTheApprovedHashes: "Hash is not authorized by the SAD.",
        signing.SessionExhausted: "Numbers of signatures is too high",
        signing.CounterUsed: "Invalid parameter clientData",
        signing.UseNotSigned: "Invalid parameter clientData",
        SessionRefused: "Invalid parameter clientData",
        ConsentRefused: "Invalid parameter clientData",
        ConsentUnknown: "The authentication data is invalid",
        FactorsWrong: "The authentication data is invalid",
        RouteNotFound: "The method is not implemented",
        MalformedAuthorization: "Malformed authorization header",
    }
)


OAUTH_V1_TEXTS: Final[Mapping[type[LinkIdError], str]] = MappingProxyType(
    {
        GrantUnknown: "Invalid parameter grant_type",
        # One sentence for a client that nobody knows and for a secret that is wrong: which, is nobody's business.
        UnknownClient: "Client authorization required",
        GrantRefused: "Authorization code is invalid or expired",
        RefreshRefused: "Invalid parameter refresh_token",
        RedirectMismatch: "redirect_uri parameter does not match redirect_uri parameter of authorization request",
    }
)
"""What API 1 (8.3.3) says at its own token address."""


def _oauth_v1_body(error: WireError) -> JsonObject:
    missing = error.data.get("missing")
    said = f"Missing parameter {missing}" if missing is not None else error.detail or error.summary
    return {"error": error.code, "error_description": description(said)}


OAUTH_V1: Final = replace(
    OAUTH,
    name="csc-oauth-v1",
    render=_oauth_v1_body,
    entries={**OAUTH.entries, GrantUnknown: (400, "invalid_request")},
    texts=OAUTH_V1_TEXTS,
)
"""API 1's token endpoint: RFC 6749's codes, and 1.0.4's sentences."""


def _body(error: WireError) -> JsonObject:
    body: dict[str, JsonValue] = {"error": error.code, "error_description": error.detail or error.summary}
    if error.data:
        body["linkid"] = dict(error.data)  # ours, beside the standard: such as the reason of a refusal
    return body


DIALECT: Final = Dialect(
    name="csc",
    render=_body,
    entries=ENTRIES,
    headers={"Cache-Control": "no-store"},
    challenge='Bearer realm="linkid", DPoP realm="linkid", algs="ES256"',
    texts=TEXTS,
)
