"""Answers of CSC's API, written as the standard has them: what both versions say, and what API 2 says. Pure."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from foundation.errors import JsonObject, JsonValue
from hsm_service.credentials.domain.credential import Credential
from hsm_service.csc.algorithms import CURVES, oids_of
from hsm_service.csc.dialect.members import CODE, PASSWORD, PHONE, Wanted
from hsm_service.csc.dialect.reading import ListRequest
from hsm_service.signing.domain.algorithms import possible
from protocol.algorithms import KEY_ALGORITHMS, MAX_HASHES

SPECS: Final = "2.0.0.0"
METHODS: Final = (
    "credentials/list",
    "credentials/info",
    "credentials/authorize",
    "credentials/authorizeCheck",
    "credentials/getChallenge",
    "credentials/extendTransaction",
    "signatures/signHash",
    "signatures/signPolling",
    "signatures/signDoc",
)
TIMESTAMP: Final = "signatures/timestamp"
REGION: Final = "BR"
LANGUAGE: Final = "pt-BR"
DESCRIPTION: Final = "Certificados em nuvem; cada assinatura é aprovada no celular do titular."
AUTH_TYPES: Final = ("oauth2code", "oauth2client")


def info(*, name: str, issuer: str, logo: str, stamps: bool) -> JsonObject:
    """``info`` (11.1). ``stamps``: whether there is a time-stamping authority."""
    every = [algorithm for key in KEY_ALGORITHMS for algorithm in possible(key)]
    return {
        "specs": SPECS,
        "name": name,
        "logo": logo,
        "region": REGION,
        "lang": LANGUAGE,
        "description": DESCRIPTION,
        "authType": list(AUTH_TYPES),
        "oauth2Issuer": issuer,
        "asynchronousOperationMode": True,
        "methods": [*METHODS, *([TIMESTAMP] if stamps else [])],
        "validationInfo": True,
        "signAlgorithms": {"algos": oids_of(every), "algoParams": []},
        "signature_formats": {
            "formats": ["C", "P", "X"],
            "envelope_properties": [
                ["Attached", "Detached"],
                ["Certification", "Revision"],
                ["Enveloped", "Detached"],
            ],
        },
        "conformance_levels": ["AdES-B-B", *(["AdES-B-T", "AdES-B-LT", "AdES-B-LTA"] if stamps else [])],
        # Of API 2.2, said here because its clients look for it.
        "supportedHashTypes": ["dtbsr"],
        "supportsRar": True,
    }


_PHONE_OBJECT: Final[JsonObject] = {
    "type": "ChallengeResponseOOB",
    "id": PHONE,
    "label": "Celular",
    "description": "O titular aprova no celular, com a senha de uso.",
}
_FACTOR_OBJECTS: Final[Sequence[JsonObject]] = (
    {"type": "Password", "id": PASSWORD, "format": "A", "label": "Senha de uso", "description": "A senha de uso."},
    {
        "type": "Password",
        "id": CODE,
        "format": "N",
        "label": "Código",
        "generator": "totp",
        "description": "O código que o aplicativo Link ID mostra.",
    },
)


def credential_info(credential: Credential, wanted: Wanted, now: datetime, *, explicit: bool = False) -> JsonObject:
    """``credentials/info`` (11.5). ``explicit``: this caller has the holder's consent to send their factors."""
    auth: dict[str, JsonValue] = {"mode": "explicit"}
    if wanted.auth_info:
        auth["expression"] = f"{PHONE} XOR ({PASSWORD} AND {CODE})" if explicit else PHONE
        auth["objects"] = [_PHONE_OBJECT, *(_FACTOR_OBJECTS if explicit else ())]
    return {**described(credential, wanted, now), "auth": auth}


def described(credential: Credential, wanted: Wanted, now: datetime) -> JsonObject:
    """What both versions say of a credential."""
    certificate = credential.certificate
    key: dict[str, JsonValue] = {
        "status": "enabled" if credential.active else "disabled",
        "algo": oids_of(possible(credential.key_algorithm)),
        "len": certificate.key_bits,
    }
    if certificate.curve is not None:
        key["curve"] = CURVES[certificate.curve]
    cert: dict[str, JsonValue] = {}
    if wanted.certificates != "none":
        chain = credential.chain if wanted.certificates == "chain" else credential.chain[:1]
        cert["certificates"] = [base64.b64encode(der).decode("ascii") for der in chain]
    if wanted.cert_info:
        cert |= {
            "status": credential.status(now).value,
            "issuerDN": certificate.issuer,
            "serialNumber": certificate.serial,
            "subjectDN": certificate.subject,
            "validFrom": _generalized(certificate.valid_from),
            "validTo": _generalized(certificate.valid_to),
        }
    return {
        "description": credential.subject,
        "key": key,
        "cert": cert,
        "SCAL": "2",
        "multisign": MAX_HASHES,
        "lang": LANGUAGE,
    }


def listed(found: Sequence[Credential], request: ListRequest, now: datetime) -> JsonObject:
    """``credentials/list`` (11.4)."""
    answer: dict[str, JsonValue] = {"credentialIDs": [credential.id for credential in found]}
    if request.credential_info:
        answer["credentialInfos"] = [
            {"credentialID": credential.id, **credential_info(credential, request.wanted, now)} for credential in found
        ]
    if request.only_valid:
        answer["onlyValid"] = True
    return answer


def signed(signatures: Sequence[bytes]) -> JsonObject:
    """``signatures/signHash`` (11.10): in the order of the hashes."""
    return {"signatures": [base64.b64encode(signature).decode("ascii") for signature in signatures]}


def _generalized(instant: datetime) -> str:
    """``YYYYMMDDHHMMSSZ``."""
    return instant.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
