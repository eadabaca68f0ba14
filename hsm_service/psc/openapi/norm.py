"""The norm's own calls (DOC-ICP-17.01, 6.4). Every vendor's applications make them below an address of their own."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from foundation.web.openapi import FORM, JSON, Answer, Body, Callback, Operation, Parameter, Words, ref
from hsm_service.psc.domain.vendors import VENDORS
from hsm_service.psc.openapi.schemas import (
    ANY_TEXT,
    BEHIND,
    EXAMPLE_HASH,
    EXAMPLE_NUMBER,
    FORMS,
    HTML,
    READS,
    TOKENS,
    WAITING,
    bearer,
)
from hsm_service.psc.web.endpoints import ROOT

_SIGN: Final = {"sign": ("pscSignature", bearer("access_token"))}
_CERTIFICATES: Final = {"certificates": ("pscCertificateDiscovery", bearer("access_token"))}
_GIVE_BACK: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "give_back": ("pscRevoke", {"token": "$response.body#/access_token"})
}

AUTHORIZE: Final = Operation(
    id="pscAuthorize",
    method="GET",
    path=f"{ROOT}/authorize",
    summary=Words("The page where a holder identifies", "A página em que o titular se identifica"),
    parameters=[
        Parameter("response_type", "query", {"type": "string", "enum": ["code"]}),
        Parameter("client_id", "query", ANY_TEXT, required=True),
        Parameter("redirect_uri", "query", ANY_TEXT),
        Parameter("scope", "query", ANY_TEXT),
        Parameter("state", "query", ANY_TEXT),
        Parameter("lifetime", "query", ANY_TEXT),
        Parameter("login_hint", "query", ANY_TEXT),
        Parameter("code_challenge", "query", ANY_TEXT),
        Parameter("code_challenge_method", "query", {"type": "string", "enum": ["S256"]}),
    ],
    answers={
        200: Answer(Words("For the holder's browser.", "Para o navegador do titular."), media=HTML),
        302: Answer(Words("Back to the application.", "De volta ao aplicativo."), media=None),
        400: Answer(
            Words("Nobody is sent anywhere; a page says why.", "Ninguém é levado a lugar nenhum; a página diz."),
            media=HTML,
        ),
        429: Answer(Words("A page says: wait.", "A página diz: espere."), media=HTML),
        503: Answer(Words("A page says: wait.", "A página diz: espere."), media=HTML),
    },
)

_CALLS: Final = (
    Operation(
        id="pscToken",
        method="POST",
        path=f"{ROOT}/token",
        summary=Words("A code becomes a token", "Um código vira um token"),
        answers={
            200: Answer(
                Words("With scope and identification.", "Com escopo e identificação."),
                ref("PscToken"),
                links={**_SIGN, **_CERTIFICATES, **_GIVE_BACK},
                example={
                    "access_token": "pst_…",
                    "token_type": "Bearer",
                    "expires_in": 300,
                    "scope": "single_signature",
                    "authorized_identification_type": "CPF",
                    "authorized_identification": EXAMPLE_NUMBER,
                },
            )
        },
        errors=FORMS,
        body=Body(
            ref("PscTokenRequest"),
            FORM,
            example={"grant_type": "authorization_code", "code": "psa_…", "client_id": "cli_…"},
        ),
    ),
    Operation(
        id="pscClientToken",
        method="POST",
        path=f"{ROOT}/client_token",
        summary=Words("A token of the application", "Um token do aplicativo"),
        answers={200: Answer(Words("For two hours.", "Por duas horas."), ref("PscClientToken"), links=_GIVE_BACK)},
        errors=FORMS,
        body=Body(
            ref("PscClientTokenRequest"), FORM, example={"grant_type": "client_credentials", "client_id": "cli_…"}
        ),
    ),
    Operation(
        id="pscRevoke",
        method="POST",
        path=f"{ROOT}/revoke",
        summary=Words("Give a token back", "Devolver um token"),
        answers={200: Answer(Words("It is worth nothing now.", "Não vale mais nada."), ref("PscNothing"))},
        errors=FORMS,
        body=Body(ref("PscRevokeRequest"), FORM, example={"token": "pst_…", "client_id": "cli_…"}, others=(JSON,)),
    ),
    Operation(
        id="pscUserDiscovery",
        method="POST",
        path=f"{ROOT}/user-discovery",
        summary=Words("Whether a number has a certificate here", "Se um número tem certificado aqui"),
        answers={200: Answer(Words("S or N; no names.", "S ou N; sem nomes."), ref("PscSlots"))},
        errors=FORMS,
        body=Body(
            ref("PscDiscoveryRequest"),
            example={"client_id": "cli_…", "user_cpf_cnpj": "CPF", "val_cpf_cnpj": EXAMPLE_NUMBER},
        ),
    ),
    Operation(
        id="pscCertificateDiscovery",
        method="GET",
        path=f"{ROOT}/certificate-discovery",
        summary=Words("The holder's certificates", "Os certificados do titular"),
        parameters=[Parameter("certificate_alias", "query", ANY_TEXT)],
        answers={200: Answer(Words("In PEM.", "Em PEM."), ref("PscCertificates"))},
        errors=READS,
        security=BEHIND,
    ),
    Operation(
        id="pscSignature",
        method="POST",
        path=f"{ROOT}/signature",
        summary=Words("Sign, when the holder approved", "Assinar, quando o titular aprovar"),
        answers={200: Answer(Words("In the order of the hashes.", "Na ordem dos hashes."), ref("PscSignatures"))},
        errors=TOKENS,
        body=Body(
            ref("PscSignatureRequest"),
            example={
                "hashes": [
                    {
                        "id": "1",
                        "alias": "contrato.pdf",
                        "hash": EXAMPLE_HASH,
                        "hash_algorithm": "2.16.840.1.101.3.4.2.1",
                        "signature_format": "RAW",
                    }
                ]
            },
        ),
        security=BEHIND,
    ),
    Operation(
        id="pscPassword",
        method="POST",
        path=f"{ROOT}/pwd_authorize",
        summary=Words(
            "A token by the holder's factors, under their consent",
            "Um token pelos fatores do titular, com o consentimento dele",
        ),
        answers={
            200: Answer(
                Words("For what the scope says.", "Para o que o escopo diz."), ref("PscPasswordToken"), links=_SIGN
            )
        },
        errors=TOKENS,
        body=Body(
            ref("PscPasswordRequest"),
            example={
                "client_id": "cli_…",
                "username": EXAMPLE_NUMBER,
                "password": "senha123456",
                "grant_type": "password",
            },
        ),
    ),
    Operation(
        id="pscTrusted",
        method="POST",
        path=f"{ROOT}/authorize-ca",
        summary=Words(
            "Ask the holder's phone for a consent to send their factors",
            "Pedir no celular o consentimento para enviar os fatores do titular",
        ),
        answers={
            202: Answer(
                Words(
                    "The same whoever is named. The outcome is posted to redirect_uri.",
                    "O mesmo para qualquer um. O resultado vai por POST para redirect_uri.",
                ),
                ref("PscTrusted"),
                links={"outcome": ("pscTrustedOutcome", bearer("identifierCA"))},
                example={"identifierCA": "pst_…", "status": "pending", "state": "42"},
            )
        },
        errors=TOKENS,
        body=Body(
            ref("PscTrustedRequest"),
            example={
                "client_id": "cli_…",
                "login_hint": EXAMPLE_NUMBER,
                "redirect_uri": "https://erp.example/callback",
                "state": "42",
            },
        ),
        callbacks={
            "outcome": Callback(
                Words("Once, when the holder answered or did not.", "Uma vez, quando o titular respondeu ou não."),
                "{$request.body#/redirect_uri}",
                {"oneOf": [ref("PscConsentPosted"), ref("PscPostedError")]},
                example={
                    "identifierCA": "pst_…",
                    "state": "42",
                    "expirationDate": "2027-01-31T12:00:00Z",
                    "serialNumber": "0123456789ABCDEF",
                },
            )
        },
    ),
    Operation(
        id="pscTrustedOutcome",
        method="GET",
        path=f"{ROOT}/authorize-ca",
        summary=Words("What the holder said to that", "O que o titular respondeu"),
        answers={
            200: Answer(Words("Consented.", "Consentiu."), ref("PscTrustedOutcome")),
            202: WAITING,
        },
        errors=READS,
        security=BEHIND,
    ),
    Operation(
        id="pscApplication",
        method="POST",
        path=f"{ROOT}/application",
        summary=Words("Register; an operator lets you in", "Cadastrar-se; um operador libera"),
        answers={200: Answer(Words("It opens nothing yet.", "Ainda não abre nada."), ref("PscRegistered"))},
        errors=(400, 403, 413, 415, 429, 503),
        body=Body(ref("PscApplication"), example={"name": "ERP", "redirect_uris": ["https://erp.example/callback"]}),
    ),
    Operation(
        id="pscMaintenance",
        method="PUT",
        path=f"{ROOT}/client_maintenance",
        summary=Words("Change what you said of yourself", "Mudar o que você disse de si"),
        answers={200: Answer(Words("Changed.", "Mudado."), ref("PscChanged"))},
        errors=TOKENS,
        body=Body(
            ref("PscApplicationChange"),
            example={"client_id": "cli_…", "name": "ERP", "redirect_uris": ["https://erp.example/callback"]},
        ),
        security=BEHIND,
    ),
)

OPERATIONS: Final = [
    # VIDaaS's may answer a program as well: it stands by itself.
    replace(AUTHORIZE, below=[one.prefix for one in VENDORS.values() if one.prefix and not one.push]),
    *(replace(call, below=[one.prefix for one in VENDORS.values() if one.prefix]) for call in _CALLS),
]
