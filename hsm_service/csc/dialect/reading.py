"""Requests of CSC's API, read into what signing understands. Pure; members are read by ``members``.

What both versions have is read here, with the names of the version spoken to; what only API 1 has, by ``version1``.
Members we do not know are ignored, as the standard wants. Error sentences are the standard's, word for word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from foundation.encoding import strict_json
from foundation.errors import JsonObject, LinkIdError
from hsm_service.csc.algorithms import usual
from hsm_service.csc.dialect import members
from hsm_service.csc.dialect.documents import read_forms
from hsm_service.csc.dialect.members import V2, Names, Wanted
from hsm_service.csc.errors import InvalidRequest, invalid, missing
from hsm_service.documents.domain.form import Form
from hsm_service.signing.domain.request import Label
from hsm_service.signing.domain.uses import MAX_KEY_CHARACTERS, SaidUse
from protocol.algorithms import MAX_HASHES, HashName, SignAlgorithm
from protocol.explicit import Factors
from protocol.sessions import MAX_COUNTER, MOST

_MAX_PURPOSE: Final = 500
_MAX_PIECES: Final = 20_000
"""Of a long body: reading a million little ones would keep everybody waiting."""
_MAX_SIGNATURE: Final = 100


@dataclass(frozen=True)
class ListRequest:
    """``credentials/list`` of API 2."""

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
    forms: Sequence[Form] | None = None
    """The signatures that ``signDoc`` shall make: the hashes are then of documents, not what is signed."""
    factors: Factors | None = field(default=None, repr=False)
    """The holder's, sent by an application with a consent: then no phone is asked."""

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
        return _until(self.until, self.seconds, self.signed, now)


@dataclass(frozen=True)
class ConsentRequest:
    """``credentials/authorize`` for a consent (ours): how many signatures, and until when."""

    credential: str
    maximum: int
    until: int | None
    seconds: int | None
    purpose: str
    signed: JsonObject | None = None

    def until_from(self, now: int) -> int:
        """The end, in seconds since 1970; as of a session."""
        return _until(self.until, self.seconds, self.signed, now)


@dataclass(frozen=True)
class SignRequest:
    """``signatures/signHash``. ``use``: what the caller says about its use of a session; ``kept``: milliseconds for
    which the answer shall be kept for ``signPolling`` (mode A), None when it is wanted at once."""

    credential: str
    sad: str
    hashes: Sequence[bytes]
    algorithm: SignAlgorithm
    use: SaidUse = field(default_factory=SaidUse)
    kept: int | None = None


@dataclass(frozen=True)
class ExtendRequest:
    """``credentials/extendTransaction``."""

    credential: str
    sad: str
    hashes: Sequence[bytes]
    hash_name: HashName


def _until(until: int | None, seconds: int | None, signed: JsonObject | None, now: int) -> int:
    """Seconds count from when the caller signed its ask, or from now. Raises InvalidRequest."""
    if until is not None:
        return until
    began = None if signed is None else signed.get("created")
    end = (began if isinstance(began, int) and not isinstance(began, bool) else now) + (seconds or 0)
    if not 0 < end < members.MAX_NUMBER:
        raise invalid("clientData")
    return end


def read_object(body: bytes, max_bytes: int = members.MAX_BODY) -> JsonObject:
    """The body; an empty one is ``{}``. Raises InvalidRequest."""
    if not body.strip():
        return {}
    if len(body) > members.MAX_BODY and sum(map(body.count, (b",", b"[", b"{"))) > _MAX_PIECES:
        raise InvalidRequest("The body has too many members")  # documents are long, not many
    try:
        value = strict_json(body, max_bytes=max_bytes)
    except LinkIdError as cause:
        raise InvalidRequest(f"The body is not valid JSON: {cause.detail}") from cause
    if not isinstance(value, Mapping):
        raise InvalidRequest("The body is not a JSON object")
    return value


def read_info(body: JsonObject) -> None:
    """``info``: nothing but the language, which we have one of."""
    members.optional_text(body, "lang")


def read_list(body: JsonObject) -> ListRequest:
    """API 2. Raises InvalidRequest."""
    members.client_data(body)
    members.no_user(body)
    return ListRequest(members.wanted_of(body), members.flag(body, "credentialInfo"), members.flag(body, "onlyValid"))


def read_credential_info(body: JsonObject) -> InfoRequest:
    """Raises InvalidRequest."""
    credential = members.text(body, "credentialID")
    members.client_data(body)
    return InfoRequest(credential, members.wanted_of(body))


def read_authorize(body: JsonObject, said: JsonObject | None = None) -> AuthorizeRequest:
    """Of listed hashes, in API 2. ``said``: ``said_of`` it, where that is at hand. Raises InvalidRequest,
    InvalidAuthenticationData."""
    said = members.said_of(body) if said is None else said
    credential = members.text(body, "credentialID")
    count, hashes = counted_hashes(body, V2)
    hash_name, algorithm = members.algorithms(body, V2)
    factors = members.factors(body)
    described = members.description(body)
    labels, forms = members.labels(said, count), read_forms(said, count)
    if forms is not None:
        members.check_lengths(hashes, hash_name)
    signed = members.signed_ask(said)
    return AuthorizeRequest(credential, hashes, hash_name, algorithm, labels, described, signed, forms, factors)


def counted_hashes(body: JsonObject, names: Names) -> tuple[int, list[bytes]]:
    """``numSignatures`` and so many hashes: nothing is approved unseen."""
    count = members.count(body, MAX_HASHES)
    hashes = members.hashes(body, names)
    if len(hashes) != count:
        raise InvalidRequest("Invalid value for parameter numSignatures")
    return count, hashes


def read_session(body: JsonObject, names: Names = V2, said: JsonObject | None = None) -> SessionRequest | None:
    """``clientData`` names a session: numSignatures is its maximum, and nothing is hashed yet. None for other asks.

    ``said``: as for ``read_authorize``. Raises InvalidRequest, InvalidAuthenticationData.
    """
    said = members.said_of(body) if said is None else said
    terms = said.get("session")
    if terms is None:
        return None
    if not isinstance(terms, Mapping) or not set(terms) <= {"until", "seconds", "maximum", "purpose"}:
        raise invalid("clientData")
    credential = members.text(body, "credentialID")
    maximum = members.count(body, MOST)
    if members.has_hashes(body):
        raise invalid(names.hashes)  # who sends both means something else than we would do
    if terms.get("maximum", maximum) != maximum or isinstance(terms.get("maximum"), bool):
        raise InvalidRequest("Invalid value for parameter numSignatures")
    until, seconds = members.seconds(terms, "until"), members.seconds(terms, "seconds")
    purpose = terms.get("purpose", "")
    if (until is None) == (seconds is None) or not isinstance(purpose, str) or len(purpose) > _MAX_PURPOSE:
        raise invalid("clientData")
    hash_name, algorithm = members.algorithms(body, names)
    members.check_auth_data(body)
    members.description(body)
    signed = members.signed_ask(said)
    return SessionRequest(credential, hash_name, algorithm, maximum, until, seconds, purpose, signed)


def read_consent(body: JsonObject, said: JsonObject | None = None) -> ConsentRequest | None:
    """``clientData`` names a consent (ours): numSignatures is its maximum, and nothing is hashed. None for other asks.

    ``said``: as for ``read_authorize``. Raises InvalidRequest, InvalidAuthenticationData.
    """
    said = members.said_of(body) if said is None else said
    terms = said.get("consent")
    if terms is None:
        return None
    if not isinstance(terms, Mapping) or not set(terms) <= {"until", "seconds", "purpose"}:
        raise invalid("clientData")
    credential, maximum = members.text(body, "credentialID"), members.count(body, MOST)
    if members.has_hashes(body):
        raise invalid("hashes")
    until, seconds = members.seconds(terms, "until"), members.seconds(terms, "seconds")
    purpose = terms.get("purpose", "")
    if (until is None) == (seconds is None) or not isinstance(purpose, str) or len(purpose) > _MAX_PURPOSE:
        raise invalid("clientData")
    members.check_auth_data(body)
    members.description(body)
    return ConsentRequest(credential, maximum, until, seconds, purpose, members.signed_ask(said))


def read_handle(body: JsonObject) -> str:
    """``credentials/authorizeCheck`` and our ``linkid/withdraw``. Raises InvalidRequest."""
    return members.text(body, "handle")


def read_challenge(body: JsonObject) -> str:
    """``credentials/getChallenge`` of API 2: the credential; the phone is the only authentication object."""
    credential = members.text(body, "credentialID")
    members.client_data(body)
    if body.get("authObjectID") != members.PHONE:
        raise invalid("authObjectID")
    return credential


def read_extend(body: JsonObject, names: Names = V2) -> ExtendRequest:
    """``credentials/extendTransaction``. API 1 does not name the hash algorithm, whose length then says which."""
    credential = members.text(body, "credentialID")
    sad = members.text(body, "SAD")
    hashes = members.hashes(body, names)
    hash_name = members.hash_name(body, names)
    if hash_name is None:
        if names is V2:
            raise missing("string", names.hash_algorithm)
        hash_name = members.hash_by_length(hashes)
    members.check_lengths(hashes, hash_name)
    members.client_data(body)
    return ExtendRequest(credential, sad, hashes, hash_name)


def read_sign_hash(body: JsonObject, idempotency_key: str | None = None, names: Names = V2) -> SignRequest:
    """``idempotency_key``: the header's, of callers that do not count. Raises InvalidRequest."""
    credential = members.text(body, "credentialID")
    sad = members.text(body, "SAD")
    hashes = members.hashes(body, names)
    algorithm = members.algorithm(body, members.hash_name(body, names), names)
    kept = members.kept(body) if names is V2 else None
    use = _use(members.said_of(body), idempotency_key)
    return SignRequest(credential, sad, hashes, algorithm, use, kept)


def read_polling(body: JsonObject) -> str:
    """``signatures/signPolling``: the ``responseID``."""
    response = members.text(body, "requestID")
    members.no_user(body)
    members.client_data(body)
    return response


def read_key(header: str | None) -> str | None:
    """An ``Idempotency-Key``, if there is one. Raises InvalidRequest."""
    # Bytes that are no UTF-8 come as surrogates, which nothing can be computed of; they are not printable.
    if header is not None and not (1 <= len(header) <= MAX_KEY_CHARACTERS and header.isprintable()):
        raise InvalidRequest("Invalid header Idempotency-Key")
    return header


def _use(said: JsonObject, idempotency_key: str | None) -> SaidUse:
    """``clientData`` {"use": {"counter", "signature"}}; the counter may be left out by whoever does not sign it."""
    read_key(idempotency_key)
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
