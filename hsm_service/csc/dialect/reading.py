"""Requests of CSC API 2.0, read into what signing understands. Pure.

Strict about types and generous about names: what the standard once called ``hash`` and ``hashAlgo`` is taken as well,
since clients in the field send it to v2 servers too. Members we do not know are ignored, as the standard wants. Error
sentences are the standard's, word for word.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from hsm_service.signing.domain.uses import MAX_KEY_CHARACTERS, SaidUse
from protocol.algorithms import MAX_HASHES, HashName, SignAlgorithm
from protocol.sessions import MAX_COUNTER, MOST

PHONE: Final = "mobile"
"""The id of the one authentication object: approval on the phone."""
MAX_BODY: Final = 256 * 1024
"""Bytes. 100 hashes of 64 bytes with labels take about 30 KiB; a member more than that is somebody's mistake."""
_MAX_DESCRIPTION: Final = 500
_MAX_CLIENT_DATA: Final = 64 * 1024
_MAX_SIZE: Final = 2**53
_MAX_SIGNATURE: Final = 100


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
class SessionRequest:
    """``credentials/authorize`` for a session (ours): no hashes, but how many and until when."""

    credential: str
    hash_name: HashName
    algorithm: SignAlgorithm | None
    maximum: int
    until: int | None
    """Seconds since 1970; or else"""
    seconds: int | None
    """from when the caller signed its ask, or from now."""
    purpose: str
    signed: JsonObject | None = None

    def algorithm_for(self, key_algorithm: str) -> SignAlgorithm:
        """The algorithm named, or the usual one of such a key with this hash."""
        return self.algorithm or usual(key_algorithm, self.hash_name)

    def until_from(self, now: int) -> int:
        """The end, in seconds since 1970."""
        if self.until is not None:
            return self.until
        began = None if self.signed is None else self.signed.get("created")
        began = began if isinstance(began, int) and not isinstance(began, bool) else now
        return began + (self.seconds or 0)


@dataclass(frozen=True)
class SignRequest:
    """``signatures/signHash``. ``use``: what the caller says about its use of a session."""

    credential: str
    sad: str
    hashes: Sequence[bytes]
    algorithm: SignAlgorithm
    use: SaidUse = field(default_factory=SaidUse)


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
    """Of listed hashes. Raises InvalidRequest, InvalidAuthenticationData."""
    said = _said(body)
    credential = _text(body, "credentialID")
    count = _count(body, MAX_HASHES)
    hashes = _hashes(body)
    if len(hashes) != count:
        raise InvalidRequest("Invalid value for parameter numSignatures")
    hash_name, algorithm = _algorithms(body)
    _check_auth_data(body)
    description = _description(body)
    labels = _labels(said, count)
    return AuthorizeRequest(credential, hashes, hash_name, algorithm, labels, description, _signed(said))


def read_session(body: JsonObject) -> SessionRequest | None:
    """``clientData`` names a session: numSignatures is its maximum, and nothing is hashed yet. None for other asks.

    Raises InvalidRequest, InvalidAuthenticationData.
    """
    said = _said(body)
    terms = said.get("session")
    if terms is None:
        return None
    if not isinstance(terms, Mapping) or not set(terms) <= {"until", "seconds", "maximum", "purpose"}:
        raise invalid("clientData")
    credential = _text(body, "credentialID")
    maximum = _count(body, MOST)
    if _alias(body, "hashes", "hash") is not None:
        raise invalid("hashes")  # who sends both means something else than we would do
    if terms.get("maximum", maximum) != maximum or isinstance(terms.get("maximum"), bool):
        raise InvalidRequest("Invalid value for parameter numSignatures")
    until, seconds = _seconds(terms, "until"), _seconds(terms, "seconds")
    purpose = terms.get("purpose", "")
    if (until is None) == (seconds is None) or not isinstance(purpose, str) or len(purpose) > _MAX_DESCRIPTION:
        raise invalid("clientData")
    hash_name, algorithm = _algorithms(body)
    _check_auth_data(body)
    _description(body)
    return SessionRequest(credential, hash_name, algorithm, maximum, until, seconds, purpose, _signed(said))


def read_handle(body: JsonObject) -> str:
    """``credentials/authorizeCheck`` and our ``linkid/withdraw``. Raises InvalidRequest."""
    return _text(body, "handle")


def read_sign_hash(body: JsonObject, idempotency_key: str | None = None) -> SignRequest:
    """``idempotency_key``: the header's, of callers that do not count. Raises InvalidRequest."""
    credential = _text(body, "credentialID")
    sad = _text(body, "SAD")
    hashes = _hashes(body)
    algorithm = _algorithm(body, _hash_name(body))
    mode = body.get("operationMode")
    if mode is not None and mode != "S":
        raise invalid("operationMode")  # info says that we have no asynchronous mode
    return SignRequest(credential, sad, hashes, algorithm, _use(_said(body), idempotency_key))


def _use(said: JsonObject, idempotency_key: str | None) -> SaidUse:
    """``clientData`` {"use": {"counter", "signature"}}; the counter may be left out by whoever does not sign it."""
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= MAX_KEY_CHARACTERS:
        raise InvalidRequest("Invalid header Idempotency-Key")
    use = said.get("use")
    if use is None:
        return SaidUse(idempotency_key=idempotency_key)
    if not isinstance(use, Mapping) or not set(use) <= {"counter", "signature"}:
        raise invalid("clientData")
    counter, signature = use.get("counter"), use.get("signature")
    if isinstance(counter, bool) or not isinstance(counter, int | None):
        raise invalid("clientData")
    if (counter is not None and not 1 <= counter <= MAX_COUNTER) or not isinstance(signature, str | None):
        raise invalid("clientData")
    if signature is not None and (counter is None or len(signature) > _MAX_SIGNATURE):
        raise invalid("clientData")
    return SaidUse(counter, signature, idempotency_key)


# --- members


def _count(body: JsonObject, most: int) -> int:
    count = body.get("numSignatures")
    if isinstance(count, bool) or not isinstance(count, int):
        raise missing("integer", "numSignatures")
    if count < 1:
        raise InvalidRequest("Invalid value for parameter numSignatures")
    if count > most:
        raise InvalidRequest("Numbers of signatures is too high")
    return count


def _algorithms(body: JsonObject) -> tuple[HashName, SignAlgorithm | None]:
    """The hash, and the signature algorithm if the caller names one (ours, beside the standard)."""
    hash_name = _hash_name(body)
    algorithm = None
    if body.get("signAlgo") is not None:
        algorithm = _algorithm(body, hash_name)
        hash_name = algorithm.hash_name if hash_name is None else hash_name
    else:
        _optional_text(body, "signAlgoParams")
    if hash_name is None:
        raise missing("string", "hashAlgorithmOID")
    return hash_name, algorithm


def _seconds(terms: JsonObject, name: str) -> int | None:
    value = terms.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _MAX_SIZE):
        raise invalid("clientData")
    return value


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


def _description(body: JsonObject) -> str:
    text = _optional_text(body, "description")
    if len(text) > _MAX_DESCRIPTION:
        raise invalid("description")
    return text


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


def _said(body: JsonObject) -> JsonObject:
    """``clientData`` when it is ours: a JSON object (docs/protocol.md section 9.5). {} when it is opaque."""
    text = _check_client_data(body)
    if not text.lstrip().startswith("{"):
        return {}
    try:
        value = strict_json(text.encode("utf-8", "surrogatepass"), max_bytes=4 * _MAX_CLIENT_DATA)
    except LinkIdError:
        return {}
    return value if isinstance(value, Mapping) else {}


def _signed(said: JsonObject) -> JsonObject | None:
    """The caller's signature of what it asks, if there is one."""
    signed = said.get("ask")
    if signed is not None and not isinstance(signed, Mapping):
        raise invalid("clientData")
    return signed


def _labels(said: JsonObject, count: int) -> list[Label]:
    """In the order of the hashes.

    A text that is meant to be ours and is malformed is refused: a holder should not see less than the caller thinks.
    """
    documents = said.get("documents")
    if documents is None:
        return []
    if not isinstance(documents, Sequence) or isinstance(documents, str) or len(documents) != count:
        raise invalid("clientData")
    return [_label(document) for document in documents]


def _label(document: JsonValue) -> Label:
    if not isinstance(document, Mapping):
        raise invalid("clientData")
    label, size = document.get("label"), document.get("size")
    if not isinstance(label, str):
        raise invalid("clientData")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < _MAX_SIZE):
        raise invalid("clientData")
    return Label(label, size)
