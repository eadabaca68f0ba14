"""What is said about documents: what ``authorize`` prepares, and ``signatures/signDoc`` (11.11). Pure.

A holder approves what the key signs, and in a signature around a document that is not the document's hash but that of
the signed attributes. So whoever will call ``signDoc`` says so when asking. Either by the documents themselves, in the
words of ``signDoc`` (``documents``, ``documentDigests``): they are prepared then, and kept. Or by the documents' hashes
and what will be made of them (``clientData``, ``signDoc``), for signatures that come out the same when they are made
again: nothing is kept then.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, get_args

from foundation.encoding import canonical_json
from foundation.errors import JsonObject, JsonValue
from hsm_service.csc.dialect import members
from hsm_service.csc.dialect.members import V2
from hsm_service.csc.errors import InvalidRequest, invalid, missing
from hsm_service.documents.domain.form import Form, Format, Level, Packaging, Policy, policy_form
from hsm_service.documents.errors import FormNotPossible
from hsm_service.signing.domain.request import Label
from protocol.algorithms import MAX_HASHES, SignAlgorithm

MAX_SIGN_DOC: Final = 16 * 1024 * 1024
"""Bytes of a body with documents: twelve MiB of them, as Base64. What is longer goes by its digest."""
_FORMATS: Final = {"C": Format.CADES, "P": Format.PADES, "X": Format.XADES}
"""JAdES is not made here."""
_LEVELS: Final = {
    "b-b": Level.B, "b": Level.B, "b-t": Level.T, "t": Level.T, "b-lt": Level.LT, "lt": Level.LT,
    "b-lta": Level.LTA, "lta": Level.LTA,
}  # fmt: skip
_ENVELOPES: Final = {
    Format.CADES: {"Attached": Packaging.ATTACHED, "Detached": Packaging.DETACHED},
    Format.PADES: {"Certification": Packaging.ENVELOPED, "Revision": Packaging.ENVELOPED},
    Format.XADES: {"Enveloped": Packaging.ENVELOPED, "Detached": Packaging.DETACHED},
}
"""The standard's defaults first."""
_CERTIFY: Final = {"Certification": True, "Revision": False}
_POLICIES: Final[Mapping[str, Policy]] = {name: name for name in get_args(Policy)}
_WITH_POLICIES: Final = frozenset({Format.CADES, Format.PADES})
_MAX_NAME: Final = 100
_MAX_PAGE, _MAX_SIDE = 100_000, 14_400


@dataclass(frozen=True)
class ToSign:
    """One signature: around ``content``, or around what has ``digest``. What else is said of it is as
    ``DocumentService.prepare`` takes it."""

    form: Form
    digest: bytes | None = None
    content: bytes | None = None
    certify: bool | None = False
    box: tuple[int, int, int, int] | None = None
    """Of a visible stamp, on"""
    page: int = -1
    stamp: bool = False
    element: str | None = None
    name: str = "documento"

    def words(self, algorithm: str) -> bytes:
        """The same for the same signature around the same document, and for nothing else."""
        of = self.content if self.content is not None else self.digest
        form = self.form
        return canonical_json(
            {
                "form": [form.format, form.level, form.packaging, form.policy],
                "whole": self.content is not None,
                "of": hashlib.sha256(of or b"").hexdigest(),
                "certify": self.certify,
                "stamp": [self.page, *(self.box or ())] if self.stamp else None,
                "element": self.element,
                "name": self.name,
                "algorithm": algorithm,
            }
        )


@dataclass(frozen=True)
class DocumentsRequest:
    """``credentials/authorize`` of documents (ours): ``items`` are prepared, and their digests approved."""

    credential: str
    algorithm: SignAlgorithm
    items: Sequence[ToSign]
    labels: Sequence[Label]
    description: str


@dataclass(frozen=True)
class SignDocRequest:
    """``signatures/signDoc``. One algorithm: a SAD is of one."""

    credential: str
    sad: str
    algorithm: SignAlgorithm
    items: Sequence[ToSign]
    validation_info: bool
    kept: int | None = None
    """Milliseconds for which the answer shall be kept for ``signPolling`` (mode A)."""


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


def read_documents(body: JsonObject) -> DocumentsRequest | None:
    """``credentials/authorize`` in the words of ``signDoc``; None for other asks. Both arrays may be there: what is of
    digests comes first. Raises InvalidRequest, InvalidAuthenticationData.
    """
    digests, documents = _arrays(body)
    if not digests and not documents:
        return None
    said = members.said_of(body)
    credential = members.text(body, "credentialID")
    count = members.count(body, MAX_HASHES)
    if members.has_hashes(body):
        raise invalid(V2.hashes)  # who sends both means something else than we would do
    algorithm, items = _items(digests, documents)
    if len(items) != count:
        raise InvalidRequest("Invalid value for parameter numSignatures")
    if said.get("ask") is not None or said.get("signDoc") is not None:
        # Nobody can have signed an ask for what is prepared only now.
        raise invalid("clientData")
    members.check_auth_data(body)
    described = members.description(body)
    return DocumentsRequest(credential, algorithm, items, members.labels(said, count), described)


def read_sign_doc(body: JsonObject) -> SignDocRequest:
    """Raises InvalidRequest, in the standard's sentences."""
    credential = members.text(body, "credentialID")
    sad = members.text(body, "SAD")
    if body.get("documentDigests") is not None and body.get("documents") is not None:
        raise InvalidRequest("Both documentDigests and documents parameters passed")
    digests, documents = _arrays(body)
    if not digests and not documents:
        raise InvalidRequest("Empty documentDigests and documents objects")
    algorithm, items = _items(digests, documents)
    kept = members.kept(body)
    members.client_data(body)
    wanted = members.flag(body, "returnValidationInfo") or members.flag(body, "returnValidationInformation")
    return SignDocRequest(credential, sad, algorithm, items, wanted, kept)


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


def _arrays(body: JsonObject) -> tuple[list[JsonObject], list[JsonObject]]:
    digests = _entries(body.get("documentDigests"), "object parameter documentDigests")
    return digests, _entries(body.get("documents"), "array parameter documents")


def _entries(value: JsonValue, kind: str) -> list[JsonObject]:
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(one, Mapping) for one in value):
        raise InvalidRequest(f"Invalid {kind}")
    return [one for one in value if isinstance(one, Mapping)]


def _items(digests: Sequence[JsonObject], documents: Sequence[JsonObject]) -> tuple[SignAlgorithm, list[ToSign]]:
    """Of one algorithm, since a SAD is of one."""
    items: list[ToSign] = []
    algorithms: set[SignAlgorithm] = set()
    for entry in digests:
        algorithms.add(algorithm := _algorithm(entry))
        items += _by_digests(entry, algorithm)
    for entry in documents:
        algorithms.add(_algorithm(entry))
        items.append(_by_document(entry))
    if len(items) > MAX_HASHES:
        raise InvalidRequest("Numbers of signatures is too high")
    if len(algorithms) != 1:
        raise invalid("signAlgo")
    return algorithms.pop(), items


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
    name = _name(_ours(entry, {"name"} if form.format is Format.XADES else {"policy"}))
    return [ToSign(form, digest=one, name=name) for one in found]


def _by_document(entry: JsonObject) -> ToSign:
    form = _form(entry, of_digest=False)
    content = _base64(entry.get("document"), "documents")
    if form.format is Format.PADES:
        # The standard's usual one is a certification; of a PDF that is signed already that cannot be made.
        certify = _CERTIFY.get(members.optional_text(entry, "signed_envelope_property"))
        ours = _ours(entry, {"stamp", "policy"})
        if ours.get("stamp") is None:
            return ToSign(form, content=content, certify=certify)
        page, box = _place(ours["stamp"])
        return ToSign(form, content=content, certify=certify, stamp=True, page=page, box=box)
    if form.format is Format.XADES:
        ours = _ours(entry, {"element"} if form.packaging is Packaging.ENVELOPED else {"name"})
        return ToSign(form, content=content, element=_element(ours), name=_name(ours))
    _ours(entry, {"policy"})
    return ToSign(form, content=content)


def _ours(entry: JsonObject, possible: Set[str]) -> JsonObject:
    """``linkid``: what the standard has no words for."""
    said = entry.get("linkid")
    if said is None:
        return {}
    if not isinstance(said, Mapping) or not set(said) <= possible:
        raise invalid("linkid")
    return said


def _place(said: JsonValue) -> tuple[int, tuple[int, int, int, int] | None]:
    """``stamp``: {"page", "box"}, both optional; pages from 0, negative from the end; points from below left."""
    if not isinstance(said, Mapping) or not set(said) <= {"page", "box"}:
        raise invalid("linkid")
    page, box = said.get("page", -1), said.get("box")
    if type(page) is not int or abs(page) > _MAX_PAGE:
        raise invalid("linkid")
    if box is None:
        return page, None
    if not isinstance(box, Sequence) or len(box) != 4:
        raise invalid("linkid")
    sides = [side for side in box if type(side) is int and 0 <= side <= _MAX_SIDE]
    if len(sides) != 4:
        raise invalid("linkid")
    return page, (sides[0], sides[1], sides[2], sides[3])


def _element(ours: JsonObject) -> str | None:
    """The Id of what is signed; the document when nothing is said."""
    said = ours.get("element")
    if said is not None and (not isinstance(said, str) or not 1 <= len(said) <= _MAX_NAME):
        raise invalid("linkid")
    return said


def _name(ours: JsonObject) -> str:
    """How a detached XAdES refers to its file."""
    said = ours.get("name", "documento")
    if not isinstance(said, str) or not 1 <= len(said) <= _MAX_NAME:
        raise invalid("linkid")
    return said


def _asked_form(entry: JsonObject) -> Form:
    """What is signed is the same whether the document will be attached or not; there is only its digest yet."""
    if members.text(entry, "signature_format") == "X":
        raise invalid("signature_format")  # identifiers in it are drawn anew: it goes by documentDigests
    attached = entry.get("signed_envelope_property") == "Attached"
    return _form({**entry, "signed_envelope_property": "Detached"} if attached else entry, of_digest=True)


def _form(entry: JsonObject, *, of_digest: bool) -> Form:
    """Format, level and envelope. To a digest alone nothing can be attached, and nothing goes around it."""
    format_ = _FORMATS.get(members.text(entry, "signature_format"))
    if format_ is None:
        raise invalid("signature_format")
    policy = _policy(entry, format_)
    usual = "b-b" if policy is None else policy_form(format_, policy).level.lower()
    level = members.optional_text(entry, "conformance_level").lower() or f"ades-{usual}"
    if not level.startswith("ades-") or level.removeprefix("ades-") not in _LEVELS:
        raise invalid("conformance_level")
    if entry.get("signed_props") not in (None, []):
        raise invalid("signed_props")
    found = _LEVELS[level.removeprefix("ades-")]
    if format_ is Format.PADES and of_digest and found in (Level.LT, Level.LTA):
        raise invalid("conformance_level")  # the evidence goes into the PDF
    try:
        return Form(format_, found, _packaging(entry, format_, of_digest), policy)
    except FormNotPossible as cause:
        raise invalid("conformance_level") from cause


def _policy(entry: JsonObject, format_: Format) -> Policy | None:
    """ICP-Brasil's, of DOC-ICP-15.03; each asks for a level of its own, which need not be said."""
    said = entry.get("linkid")
    named = said.get("policy") if isinstance(said, Mapping) else None
    if named is None:
        return None
    policy = _POLICIES.get(named) if isinstance(named, str) else None
    if policy is None or format_ not in _WITH_POLICIES:
        raise invalid("linkid")
    return policy


def _packaging(entry: JsonObject, format_: Format, of_digest: bool) -> Packaging:
    possible = _ENVELOPES[format_]
    said = members.optional_text(entry, "signed_envelope_property")
    usual = "Detached" if of_digest and format_ is not Format.PADES else next(iter(possible))
    found = possible.get(said or usual)
    if found is None or (of_digest and format_ is not Format.PADES and found is not Packaging.DETACHED):
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
