"""Requests that only API 1 (1.0.4) has, or has in another form. Pure."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from foundation.errors import JsonObject
from hsm_service.csc.algorithms import HASH_OIDS
from hsm_service.csc.dialect import members
from hsm_service.csc.dialect.members import V1
from hsm_service.csc.dialect.reading import AuthorizeRequest, counted_hashes
from hsm_service.csc.errors import (
    AuthenticationFailed,
    InvalidOtp,
    InvalidPin,
    InvalidRequest,
    MalformedAuthentication,
    TokenTypeUnknown,
    invalid,
    missing,
)
from protocol.algorithms import HASH_BYTES, HashName
from protocol.explicit import Factors

PAGE: Final = 100
"""Credentials of one answer, when the caller names no smaller number."""
_MAX_FACTOR: Final = 64
_MAX_NONCE: Final = 64
"""Hexadecimal digits: RFC 3161 only says "large"; authorities take 64 to 256 bits."""


@dataclass(frozen=True)
class ListRequest:
    """``credentials/list``: at most ``results`` of them, after the one that ``token`` names."""

    results: int
    token: str | None


@dataclass(frozen=True)
class TimestampRequest:
    """``signatures/timestamp``, in both versions under API 1's names."""

    digest: bytes
    hash_name: HashName
    nonce: int | None


@dataclass(frozen=True)
class Login:
    """``auth/login`` by a refresh token. ``remember``: whether another one is wanted."""

    refresh_token: str = field(repr=False)
    remember: bool


def read_list(body: JsonObject) -> ListRequest:
    """Raises InvalidRequest."""
    members.client_data(body)
    members.no_user(body)
    results, token = body.get("maxResults"), body.get("pageToken")
    results = PAGE if results is None else results
    if isinstance(results, bool) or not isinstance(results, int) or results < 1:
        raise invalid("maxResults")
    if token is not None and not isinstance(token, str):
        raise invalid("pageToken")
    return ListRequest(min(results, PAGE), token or None)


def read_authorize(body: JsonObject, said: JsonObject | None = None) -> AuthorizeRequest:
    """Of listed hashes. API 1 names no algorithm: the digests' length says which hash it was.

    ``said``: as for API 2. Raises InvalidRequest; InvalidPin or InvalidOtp when one of the holder's factors is missing,
    or no text.
    """
    said = members.said_of(body) if said is None else said
    credential = members.text(body, "credentialID")
    count, hashes = counted_hashes(body, V1)
    factors = _factors(body)
    if members.hash_name(body, V1) is None and body.get("signAlgo") is None:
        members.optional_text(body, "signAlgoParams")
        hash_name, algorithm = members.hash_by_length(hashes), None
    else:
        hash_name, algorithm = members.algorithms(body, V1)
    if said.get("signDoc") is not None:
        raise invalid("clientData")  # API 1 has no signDoc: what is asked for here is what is signed
    labels = members.labels(said, count)
    described = members.description(body)
    signed = members.signed_ask(said)
    return AuthorizeRequest(credential, hashes, hash_name, algorithm, labels, described, signed, factors=factors)


def _factors(body: JsonObject) -> Factors | None:
    """``PIN`` and ``OTP``: both, for whoever has a consent, or neither. Raises InvalidPin, InvalidOtp."""
    given = {name: body.get(name) for name in ("PIN", "OTP") if body.get(name) not in (None, "")}
    if not given:
        return None
    for name, wrong in (("PIN", InvalidPin), ("OTP", InvalidOtp)):
        value = given.get(name)
        if name in given and (len(given) < 2 or not isinstance(value, str) or len(value) > _MAX_FACTOR):
            raise wrong()
    return Factors(str(given["PIN"]), str(given["OTP"]))


def algorithm_of(parameters: Mapping[str, str]) -> str | None:
    """The hash algorithm's OID that an authorize request of API 1 means and does not say; None when it needs none.

    Its hashes are base64url, with commas between them; whether they are any is for others to find out.
    """
    first = parameters.get("hash", "").partition(",")[0].rstrip("=")
    if not first or any(name in parameters for name in ("hashAlgo", "hashAlgorithmOID", "signAlgo")):
        return None
    length = len(first) * 3 // 4
    return next((oid for oid, name in HASH_OIDS.items() if HASH_BYTES[name] == length), None)


def read_send_otp(body: JsonObject) -> str:
    """``credentials/sendOTP``: the credential."""
    credential = members.text(body, "credentialID")
    members.client_data(body)
    return credential


def read_timestamp(body: JsonObject) -> TimestampRequest:
    """Raises InvalidRequest."""
    value = body.get("hash")
    if not isinstance(value, str):
        raise missing("string", "hash")
    if not value:
        raise InvalidRequest("Empty hash parameter")
    digest = members.hash_value(value)
    algorithm = body.get("hashAlgo")
    if not isinstance(algorithm, str) or algorithm not in HASH_OIDS:
        raise invalid("hashAlgo")
    hash_name = HASH_OIDS[algorithm]
    if len(digest) != HASH_BYTES[hash_name]:
        raise InvalidRequest("Invalid digest value length")
    members.client_data(body)
    return TimestampRequest(digest, hash_name, _nonce(body))


def read_revoke(body: JsonObject) -> str:
    """``auth/revoke``: the token. The hint is looked at and not needed: a token says what it is."""
    token = members.text(body, "token")
    hint = body.get("token_type_hint")
    if hint is not None and not isinstance(hint, str):
        raise invalid("token_type_hint")
    if hint not in (None, "", "access_token", "refresh_token"):
        raise TokenTypeUnknown()
    members.client_data(body)
    return token


def read_login(authorization: Sequence[str], body: JsonObject) -> Login:
    """``auth/login``. A name and password are refused whatever they are: no holder has one here.

    Raises MalformedAuthentication, AuthenticationFailed, InvalidRequest.
    """
    if authorization:
        _refuse_password(authorization)
    token = body.get("refresh_token")
    if token is None:
        raise MalformedAuthentication()
    if not isinstance(token, str) or not token:
        raise InvalidRequest("Invalid string parameter: refresh_token")
    remember = members.flag(body, "rememberMe")
    members.client_data(body)
    return Login(token, remember)


def _refuse_password(authorization: Sequence[str]) -> None:
    """The same answer for every name and password that are well formed, without looking at them."""
    scheme, _, text = authorization[0].partition(" ")
    if len(authorization) != 1 or scheme.lower() not in ("basic", "digest") or not text.strip():
        raise MalformedAuthentication()
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            pair = b""
        if b":" not in pair:
            raise InvalidRequest("Malformed username-password.")
    raise AuthenticationFailed()


def _nonce(body: JsonObject) -> int | None:
    """A number in hexadecimal; None when there is none."""
    value = body.get("nonce")
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= _MAX_NONCE:
        raise invalid("nonce")
    if not all(character in "0123456789abcdefABCDEF" for character in value):
        raise invalid("nonce")
    return int(value, 16)
