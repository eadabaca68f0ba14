"""Web eID's messages between extension and host: what a request must be, what is signed, what an answer looks like."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from desktop_agent.domain.site import read_origin
from desktop_agent.errors import BadCommand

MAX_MESSAGE: Final = 8192
"""Bytes, as the extension and Web eID's own host have it."""
HASHES: Final[Mapping[str, str]] = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
MOST_NONCE, LEAST_NONCE = 128, 44
"""Characters: at least 32 random bytes in base64."""

INVALID: Final = "ERR_WEBEID_NATIVE_INVALID_ARGUMENT"
FATAL: Final = "ERR_WEBEID_NATIVE_FATAL"
CANCELLED: Final = "ERR_WEBEID_USER_CANCELLED"
TIMEOUT: Final = "ERR_WEBEID_USER_TIMEOUT"


class NotOurs(Exception):
    """A request that is refused: ``code`` is one of Web eID's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Mine:
    """A certificate that can be offered. ``family``: ``RSA-PKCS1`` or ``ECDSA``."""

    credential: str
    certificate: str
    """DER, base64."""
    family: str
    hash_names: Sequence[str]

    @property
    def algorithms(self) -> list[dict[str, str]]:
        """``supportedSignatureAlgorithms``."""
        crypto, padding = ("RSA", "PKCS1.5") if self.family == "RSA-PKCS1" else ("ECC", "NONE")
        return [{"cryptoAlgorithm": crypto, "hashFunction": name, "paddingScheme": padding} for name in self.hash_names]

    @property
    def jws(self) -> str:
        """The algorithm of an authentication token."""
        bits = self.hash_names[0].rpartition("-")[2]
        return f"{'RS' if self.family == 'RSA-PKCS1' else 'ES'}{bits}"


@dataclass(frozen=True)
class ToSign:
    """What goes to the phone."""

    origin: str
    action: str
    """For people."""
    hash_name: str
    digest: bytes
    certificate: str | None
    """The one that the page named; None: ours to choose."""


def read(data: bytes) -> tuple[str, Mapping[str, Any]]:
    """Command and arguments. Raises NotOurs."""
    try:
        message = json.loads(data)
        command, arguments = message["command"], message.get("arguments", {})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
        raise NotOurs(INVALID, "the message is no command") from cause
    if not isinstance(command, str) or not isinstance(arguments, dict):
        raise NotOurs(INVALID, "the message is no command")
    return command, arguments


def origin_of(arguments: Mapping[str, Any]) -> str:
    """The page's. Raises NotOurs unless it is https, nothing but scheme, host and port, and short enough to show."""
    try:
        return read_origin(arguments.get("origin"))
    except BadCommand as cause:
        raise NotOurs(INVALID, "the origin is not https, or too long to be shown whole") from cause


def demand_nonce(arguments: Mapping[str, Any]) -> str:
    """The page's challenge. Raises NotOurs."""
    nonce = arguments.get("challengeNonce")
    if not isinstance(nonce, str) or not LEAST_NONCE <= len(nonce) <= MOST_NONCE or not nonce.isascii():
        raise NotOurs(INVALID, "the challenge nonce is too short or too long")
    return nonce


def authentication(arguments: Mapping[str, Any], mine: Mine) -> ToSign:
    """hash(hash(origin) || hash(nonce)), so that a signature serves one page and one login."""
    origin, nonce = origin_of(arguments), demand_nonce(arguments)
    name = mine.hash_names[0]
    parts = b"".join(hashlib.new(HASHES[name], text.encode()).digest() for text in (origin, nonce))
    return ToSign(origin, "entrar na página", name, hashlib.new(HASHES[name], parts).digest(), None)


def signature(arguments: Mapping[str, Any]) -> ToSign:
    """A digest that the page made. Raises NotOurs."""
    origin, name = origin_of(arguments), arguments.get("hashFunction")
    certificate = arguments.get("certificate")
    if not isinstance(name, str) or name not in HASHES or not isinstance(certificate, str):
        raise NotOurs(INVALID, "the hash function or the certificate is missing")
    try:
        digest = base64.b64decode(arguments.get("hash", ""), validate=True)
    except (binascii.Error, TypeError, ValueError) as cause:
        raise NotOurs(INVALID, "the hash is not base64") from cause
    if len(digest) != hashlib.new(HASHES[name]).digest_size:
        raise NotOurs(INVALID, "the hash has not the length of its function")
    return ToSign(origin, "assinar para a página", name, digest, certificate)


def token(mine: Mine, made: str, version: str) -> dict[str, Any]:
    """The answer to ``authenticate``."""
    return {
        "unverifiedCertificate": mine.certificate,
        "algorithm": mine.jws,
        "signature": made,
        "format": "web-eid:1.0",
        "appVersion": f"https://web-eid.eu/web-eid-app/releases/linkid-desktop-{version}",
    }


def error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
