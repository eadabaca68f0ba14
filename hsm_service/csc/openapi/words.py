"""The vocabulary of CSC's tables: members that stand in many requests, and what every call has."""

from dataclasses import dataclass
from typing import Final

from foundation.errors import JsonValue
from foundation.web.openapi import Answer, Body, Operation, Parameter, Schema, Words, ref, text
from hsm_service.csc.algorithms import HASH_OIDS
from hsm_service.csc.dialect.members import LONGEST_VALIDITY
from hsm_service.signing.domain.uses import MAX_KEY_CHARACTERS
from protocol.algorithms import MAX_HASHES

ERRORS: Final = (400, 413)
CALLED: Final = (*ERRORS, 401, 429, 503)
TOKEN: Final = ("bearer", "dpop")
EXAMPLE_HASH: Final = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

ID: Final[Schema] = {"type": "string", "minLength": 1}
TEXT: Final[Schema] = {"type": ["string", "null"]}
FLAG: Final[Schema] = {"type": ["boolean", "null"]}
SECONDS: Final[Schema] = {"type": "integer", "minimum": 0}

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
HASH_OID: Final = text(
    {"type": ["string", "null"], "enum": [*sorted(HASH_OIDS), None]},
    "Which hash. May be left out where `signAlgo` implies it; `hashAlgo` is taken too.",
    "Qual hash. Pode faltar onde `signAlgo` o diz; `hashAlgo` também é aceito.",
)
MODE: Final = text(
    {"type": ["string", "null"], "enum": ["S", "A", None]},
    "A: the answer is a `responseID`, for `signPolling`.",
    "A: a resposta é um `responseID`, para `signPolling`.",
)
VALIDITY: Final = text(
    {},
    f"In mode A, milliseconds up to {LONGEST_VALIDITY}: how long to keep the answer; an hour if not said.",
    f"No modo A, milissegundos até {LONGEST_VALIDITY}: quanto guardar a resposta; uma hora se não for dito.",
)
DOCUMENTS: Final = text(
    {"type": ["array", "null"]},
    "Objects with `document` (base64), `signature_format` (C, P, X), `conformance_level`, `signed_envelope_property`, "
    "`signAlgo`; `linkid` may have `stamp` (P), `element`, `name` (X), `policy` (AD-RB or AD-RT; C, P). "
    "16 MiB at most, with all the rest.",
    "Objetos com `document` (base64), `signature_format` (C, P, X), `conformance_level`, `signed_envelope_property`, "
    "`signAlgo`; `linkid` pode ter `stamp` (P), `element`, `name` (X), `policy` (AD-RB ou AD-RT; C, P). "
    "No máximo 16 MiB, com todo o resto.",
)
DIGESTS: Final = text(
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
    "certInfo": text(FLAG, "Tell what stands in the certificate.", "Dizer o que está no certificado."),
    "authInfo": text(FLAG, "Tell how approval is given.", "Dizer como se aprova."),
    "lang": TEXT,
    "clientData": CLIENT_DATA,
}


def schema_of(required: list[str], **members: JsonValue) -> Schema:
    """A request: unknown members are ignored, as the standard wants."""
    return {"type": "object", "required": list(required), "properties": members}


def closed(required: list[str], **members: JsonValue) -> Schema:
    """An answer: nothing else is ever in it."""
    return {**schema_of(required, **members), "additionalProperties": False}


FIRST_LISTED: Final = {"credentialID": "$response.body#/credentialIDs/0"}
STRINGS: Final[Schema] = {"type": "array", "items": {"type": "string"}}

PREFER: Final = Parameter(
    "Prefer",
    "header",
    text(
        {"type": "string"},  # a preference that we do not know is passed over (RFC 7240)
        "`wait=25` holds the answer back (RFC 7240).",
        "`wait=25` segura a resposta (RFC 7240).",
    ),
)
_KEY: Final[dict[str, JsonValue]] = {
    "type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS, "pattern": "^[!-~]+$",
}  # fmt: skip
KEY: Final = Parameter(
    "Idempotency-Key",
    "header",
    text(
        _KEY,
        "In a session: another one has the same hashes signed anew.",
        "Em uma sessão: outra assina de novo os mesmos hashes.",
    ),
)
AGAIN: Final = Parameter(
    "Idempotency-Key",
    "header",
    text(
        _KEY,
        "The very same call again, with the same token and key, has the same handle: no phone rings twice.",
        "A mesma chamada, com o mesmo token e a mesma chave, tem o mesmo handle: nenhum celular toca duas vezes.",
    ),
)


@dataclass(frozen=True)
class Version:
    """The calls of one version, each a POST with JSON behind a token."""

    name: str

    def call(
        self, id: str, method: str, summary: Words, request: str, answers: dict[int, Answer], example: JsonValue,
        *parameters: Parameter, errors: tuple[int, ...] = CALLED, security: tuple[str, ...] = TOKEN,
        required: bool = True,
    ) -> Operation:  # fmt: skip
        """One method. ``required``: whether it wants a body."""
        return Operation(
            id=f"csc{self.name}{id}",
            method="POST",
            path=f"/csc/{self.name.lower()}/{method}",
            summary=summary,
            answers=answers,
            errors=errors,
            parameters=parameters,
            body=Body(ref(request), example=example, required=required),
            security=security,
        )

    def timestamp(self) -> Operation:
        """The same in both."""
        return self.call(
            "Timestamp", "signatures/timestamp", Words("A time stamp", "Um carimbo do tempo"), "TimestampRequest",
            {200: Answer(Words("The authority's token.", "O carimbo da autoridade."), ref("Timestamp"))},
            {"hash": EXAMPLE_HASH, "hashAlgo": "2.16.840.1.101.3.4.2.1"}, errors=(*CALLED, 501),
        )  # fmt: skip


V1: Final = Version("V1")
V2: Final = Version("V2")
