"""Requests of CSC API 2.0, read into what signing understands. Pure.

Strict about types and generous about names: what the standard once called ``hash`` and ``hashAlgo`` is taken as well,
since clients in the field send it to v2 servers too. Members we do not know are ignored, as the standard wants. Error
sentences are the standard's, word for word.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foundation.encoding import strict_json
from foundation.errors import JsonObject, JsonValue, LinkIdError
from hsm_service.csc.algorithms import (
    HASH_OIDS,
    BadParameters,
    HashNeeded,
    sign_algorithm,
    usual,
)
from hsm_service.csc.errors import InvalidAuthenticationData, InvalidRequest, invalid, missing
from hsm_service.signing.domain.request import Label
from protocol.algorithms import MAX_HASHES, HashName, SignAlgorithm

PHONE: Final = "mobile"
"""The id of the one authentication object: approval on the phone."""
MAX_BODY: Final = 256 * 1024
"""Bytes. 100 hashes of 64 bytes with labels take about 30 KiB; a member more than that is somebody's mistake."""
_MAX_DESCRIPTION: Final = 500
_MAX_CLIENT_DATA: Final = 64 * 1024
_MAX_SIZE: Final = 2**53


@dataclass(frozen=True)
class Wanted:
    """How much of a credential an answer shall tell."""

    certificates: str
    cert_info: bool
    auth_info: bool


@dataclass(frozen=True)
class ListRequest:
    """``credentials/list``."""

    wanted: Wanted
    credential_info: bool
    only_valid: bool


@dataclass(frozen=True)
class InfoRequest:
    """``credentials/info``."""

    credential: str
    wanted: Wanted


@dataclass(frozen=True)
class AuthorizeRequest:
    """``credentials/authorize``. ``algorithm`` when the caller named one (ours, beside the standard)."""

    credential: str
    hashes: Sequence[bytes]
    hash_name: HashName
    algorithm: SignAlgorithm | None
    labels: Sequence[Label]
    description: str
    signed: JsonObject | None = None
    """A computer's signature of what it asks; ours, for the SAM."""

    def algorithm_for(self, key_algorithm: str) -> SignAlgorithm:
        """The algorithm named, or the usual one of such a key with this hash."""
        return self.algorithm or usual(key_algorithm, self.hash_name)


@dataclass(frozen=True)
class SignRequest:
    """``signatures/signHash``."""

    credential: str
    sad: str
    hashes: Sequence[bytes]
    algorithm: SignAlgorithm


def read_object(body: bytes) -> JsonObject:
    """The body; an empty one is ``{}``. Raises InvalidRequest."""
    if not body.strip():
        return {}
    try:
        value = strict_json(body, max_bytes=MAX_BODY)
    except LinkIdError as cause:
        raise InvalidRequest(f"The body is not valid JSON: {cause.detail}") from cause
    if not isinstance(value, Mapping):
        raise InvalidRequest("The body is not a JSON object")
    return value


def read_info(body: JsonObject) -> None:
    """``info``: nothing but the language, which we have one of."""
    _optional_text(body, "lang")


def read_list(body: JsonObject) -> ListRequest:
    """Raises InvalidRequest."""
    _check_client_data(body)
    if body.get("userID") is not None:
        # Whose credentials these are follows from the token; nobody may name somebody else.
        raise InvalidRequest("userID parameter MUST be null")
    return ListRequest(_wanted(body), _flag(body, "credentialInfo"), _flag(body, "onlyValid"))


def read_credential_info(body: JsonObject) -> InfoRequest:
    """Raises InvalidRequest."""
    credential = _text(body, "credentialID")
    _check_client_data(body)
    return InfoRequest(credential, _wanted(body))


def read_authorize(body: JsonObject) -> AuthorizeRequest:
    """Raises InvalidRequest, InvalidAuthenticationData."""
    credential = _text(body, "credentialID")
    count = body.get("numSignatures")
    if isinstance(count, bool) or not isinstance(count, int):
        raise missing("integer", "numSignatures")
    if count < 1:
        raise InvalidRequest("Invalid value for parameter numSignatures")
    if count > MAX_HASHES:
        raise InvalidRequest("Numbers of signatures is too high")
    hashes = _hashes(body)
    if len(hashes) != count:
        raise InvalidRequest("Invalid value for parameter numSignatures")
    hash_name = _hash_name(body)
    algorithm = None
    if body.get("signAlgo") is not None:
        algorithm = _algorithm(body, hash_name)
        hash_name = algorithm.hash_name if hash_name is None else hash_name
    if hash_name is None:
        raise missing("string", "hashAlgorithmOID")
    _check_auth_data(body)
    description = _optional_text(body, "description")
    if len(description) > _MAX_DESCRIPTION:
        raise invalid("description")
    labels, signed = _labels(body, count)
    return AuthorizeRequest(credential, hashes, hash_name, algorithm, labels, description, signed)


def read_handle(body: JsonObject) -> str:
    """``credentials/authorizeCheck`` and our ``linkid/withdraw``. Raises InvalidRequest."""
    return _text(body, "handle")


def read_sign_hash(body: JsonObject) -> SignRequest:
    """Raises InvalidRequest."""
    credential = _text(body, "credentialID")
    sad = _text(body, "SAD")
    hashes = _hashes(body)
    algorithm = _algorithm(body, _hash_name(body))
    mode = body.get("operationMode")
    if mode is not None and mode != "S":
        raise invalid("operationMode")  # info says that we have no asynchronous mode
    _check_client_data(body)
    return SignRequest(credential, sad, hashes, algorithm)


# --- members


def _text(body: JsonObject, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise missing("string", name)
    return value


def _optional_text(body: JsonObject, name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid(name)
    return value


def _flag(body: JsonObject, name: str) -> bool:
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise invalid(name)
    return value


def _wanted(body: JsonObject) -> Wanted:
    certificates = body.get("certificates")
    if certificates is None:
        certificates = "single"
    if certificates not in ("none", "single", "chain"):
        raise invalid("certificates")
    _optional_text(body, "lang")
    return Wanted(str(certificates), _flag(body, "certInfo"), _flag(body, "authInfo"))


def _alias(body: JsonObject, name: str, old: str) -> JsonValue:
    """A member under its name, or under the one it had in v1."""
    value = body.get(name)
    return body.get(old) if value is None else value


def _hashes(body: JsonObject) -> list[bytes]:
    values = _alias(body, "hashes", "hash")
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise missing("array", "hashes")
    if not values:
        raise InvalidRequest("Empty hash array")
    if len(values) > MAX_HASHES:
        raise InvalidRequest("Numbers of signatures is too high")
    return [_base64(value) for value in values]


def _base64(value: JsonValue) -> bytes:
    wrong = InvalidRequest("Invalid Base64 hash string parameter")
    if not isinstance(value, str) or not value or len(value) > 128:
        raise wrong
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise wrong from cause


def _hash_name(body: JsonObject) -> HashName | None:
    value = _alias(body, "hashAlgorithmOID", "hashAlgo")
    if value is None:
        return None
    if not isinstance(value, str):
        raise missing("string", "hashAlgorithmOID")
    found = HASH_OIDS.get(value)
    if found is None:
        raise invalid("hashAlgorithmOID")
    return found


def _algorithm(body: JsonObject, hash_name: HashName | None) -> SignAlgorithm:
    oid = _text(body, "signAlgo")
    parameters = body.get("signAlgoParams")
    der: bytes | None = None
    if parameters not in (None, ""):
        if not isinstance(parameters, str):
            raise missing("string", "signAlgoParams")
        try:
            der = base64.b64decode(parameters, validate=True)
        except (binascii.Error, ValueError) as cause:
            raise invalid("signAlgoParams") from cause
    try:
        found = sign_algorithm(oid, hash_name, der)
    except HashNeeded as cause:
        raise missing("string", "hashAlgorithmOID") from cause
    except BadParameters as cause:
        raise (missing("string", "signAlgoParams") if der is None else invalid("signAlgoParams")) from cause
    if found is None:
        raise invalid("signAlgo")
    return found


def _check_auth_data(body: JsonObject) -> None:
    """Nothing, or the phone by its id and no value: what a holder knows never comes through here."""
    values = body.get("authData")
    if values is None:
        return
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise missing("array", "authData")
    for value in values:
        if not isinstance(value, Mapping) or value.get("id") != PHONE or value.get("value") not in (None, ""):
            raise InvalidAuthenticationData()
    if len(values) > 1:
        raise InvalidAuthenticationData()


def _check_client_data(body: JsonObject) -> str:
    value = body.get("clientData")
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _MAX_CLIENT_DATA:
        raise invalid("clientData")
    return value


def _labels(body: JsonObject, count: int) -> tuple[list[Label], JsonObject | None]:
    """Labels in ``clientData`` (docs/protocol.md section 9.5), in the order of the hashes; none when it is opaque.

    With them, the caller's signature of what it asks, if there is one.

    A text that is meant to be ours and is malformed is refused: a holder should not see less than the caller thinks.
    """
    text = _check_client_data(body)
    if not text.lstrip().startswith("{"):
        return [], None
    try:
        value = strict_json(text.encode("utf-8", "surrogatepass"), max_bytes=4 * _MAX_CLIENT_DATA)
    except LinkIdError:
        return [], None
    if not isinstance(value, Mapping):
        return [], None
    documents, signed = value.get("documents"), value.get("ask")
    if signed is not None and not isinstance(signed, Mapping):
        raise invalid("clientData")
    if documents is None:
        return [], signed
    if not isinstance(documents, Sequence) or isinstance(documents, str) or len(documents) != count:
        raise invalid("clientData")
    return [_label(document) for document in documents], signed


def _label(document: JsonValue) -> Label:
    if not isinstance(document, Mapping):
        raise invalid("clientData")
    label, size = document.get("label"), document.get("size")
    if not isinstance(label, str):
        raise invalid("clientData")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < _MAX_SIZE):
        raise invalid("clientData")
    return Label(label, size)
