"""What programs call of OAuth, as a table. The authorize page's own calls are the page's business, not an API."""

from typing import Final

from foundation.errors import JsonValue
from foundation.web.openapi import FORM, Answer, Body, Operation, Parameter, Schema, Section, Words, ref, text
from hsm_service.oauth.domain.client import GrantType
from hsm_service.oauth.service.authentication import ASSERTION_TYPE
from hsm_service.oauth.web.metadata import (
    AUTHORIZE_PATH,
    INTROSPECT_PATH,
    METADATA_PATH,
    PUSH_PATH,
    REVOKE_PATH,
    TOKEN_PATH,
)

_TEXT: Final[Schema] = {"type": "string"}
_STRINGS: Final[Schema] = {"type": "array", "items": _TEXT}
_URL: Final[Schema] = {"type": "string", "format": "uri"}
_CLIENT: Final[dict[str, JsonValue]] = {
    "client_id": text(_TEXT, "Unless it stands in the Basic header.", "A não ser que esteja no cabeçalho Basic."),
    "client_secret": text(_TEXT, "Instead of the Basic header.", "Em vez do cabeçalho Basic."),
    "client_assertion_type": {"type": "string", "enum": [ASSERTION_TYPE]},
    "client_assertion": text(_TEXT, "A JWT by your key (RFC 7523).", "Um JWT pela sua chave (RFC 7523)."),
}
_HTML: Final = "text/html"
_DETAILS: Final = text(
    _TEXT,
    "One authorization detail in an array (RFC 9396), as JSON: what is to be signed.",
    "Um detalhe de autorização numa lista (RFC 9396), em JSON: o que assinar.",
)
_ASKED: Final[dict[str, JsonValue]] = {
    "response_type": {"type": "string", "enum": ["code"]},
    "redirect_uri": _TEXT,
    "scope": {"type": "string", "enum": ["service", "credential"]},
    "state": _TEXT,
    "code_challenge": _TEXT,
    "code_challenge_method": {"type": "string", "enum": ["S256"]},
    "authorization_details": _DETAILS,
    "credentialID": text(_TEXT, "With scope=credential.", "Com scope=credential."),
    "numSignatures": text(_TEXT, "With scope=credential.", "Com scope=credential."),
    "hashes": text(_TEXT, "With scope=credential: base64url, commas.", "Com scope=credential: base64url, vírgulas."),
    "hashAlgorithmOID": text(_TEXT, "With scope=credential.", "Com scope=credential."),
    "description": text(_TEXT, "Shown to the holder as your word.", "Mostrado ao titular como palavra sua."),
    "clientData": text(_TEXT, "As in credentials/authorize.", "Como em credentials/authorize."),
    "dpop_jkt": text(_TEXT, "The key that redeems the code (RFC 9449).", "A chave que troca o código (RFC 9449)."),
}
"""What an authorize request may say, pushed or not."""
_DPOP: Final = Parameter(
    "DPoP", "header", text(_TEXT, "A proof: binds the token (RFC 9449).", "Uma prova: prende o token (RFC 9449).")
)
_ENDPOINTS: Final = ("pushed_authorization_request_endpoint", "introspection_endpoint", "revocation_endpoint")
_SUPPORTED: Final = (
    "scopes_supported",
    "response_types_supported",
    "grant_types_supported",
    "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported",
    "authorization_details_types_supported",
    "dpop_signing_alg_values_supported",
)
GIVEN_BACK: Final = {"token": "$response.body#/access_token"}
BEARER: Final = {"header.Authorization": "Bearer {$response.body#/access_token}"}


def _asked(name: str, schema: JsonValue) -> Schema:
    """In an address: the application hears of an unknown scope where it sent the person."""
    return _TEXT if name == "scope" else {**schema}  # type: ignore[dict-item]


SECTION: Final = Section(
    tag="OAuth",
    title=Words("Who is calling (OAuth 2.0)", "Quem chama (OAuth 2.0)"),
    about=Words(
        "Tokens for applications: by themselves, or for a holder who identified with the phone.",
        "Tokens para aplicativos: por si mesmos, ou por um titular que se identificou com o celular.",
    ),
    error="OAuthError",
    schemas={
        "OAuthError": {
            "type": "object",
            "required": ["error", "error_description"],
            "properties": {"error": _TEXT, "error_description": _TEXT},
            "additionalProperties": False,
        },
        "TokenRequest": {
            "type": "object",
            "required": ["grant_type"],
            "properties": {
                "grant_type": {"type": "string", "enum": [grant.value for grant in GrantType]},
                "code": text(_TEXT, "With authorization_code.", "Com authorization_code."),
                "redirect_uri": text(_TEXT, "As it was sent to authorize.", "Como foi em authorize."),
                "code_verifier": text(_TEXT, "PKCE (RFC 7636).", "PKCE (RFC 7636)."),
                "refresh_token": text(_TEXT, "With refresh_token; good once.", "Com refresh_token; vale uma vez."),
                "authorization_details": text(
                    _TEXT, "As they were approved, or left out.", "Como foram aprovados, ou sem eles."
                ),
                "scope": _TEXT,
                **_CLIENT,
            },
        },
        "Token": {
            "type": "object",
            "required": ["access_token", "token_type", "expires_in", "scope"],
            "properties": {
                "access_token": _TEXT,
                "token_type": text({"enum": ["Bearer", "DPoP", "SAD"]}, "SAD: of CSC API 1.", "SAD: da CSC API 1."),
                "expires_in": {"type": "integer"},
                "scope": _TEXT,
                "refresh_token": _TEXT,
                "authorization_details": {"type": "array", "items": {"type": "object"}},
                "credentialID": text(_TEXT, "The one the holder chose.", "O que o titular escolheu."),
            },
        },
        "PushRequest": {
            "type": "object",
            "required": ["response_type", "code_challenge", "code_challenge_method"],
            "properties": {**_ASKED, **_CLIENT},
        },
        "Pushed": {
            "type": "object",
            "required": ["request_uri", "expires_in"],
            "properties": {"request_uri": _TEXT, "expires_in": {"type": "integer"}},
        },
        "IntrospectRequest": {
            "type": "object",
            "required": ["token"],
            "properties": {
                "token": text(_TEXT, "Yours, or one you may read.", "O seu, ou um que pode ler."),
                **_CLIENT,
            },
        },
        "Introspected": {
            "type": "object",
            "required": ["active"],
            "properties": {
                "active": {"type": "boolean"},
                "iss": _URL,
                "client_id": _TEXT,
                "scope": _TEXT,
                "token_type": {"enum": ["Bearer", "DPoP"]},
                "iat": {"type": "integer"},
                "exp": {"type": "integer"},
                "sub": _TEXT,
                "cnf": {"type": "object"},
                "credentialID": _TEXT,
                "authorization_details": {"type": "array", "items": {"type": "object"}},
            },
        },
        "RevokeRequest": {
            "type": "object",
            "required": ["token"],
            "properties": {"token": text(_TEXT, "Yours.", "O seu."), **_CLIENT},
        },
        "Metadata": {
            "type": "object",
            "required": ["issuer", "token_endpoint", "authorization_endpoint"],
            "properties": {
                "issuer": _URL,
                "token_endpoint": _URL,
                "authorization_endpoint": _URL,
                **dict.fromkeys(_ENDPOINTS, _URL),
                **dict.fromkeys(_SUPPORTED, _STRINGS),
                "authorization_response_iss_parameter_supported": {"const": True},
                "mtls_endpoint_aliases": text(
                    {"type": "object"}, "Where certificates are asked for.", "Onde se pede certificado."
                ),
            },
        },
    },
    security={"basic": {"type": "http", "scheme": "basic", "description": "client_id and client_secret"}},
    operations=[
        Operation(
            id="oauthToken",
            method="POST",
            path=TOKEN_PATH,
            summary=Words("A token", "Um token"),
            answers={
                200: Answer(
                    Words("Good for an hour.", "Vale uma hora."),
                    ref("Token"),
                    links={
                        "use": ("cscV2List", BEARER),
                        "look": ("oauthIntrospect", GIVEN_BACK),
                        "give_back": ("oauthRevoke", GIVEN_BACK),
                    },
                    example={"access_token": "at_…", "token_type": "Bearer", "expires_in": 3600, "scope": "service"},
                )
            },
            errors=(400, 401, 413, 415, 429, 503),
            parameters=[_DPOP],
            body=Body(ref("TokenRequest"), FORM, example={"grant_type": "client_credentials"}),
            security=("basic",),
            optional_security=True,
        ),
        Operation(
            id="oauthPush",
            method="POST",
            path=PUSH_PATH,
            summary=Words("Push an authorize request (RFC 9126)", "Enviar um pedido de autorização antes (RFC 9126)"),
            answers={
                201: Answer(
                    Words("Good once, for 90 seconds.", "Vale uma vez, por 90 segundos."),
                    ref("Pushed"),
                    links={"show": ("oauthAuthorize", {"query.request_uri": "$response.body#/request_uri"})},
                )
            },
            errors=(400, 401, 413, 415, 429, 503),
            parameters=[_DPOP],
            body=Body(
                ref("PushRequest"),
                FORM,
                example={
                    "response_type": "code",
                    "scope": "service",
                    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
                    "code_challenge_method": "S256",
                },
            ),
            security=("basic",),
            optional_security=True,
        ),
        Operation(
            id="oauthIntrospect",
            method="POST",
            path=INTROSPECT_PATH,
            summary=Words("What a token is (RFC 7662)", "O que é um token (RFC 7662)"),
            answers={
                200: Answer(
                    Words("Its facts, or only that it is not active.", "Os fatos, ou só que não está ativo."),
                    ref("Introspected"),
                )
            },
            errors=(400, 401, 413, 415, 429, 503),
            body=Body(ref("IntrospectRequest"), FORM, example={"token": "at_…"}),
            security=("basic",),
            optional_security=True,
        ),
        Operation(
            id="oauthRevoke",
            method="POST",
            path=REVOKE_PATH,
            summary=Words("Give a token back", "Devolver um token"),
            answers={200: Answer(Words("It is worth nothing now.", "Não vale mais nada."), media=None)},
            errors=(400, 401, 413, 415, 429, 503),
            body=Body(ref("RevokeRequest"), FORM, example={"token": "at_…"}),
            security=("basic",),
            optional_security=True,
        ),
        Operation(
            id="oauthMetadata",
            method="GET",
            path=METADATA_PATH,
            summary=Words("Where everything is (RFC 8414)", "Onde tudo está (RFC 8414)"),
            answers={200: Answer(Words("The settings.", "As configurações."), ref("Metadata"))},
        ),
        Operation(
            id="oauthAuthorize",
            method="GET",
            path=AUTHORIZE_PATH,
            summary=Words(
                "The page where a holder identifies or approves", "A página em que o titular se identifica ou aprova"
            ),
            parameters=[
                Parameter("client_id", "query", _TEXT, required=True),
                Parameter(
                    "request_uri", "query", text(_TEXT, "Pushed before, instead of all others.", "Enviado antes.")
                ),
                *(Parameter(name, "query", _asked(name, schema)) for name, schema in _ASKED.items()),
            ],
            answers={
                200: Answer(Words("For the holder's browser.", "Para o navegador do titular."), media=_HTML),
                302: Answer(Words("Back to the application.", "De volta ao aplicativo."), media=None),
                400: Answer(
                    Words(
                        "Nobody is sent anywhere; a page says why.", "Ninguém é levado a lugar nenhum; a página diz."
                    ),
                    media=_HTML,
                ),
                429: Answer(Words("A page says: wait.", "A página diz: espere."), media=_HTML),
                503: Answer(Words("A page says: wait.", "A página diz: espere."), media=_HTML),
            },
        ),
    ],
)
