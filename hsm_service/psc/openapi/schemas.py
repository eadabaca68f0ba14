"""What the dialect's calls take and answer, as its readers have it."""

from typing import Final

from foundation.errors import JsonValue
from foundation.web.openapi import Answer, Schema, Words, ref, text
from hsm_service.psc.domain.hashes import HASH_OIDS
from hsm_service.psc.domain.reading import FORMATS, PADDINGS
from hsm_service.psc.domain.scopes import OF_HOLDERS

TEXT: Final[Schema] = {"type": "string", "minLength": 1}
ANY_TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = text(TEXT, "CPF or CNPJ.", "CPF ou CNPJ.")
CLIENT: Final[dict[str, JsonValue]] = {"client_id": TEXT, "client_secret": TEXT}
SCOPES: Final[Schema] = {"type": "string", "enum": [scope.value for scope in OF_HOLDERS]}
HTML: Final = "text/html"
SECONDS: Final[Schema] = {"type": "integer", "minimum": 0}
EXAMPLE_NUMBER: Final = "52998224725"
EXAMPLE_HASH: Final = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

BEHIND: Final = ("pscBearer",)
FORMS: Final = (400, 401, 413, 415, 429, 503)
"""Errors of a call that an application makes in its own name."""
TOKENS: Final = (400, 401, 403, 413, 415, 429, 503)
"""The same, behind a token."""
READS: Final = (400, 401, 403, 429, 503)
"""The same, of a call without a body."""


def object_of(required: list[str], **properties: JsonValue) -> Schema:
    """Members that are not named are ignored, as clients expect."""
    return {"type": "object", "required": list[JsonValue](required), "properties": properties}


def bearer(member: str) -> dict[str, str]:
    """For a link: that member of the answer is the next call's token."""
    return {"header.Authorization": f"Bearer {{$response.body#/{member}}}"}


WAITING: Final = Answer(
    Words("Not decided yet.", "Ainda não decidiu."),
    ref("PscWaiting"),
    headers={"Retry-After": SECONDS},
    example={"status": "pending"},
)

SCHEMAS: Final[dict[str, Schema]] = {
    "PscError": object_of(
        ["error", "error_description", "message"],
        error=ANY_TEXT,
        error_description=ANY_TEXT,
        message=text(ANY_TEXT, "For people, in Portuguese.", "Para pessoas."),
        code=text(ANY_TEXT, "NeoID: as `error`.", "NeoID: como `error`."),
        msg=text(ANY_TEXT, "NeoID: as `message`.", "NeoID: como `message`."),
        linkid=text({"type": "object"}, "Ours: what else is known of it.", "Nosso: o que mais se sabe."),
    ),
    "PscTokenRequest": object_of(
        ["grant_type", "code", "client_id"],
        grant_type={"type": "string", "enum": ["authorization_code"]},
        code=TEXT,
        redirect_uri=TEXT,
        code_verifier=TEXT,
        **CLIENT,
    ),
    "PscToken": object_of(
        ["access_token", "token_type", "expires_in"],
        access_token=ANY_TEXT,
        token_type=ANY_TEXT,
        expires_in={"type": "integer"},
        scope=SCOPES,
        authorized_identification_type={"enum": ["CPF", "CNPJ"]},
        authorized_identification=ANY_TEXT,
    ),
    "PscClientToken": object_of(
        ["access_token", "token_type", "expires_in"],
        access_token=ANY_TEXT,
        token_type=ANY_TEXT,
        expires_in={"type": "integer"},
    ),
    "PscPasswordToken": object_of(
        ["access_token", "token_type", "expires_in", "slot_alias"],
        access_token=ANY_TEXT,
        token_type=ANY_TEXT,
        expires_in={"type": "integer"},
        scope=SCOPES,
        slot_alias=ANY_TEXT,
        authorized_identification_type={"enum": ["CPF", "CNPJ"]},
        authorized_identification=ANY_TEXT,
    ),
    "PscClientTokenRequest": object_of(
        ["grant_type", "client_id"],
        grant_type={"type": "string", "enum": ["client_credentials"]},
        **CLIENT,
    ),
    "PscRevokeRequest": object_of(["token", "client_id"], token=TEXT, **CLIENT),
    "PscDiscoveryRequest": object_of(
        ["client_id", "user_cpf_cnpj", "val_cpf_cnpj"],
        user_cpf_cnpj={"type": "string", "enum": ["CPF", "CNPJ"]},
        val_cpf_cnpj=NUMBER,
        **CLIENT,
    ),
    "PscSlots": object_of(
        ["status", "slots"],
        status={"enum": ["S", "N"]},
        slots={"type": "array", "items": object_of(["slot_alias", "label"], slot_alias=ANY_TEXT, label=ANY_TEXT)},
    ),
    "PscCertificates": object_of(
        ["status", "certificates"],
        status={"enum": ["S", "N"]},
        certificates={
            "type": "array",
            "items": object_of(["alias", "certificate"], alias=ANY_TEXT, certificate=ANY_TEXT),
        },
    ),
    "PscHash": object_of(
        ["id", "hash_algorithm"],
        id=TEXT,
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
    "PscSignatureRequest": object_of(
        ["hashes"],
        certificate_alias={"type": ["string", "null"]},
        hashes={"type": "array", "minItems": 1, "maxItems": 100, "items": ref("PscHash")},
    ),
    "PscSignatures": object_of(
        ["certificate_alias", "signatures"],
        certificate_alias=ANY_TEXT,
        signatures={
            "type": "array",
            "items": object_of(["id"], id=ANY_TEXT, raw_signature=ANY_TEXT, file_base64_signed=ANY_TEXT),
        },
    ),
    "PscPasswordRequest": object_of(
        ["client_id", "username", "password", "grant_type"],
        username=NUMBER,
        password=text(
            {"type": "string", "minLength": 1, "maxLength": 100},
            "The usage password, and right after it the six digits of the code.",
            "A senha de uso e, logo depois dela, os seis dígitos do código.",
        ),
        grant_type={"type": "string", "enum": ["password"]},
        lifetime={"type": "integer", "minimum": 1},
        scope={"type": "string", "enum": ["single_signature", "multi_signature", "signature_session"]},
        slot_alias={"type": ["string", "null"], "maxLength": 255},
        **CLIENT,
    ),
    "PscTrustedRequest": object_of(
        ["client_id", "login_hint"],
        login_hint=NUMBER,
        redirect_uri={"type": ["string", "null"], "maxLength": 2000},
        state={"type": ["string", "null"], "maxLength": 512},
        lifetime={"type": "integer", "minimum": 1},
        max_signatures={"type": "integer", "minimum": 1},
        **CLIENT,
    ),
    "PscTrusted": object_of(
        ["identifierCA", "status"], identifierCA=ANY_TEXT, status={"enum": ["pending"]}, state=ANY_TEXT
    ),
    "PscTrustedOutcome": object_of(
        ["status", "consent", "expirationDate", "serialNumber"],
        status={"enum": ["approved"]},
        consent=ANY_TEXT,
        expirationDate=ANY_TEXT,
        serialNumber=ANY_TEXT,
        state=ANY_TEXT,
    ),
    "PscWaiting": object_of(["status"], status={"enum": ["pending"]}),
    "PscConsentPosted": object_of(
        ["identifierCA", "expirationDate", "serialNumber"],
        identifierCA=ANY_TEXT,
        state=ANY_TEXT,
        expirationDate=text(ANY_TEXT, "ISO 8601: when it ends.", "ISO 8601: quando acaba."),
        serialNumber=text(ANY_TEXT, "The certificate's.", "O do certificado."),
    ),
    "PscPostedError": object_of(
        ["error"],
        error=text(ANY_TEXT, "user_denied, authorization_timeout.", "user_denied, authorization_timeout."),
        state=ANY_TEXT,
    ),
    "PscApplication": object_of(
        ["name", "redirect_uris"],
        name=TEXT,
        comments={"type": ["string", "null"]},
        email={"type": ["string", "null"]},
        redirect_uris={"type": "array", "minItems": 1, "maxItems": 10, "items": TEXT},
    ),
    "PscApplicationChange": object_of(
        ["client_id", "name", "redirect_uris"],
        client_id=TEXT,
        name=TEXT,
        comments={"type": ["string", "null"]},
        email={"type": ["string", "null"]},
        redirect_uris={"type": "array", "minItems": 1, "maxItems": 10, "items": TEXT},
    ),
    "PscChanged": object_of(["status", "message"], status={"enum": ["success"]}, message=ANY_TEXT),
    "PscRegistered": object_of(
        ["status", "message", "client_id", "client_secret"],
        status={"enum": ["success"]},
        message=ANY_TEXT,
        client_id=ANY_TEXT,
        client_secret=text(ANY_TEXT, "Told once.", "Dito uma só vez."),
    ),
    "PscNothing": {"type": "object"},
}
