"""Answers of the dialect, written as the norm and its vendors have them. Pure."""

import base64
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.errors import JsonObject, JsonValue
from hsm_service.credentials.domain.credential import Credential
from hsm_service.psc.domain.outcome import written
from hsm_service.psc.domain.reading import WantedSignatures
from hsm_service.psc.domain.scopes import Scope
from hsm_service.psc.domain.vendors import Vendor
from hsm_service.psc.service.codes import Issued
from hsm_service.psc.service.explicit import GivenConsent
from hsm_service.psc.service.signatures import Signed


def issued(token: Issued, vendor: Vendor) -> JsonObject:
    """``/token`` and ``/client_token``. Applications compare scope and identification, so they are always there."""
    body: dict[str, JsonValue] = {
        "access_token": token.text,
        "token_type": vendor.token_type,
        "expires_in": token.expires_in,
    }
    if token.scope is not Scope.APPLICATION:
        body["scope"] = token.scope.value
    if token.identification is not None:
        body["authorized_identification_type"] = token.identification.kind.value
        body["authorized_identification"] = token.identification.number
    return body


def consent(given: GivenConsent) -> JsonObject:
    """The outcome of ``authorize-ca``."""
    state: JsonObject = {} if given.state is None else {"state": given.state}
    return {
        **state,
        "status": "approved",
        "consent": given.consent,
        "expirationDate": written(given.until),
        "serialNumber": given.serial,
    }


def slots(found: Sequence[Credential]) -> JsonObject:
    """``/user-discovery``: whether, and under which names; not who."""
    return {
        "status": "S" if found else "N",
        "slots": [
            {"slot_alias": credential.id, "label": f"Certificado em nuvem {number}"}
            for number, credential in enumerate(found, start=1)
        ],
    }


def certificates(found: Sequence[Credential]) -> JsonObject:
    """``/certificate-discovery``: PEM, the holder's certificate alone, as vendors give it."""
    return {
        "status": "S" if found else "N",
        "certificates": [{"alias": credential.id, "certificate": pem(credential.chain[0])} for credential in found],
    }


def pem(der: bytes) -> str:
    """RFC 7468."""
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode("ascii")


def encoded(signature: bytes) -> str:
    """Plain base64."""
    return base64.b64encode(signature).decode("ascii")


def signed(made: Signed, wanted: WantedSignatures) -> JsonObject:
    """``/signature``."""
    return {
        "certificate_alias": made.credential,
        "signatures": [
            {"id": one.id, "raw_signature" if one.pdf is None else "file_base64_signed": encoded(signature)}
            for one, signature in zip(wanted.hashes, made.signatures, strict=True)
        ],
    }
