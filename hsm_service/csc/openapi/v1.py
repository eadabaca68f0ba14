"""CSC v1 (1.0.4) as a table, and the token addresses under its base: the same calls in other words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from foundation.errors import JsonValue
from foundation.web.openapi import Answer, Operation, Schema, Section, Words, ref, text
from hsm_service.csc.algorithms import HASH_OIDS
from hsm_service.csc.dialect.version1 import PAGE
from hsm_service.csc.openapi.credentials import SCHEMAS as V2
from hsm_service.csc.openapi.words import (
    ALGORITHM,
    CLIENT_DATA,
    CREDENTIAL,
    ERRORS,
    EXAMPLE_HASH,
    FIRST_LISTED,
    HASHES,
    ID,
    KEY,
    PARAMETERS,
    PREFER,
    STRINGS,
    TEXT,
    V1,
    closed,
    schema_of,
)
from hsm_service.csc.web.oauth1 import AUTHORIZE_PATH, REVOKE_PATH, TOKEN_PATH
from hsm_service.oauth.openapi import BEARER, GIVEN_BACK
from hsm_service.oauth.openapi import SECTION as OAUTH
from protocol.sessions import MOST

_CREDENTIAL_ID: Final = "cred_0000000000000000000000000a"
_FACTOR: Final[Schema] = {"type": ["string", "null"], "maxLength": 64}
_PRESENCE: Final = closed(
    ["presence"],
    presence={"type": "string", "enum": ["true", "false"]},
    **{key: {"type": "string"} for key in ("format", "label", "type", "ID", "provider")},
)
_HASH_OID: Final[Schema] = {"type": ["string", "null"], "enum": [*sorted(HASH_OIDS), None]}
_MEMBERS: Mapping[str, JsonValue] = V2["Credential"]["properties"]  # type: ignore[assignment]

SCHEMAS: Final[dict[str, Schema]] = {
    "V1Info": closed(
        ["specs", "name", "logo", "region", "lang", "description", "authType", "oauth2", "methods"],
        specs={"type": "string"},
        name={"type": "string"},
        logo={"type": "string"},
        region={"type": "string"},
        lang={"type": "string"},
        description={"type": "string"},
        authType=STRINGS,
        oauth2=text({"type": "string"}, "Append `oauth2/token` and so on.", "Acrescente `oauth2/token` etc."),
        methods=STRINGS,
    ),
    "V1LoginRequest": schema_of(
        [], refresh_token=text({}, "Never taken here.", "Nunca aceito aqui."), rememberMe={}, clientData={}
    ),
    "V1RevokeRequest": schema_of(
        ["token"],
        token=text(ID, "A token of yours.", "Um token seu."),
        token_type_hint={"type": ["string", "null"], "enum": ["access_token", "refresh_token", None]},
        clientData=CLIENT_DATA,
    ),
    "V1ListRequest": schema_of(
        [],
        userID={"type": "null"},
        maxResults=text({"type": ["integer", "null"], "minimum": 1}, f"At most {PAGE}.", f"No máximo {PAGE}."),
        pageToken=text(TEXT, "`nextPageToken` of the page before.", "`nextPageToken` da página anterior."),
        clientData=CLIENT_DATA,
    ),
    "V1List": closed(["credentialIDs"], credentialIDs=STRINGS, nextPageToken={"type": "string"}),
    "V1Credential": closed(
        ["description", "key", "cert", "authMode", "SCAL", "multisign"],
        **{name: schema for name, schema in _MEMBERS.items() if name not in ("auth", "credentialID")},
        authMode={"type": "string", "enum": ["implicit", "explicit"]},
        PIN=_PRESENCE,
        OTP=_PRESENCE,
    ),
    "V1AuthorizeRequest": schema_of(
        ["credentialID", "numSignatures"],
        credentialID=CREDENTIAL,
        numSignatures={"type": "integer", "minimum": 1, "maximum": MOST},
        hash=HASHES,
        hashAlgo=text(_HASH_OID, "Its length says it too.", "O comprimento também o diz."),
        signAlgo=ALGORITHM,
        signAlgoParams=PARAMETERS,
        PIN=text(
            _FACTOR,
            "The usage password, with the holder's consent and the OTP; else left out.",
            "A senha de uso, com o consentimento do titular e o OTP; senão, omitido.",
        ),
        OTP=_FACTOR,
        description={"type": ["string", "null"], "maxLength": 500},
        clientData=CLIENT_DATA,
    ),
    "V1ExtendRequest": schema_of(
        ["credentialID", "SAD", "hash"], credentialID=CREDENTIAL, SAD=ID, hash=HASHES, hashAlgo=_HASH_OID,
        clientData=CLIENT_DATA,
    ),
    "V1OtpRequest": schema_of(["credentialID"], credentialID=CREDENTIAL, clientData=CLIENT_DATA),
    "V1SignHashRequest": schema_of(
        ["credentialID", "SAD", "hash", "signAlgo"], credentialID=CREDENTIAL, SAD=ID, hash=HASHES, hashAlgo=_HASH_OID,
        signAlgo=ID, signAlgoParams=PARAMETERS, clientData=CLIENT_DATA,
    ),
}  # fmt: skip


_ASKED: Final[dict[str, JsonValue]] = {"credentialID": _CREDENTIAL_ID, "numSignatures": 1, "hash": [EXAMPLE_HASH]}
_SAD: Final[dict[str, JsonValue]] = {"credentialID": _CREDENTIAL_ID, "SAD": "sad_…", "hash": [EXAMPLE_HASH]}

SECTION: Final = Section(
    tag="CSC v1",
    title=Words("Signing (CSC API 1.0.4)", "Assinatura (CSC API 1.0.4)"),
    about=Words(
        "For code that speaks the first version: `authorize` itself waits for the phone.",
        "Para código que fala a primeira versão: o próprio `authorize` espera o celular.",
    ),
    error="CscError",
    schemas=SCHEMAS,
    operations=[
        V1.call(
            "Info", "info", Words("What this service is", "O que este serviço é"), "InfoRequest",
            {200: Answer(Words("About us.", "Sobre nós."), ref("V1Info"))}, {},
            errors=ERRORS, security=(), required=False,
        ),
        V1.call(
            "Login", "auth/login", Words("Refused: nobody has a password here", "Recusado: ninguém tem senha aqui"),
            "V1LoginRequest", {}, {"refresh_token": "x"}, errors=(400, 401, 413), security=(), required=False,
        ),
        V1.call(
            "Revoke", "auth/revoke", Words("Give a token back", "Devolver um token"), "V1RevokeRequest",
            {204: Answer(Words("It is worth nothing now.", "Não vale mais nada."), media=None)}, {"token": "at_…"},
        ),
        V1.call(
            "List", "credentials/list", Words("Whose certificates", "Quais certificados"), "V1ListRequest",
            {
                200: Answer(
                    Words("A page of them.", "Uma página deles."), ref("V1List"),
                    links={"look": ("cscV1CredentialInfo", FIRST_LISTED)},
                )
            },
            {"maxResults": 10},
            required=False,
        ),
        V1.call(
            "CredentialInfo", "credentials/info", Words("One certificate", "Um certificado"), "CredentialInfoRequest",
            {200: Answer(Words("Certificate and algorithms.", "Certificado e algoritmos."), ref("V1Credential"))},
            {"credentialID": _CREDENTIAL_ID},
        ),
        V1.call(
            "Authorize", "credentials/authorize", Words("Ask the holder, and wait", "Pedir ao titular, e esperar"),
            "V1AuthorizeRequest",
            {
                200: Answer(
                    Words("Approved: the SAD.", "Aprovado: o SAD."), ref("Approved"),
                    links={"sign": ("cscV1SignHash", {"SAD": "$response.body#/SAD"})},
                )
            },
            _ASKED, PREFER,
        ),
        V1.call(
            "Extend", "credentials/extendTransaction", Words("Go on in a session", "Continuar uma sessão"),
            "V1ExtendRequest", {200: Answer(Words("The session's own SAD.", "O SAD da própria sessão."),
                                            ref("Approved"))}, _SAD,
        ),
        V1.call(
            "SendOtp", "credentials/sendOTP", Words("Refused: there is none", "Recusado: não há"), "V1OtpRequest", {},
            {"credentialID": _CREDENTIAL_ID},
        ),
        V1.call(
            "SignHash", "signatures/signHash", Words("Collect the signatures", "Recolher as assinaturas"),
            "V1SignHashRequest", {200: Answer(Words("The signatures.", "As assinaturas."), ref("Signatures"))},
            {**_SAD, "signAlgo": "1.2.840.113549.1.1.11"}, KEY,
        ),
        V1.timestamp(),
    ],
)  # fmt: skip


def _same(id: str, path: str) -> Operation:
    """An operation of the gateway's own addresses, at this one."""
    (found,) = [one for one in OAUTH.operations if one.id == f"oauth{id}"]
    return replace(found, id=f"cscV1OAuth{id}", path=path)


def _token() -> Operation:
    """The same token, and where it leads here."""
    same = _same("Token", TOKEN_PATH)
    links = {"use": ("cscV1List", BEARER), "give_back": ("cscV1OAuthRevoke", GIVEN_BACK)}
    return replace(same, answers={200: replace(same.answers[200], links=links)})


OAUTH_SECTION: Final = Section(
    tag="CSC v1 OAuth",
    title=Words("Tokens below CSC API 1", "Tokens sob a CSC API 1"),
    about=Words(
        "The same service: a credential token's type is `SAD`, and revoking answers 204.",
        "O mesmo serviço: um token de credencial é do tipo `SAD`, e revogar responde 204.",
    ),
    error=OAUTH.error,
    schemas={},
    operations=[
        _same("Authorize", AUTHORIZE_PATH),
        _token(),
        replace(
            _same("Revoke", REVOKE_PATH),
            answers={204: Answer(Words("It is worth nothing now.", "Não vale mais nada."), media=None)},
        ),
    ],
)
