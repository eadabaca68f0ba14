"""What programs call of OAuth, as a table. The authorize page's own calls are the page's business, not an API."""

from typing import Final

from foundation.errors import JsonValue
from foundation.web.openapi import FORM, Answer, Body, Operation, Parameter, Schema, Section, Words, ref, text
from hsm_service.oauth.domain.client import GrantType
from hsm_service.oauth.service.authentication import ASSERTION_TYPE
from hsm_service.oauth.web.endpoints import AUTHORIZE_PATH, METADATA_PATH, REVOKE_PATH, TOKEN_PATH

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
                "scope": _TEXT,
                **_CLIENT,
            },
        },
        "Token": {
            "type": "object",
            "required": ["access_token", "token_type", "expires_in", "scope"],
            "properties": {
                "access_token": _TEXT,
                "token_type": {"enum": ["Bearer", "DPoP"]},
                "expires_in": {"type": "integer"},
                "scope": _TEXT,
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
                "grant_types_supported": _STRINGS,
                "code_challenge_methods_supported": _STRINGS,
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
            answers={200: Answer(Words("Good for an hour.", "Vale uma hora."), ref("Token"))},
            errors=(400, 401, 413, 415, 429, 503),
            body=Body(ref("TokenRequest"), FORM, example={"grant_type": "client_credentials"}),
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
            summary=Words("The page where a holder identifies", "A página em que o titular se identifica"),
            parameters=[
                Parameter("response_type", "query", {"type": "string", "enum": ["code"]}),
                Parameter("client_id", "query", _TEXT, required=True),
                Parameter("redirect_uri", "query", _TEXT),
                Parameter("scope", "query", _TEXT),
                Parameter("state", "query", _TEXT),
                Parameter("code_challenge", "query", _TEXT),
                Parameter("code_challenge_method", "query", {"type": "string", "enum": ["S256"]}),
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
