"""CSC v2 as a table: what `dialect/reading.py` takes and `dialect/answers.py` says, with their own limits."""

from typing import Final

from foundation.errors import JsonValue
from foundation.web.openapi import Answer, Body, Operation, Parameter, Schema, Section, Words, ref, text
from hsm_service.csc.algorithms import HASH_OIDS
from hsm_service.csc.dialect.members import LONGEST_VALIDITY, PHONE
from hsm_service.signing.domain.uses import MAX_KEY_CHARACTERS
from protocol.algorithms import MAX_HASHES
from protocol.sessions import MOST

ERRORS: Final = (400, 413)
CALLED: Final = (*ERRORS, 401, 429, 503)
TOKEN: Final = ("bearer", "dpop")
EXAMPLE_HASH: Final = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

ID: Final[Schema] = {"type": "string", "minLength": 1}
TEXT: Final[Schema] = {"type": ["string", "null"]}
_FLAG: Final[Schema] = {"type": ["boolean", "null"]}
_SECONDS: Final[Schema] = {"type": "integer", "minimum": 0}

CREDENTIAL: Final = text(ID, "A certificate, `cred_…`.", "Um certificado, `cred_…`.")
CLIENT_DATA: Final = text(
    {"type": ["string", "null"], "maxLength": 65_536},
    "A JSON object as text is ours: `documents` (labels for the phone), `session`, `use`, `ask`, `signDoc`. "
    "Else opaque.",
    "Um objeto JSON como texto é nosso: `documents` (nomes para o celular), `session`, `use`, `ask`, `signDoc`. "
    "O resto é opaco.",
)
HASHES: Final = text(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_HASHES,
        "items": {"type": "string", "minLength": 1, "maxLength": 128, "contentEncoding": "base64"},
    },
    "What is signed, in base64; none when a session is asked for. `hash` is taken too.",
    "O que é assinado, em base64; nada quando se pede uma sessão. `hash` também é aceito.",
)
_HASH_OID: Final = text(
    {"type": ["string", "null"], "enum": [*sorted(HASH_OIDS), None]},
    "Which hash. May be left out where `signAlgo` implies it; `hashAlgo` is taken too.",
    "Qual hash. Pode faltar onde `signAlgo` o diz; `hashAlgo` também é aceito.",
)
_MODE: Final = text(
    {"type": ["string", "null"], "enum": ["S", "A", None]},
    "A: the answer is a `responseID`, for `signPolling`.",
    "A: a resposta é um `responseID`, para `signPolling`.",
)
_VALIDITY: Final = text(
    {},
    f"In mode A, milliseconds up to {LONGEST_VALIDITY}: how long to keep the answer; an hour if not said.",
    f"No modo A, milissegundos até {LONGEST_VALIDITY}: quanto guardar a resposta; uma hora se não for dito.",
)
_DOCUMENTS: Final = text(
    {"type": ["array", "null"]},
    "Objects with `document` (base64), `signature_format` (C, P, X), `conformance_level`, `signed_envelope_property`, "
    "`signAlgo`; `linkid` may have `stamp` (P), `element`, `name` (X). 16 MiB at most, with all the rest.",
    "Objetos com `document` (base64), `signature_format` (C, P, X), `conformance_level`, `signed_envelope_property`, "
    "`signAlgo`; `linkid` pode ter `stamp` (P), `element`, `name` (X). No máximo 16 MiB, com todo o resto.",
)
_DIGESTS: Final = text(
    {"type": ["array", "null"]},
    "The same with `hashes` for signatures that stay beside their documents.",
    "O mesmo, com `hashes`, para assinaturas que ficam ao lado de seus documentos.",
)
ALGORITHM: Final = text(
    TEXT,
    "OID: 1.2.840.113549.1.1.11 to .13 (RSA), .10 (PSS), 1.2.840.10045.4.3.2 to .4 (ECDSA).",
    "OID: 1.2.840.113549.1.1.11 a .13 (RSA), .10 (PSS), 1.2.840.10045.4.3.2 a .4 (ECDSA).",
)
PARAMETERS: Final = text(TEXT, "Parameters of PSS, DER in base64.", "Parâmetros do PSS, DER em base64.")
WANTED: Final[dict[str, JsonValue]] = {
    "certificates": text(
        {"type": ["string", "null"], "enum": ["none", "single", "chain", None]},
        "How many: none, the holder's, or up to the root.",
        "Quantos: nenhum, o do titular, ou até a raiz.",
    ),
    "certInfo": text(_FLAG, "Tell what stands in the certificate.", "Dizer o que está no certificado."),
    "authInfo": text(_FLAG, "Tell how approval is given.", "Dizer como se aprova."),
    "lang": TEXT,
    "clientData": CLIENT_DATA,
}


def schema_of(required: list[str], **members: JsonValue) -> Schema:
    """A request: unknown members are ignored, as the standard wants."""
    return {"type": "object", "required": list(required), "properties": members}


def closed(required: list[str], **members: JsonValue) -> Schema:
    """An answer: nothing else is ever in it."""
    return {**schema_of(required, **members), "additionalProperties": False}


STRINGS: Final[Schema] = {"type": "array", "items": {"type": "string"}}

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
        credentialInfo=text(_FLAG, "With everything about each.", "Com tudo sobre cada um."),
        onlyValid=text(_FLAG, "Only those that can sign now.", "Só os que podem assinar agora."),
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
        documents=_DOCUMENTS,
        documentDigests=_DIGESTS,
        hashAlgorithmOID=_HASH_OID,
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
                "maxItems": 1,
                "items": schema_of(["id"], id={"const": PHONE}, value={"type": ["string", "null"], "maxLength": 0}),
            },
            "Nothing, or the phone: what a holder knows never comes through here.",
            "Nada, ou o celular: o que o titular sabe nunca passa por aqui.",
        ),
        clientData=CLIENT_DATA,
    ),
    "Asked": closed(
        ["handle", "linkid"],
        handle=text({"type": "string"}, "For `authorizeCheck`; keep it secret.", "Para `authorizeCheck`; é segredo."),
        linkid=closed(
            ["request", "verification_code", "expires_in", "qr", "statement"],
            to_sign=text(
                STRINGS, "For `signDoc`: what the phone approves.", "Para `signDoc`: o que o celular aprova."
            ),
            request=text({"type": "string"}, "The request, `req_…`.", "O pedido, `req_…`."),
            verification_code=text(
                {"type": "string"}, "Show it: the phone shows the same.", "Mostre: o celular mostra o mesmo."
            ),
            expires_in=_SECONDS,
            qr=text({"type": "string"}, "As a QR code, when no phone rings.", "Como QR Code, se o celular não toca."),
            statement=text({"type": "string"}, "Signed by the SAM.", "Assinado pelo SAM."),
        ),
    ),
    "HandleRequest": schema_of(
        ["handle"], handle=text(ID, "The newest one you were given.", "O mais novo que você recebeu.")
    ),
    "Waiting": closed(
        ["handle", "linkid"], handle={"type": "string"}, linkid=closed(["expires_in"], expires_in=_SECONDS)
    ),
    "Approved": closed(
        ["SAD", "expiresIn"],
        SAD=text({"type": "string"}, "For `signHash`; keep it secret.", "Para `signHash`; é segredo."),
        expiresIn=_SECONDS,
        linkid=closed(["activation"], activation={"type": "string"}),
    ),
    "SignHashRequest": schema_of(
        ["credentialID", "SAD", "hashes", "signAlgo"],
        credentialID=CREDENTIAL,
        SAD=ID,
        hashes=HASHES,
        hashAlgorithmOID=_HASH_OID,
        signAlgo=text(ID, "As for `authorize`.", "Como em `authorize`."),
        signAlgoParams=PARAMETERS,
        operationMode=_MODE,
        validity_period=_VALIDITY,
        clientData=CLIENT_DATA,
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
    "PollingRequest": schema_of(
        ["requestID"],
        requestID=text(ID, "The `responseID` of a call in mode A.", "O `responseID` de uma chamada no modo A."),
        userID={"type": "null"},
        clientData=CLIENT_DATA,
    ),
    "SignDocRequest": schema_of(
        ["credentialID", "SAD"],
        credentialID=CREDENTIAL,
        SAD=text(ID, "Asked for with these, or of a session.", "Pedido com estes, ou de uma sessão."),
        documentDigests=_DIGESTS,
        documents={**_DOCUMENTS, "type": "array"},  # one of the two
        operationMode=_MODE,
        validity_period=_VALIDITY,
        returnValidationInfo=_FLAG,
        clientData=CLIENT_DATA,
    ),
    "SignedDocuments": closed(
        [],
        responseID=text({"type": "string"}, "In mode A, instead.", "No modo A, em vez deles."),
        DocumentWithSignature=STRINGS,
        SignatureObject=STRINGS,
        validationInfo=closed([], ocsp=STRINGS, crl=STRINGS, certificates=STRINGS),
    ),
    "TimestampRequest": schema_of(
        ["hash", "hashAlgo"],
        hash={"type": "string", "minLength": 1, "maxLength": 128, "contentEncoding": "base64"},
        hashAlgo={"type": "string", "enum": sorted(HASH_OIDS)},
        nonce=text(
            {"type": ["string", "null"], "minLength": 1, "maxLength": 64, "pattern": "^[0-9A-Fa-f]+$"},
            "Hexadecimal; comes back in the token.",
            "Hexadecimal; volta no carimbo.",
        ),
        clientData=CLIENT_DATA,
    ),
    "Timestamp": closed(
        ["timestamp"], timestamp=text({"type": "string"}, "RFC 3161, in base64.", "RFC 3161, em base64.")
    ),
    "Signatures": closed(
        [],
        responseID=text({"type": "string"}, "In mode A, instead.", "No modo A, em vez delas."),
        signatures=text(
            STRINGS, "In base64, in the order of the hashes.", "Em base64, na ordem dos hashes."
        ),
    ),
}  # fmt: skip

PREFER: Final = Parameter(
    "Prefer",
    "header",
    text(
        {"type": "string"},  # a preference that we do not know is passed over (RFC 7240)
        "`wait=25` holds the answer back (RFC 7240).",
        "`wait=25` segura a resposta (RFC 7240).",
    ),
)
KEY: Final = Parameter(
    "Idempotency-Key",
    "header",
    text(
        {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS, "pattern": "^[!-~]+$"},
        "In a session: another one has the same hashes signed anew.",
        "Em uma sessão: outra assina de novo os mesmos hashes.",
    ),
)


def _call(
    id: str, method: str, summary: Words, request: str, answers: dict[int, Answer], example: JsonValue,
    *parameters: Parameter, body_required: bool = True,
) -> Operation:  # fmt: skip
    """One method of v2 behind a token."""
    return Operation(
        id=id,
        method="POST",
        path=f"/csc/v2/{method}",
        summary=summary,
        answers=answers,
        errors=CALLED,
        parameters=parameters,
        body=Body(ref(request), example=example, required=body_required),
        security=TOKEN,
    )


def timestamp_call(id: str, path: str) -> Operation:
    """The same in both versions."""
    return Operation(
        id=id,
        method="POST",
        path=path,
        summary=Words("A time stamp", "Um carimbo do tempo"),
        answers={200: Answer(Words("The authority's token.", "O carimbo da autoridade."), ref("Timestamp"))},
        errors=(*CALLED, 501),
        body=Body(ref("TimestampRequest"), example={"hash": EXAMPLE_HASH, "hashAlgo": "2.16.840.1.101.3.4.2.1"}),
        security=TOKEN,
    )


_WAITS: Final = Answer(
    Words("The holder has not decided.", "O titular ainda não decidiu."),
    ref("Waiting"),
    headers={"Retry-After": _SECONDS},
    links={"again": ("cscV2AuthorizeCheck", {"handle": "$response.body#/handle"})},
)

SECTION: Final = Section(
    tag="CSC v2",
    title=Words("Signing (CSC API 2.0)", "Assinatura (CSC API 2.0)"),
    about=Words(
        "Ask for signatures over hashes, wait for the holder's phone, collect them.",
        "Peça assinaturas sobre hashes, espere o celular do titular, recolha.",
    ),
    error="CscError",
    schemas=SCHEMAS,
    security={
        "bearer": {"type": "http", "scheme": "bearer", "description": "`at_…` of the token endpoint"},
        "dpop": {"type": "http", "scheme": "dpop", "description": "`at_…` bound to your key, with a proof (RFC 9449)"},
    },
    operations=[
        Operation(
            id="cscV2Info",
            method="POST",
            path="/csc/v2/info",
            summary=Words("What this service is", "O que este serviço é"),
            answers={200: Answer(Words("About us.", "Sobre nós."), ref("Info"))},
            errors=ERRORS,
            body=Body(ref("InfoRequest"), example={}, required=False),
        ),
        _call(
            "cscV2List", "credentials/list", Words("Whose certificates", "Quais certificados"), "ListRequest",
            {200: Answer(Words("Those that you may ask for.", "Os que você pode pedir."), ref("List"))},
            {"onlyValid": True}, body_required=False,
        ),
        _call(
            "cscV2CredentialInfo", "credentials/info", Words("One certificate", "Um certificado"),
            "CredentialInfoRequest",
            {200: Answer(Words("Certificate and algorithms.", "Certificado e algoritmos."), ref("Credential"))},
            {"credentialID": "cred_0000000000000000000000000a"},
        ),
        _call(
            "cscV2Authorize", "credentials/authorize", Words("Ask the holder", "Pedir ao titular"),
            "AuthorizeRequest",
            {
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
        ),
        _call(
            "cscV2AuthorizeCheck", "credentials/authorizeCheck", Words("Wait for the decision", "Esperar a decisão"),
            "HandleRequest",
            {
                200: Answer(
                    Words("Approved: the SAD, good for five minutes.", "Aprovado: o SAD, que vale cinco minutos."),
                    ref("Approved"),
                    links={
                        "sign": (
                            "cscV2SignHash",
                            {"SAD": "$response.body#/SAD"},
                        )
                    },
                ),
                202: _WAITS,
            },
            {"handle": "hdl_…"}, PREFER,
        ),
        _call(
            "cscV2SignHash", "signatures/signHash", Words("Collect the signatures", "Recolher as assinaturas"),
            "SignHashRequest",
            {200: Answer(Words("The signatures.", "As assinaturas."), ref("Signatures"))},
            {
                "credentialID": "cred_0000000000000000000000000a", "SAD": "sad_…", "hashes": [EXAMPLE_HASH],
                "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1", "signAlgo": "1.2.840.113549.1.1.11",
            },
            KEY,
        ),
        _call(
            "cscV2Challenge", "credentials/getChallenge", Words("Nothing to fetch", "Nada a buscar"),
            "ChallengeRequest",
            {204: Answer(Words("`authorize` rings the phone.", "`authorize` toca o celular."), media=None)},
            {"credentialID": "cred_0000000000000000000000000a", "authObjectID": PHONE},
        ),
        _call(
            "cscV2Extend", "credentials/extendTransaction", Words("Go on in a session", "Continuar uma sessão"),
            "ExtendRequest",
            {200: Answer(Words("The session's own SAD.", "O SAD da própria sessão."), ref("Approved"))},
            {
                "credentialID": "cred_0000000000000000000000000a", "SAD": "sad_…", "hashes": [EXAMPLE_HASH],
                "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
            },
        ),
        _call(
            "cscV2Polling", "signatures/signPolling", Words("Collect later", "Recolher depois"), "PollingRequest",
            {
                200: Answer(
                    Words("The signatures, or the documents.", "As assinaturas, ou os documentos."),
                    {"anyOf": [ref("Signatures"), ref("SignedDocuments")]},
                ),
                202: Answer(
                    Words("Not made yet.", "Ainda não feitas."), ref("CscError"), headers={"Retry-After": _SECONDS}
                ),
            },
            {"requestID": "rsp_…"},
        ),
        _call(
            "cscV2SignDoc", "signatures/signDoc", Words("Signatures around documents", "Assinaturas em documentos"),
            "SignDocRequest",
            {200: Answer(Words("Documents, or signatures alone.", "Documentos, ou só assinaturas."),
                         ref("SignedDocuments"))},
            {
                "credentialID": "cred_0000000000000000000000000a", "SAD": "sad_…",
                "documents": [
                    {"document": "JVBERi0xLjcK", "signature_format": "P", "conformance_level": "AdES-B-T",
                     "signAlgo": "1.2.840.113549.1.1.11"}
                ],
            },
        ),
        timestamp_call("cscV2Timestamp", "/csc/v2/signatures/timestamp"),
        _call(
            "cscV2Withdraw", "linkid/withdraw", Words("Give up (ours)", "Desistir (nosso)"), "HandleRequest",
            {204: Answer(Words("The phone stops showing it.", "O celular deixa de mostrar."), media=None)},
            {"handle": "hdl_…"},
        ),
    ],
)  # fmt: skip
