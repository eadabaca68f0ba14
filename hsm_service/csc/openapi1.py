"""CSC v1 (API 1.0.4) as a table. Its requests are those of v2 under older names; what is equal is from there."""

from collections.abc import Mapping
from typing import Final

from foundation.errors import JsonValue
from foundation.web.openapi import FORM, Answer, Body, Operation, Parameter, Schema, Section, Words, ref, text
from hsm_service.csc import openapi as v2
from hsm_service.csc.algorithms import HASH_OIDS
from hsm_service.csc.web.oauth1 import AUTHORIZE_PATH, REVOKE_PATH, TOKEN_PATH
from hsm_service.csc.web.v1 import PREFIX

_CALLED: Final = (400, 401, 413, 429, 503)
_TOKEN: Final = ("bearer", "dpop")
_STRING: Final[Schema] = {"type": "string"}
_TEXT: Final[Schema] = {"type": ["string", "null"]}
_EMPTY: Final = text(
    {},
    "Nothing: what a holder knows never comes through here.",
    "Nada: o que o titular sabe nunca passa por aqui.",
)
_HASH: Final = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
_CREDENTIAL: Final = "cred_0000000000000000000000000a"


def _of(request: str, *names: str) -> Mapping[str, JsonValue]:
    """Members that v2's request of that name has too."""
    members = v2.SCHEMAS[request]["properties"]
    assert isinstance(members, Mapping), "an object of our own table"
    return {name: members[name] for name in names}


def _object(required: list[str], members: Mapping[str, JsonValue]) -> Schema:
    return {"type": "object", "required": list(required), "properties": dict(members)}


_ASKED: Final = _of("AuthorizeRequest", "credentialID", "numSignatures", "signAlgo", "signAlgoParams", "description")
_SIGNED: Final = _of("SignHashRequest", "credentialID", "SAD", "signAlgo", "signAlgoParams", "clientData")
_HASHES: Final[Mapping[str, JsonValue]] = {
    "hash": v2.HASHES,
    "hashAlgo": text(
        {"type": ["string", "null"], "enum": [*sorted(HASH_OIDS), None]},
        "May be left out: the length says which.",
        "Pode faltar: o tamanho diz qual.",
    ),
}

SCHEMAS: Final[dict[str, Schema]] = {
    "V1ListRequest": _object(
        [],
        {
            "userID": {"type": "null"},
            "maxResults": {"type": ["integer", "null"], "minimum": 1},
            "pageToken": text(_TEXT, "`nextPageToken` of the page before.", "`nextPageToken` da página anterior."),
            **_of("ListRequest", "clientData"),
        },
    ),
    "V1List": _object(
        ["credentialIDs"], {"credentialIDs": {"type": "array", "items": _STRING}, "nextPageToken": _STRING}
    ),
    "V1Credential": _object(
        ["key", "cert", "authMode", "SCAL"],
        {
            "key": {"type": "object"},
            "cert": {"type": "object"},
            "authMode": {"const": "implicit"},
            "SCAL": {"const": "2"},
            "multisign": {"type": "integer"},
        },
    ),
    "V1AuthorizeRequest": _object(
        ["credentialID", "numSignatures"],
        {**_ASKED, **_HASHES, "PIN": _EMPTY, "OTP": _EMPTY, **_of("AuthorizeRequest", "clientData")},
    ),
    "V1ExtendRequest": _object(
        ["credentialID", "SAD", "hash"], {**_of("SignHashRequest", "credentialID", "SAD", "clientData"), **_HASHES}
    ),
    "V1SignHashRequest": _object(["credentialID", "SAD", "hash", "signAlgo"], {**_SIGNED, **_HASHES}),
    "V1OtpRequest": _object(["credentialID"], _of("CredentialInfoRequest", "credentialID", "clientData")),
    "V1LoginRequest": _object([], {"refresh_token": _STRING, "rememberMe": {"type": ["boolean", "null"]}}),
    "V1RevokeRequest": _object(
        ["token"],
        {"token": {"type": "string", "minLength": 1}, "token_type_hint": _TEXT, **_of("ListRequest", "clientData")},
    ),
    "V1Info": _object(
        ["specs", "name", "authType", "oauth2", "methods"],
        dict.fromkeys(("specs", "name", "logo", "region", "lang", "description", "oauth2"), _STRING)
        | {name: {"type": "array", "items": _STRING} for name in ("authType", "methods")},
    ),
    "V1Token": _object(
        ["access_token", "token_type", "expires_in"],
        {"access_token": _STRING, "token_type": _STRING, "expires_in": {"type": "integer"}},
    ),
}


def _call(
    id: str, method: str, summary: Words, request: str, answer: Answer | None, example: JsonValue,
    *parameters: Parameter, status: int = 200, security: tuple[str, ...] = _TOKEN,
) -> Operation:  # fmt: skip
    """``answer`` None: it is never granted, only refused in the standard's words."""
    return Operation(
        id=id,
        method="POST",
        path=f"{PREFIX}/{method}",
        summary=summary,
        answers={} if answer is None else {status: answer},
        errors=_CALLED,
        parameters=parameters,
        body=Body(ref(request), example=example, required=False),
        security=security,
    )


def _oauth(id: str, path: str, summary: Words, request: str, answer: Answer, status: int = 200) -> Operation:
    return Operation(
        id=id,
        method="POST",
        path=path,
        summary=summary,
        answers={status: answer},
        errors=(400, 401, 413, 415, 429, 503),
        body=Body(ref(request), FORM),
        security=("basic",),
        optional_security=True,
    )


SECTION: Final = Section(
    tag="CSC v1",
    title=Words("Signing (CSC API 1.0.4)", "Assinatura (CSC API 1.0.4)"),
    about=Words(
        "The same for programs of the older version: `authorize` itself waits for the phone.",
        "O mesmo para programas da versão anterior: o próprio `authorize` espera o celular.",
    ),
    error="CscError",
    schemas=SCHEMAS,
    operations=[
        Operation(
            id="cscV1Info",
            method="POST",
            path=f"{PREFIX}/info",
            summary=Words("What this service is", "O que este serviço é"),
            answers={200: Answer(Words("About us.", "Sobre nós."), ref("V1Info"))},
            errors=(400, 413),
            body=Body(ref("InfoRequest"), example={}, required=False),
        ),
        _call(
            "cscV1Login", "auth/login", Words("Nobody has a password here", "Ninguém tem senha aqui"),
            "V1LoginRequest", None, {"refresh_token": "rt_…"}, security=(),
        ),
        _call(
            "cscV1Revoke", "auth/revoke", Words("Give a token back", "Devolver um token"), "V1RevokeRequest",
            Answer(Words("It is worth nothing now.", "Não vale mais nada."), media=None), {"token": "at_…"}, status=204,
        ),
        _call(
            "cscV1List", "credentials/list", Words("Whose certificates", "Quais certificados"), "V1ListRequest",
            Answer(Words("A page of them.", "Uma página deles."), ref("V1List")), {"maxResults": 10},
        ),
        _call(
            "cscV1CredentialInfo", "credentials/info", Words("One certificate", "Um certificado"),
            "CredentialInfoRequest", Answer(Words("About it.", "Sobre ele."), ref("V1Credential")),
            {"credentialID": _CREDENTIAL},
        ),
        _call(
            "cscV1Authorize", "credentials/authorize", Words("Ask the holder, and wait", "Pedir ao titular, e esperar"),
            "V1AuthorizeRequest",
            Answer(
                Words("Approved: the SAD. Undecided: 429; make the same call again.",
                      "Aprovado: o SAD. Sem decisão: 429; repita a chamada."),
                ref("Approved"),
                links={"sign": ("cscV1SignHash", {"SAD": "$response.body#/SAD"})},
            ),
            {"credentialID": _CREDENTIAL, "numSignatures": 1, "hash": [_HASH], "description": "contrato.pdf"},
            v2.PREFER,
        ),
        _call(
            "cscV1Extend", "credentials/extendTransaction", Words("Go on with a session", "Continuar uma sessão"),
            "V1ExtendRequest", Answer(Words("The same SAD.", "O mesmo SAD."), ref("Approved")),
            {"credentialID": _CREDENTIAL, "SAD": "sad_…", "hash": [_HASH]},
        ),
        _call(
            "cscV1SendOtp", "credentials/sendOTP", Words("There is none to send", "Não há o que enviar"),
            "V1OtpRequest", None, {"credentialID": _CREDENTIAL},
        ),
        _call(
            "cscV1SignHash", "signatures/signHash", Words("Collect the signatures", "Recolher as assinaturas"),
            "V1SignHashRequest", Answer(Words("The signatures.", "As assinaturas."), ref("Signatures")),
            {"credentialID": _CREDENTIAL, "SAD": "sad_…", "hash": [_HASH], "signAlgo": "1.2.840.113549.1.1.11"}, v2.KEY,
        ),
        Operation(
            id="cscV1OauthAuthorize",
            method="GET",
            path=AUTHORIZE_PATH,
            summary=Words("The page where a holder identifies", "A página em que o titular se identifica"),
            parameters=[Parameter("client_id", "query", _STRING, required=True)],
            answers={
                200: Answer(Words("For the holder's browser.", "Para o navegador do titular."), media="text/html"),
                302: Answer(Words("Back to the application.", "De volta ao aplicativo."), media=None),
                **{
                    status: Answer(Words("A page says why.", "Uma página diz por quê."), media="text/html")
                    for status in (400, 429, 503)
                },
            },
        ),
        _oauth(
            "cscV1OauthToken", TOKEN_PATH, Words("A token", "Um token"), "TokenRequest",
            Answer(Words("A token, or a SAD.", "Um token, ou um SAD."), ref("V1Token")),
        ),
        _oauth(
            "cscV1OauthRevoke", REVOKE_PATH, Words("Give a token back", "Devolver um token"), "RevokeRequest",
            Answer(Words("It is worth nothing now.", "Não vale mais nada."), media=None), status=204,
        ),
    ],
)  # fmt: skip
