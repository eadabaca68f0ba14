"""Members of CSC's requests, read one by one: types, names, sentences. Pure.

Strict about types and generous about names: what API 1 calls ``hash`` and ``hashAlgo``, and API 2 ``hashes`` and
``hashAlgorithmOID``, both versions take under either name, since clients in the field mix them. Sentences name a member
as the version spoken to does.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foundation.encoding import strict_json
from foundation.errors import JsonObject, JsonValue, LinkIdError
from hsm_service.csc.algorithms import HASH_OIDS, BadParameters, HashNeeded, sign_algorithm
from hsm_service.csc.errors import InvalidAuthenticationData, InvalidRequest, invalid, missing
from hsm_service.signing.domain.request import Label
from protocol.algorithms import HASH_BYTES, MAX_HASHES, HashName, SignAlgorithm
from protocol.explicit import Factors

PHONE: Final = "mobile"
"""The id of the authentication object that everybody has: approval on the phone."""
PASSWORD: Final = "password"
CODE: Final = "code"
"""The ids of the two that an application with a consent may send."""
_MAX_FACTOR: Final = 64
MAX_BODY: Final = 256 * 1024
"""Bytes. 100 hashes of 64 bytes with labels take about 30 KiB; a member more than that is somebody's mistake."""
USUAL_VALIDITY: Final = 60 * 60 * 1000
LONGEST_VALIDITY: Final = 24 * 60 * 60 * 1000
"""Milliseconds for which the answer of an asynchronous call is kept: when the caller says nothing, and at most."""
_MAX_DESCRIPTION: Final = 500
_MAX_CLIENT_DATA: Final = 64 * 1024
_NOT_A_HASH: Final = "Invalid Base64 hash string parameter"
MAX_NUMBER: Final = 2**53
"""Below this a number is the same in every JSON parser, and to the SAM."""


@dataclass(frozen=True)
class Names:
    """What a version calls the two members that changed their names between 1 and 2."""

    hashes: str
    hash_algorithm: str


V1: Final = Names("hash", "hashAlgo")
V2: Final = Names("hashes", "hashAlgorithmOID")


@dataclass(frozen=True)
class Wanted:
    """How much of a credential an answer shall tell."""

    certificates: str
    cert_info: bool
    auth_info: bool


def wanted_of(body: JsonObject) -> Wanted:
    """``certificates``, ``certInfo``, ``authInfo``; the language is looked at, and is ours."""
    certificates = body.get("certificates")
    if certificates is None:
        certificates = "single"
    if certificates not in ("none", "single", "chain"):
        raise invalid("certificates")
    optional_text(body, "lang")
    return Wanted(str(certificates), flag(body, "certInfo"), flag(body, "authInfo"))


def text(body: JsonObject, name: str) -> str:
    """A member that must be there."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise missing("string", name)
    return value


def optional_text(body: JsonObject, name: str) -> str:
    """Empty when it is not there."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid(name)
    return value


def description(body: JsonObject) -> str:
    """What the caller says this is about: at most 500 characters."""
    said = optional_text(body, "description")
    if len(said) > _MAX_DESCRIPTION:
        raise invalid("description")
    return said


def flag(body: JsonObject, name: str) -> bool:
    """False when it is not there."""
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise invalid(name)
    return value


def no_user(body: JsonObject) -> None:
    """Whose credentials these are follows from the token; nobody may name somebody else."""
    if body.get("userID") is not None:
        raise InvalidRequest("userID parameter MUST be null")


def count(body: JsonObject, most: int) -> int:
    """``numSignatures``."""
    value = body.get("numSignatures")
    if isinstance(value, bool) or not isinstance(value, int):
        raise missing("integer", "numSignatures")
    if value < 1:
        raise InvalidRequest("Invalid value for parameter numSignatures")
    if value > most:
        raise InvalidRequest("Numbers of signatures is too high")
    return value


def has_hashes(body: JsonObject) -> bool:
    """Under either name."""
    return _either(body, V2.hashes, V1.hashes) is not None


def hashes(body: JsonObject, names: Names) -> list[bytes]:
    """1 to ``MAX_HASHES``, in the order of the request."""
    values = _either(body, names.hashes, V2.hashes, V1.hashes)
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise missing("array", names.hashes)
    if not values:
        raise InvalidRequest("Empty hash array")
    if len(values) > MAX_HASHES:
        raise InvalidRequest("Numbers of signatures is too high")
    return [hash_value(value) for value in values]


def hash_value(value: JsonValue) -> bytes:
    """One digest, in Base64."""
    if not isinstance(value, str) or not value or len(value) > 128:
        raise InvalidRequest(_NOT_A_HASH)
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except ValueError as cause:
        raise InvalidRequest(_NOT_A_HASH) from cause


def hash_by_length(digests: Sequence[bytes]) -> HashName:
    """Which algorithm makes digests of this length: each of ours has one of its own. Raises InvalidRequest."""
    found = {name for name in HASH_BYTES if all(len(digest) == HASH_BYTES[name] for digest in digests)}
    if not found:
        raise InvalidRequest("Invalid digest value length")
    return found.pop()


def check_lengths(digests: Sequence[bytes], hashed: HashName) -> None:
    """Every digest is as long as its algorithm makes them. Raises InvalidRequest."""
    if any(len(digest) != HASH_BYTES[hashed] for digest in digests):
        raise InvalidRequest("Invalid digest value length")


def hash_name(body: JsonObject, names: Names) -> HashName | None:
    """Under either name; None when it is not there."""
    value = _either(body, names.hash_algorithm, V2.hash_algorithm, V1.hash_algorithm)
    if value is None:
        return None
    if not isinstance(value, str):
        raise missing("string", names.hash_algorithm)
    found = HASH_OIDS.get(value)
    if found is None:
        raise invalid(names.hash_algorithm)
    return found


def algorithm(body: JsonObject, hashed: HashName | None, names: Names) -> SignAlgorithm:
    """``signAlgo`` and ``signAlgoParams``."""
    oid = text(body, "signAlgo")
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
        found = sign_algorithm(oid, hashed, der)
    except HashNeeded as cause:
        raise missing("string", names.hash_algorithm) from cause
    except BadParameters as cause:
        raise (missing("string", "signAlgoParams") if der is None else invalid("signAlgoParams")) from cause
    if found is None:
        raise invalid("signAlgo")
    return found


def algorithms(body: JsonObject, names: Names) -> tuple[HashName, SignAlgorithm | None]:
    """The hash, and the signature algorithm if the caller names one (ours, beside the standard)."""
    hashed = hash_name(body, names)
    named = None
    if body.get("signAlgo") is not None:
        named = algorithm(body, hashed, names)
        hashed = named.hash_name if hashed is None else hashed
    else:
        optional_text(body, "signAlgoParams")
    if hashed is None:
        raise missing("string", names.hash_algorithm)
    return hashed, named


def seconds(terms: JsonObject, name: str) -> int | None:
    """A time of a session's terms."""
    value = terms.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 < value < MAX_NUMBER):
        raise invalid("clientData")
    return value


def factors(body: JsonObject) -> Factors | None:
    """``authData``: nothing, or the phone by its id and no value (None); or what the holder knows and what their phone
    shows, both, for whoever has a consent. Raises InvalidRequest, InvalidAuthenticationData."""
    values = body.get("authData")
    if values is None:
        return None
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise missing("array", "authData")
    given: dict[str, str] = {}
    for value in values:
        if not isinstance(value, Mapping):
            raise InvalidAuthenticationData()
        name, text = value.get("id"), value.get("value")
        if name == PHONE and text in (None, "") and len(values) == 1:
            return None
        if name not in (PASSWORD, CODE) or name in given or not isinstance(text, str) or len(text) > _MAX_FACTOR:
            raise InvalidAuthenticationData()
        given[str(name)] = text
    if not given:
        return None
    if set(given) != {PASSWORD, CODE}:
        raise InvalidAuthenticationData()
    return Factors(given[PASSWORD], given[CODE])


def check_auth_data(body: JsonObject) -> None:
    """Where the phone is the only way: nothing, or the phone. Raises InvalidRequest, InvalidAuthenticationData."""
    if factors(body) is not None:
        raise InvalidAuthenticationData()


def client_data(body: JsonObject) -> str:
    """The caller's own text."""
    value = body.get("clientData")
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _MAX_CLIENT_DATA:
        raise invalid("clientData")
    return value


def said_of(body: JsonObject) -> JsonObject:
    """``clientData`` when it is ours: a JSON object (docs/protocol.md section 9.5). {} when it is opaque."""
    given = client_data(body)
    if not given.lstrip().startswith("{"):
        return {}
    try:
        value = strict_json(given.encode("utf-8", "surrogatepass"), max_bytes=4 * _MAX_CLIENT_DATA)
    except LinkIdError:
        return {}
    return value if isinstance(value, Mapping) else {}


def kept(body: JsonObject) -> int | None:
    """``operationMode``, ``validity_period``, ``response_uri``: milliseconds in mode A, None in mode S."""
    mode = body.get("operationMode")
    if mode in (None, "S"):
        return None
    if mode != "A":
        raise invalid("operationMode")
    wanted = body.get("validity_period")
    wanted = USUAL_VALIDITY if wanted is None else wanted
    if isinstance(wanted, bool) or not isinstance(wanted, int):
        raise invalid("validity_period")
    if not 1 <= wanted <= LONGEST_VALIDITY:
        raise InvalidRequest("Out of bounds parameter validity_period")
    if body.get("response_uri") is not None:
        # We call nobody: an address that a request names is a way to make us knock at doors inside.
        raise invalid("response_uri")
    return wanted


def signed_ask(said: JsonObject) -> JsonObject | None:
    """The caller's signature of what it asks, if there is one."""
    signed = said.get("ask")
    if signed is not None and not isinstance(signed, Mapping):
        raise invalid("clientData")
    return signed


def labels(said: JsonObject, wanted: int) -> list[Label]:
    """In the order of the hashes.

    A text that is meant to be ours and is malformed is refused: a holder should not see less than the caller thinks.
    """
    documents = said.get("documents")
    if documents is None:
        return []
    if not isinstance(documents, Sequence) or isinstance(documents, str) or len(documents) != wanted:
        raise invalid("clientData")
    return [_label(document) for document in documents]


def _label(document: JsonValue) -> Label:
    if not isinstance(document, dict):  # as ``strict_json`` reads objects
        raise invalid("clientData")
    label, size = document.get("label"), document.get("size")
    if not isinstance(label, str):
        raise invalid("clientData")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < MAX_NUMBER):
        raise invalid("clientData")
    return Label(label, size)


def _either(body: JsonObject, *names: str) -> JsonValue:
    """A member under the first of these names that it has."""
    return next((body[name] for name in names if body.get(name) is not None), None)
