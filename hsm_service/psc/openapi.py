"""What programs call of the Brazilian API, as a table: the norm's own addresses, and BirdID's ``/oauth/start``.

docs/psc-api.md has all of the vendors'.
"""

from typing import Final

from foundation.errors import JsonValue
from foundation.web.openapi import FORM, Answer, Body, Operation, Parameter, Schema, Section, Words, ref, text
from hsm_service.psc.domain.hashes import HASH_OIDS
from hsm_service.psc.domain.reading import FORMATS, PADDINGS
from hsm_service.psc.domain.scopes import OF_HOLDERS
from hsm_service.psc.web.endpoints import ROOT

_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_ANY_TEXT: Final[Schema] = {"type": "string"}
_NUMBER: Final[Schema] = text(_TEXT, "CPF or CNPJ.", "CPF ou CNPJ.")
_CLIENT: Final[dict[str, JsonValue]] = {"client_id": _TEXT, "client_secret": _TEXT}
_SCOPES: Final[Schema] = {"type": "string", "enum": [scope.value for scope in OF_HOLDERS]}
_TOKEN: Final = ("pscBearer",)
_GIVE_BACK: Final = {"give_back": ("pscRevoke", {"token": "$response.body#/access_token"})}
_HTML: Final = "text/html"
_START: Final = "/psc/birdid/oauth/start"
_PROGRAM: Final = (400, 401, 403, 413, 415, 429, 503)


def _object(required: list[str], **properties: JsonValue) -> Schema:
    return {"type": "object", "required": list[JsonValue](required), "properties": properties}


SECTION: Final = Section(
    tag="PSC",
    title=Words("The Brazilian API (DOC-ICP-17.01)", "A API da ICP-Brasil (DOC-ICP-17.01)"),
    about=Words(
        "As SafeID, BirdID, VIDaaS and NeoID speak it; each signature is approved on the phone while /signature waits.",
        "Como SafeID, BirdID, VIDaaS e NeoID; cada assinatura é aprovada no celular enquanto /signature espera.",
    ),
    error="PscError",
    schemas={
        "PscError": _object(
            ["error", "error_description", "message"],
            error=_ANY_TEXT,
            error_description=_ANY_TEXT,
            message=text(_ANY_TEXT, "For people, in Portuguese.", "Para pessoas."),
        ),
        "PscTokenRequest": _object(
            ["grant_type", "code", "client_id"],
            grant_type={"type": "string", "enum": ["authorization_code"]},
            code=_TEXT,
            redirect_uri=_TEXT,
            code_verifier=_TEXT,
            **_CLIENT,
        ),
        "PscToken": _object(
            ["access_token", "token_type", "expires_in"],
            access_token=_ANY_TEXT,
            token_type=_ANY_TEXT,
            expires_in={"type": "integer"},
            scope=_SCOPES,
            authorized_identification_type={"enum": ["CPF", "CNPJ"]},
            authorized_identification=_ANY_TEXT,
        ),
        "PscPasswordToken": _object(
            ["access_token", "token_type", "expires_in", "slot_alias"],
            access_token=_ANY_TEXT,
            token_type=_ANY_TEXT,
            expires_in={"type": "integer"},
            scope=_SCOPES,
            slot_alias=_ANY_TEXT,
            authorized_identification_type={"enum": ["CPF", "CNPJ"]},
            authorized_identification=_ANY_TEXT,
        ),
        "PscClientTokenRequest": _object(
            ["grant_type", "client_id"],
            grant_type={"type": "string", "enum": ["client_credentials"]},
            **_CLIENT,
        ),
        "PscRevokeRequest": _object(["token", "client_id"], token=_TEXT, **_CLIENT),
        "PscDiscoveryRequest": _object(
            ["client_id", "user_cpf_cnpj", "val_cpf_cnpj"],
            user_cpf_cnpj={"type": "string", "enum": ["CPF", "CNPJ"]},
            val_cpf_cnpj=_NUMBER,
            **_CLIENT,
        ),
        "PscSlots": _object(
            ["status", "slots"],
            status={"enum": ["S", "N"]},
            slots={"type": "array", "items": _object(["slot_alias", "label"], slot_alias=_ANY_TEXT, label=_ANY_TEXT)},
        ),
        "PscCertificates": _object(
            ["status", "certificates"],
            status={"enum": ["S", "N"]},
            certificates={
                "type": "array",
                "items": _object(["alias", "certificate"], alias=_ANY_TEXT, certificate=_ANY_TEXT),
            },
        ),
        "PscHash": _object(
            ["id", "hash_algorithm"],
            id=_TEXT,
            alias=text({"type": ["string", "null"]}, "What the phone shows.", "O que o celular mostra."),
            hash=text({"type": ["string", "null"]}, "In base64 or hexadecimal.", "Em base64 ou hexadecimal."),
            hash_algorithm={"type": "string", "enum": list(HASH_OIDS)},
            signature_format={"type": ["string", "null"], "enum": [*FORMATS, None]},
            padding_method={"type": ["string", "null"], "enum": [*PADDINGS, None]},
            base64_content=text({"type": ["string", "null"]}, "A PDF, with PAdES.", "Um PDF, com PAdES."),
            pdf_signature_page=text(
                {"enum": ["true", "false", True, False, "", None]},
                "A visible stamp on the PDF's last page.",
                "Um carimbo visível na última página do PDF.",
            ),
        ),
        "PscSignatureRequest": _object(
            ["hashes"],
            certificate_alias={"type": ["string", "null"]},
            hashes={"type": "array", "minItems": 1, "maxItems": 100, "items": ref("PscHash")},
        ),
        "PscSignatures": _object(
            ["certificate_alias", "signatures"],
            certificate_alias=_ANY_TEXT,
            signatures={
                "type": "array",
                "items": _object(["id"], id=_ANY_TEXT, raw_signature=_ANY_TEXT, file_base64_signed=_ANY_TEXT),
            },
        ),
        "PscPasswordRequest": _object(
            ["client_id", "username", "password", "grant_type"],
            username=_NUMBER,
            password=text(
                {"type": "string", "minLength": 1, "maxLength": 100},
                "The usage password, and right after it the six digits of the code.",
                "A senha de uso e, logo depois dela, os seis dígitos do código.",
            ),
            grant_type={"type": "string", "enum": ["password"]},
            lifetime={"type": "integer", "minimum": 1},
            scope={"type": "string", "enum": ["single_signature", "multi_signature", "signature_session"]},
            slot_alias={"type": ["string", "null"], "maxLength": 255},
            **_CLIENT,
        ),
        "PscTrustedRequest": _object(
            ["client_id", "login_hint"],
            login_hint=_NUMBER,
            redirect_uri={"type": ["string", "null"], "maxLength": 2000},
            state={"type": ["string", "null"], "maxLength": 512},
            lifetime={"type": "integer", "minimum": 1},
            max_signatures={"type": "integer", "minimum": 1},
            **_CLIENT,
        ),
        "PscTrusted": _object(
            ["identifierCA", "status"], identifierCA=_ANY_TEXT, status={"enum": ["pending"]}, state=_ANY_TEXT
        ),
        "PscTrustedOutcome": _object(
            ["status", "consent", "expirationDate", "serialNumber"],
            status={"enum": ["approved"]},
            consent=_ANY_TEXT,
            expirationDate=_ANY_TEXT,
            serialNumber=_ANY_TEXT,
            state=_ANY_TEXT,
        ),
        "PscWaiting": _object(["status"], status={"enum": ["pending"]}),
        "PscApplication": _object(
            ["name", "redirect_uris"],
            name=_TEXT,
            comments={"type": ["string", "null"]},
            email={"type": ["string", "null"]},
            redirect_uris={"type": "array", "minItems": 1, "maxItems": 10, "items": _TEXT},
        ),
        "PscApplicationChange": _object(
            ["client_id", "name", "redirect_uris"],
            client_id=_TEXT,
            name=_TEXT,
            comments={"type": ["string", "null"]},
            email={"type": ["string", "null"]},
            redirect_uris={"type": "array", "minItems": 1, "maxItems": 10, "items": _TEXT},
        ),
        "PscRegistered": _object(
            ["status", "message"],
            status={"enum": ["success"]},
            message=_ANY_TEXT,
            client_id=_ANY_TEXT,
            client_secret=text(_ANY_TEXT, "Told once.", "Dito uma só vez."),
        ),
        "PscStartRequest": _object(
            ["client_id", "callback_url"],
            callback_url=text(_TEXT, "One that is registered.", "Um endereço cadastrado."),
            username=text({"type": ["string", "null"]}, "Whose phone rings.", "De quem é o celular que toca."),
            scope=_SCOPES,
            lifetime={"type": "integer", "minimum": 1},
            **_CLIENT,
        ),
        "PscStarted": _object(
            [
                "challenge",
                "client_name",
                "short_token",
                "ws_token",
                "can_notify",
                "notified",
                "qr_code",
                "environment",
                "auth_ttl",
            ],
            challenge=text(_ANY_TEXT, "To be shown; typed on the phone.", "Para mostrar; digitado no celular."),
            client_name=_ANY_TEXT,
            short_token=_ANY_TEXT,
            ws_token={"type": "null"},
            can_notify={"type": "boolean"},
            notified=text(
                {"type": "boolean"},
                "Whether somebody was named; never whether there is such a holder.",
                "Se alguém foi nomeado; nunca se existe esse titular.",
            ),
            qr_code=text(
                {"type": ["string", "null"]},
                "Text for a QR code, for applications that may draw one.",
                "Texto de um QR Code, para aplicações que podem mostrar um.",
            ),
            environment=_ANY_TEXT,
            auth_ttl={"type": "integer"},
        ),
        "PscNotifyRequest": _object(["username", "short_token"], username=_NUMBER, short_token=_TEXT),
        "PscNotified": _object(["notified"], notified={"type": "boolean"}),
        "PscStartOutcome": _object(["code", "short_token"], code=_ANY_TEXT, short_token=_ANY_TEXT),
        "PscNothing": {"type": "object"},
    },
    security={"pscBearer": {"type": "http", "scheme": "bearer", "description": "`pst_…` of /v0/oauth/token"}},
    operations=[
        Operation(
            id="pscAuthorize",
            method="GET",
            path=f"{ROOT}/authorize",
            summary=Words("The page where a holder identifies", "A página em que o titular se identifica"),
            parameters=[
                Parameter("response_type", "query", {"type": "string", "enum": ["code"]}),
                Parameter("client_id", "query", _ANY_TEXT, required=True),
                Parameter("redirect_uri", "query", _ANY_TEXT),
                Parameter("scope", "query", _ANY_TEXT),
                Parameter("state", "query", _ANY_TEXT),
                Parameter("lifetime", "query", _ANY_TEXT),
                Parameter("login_hint", "query", _ANY_TEXT),
                Parameter("code_challenge", "query", _ANY_TEXT),
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
        Operation(
            id="pscToken",
            method="POST",
            path=f"{ROOT}/token",
            summary=Words("A code becomes a token", "Um código vira um token"),
            answers={
                200: Answer(
                    Words("With scope and identification.", "Com escopo e identificação."),
                    ref("PscToken"),
                    links=_GIVE_BACK,
                )
            },
            errors=(400, 401, 413, 415, 429, 503),
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
            answers={200: Answer(Words("For two hours.", "Por duas horas."), ref("PscToken"), links=_GIVE_BACK)},
            errors=(400, 401, 413, 415, 429, 503),
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
            errors=(400, 401, 413, 415, 429, 503),
            body=Body(ref("PscRevokeRequest"), FORM, example={"token": "pst_…", "client_id": "cli_…"}),
        ),
        Operation(
            id="pscUserDiscovery",
            method="POST",
            path=f"{ROOT}/user-discovery",
            summary=Words("Whether a number has a certificate here", "Se um número tem certificado aqui"),
            answers={200: Answer(Words("S or N; no names.", "S ou N; sem nomes."), ref("PscSlots"))},
            errors=(400, 401, 413, 415, 429, 503),
            body=Body(
                ref("PscDiscoveryRequest"),
                example={"client_id": "cli_…", "user_cpf_cnpj": "CPF", "val_cpf_cnpj": "52998224725"},
            ),
        ),
        Operation(
            id="pscCertificateDiscovery",
            method="GET",
            path=f"{ROOT}/certificate-discovery",
            summary=Words("The holder's certificates", "Os certificados do titular"),
            parameters=[Parameter("certificate_alias", "query", _ANY_TEXT)],
            answers={200: Answer(Words("In PEM.", "Em PEM."), ref("PscCertificates"))},
            errors=(400, 401, 403, 429, 503),
            security=_TOKEN,
        ),
        Operation(
            id="pscSignature",
            method="POST",
            path=f"{ROOT}/signature",
            summary=Words("Sign, when the holder approved", "Assinar, quando o titular aprovar"),
            answers={200: Answer(Words("In the order of the hashes.", "Na ordem dos hashes."), ref("PscSignatures"))},
            errors=_PROGRAM,
            body=Body(
                ref("PscSignatureRequest"),
                example={
                    "hashes": [
                        {
                            "id": "1",
                            "alias": "contrato.pdf",
                            "hash": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                            "hash_algorithm": "2.16.840.1.101.3.4.2.1",
                            "signature_format": "RAW",
                        }
                    ]
                },
            ),
            security=_TOKEN,
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
                200: Answer(Words("For what the scope says.", "Para o que o escopo diz."), ref("PscPasswordToken"))
            },
            errors=(400, 401, 403, 413, 415, 429, 503),
            body=Body(
                ref("PscPasswordRequest"),
                example={
                    "client_id": "cli_…",
                    "username": "52998224725",
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
                )
            },
            errors=(400, 401, 403, 413, 415, 429, 503),
            body=Body(ref("PscTrustedRequest"), example={"client_id": "cli_…", "login_hint": "52998224725"}),
        ),
        Operation(
            id="pscTrustedOutcome",
            method="GET",
            path=f"{ROOT}/authorize-ca",
            summary=Words("What the holder said to that", "O que o titular respondeu"),
            answers={
                200: Answer(Words("Consented.", "Consentiu."), ref("PscTrustedOutcome")),
                202: Answer(Words("Not decided yet.", "Ainda não decidiu."), ref("PscWaiting")),
            },
            errors=(400, 401, 403, 503),
            security=_TOKEN,
        ),
        Operation(
            id="pscStart",
            method="POST",
            path=_START,
            summary=Words(
                "BirdID: begin on a page of your own; the outcome is posted to callback_url",
                "BirdID: começar numa página sua; o resultado vai por POST para callback_url",
            ),
            answers={200: Answer(Words("The same whoever is named.", "O mesmo para qualquer um."), ref("PscStarted"))},
            errors=(400, 401, 413, 415, 429, 503),
            body=Body(
                ref("PscStartRequest"),
                example={
                    "client_id": "cli_…",
                    "scope": "single_signature",
                    "callback_url": "https://erp.example/callback",
                    "username": "52998224725",
                },
            ),
        ),
        Operation(
            id="pscNotify",
            method="POST",
            path="/psc/birdid/oauth/notify",
            summary=Words("BirdID: ring for a start that named nobody", "BirdID: tocar para um início sem nome"),
            answers={200: Answer(Words("Whoever is named.", "Para qualquer um."), ref("PscNotified"))},
            errors=(400, 404, 413, 415, 429, 503),
            body=Body(ref("PscNotifyRequest"), example={"username": "52998224725", "short_token": "pss_…"}),
        ),
        Operation(
            id="pscStartOutcome",
            method="GET",
            path=_START,
            summary=Words("What became of a start", "O que aconteceu com um início"),
            parameters=[Parameter("short_token", "query", _ANY_TEXT, required=True)],
            answers={
                200: Answer(Words("The holder said yes.", "O titular aprovou."), ref("PscStartOutcome")),
                202: Answer(Words("Not decided yet.", "Ainda não decidiu."), ref("PscWaiting")),
            },
            errors=(400, 401, 404, 429, 503),
            security=("basic",),
        ),
        Operation(
            id="pscApplication",
            method="POST",
            path=f"{ROOT}/application",
            summary=Words("Register; an operator lets you in", "Cadastrar-se; um operador libera"),
            answers={200: Answer(Words("It opens nothing yet.", "Ainda não abre nada."), ref("PscRegistered"))},
            errors=(400, 403, 413, 415, 429, 503),
            body=Body(
                ref("PscApplication"), example={"name": "ERP", "redirect_uris": ["https://erp.example/callback"]}
            ),
        ),
        Operation(
            id="pscMaintenance",
            method="PUT",
            path=f"{ROOT}/client_maintenance",
            summary=Words("Change what you said of yourself", "Mudar o que você disse de si"),
            answers={200: Answer(Words("Changed.", "Mudado."), ref("PscRegistered"))},
            errors=_PROGRAM,
            body=Body(
                ref("PscApplicationChange"),
                example={"client_id": "cli_…", "name": "ERP", "redirect_uris": ["https://erp.example/callback"]},
            ),
            security=_TOKEN,
        ),
    ],
)
