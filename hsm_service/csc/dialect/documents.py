"""What is said about documents: the forms that hashes are prepared for, and ``signatures/signDoc`` (11.11). Pure.

A holder approves what the key signs, and in a signature around a document that is not the document's hash but that of
the signed attributes. So whoever will call ``signDoc`` says so when asking (``clientData``, ``signDoc``), and the
attributes are fixed then.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foundation.errors import JsonObject, JsonValue
from hsm_service.csc.dialect import members
from hsm_service.csc.dialect.members import V2
from hsm_service.csc.errors import InvalidRequest, invalid, missing
from hsm_service.documents.domain.form import Form, Format, Level, Packaging
from hsm_service.documents.errors import FormNotPossible
from protocol.algorithms import MAX_HASHES, SignAlgorithm

MAX_SIGN_DOC: Final = 4 * 1024 * 1024
"""Bytes of a body with documents. What is longer goes by its digest."""
_FORMATS: Final = {"C": Format.CADES, "P": Format.PADES}
"""XAdES and JAdES: what is signed is not the same when it is prepared a second time, or is not made here."""
_LEVELS: Final = {"b-b": Level.B, "b": Level.B, "b-t": Level.T, "t": Level.T, "b-lt": Level.LT, "lt": Level.LT}
_ENVELOPES: Final = {"Attached": Packaging.ATTACHED, "Detached": Packaging.DETACHED}
_PDF_ENVELOPES: Final = ("Certification", "Revision")
"""Said in the PDF, which the caller prepared: the CMS is the same."""


@dataclass(frozen=True)
class ToSign:
    """One signature: around ``content``, or around what has ``digest``."""

    form: Form
    digest: bytes | None = None
    content: bytes | None = None


@dataclass(frozen=True)
class SignDocRequest:
    """``signatures/signDoc``. One algorithm: a SAD is of one."""

    credential: str
    sad: str
    algorithm: SignAlgorithm
    items: Sequence[ToSign]
    validation_info: bool


def read_forms(said: JsonObject, count: int) -> Sequence[Form] | None:
    """``clientData`` {"signDoc": one form, or a list of as many as hashes}; None when the hashes are what is signed.

    Raises InvalidRequest.
    """
    told = said.get("signDoc")
    if told is None:
        return None
    forms = [told] * count if isinstance(told, Mapping) else told
    if not isinstance(forms, Sequence) or isinstance(forms, str) or len(forms) != count:
        raise invalid("clientData")
    if said.get("ask") is not None or not all(isinstance(one, Mapping) for one in forms):
        # Nobody can have signed an ask for attributes that are fixed only now.
        raise invalid("clientData")
    return [_asked_form(one) for one in forms if isinstance(one, Mapping)]


def read_sign_doc(body: JsonObject) -> SignDocRequest:
    """Raises InvalidRequest, in the standard's sentences."""
    credential = members.text(body, "credentialID")
    sad = members.text(body, "SAD")
    digests, documents = body.get("documentDigests"), body.get("documents")
    if digests is not None and documents is not None:
        raise InvalidRequest("Both documentDigests and documents parameters passed")
    entries = _entries(digests, "object parameter documentDigests") or _entries(documents, "array parameter documents")
    if not entries:
        raise InvalidRequest("Empty documentDigests and documents objects")
    items: list[ToSign] = []
    algorithms: set[SignAlgorithm] = set()
    for entry in entries:
        algorithm = _algorithm(entry)
        algorithms.add(algorithm)
        items += _by_digests(entry, algorithm) if digests is not None else [_by_document(entry)]
    if len(items) > MAX_HASHES:
        raise InvalidRequest("Numbers of signatures is too high")
    if len(algorithms) != 1:
        raise invalid("signAlgo")
    if body.get("operationMode") not in (None, "S"):
        raise invalid("operationMode")
    members.client_data(body)
    wanted = members.flag(body, "returnValidationInfo") or members.flag(body, "returnValidationInformation")
    return SignDocRequest(credential, sad, algorithms.pop(), items, wanted)


def signed_documents(
    finished: Sequence[tuple[bytes, bool]], validation: Mapping[str, Sequence[bytes]] | None
) -> JsonObject:
    """The answer: documents with their signatures, and signatures alone, each in the order of the request.

    ``finished``: content, and whether it is a signature alone; ``validation``: ocsp, crl, certificates (DER).
    """
    answer: dict[str, JsonValue] = {}
    for name, alone in (("DocumentWithSignature", False), ("SignatureObject", True)):
        found = [_b64(content) for content, detached in finished if detached is alone]
        if found:
            answer[name] = list(found)
    if validation is not None:
        answer["validationInfo"] = {name: [_b64(one) for one in values] for name, values in validation.items()}
    return answer


def _entries(value: JsonValue, kind: str) -> list[JsonObject]:
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(one, Mapping) for one in value):
        raise InvalidRequest(f"Invalid {kind}")
    return [one for one in value if isinstance(one, Mapping)]


def _algorithm(entry: JsonObject) -> SignAlgorithm:
    hashed = members.hash_name(entry, V2)
    found = members.algorithm(entry, hashed, V2)
    if hashed is not None and found.hash_name != hashed:
        raise InvalidRequest("String parameter hashAlgorithmOID contradicts with signAlgo parameter")
    return found


def _by_digests(entry: JsonObject, algorithm: SignAlgorithm) -> list[ToSign]:
    form = _form(entry, of_digest=True)
    values = entry.get("hashes")
    values = [values] if isinstance(values, str) else values  # the standard's own sample has one, bare
    if not isinstance(values, Sequence) or not values:
        raise missing("array", "hashes")
    if len(values) > MAX_HASHES:
        raise InvalidRequest("Numbers of signatures is too high")
    found = [_base64(value, "hashes") for value in values]
    members.check_lengths(found, algorithm.hash_name)
    return [ToSign(form, digest=one) for one in found]


def _by_document(entry: JsonObject) -> ToSign:
    form = _form(entry, of_digest=False)
    return ToSign(form, content=_base64(entry.get("document"), "documents"))


def _asked_form(entry: JsonObject) -> Form:
    """What is signed is the same whether the document will be attached or not; there is only its digest yet."""
    attached = entry.get("signed_envelope_property") == "Attached"
    return _form({**entry, "signed_envelope_property": "Detached"} if attached else entry, of_digest=True)


def _form(entry: JsonObject, *, of_digest: bool) -> Form:
    """Format, level and envelope. Of a digest alone nothing can be attached to."""
    letter = members.text(entry, "signature_format")
    format_ = _FORMATS.get(letter)
    if format_ is None or (format_ is Format.PADES and not of_digest):
        # A PDF of which only the digest was approved has no room for its signature: its caller makes that.
        raise invalid("signature_format")
    level = members.optional_text(entry, "conformance_level").lower() or "ades-b-b"
    if not level.startswith("ades-") or level.removeprefix("ades-") not in _LEVELS:
        raise invalid("conformance_level")
    if entry.get("signed_props") not in (None, []):
        raise invalid("signed_props")
    try:
        return Form(format_, _LEVELS[level.removeprefix("ades-")], _packaging(entry, format_, of_digest))
    except FormNotPossible as cause:
        raise invalid("conformance_level") from cause


def _packaging(entry: JsonObject, format_: Format, of_digest: bool) -> Packaging:
    said = members.optional_text(entry, "signed_envelope_property")
    if format_ is Format.PADES:
        if said and said not in _PDF_ENVELOPES:
            raise invalid("signed_envelope_property")
        return Packaging.ENVELOPED
    found = _ENVELOPES.get(said or ("Detached" if of_digest else "Attached"))
    if found is None or (found is Packaging.ATTACHED and of_digest):
        raise invalid("signed_envelope_property")
    return found


def _base64(value: JsonValue, name: str) -> bytes:
    wrong = InvalidRequest(f"Invalid Base64 {name} string parameter")
    if not isinstance(value, str) or not value:
        raise wrong
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise wrong from cause


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
