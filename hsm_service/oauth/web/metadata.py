"""What this authorization server says of itself (RFC 8414), and where its endpoints are."""

from typing import Final

from foundation.errors import JsonObject, JsonValue
from hsm_service.oauth.domain.client import SERVICE, SIGNING, GrantType
from hsm_service.oauth.domain.wish import TYPES

AUTHORIZE_PATH: Final = "/oauth2/authorize"
TOKEN_PATH: Final = "/oauth2/token"
PUSH_PATH: Final = "/oauth2/pushed_authorize"
"""CSC's name for it."""
INTROSPECT_PATH: Final = "/oauth2/introspect"
REVOKE_PATH: Final = "/oauth2/revoke"
METADATA_PATH: Final = "/.well-known/oauth-authorization-server"

_BY_PROOF: Final = {
    "token_endpoint": TOKEN_PATH,
    "pushed_authorization_request_endpoint": PUSH_PATH,
    "introspection_endpoint": INTROSPECT_PATH,
    "revocation_endpoint": REVOKE_PATH,
}
"""Endpoints at which clients authenticate."""


def audiences(issuer: str) -> frozenset[str]:
    """The names under which a client assertion may address us: the issuer's, and those of the endpoints (RFC 9126)."""
    return frozenset({issuer, *(issuer + path for path in _BY_PROOF.values())})


def metadata_document(issuer: str, mtls: str | None) -> JsonObject:
    """Members by RFC 8414, 9126, 9207, 9396, 9449 and 8705; ``mtls``: where connections may bring a certificate."""
    by_certificate = [] if mtls is None else ["tls_client_auth", "self_signed_tls_client_auth"]
    methods = ["client_secret_basic", "client_secret_post", "private_key_jwt", *by_certificate]
    document: dict[str, JsonValue] = {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE_PATH,
        **{name: issuer + path for name, path in _BY_PROOF.items()},
        "scopes_supported": [SERVICE, SIGNING],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [grant.value for grant in GrantType],
        "code_challenge_methods_supported": ["S256"],
        "authorization_details_types_supported": list(TYPES),
        "dpop_signing_alg_values_supported": ["ES256"],
        "require_pushed_authorization_requests": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["pt-BR"],
    }
    for name in ("token", "introspection", "revocation"):
        public = ["none"] if name != "introspection" else []
        document[f"{name}_endpoint_auth_methods_supported"] = [*methods, *public]
        document[f"{name}_endpoint_auth_signing_alg_values_supported"] = ["ES256"]
    if mtls is not None:
        document["tls_client_certificate_bound_access_tokens"] = True
        document["mtls_endpoint_aliases"] = {name: mtls + path for name, path in _BY_PROOF.items()}
    return document
