"""CSC v2's ``info`` and ``credentials/*``: who may be asked, asking, and what was decided."""

from typing import Final

from foundation.web.openapi import Answer, Schema, Words, ref, text
from hsm_service.csc.algorithms import HASH_OIDS
from hsm_service.csc.dialect.members import CODE, PASSWORD, PHONE
from hsm_service.csc.openapi.words import (
    AGAIN,
    ALGORITHM,
    CLIENT_DATA,
    CREDENTIAL,
    DIGESTS,
    DOCUMENTS,
    ERRORS,
    EXAMPLE_HASH,
    FIRST_LISTED,
    FLAG,
    HASH_OID,
    HASHES,
    ID,
    PARAMETERS,
    PREFER,
    SECONDS,
    STRINGS,
    TEXT,
    V2,
    WANTED,
    closed,
    schema_of,
)
from protocol.algorithms import MAX_HASHES
from protocol.sessions import MOST

_WAITS: Final = Answer(
    Words("The holder has not decided.", "O titular ainda não decidiu."),
    ref("Waiting"),
    headers={"Retry-After": SECONDS},
    links={"again": ("cscV2AuthorizeCheck", {"handle": "$response.body#/handle"})},
)


SCHEMAS: Final[dict[str, Schema]] = {
    "CscError": closed(
        ["error", "error_description"],
        error=text({"type": "string"}, "A code of OAuth or CSC.", "Um código do OAuth ou da CSC."),
        error_description=text({"type": "string"}, "The standard's sentence.", "A frase do padrão."),
        linkid=text({"type": "object"}, "Ours: `why`, `reason`.", "Nosso: `why`, `reason`."),
    ),
    "InfoRequest": schema_of([], lang=TEXT),
    "Info": schema_of(
        ["specs", "name", "logo", "region", "lang", "description", "authType", "methods"],
        specs={"type": "string"},
        name={"type": "string"},
        logo={"type": "string"},
        region={"type": "string"},
        lang={"type": "string"},
        description={"type": "string"},
        authType=STRINGS,
        methods=STRINGS,
        oauth2Issuer=text({"type": "string"}, "Whose metadata to read.", "De quem ler os metadados."),
    ),
    "ListRequest": schema_of(
        [],
        userID=text({"type": "null"}, "Follows from the token.", "É dado pelo token."),
        credentialInfo=text(FLAG, "With everything about each.", "Com tudo sobre cada um."),
        onlyValid=text(FLAG, "Only those that can sign now.", "Só os que podem assinar agora."),
        **WANTED,
    ),
    "List": closed(
        ["credentialIDs"],
        credentialIDs=STRINGS,
        credentialInfos={"type": "array", "items": ref("Credential")},
        onlyValid={"type": "boolean"},
    ),
    "CredentialInfoRequest": schema_of(["credentialID"], credentialID=CREDENTIAL, **WANTED),
    "Credential": closed(
        ["description", "key", "cert", "auth", "SCAL", "multisign"],
        credentialID={"type": "string"},
        description=text({"type": "string"}, "Whose it is.", "De quem é."),
        key=closed(
            ["status", "algo", "len"],
            status={"enum": ["enabled", "disabled"]},
            algo=STRINGS,
            len={"type": "integer"},
            curve={"type": "string"},
        ),
        cert=closed(
            [],
            certificates=text(STRINGS, "DER in base64, the holder's first.", "DER em base64, o do titular primeiro."),
            status={"type": "string"},
            issuerDN={"type": "string"},
            serialNumber={"type": "string"},
            subjectDN={"type": "string"},
            validFrom={"type": "string"},
            validTo={"type": "string"},
        ),
        auth=closed(
            ["mode"],
            mode={"const": "explicit"},
            expression={"type": "string"},
            objects={"type": "array", "items": {"type": "object"}},
        ),
        SCAL={"const": "2"},
        multisign={"type": "integer"},
        lang={"type": "string"},
    ),
    "AuthorizeRequest": schema_of(
        ["credentialID", "numSignatures"],
        credentialID=CREDENTIAL,
        numSignatures=text(
            {"type": "integer", "minimum": 1, "maximum": MOST},
            f"As many as hashes (up to {MAX_HASHES}), or the maximum of a session.",
            f"Tantas quantos hashes (até {MAX_HASHES}), ou o máximo de uma sessão.",
        ),
        hashes=HASHES,
        documents=DOCUMENTS,
        documentDigests=DIGESTS,
        hashAlgorithmOID=HASH_OID,
        signAlgo=ALGORITHM,
        signAlgoParams=PARAMETERS,
        description=text(
            {"type": ["string", "null"], "maxLength": 500},
            "What the phone shows, when `clientData` names no documents.",
            "O que o celular mostra, quando `clientData` não nomeia documentos.",
        ),
        authData=text(
            {
                "type": ["array", "null"],
                "maxItems": 2,
                "items": schema_of(
                    ["id"],
                    id={"type": "string", "enum": [PHONE, PASSWORD, CODE]},
                    value={"type": ["string", "null"], "maxLength": 64},
                ),
            },
            "Nothing, or the phone. With the holder's consent: the usage password and the code, both.",
            "Nada, ou o celular. Com o consentimento do titular: a senha de uso e o código, os dois.",
        ),
        clientData=CLIENT_DATA,
    ),
    "Asked": closed(
        ["handle", "linkid"],
        handle=text({"type": "string"}, "For `authorizeCheck`; keep it secret.", "Para `authorizeCheck`; é segredo."),
        linkid=closed(
            ["request", "verification_code", "expires_in", "qr"],
            to_sign=text(
                STRINGS, "For `signDoc`: what the phone approves.", "Para `signDoc`: o que o celular aprova."
            ),
            request=text({"type": "string"}, "The request, `req_…`.", "O pedido, `req_…`."),
            verification_code=text(
                {"type": "string"}, "Show it: the phone shows the same.", "Mostre: o celular mostra o mesmo."
            ),
            expires_in=SECONDS,
            qr=text({"type": "string"}, "As a QR code, when no phone rings.", "Como QR Code, se o celular não toca."),
            statement=text({"type": "string"}, "By the SAM; not repeated.", "Do SAM; não se repete."),
        ),
    ),
    "HandleRequest": schema_of(
        ["handle"], handle=text(ID, "The newest one you were given.", "O mais novo que você recebeu.")
    ),
    "Waiting": closed(
        ["handle", "linkid"], handle={"type": "string"}, linkid=closed(["expires_in"], expires_in=SECONDS)
    ),
    "Approved": closed(
        ["SAD", "expiresIn"],
        SAD=text({"type": "string"}, "For `signHash`; keep it secret.", "Para `signHash`; é segredo."),
        expiresIn=SECONDS,
        linkid=closed(["activation"], activation={"type": "string"}),
    ),
    "Opened": closed(
        ["SAD", "expiresIn"],
        SAD=text({"type": "string"}, "For `signHash`; keep it secret.", "Para `signHash`; é segredo."),
        expiresIn=SECONDS,
        linkid=closed([], to_sign=STRINGS),
    ),
    "Consented": closed(
        ["linkid"],
        linkid=closed(
            ["consent", "maximum", "until"],
            consent={"type": "string"},
            maximum={"type": "integer"},
            until={"type": "integer"},
        ),
    ),
    "ChallengeRequest": schema_of(
        ["credentialID", "authObjectID"],
        credentialID=CREDENTIAL,
        authObjectID=text({"const": PHONE}, "The phone.", "O celular."),
        clientData=CLIENT_DATA,
    ),
    "ExtendRequest": schema_of(
        ["credentialID", "SAD", "hashes", "hashAlgorithmOID"],
        credentialID=CREDENTIAL,
        SAD=text(ID, "Of a session.", "De uma sessão."),
        hashes=HASHES,
        hashAlgorithmOID={"type": "string", "enum": sorted(HASH_OIDS)},
        clientData=CLIENT_DATA,
    ),
}  # fmt: skip

OPERATIONS: Final = [
    V2.call(
        "Info", "info", Words("What this service is", "O que este serviço é"), "InfoRequest",
        {200: Answer(Words("About us.", "Sobre nós."), ref("Info"))}, {},
        errors=ERRORS, security=(), required=False,
    ),
    V2.call(
        "List", "credentials/list", Words("Whose certificates", "Quais certificados"), "ListRequest",
        {
            200: Answer(
                Words("Those that you may ask for.", "Os que você pode pedir."), ref("List"),
                links={"look": ("cscV2CredentialInfo", FIRST_LISTED)},
            )
        },
        {"onlyValid": True}, required=False,
    ),
    V2.call(
        "CredentialInfo", "credentials/info", Words("One certificate", "Um certificado"),
        "CredentialInfoRequest",
        {200: Answer(Words("Certificate and algorithms.", "Certificado e algoritmos."), ref("Credential"))},
        {"credentialID": "cred_0000000000000000000000000a"},
    ),
    V2.call(
        "Authorize", "credentials/authorize", Words("Ask the holder", "Pedir ao titular"),
        "AuthorizeRequest",
        {
            200: Answer(
                Words("By the holder's factors, under their consent.", "Pelos fatores, com o consentimento."),
                ref("Opened"),
                links={"sign": ("cscV2SignHash", {"SAD": "$response.body#/SAD"})},
            ),
            202: Answer(
                Words("The phone rings.", "O celular toca."),
                ref("Asked"),
                links={
                    "check": ("cscV2AuthorizeCheck", {"handle": "$response.body#/handle"}),
                    "withdraw": ("cscV2Withdraw", {"handle": "$response.body#/handle"}),
                },
            )
        },
        {
            "credentialID": "cred_0000000000000000000000000a", "numSignatures": 1, "hashes": [EXAMPLE_HASH],
            "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1", "description": "contrato.pdf",
        },
        AGAIN,
    ),
    V2.call(
        "AuthorizeCheck", "credentials/authorizeCheck", Words("Wait for the decision", "Esperar a decisão"),
        "HandleRequest",
        {
            200: Answer(
                Words("Approved: the SAD, good for five minutes.", "Aprovado: o SAD, que vale cinco minutos."),
                {"oneOf": [ref("Approved"), ref("Consented")]},
                links={
                    "sign": ("cscV2SignHash", {"SAD": "$response.body#/SAD"}),
                    "sign_documents": ("cscV2SignDoc", {"SAD": "$response.body#/SAD"}),
                    "go_on": ("cscV2Extend", {"SAD": "$response.body#/SAD"}),
                },
            ),
            202: _WAITS,
        },
        {"handle": "hdl_…"}, PREFER,
    ),
    V2.call(
        "Challenge", "credentials/getChallenge", Words("Nothing to fetch", "Nada a buscar"),
        "ChallengeRequest",
        {204: Answer(Words("`authorize` rings the phone.", "`authorize` toca o celular."), media=None)},
        {"credentialID": "cred_0000000000000000000000000a", "authObjectID": PHONE},
    ),
    V2.call(
        "Extend", "credentials/extendTransaction", Words("Go on in a session", "Continuar uma sessão"),
        "ExtendRequest",
        {200: Answer(Words("The session's own SAD.", "O SAD da própria sessão."), ref("Approved"))},
        {
            "credentialID": "cred_0000000000000000000000000a", "SAD": "sad_…", "hashes": [EXAMPLE_HASH],
            "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
        },
    ),
    V2.call(
        "Withdraw", "linkid/withdraw", Words("Give up (ours)", "Desistir (nosso)"), "HandleRequest",
        {204: Answer(Words("The phone stops showing it.", "O celular deixa de mostrar."), media=None)},
        {"handle": "hdl_…"},
    ),
]  # fmt: skip
