"""What is to be signed, as an authorize request says it: CSC's parameters, or authorization details (RFC 9396).

Both become the members of CSC's ``credentials/authorize``, so that one reading decides what they mean and one set of
rules what is admissible. Whatever a client says is shown to the holder as the client's word.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from foundation.encoding import canonical_json, strict_json, unb64u
from foundation.errors import JsonObject, JsonValue, LinkIdError
from hsm_service.oauth.errors import BadDetails, BadOAuthRequest

TYPES: Final = ("credential", "https://cloudsignatureconsortium.org/2025/credential")
"""CSC's name of the type since 2.0, and since 2.2."""
MAX_DETAILS: Final = 96 * 1024
"""Bytes: a hundred hashes with long labels, twice."""
_MEMBERS: Final = frozenset(
    {"type", "credentialID", "documentDigests", "hashAlgorithmOID", "numSignatures", "signAlgo", "locations"}
)
_DIGEST_MEMBERS: Final = frozenset({"hash", "label", "size", "hashType"})
_ASKED: Final = ("credentialID", "numSignatures", "hashes", "hash", "hashAlgorithmOID", "hashAlgo", "signAlgo")
"""Parameters that say what is to be signed; they and authorization details exclude each other."""
_MAX_HASH: Final = 64


@dataclass(frozen=True)
class Wish:
    """What a client wants signed. ``credential``: None when the holder shall choose."""

    credential: str | None
    body: JsonObject = field(repr=False)
    """As CSC's ``credentials/authorize`` has it, without the credential."""
    details: JsonObject | None = field(default=None, repr=False)
    """The one authorization detail that was asked, when it was asked so."""

    @property
    def count(self) -> int:
        """How many signatures."""
        hashes = self.body["hashes"]
        return len(hashes) if isinstance(hashes, Sequence) else 0

    @property
    def labels(self) -> list[str]:
        """What the client says the documents are called; fewer than hashes where it says less. A claim."""
        said = _ours(self.body.get("clientData")).get("documents")
        if isinstance(said, Sequence) and not isinstance(said, str):
            return [str(one["label"]) for one in said if isinstance(one, Mapping) and "label" in one]
        description = self.body.get("description")
        return [description] if isinstance(description, str) else []

    def of(self, credential: str) -> JsonObject:
        """The body, for one credential."""
        return {**self.body, "credentialID": credential}

    def granted(self, credential: str) -> list[JsonObject]:
        """What the token's answer tells (RFC 9396 section 7): nothing where nothing was asked so."""
        return [] if self.details is None else [{**self.details, "credentialID": credential}]

    @property
    def members(self) -> JsonObject:
        """For sealing."""
        return {"credential": self.credential, "body": self.body, "details": self.details}


def wish_of(members: Mapping[str, Any]) -> Wish:
    """The opposite of ``members``."""
    return Wish(members["credential"], members["body"], members["details"])


def says_what_to_sign(parameters: Mapping[str, str]) -> bool:
    """Whether any parameter belongs to the scope ``credential``."""
    return "authorization_details" in parameters or any(name in parameters for name in _ASKED)


def read_wish(parameters: Mapping[str, str]) -> Wish:
    """The wish of an authorize request. Raises BadOAuthRequest, BadDetails."""
    if "signatureQualifier" in parameters:
        raise BadOAuthRequest("signatureQualifier: name a credentialID, or neither: then the holder chooses")
    text = parameters.get("authorization_details")
    if text is None:
        return _from_parameters(parameters)
    if any(name in parameters for name in _ASKED):
        raise BadOAuthRequest("what is to be signed stands in authorization_details or in parameters, not in both")
    return _from_details(read_details(text), parameters)


def read_details(text: str) -> JsonObject:
    """The one authorization detail of a request. Raises BadDetails."""
    try:
        found = strict_json(text.encode("utf-8"), max_bytes=MAX_DETAILS)
    except (LinkIdError, UnicodeEncodeError) as cause:
        raise BadDetails("authorization_details is not JSON, or too long") from cause
    if not isinstance(found, Sequence) or isinstance(found, str) or len(found) != 1:
        raise BadDetails("authorization_details: an array with one element")
    (detail,) = found
    if not isinstance(detail, Mapping) or detail.get("type") not in TYPES:
        raise BadDetails('authorization_details: an object with type "credential"')
    unknown = set(detail) - _MEMBERS
    if unknown:
        # RFC 9396 section 5: what we do not understand is refused, not ignored
        raise BadDetails("authorization_details has members that this type has not here")
    return detail


def same_details(asked: JsonObject, granted: Sequence[JsonObject]) -> bool:
    """Whether a token request asks for exactly what was granted; the order of documents means nothing."""
    return [_comparable(asked)] == [_comparable(one) for one in granted]


def _comparable(detail: JsonObject) -> JsonObject:
    digests = detail.get("documentDigests")
    if not isinstance(digests, Sequence) or isinstance(digests, str):
        return detail
    return {**detail, "documentDigests": sorted(canonical_json(one).decode() for one in digests)}


def _from_parameters(parameters: Mapping[str, str]) -> Wish:
    hashes = parameters.get("hashes") or parameters.get("hash")
    if hashes is None:
        raise BadOAuthRequest("hashes is missing: what is approved is exactly what is signed")
    listed = [_standard(one) for one in hashes.split(",")]
    body: dict[str, JsonValue] = {"hashes": listed, "numSignatures": _number(parameters, len(listed))}
    for name, old in (("hashAlgorithmOID", "hashAlgo"), ("signAlgo", "signAlgo")):
        value = parameters.get(name) or parameters.get(old)
        if value is not None:
            body[name] = value
    return Wish(parameters.get("credentialID"), {**body, **_said(parameters)})


def _from_details(detail: JsonObject, parameters: Mapping[str, str]) -> Wish:
    credential = detail.get("credentialID")
    if credential is not None and not isinstance(credential, str):
        raise BadDetails("credentialID is not a string")
    digests = detail.get("documentDigests")
    if not isinstance(digests, Sequence) or isinstance(digests, str) or not digests:
        raise BadDetails("documentDigests: an array with at least one element")
    documents = [_document(one, number) for number, one in enumerate(digests, start=1)]
    count = detail.get("numSignatures", len(documents))
    if isinstance(count, bool) or count != len(documents):
        raise BadDetails("numSignatures: as many as documentDigests")
    _check_locations(detail.get("locations"))
    body: dict[str, JsonValue] = {"hashes": [one[0] for one in documents], "numSignatures": len(documents)}
    body |= {name: detail[name] for name in ("hashAlgorithmOID", "signAlgo") if name in detail}
    said = dict(_said(parameters))
    said["clientData"] = _with_documents(said.get("clientData"), [one[1] for one in documents])
    return Wish(credential, {**body, **said}, detail)


def _document(value: JsonValue, number: int) -> tuple[str, JsonObject]:
    """Hash and label of one document."""
    if not isinstance(value, Mapping) or set(value) - _DIGEST_MEMBERS:
        raise BadDetails("documentDigests: objects with hash and label")
    digest, label = value.get("hash"), value.get("label", f"Documento {number}")
    if not isinstance(digest, str) or not isinstance(label, str):
        raise BadDetails("documentDigests: hash and label are strings")
    kind = value.get("hashType", "dtbsr")
    if not isinstance(kind, str) or kind.lower() != "dtbsr":
        raise BadDetails("hashType: only dtbsr, the hash that is signed")
    document: dict[str, JsonValue] = {"label": label}
    if value.get("size") is not None:
        document["size"] = value["size"]
    return digest, document


def _with_documents(client_data: JsonValue, documents: list[JsonValue] | list[JsonObject]) -> str:
    """CSC's ``clientData`` with the labels of the details; what else the client says in ours stays (its ask)."""
    return canonical_json({**_ours(client_data), "documents": list(documents)}).decode("utf-8")


def _ours(client_data: JsonValue) -> Mapping[str, Any]:
    """``clientData`` where it is a JSON object, as the CSC dialect reads it; {} where it is opaque."""
    if not isinstance(client_data, str) or not client_data.lstrip().startswith("{"):
        return {}
    try:
        found = strict_json(client_data.encode("utf-8", "surrogatepass"), max_bytes=MAX_DETAILS)
    except LinkIdError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _said(parameters: Mapping[str, str]) -> dict[str, JsonValue]:
    return {name: parameters[name] for name in ("description", "clientData") if name in parameters}


def _standard(text: str) -> str:
    """CSC has base64url in addresses, and base64 in JSON."""
    try:
        return base64.b64encode(unb64u(text.rstrip("="), max_len=_MAX_HASH)).decode("ascii")
    except LinkIdError as cause:
        raise BadOAuthRequest("hashes: base64url, with commas between them") from cause


def _number(parameters: Mapping[str, str], hashes: int) -> int:
    text = parameters.get("numSignatures")
    if text is None:
        return hashes
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise BadOAuthRequest("numSignatures is not a number")
    return int(text)


def _check_locations(value: JsonValue) -> None:
    if value is None:
        return
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise BadDetails("locations: an array of addresses")
