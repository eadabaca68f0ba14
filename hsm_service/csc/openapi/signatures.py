"""CSC v2's ``signatures/*``: over hashes, around documents, collected later; time stamps."""

from typing import Final

from foundation.web.openapi import Answer, Schema, Words, ref, text
from hsm_service.csc.algorithms import HASH_OIDS
from hsm_service.csc.openapi.words import (
    CLIENT_DATA,
    CREDENTIAL,
    DIGESTS,
    DOCUMENTS,
    EXAMPLE_HASH,
    FLAG,
    HASH_OID,
    HASHES,
    ID,
    KEY,
    MODE,
    PARAMETERS,
    SECONDS,
    STRINGS,
    V2,
    VALIDITY,
    closed,
    schema_of,
)

SCHEMAS: Final[dict[str, Schema]] = {
    "SignHashRequest": schema_of(
        ["credentialID", "SAD", "hashes", "signAlgo"],
        credentialID=CREDENTIAL,
        SAD=ID,
        hashes=HASHES,
        hashAlgorithmOID=HASH_OID,
        signAlgo=text(ID, "As for `authorize`.", "Como em `authorize`."),
        signAlgoParams=PARAMETERS,
        operationMode=MODE,
        validity_period=VALIDITY,
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
        documentDigests=DIGESTS,
        documents={**DOCUMENTS, "type": "array"},  # one of the two
        operationMode=MODE,
        validity_period=VALIDITY,
        returnValidationInfo=FLAG,
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

_LATER: Final = {"collect": ("cscV2Polling", {"requestID": "$response.body#/responseID"})}
"""In mode A."""

OPERATIONS: Final = [
    V2.call(
        "SignHash", "signatures/signHash", Words("Collect the signatures", "Recolher as assinaturas"),
        "SignHashRequest",
        {200: Answer(Words("The signatures.", "As assinaturas."), ref("Signatures"), links=_LATER)},
        {
            "credentialID": "cred_0000000000000000000000000a", "SAD": "sad_…", "hashes": [EXAMPLE_HASH],
            "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1", "signAlgo": "1.2.840.113549.1.1.11",
        },
        KEY,
    ),
    V2.call(
        "Polling", "signatures/signPolling", Words("Collect later", "Recolher depois"), "PollingRequest",
        {
            200: Answer(
                Words("The signatures, or the documents.", "As assinaturas, ou os documentos."),
                {"anyOf": [ref("Signatures"), ref("SignedDocuments")]},
            ),
            202: Answer(
                Words("Not made yet.", "Ainda não feitas."), ref("CscError"), headers={"Retry-After": SECONDS}
            ),
        },
        {"requestID": "rsp_…"},
    ),
    V2.call(
        "SignDoc", "signatures/signDoc", Words("Signatures around documents", "Assinaturas em documentos"),
        "SignDocRequest",
        {200: Answer(Words("Documents, or signatures alone.", "Documentos, ou só assinaturas."),
                     ref("SignedDocuments"), links=_LATER)},
        {
            "credentialID": "cred_0000000000000000000000000a", "SAD": "sad_…",
            "documents": [
                {"document": "JVBERi0xLjcK", "signature_format": "P", "conformance_level": "AdES-B-T",
                 "signAlgo": "1.2.840.113549.1.1.11"}
            ],
        },
    ),
    V2.timestamp(),
]  # fmt: skip
