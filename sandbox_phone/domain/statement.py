"""What a phone acts on: a document with the SAM's (or AC's) signature around it (section 3)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric import ec

from sandbox_phone.domain import keys
from sandbox_phone.domain.encoding import b64u, integer, sha256, strict_object, unb64u
from sandbox_phone.domain.trust import Role, Trust, open_signed
from sandbox_phone.errors import Expired, Untrusted, WeakParameters

NONCE_BYTES: Final = 16
SALT_BYTES: Final = 16
FLOOR: Final = {"m": 19456, "t": 2, "p": 1}
"""Argon2 below this is not worth its name (OWASP's smallest profile). A gateway that asks for less wants to guess."""
CEILING: Final = {"m": 262144, "t": 10, "p": 4}
"""Above this (m in KiB) a phone would freeze: a denial of service, not more safety."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What the table of section 5 says about one type of document."""

    role: Role
    prefix: str
    purpose: str | None
    key_member: str | None
    """The member that names the only key that may decide it; None where any bound device may."""


RULES: Final[dict[str, Rule]] = {
    "pair": Rule("sam", "doc_", "pair", "device_key"),
    "test": Rule("sam", "doc_", None, "device_key"),
    "associate": Rule("sam", "doc_", None, "device_key"),
    "identify": Rule("sam", "doc_", None, "device_key"),
    "unblock": Rule("sam", "doc_", "unblock", "device_key"),
    "generator": Rule("sam", "doc_", "generator", "device_key"),
    "admit": Rule("sam", "doc_", None, "device_key"),
    "passkey": Rule("sam", "doc_", "passkey", "device_key"),
    "passkey-end": Rule("sam", "doc_", "passkey", "device_key"),
    "sign": Rule("sam", "req_", "sign", None),
    "session": Rule("sam", "req_", "sign", None),
    "consent": Rule("sam", "req_", "sign", None),
    "emission-identify": Rule("ac", "ems_", "install", "key"),
    "emission-term": Rule("ac", "doc_", None, "key"),
    "emission-key": Rule("sam", "doc_", "emit", "key"),
}


@dataclass(frozen=True, slots=True)
class Argon2:
    """m in KiB, t passes, p lanes."""

    m: int
    t: int
    p: int


@dataclass(frozen=True, slots=True)
class ProofWanted:
    """The document wants a password: how to stretch it and to which key the proof goes."""

    purpose: Literal["sign", "pair", "unblock", "generator", "passkey", "emit", "install"]
    salt: bytes
    argon2: Argon2
    transport_key: ec.EllipticCurvePublicKey
    transport_kid: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A verified statement. ``content`` is the parsed document, ``document`` the very bytes that a decision signs."""

    id: str
    type: str
    document: bytes
    content: dict[str, Any]
    expires: int
    proof: ProofWanted | None

    @property
    def without_key(self) -> bool:
        """A session in which no key signs each use: whoever holds its bearer secret signs in the holder's name."""
        return self.type == "session" and self.content.get("session_key") == []

    @property
    def hash(self) -> str:
        """b64u SHA-256 of the document's bytes."""
        return b64u(sha256(self.document))


def open_statement(
    trust: Trust, token: object, *, expected: Collection[str], own_key: str, now: int, id: str | None = None
) -> Statement:
    """Verify ``token`` for a phone (or emission page) whose key's thumbprint is ``own_key``.

    ``expected``: the document types that make sense at this place, all of one role. ``id``: the document that was asked
    for, when one was. Raises Malformed, Untrusted, Expired, WeakParameters.
    """
    roles = {RULES[kind].role for kind in expected}
    (role,) = roles
    signed = open_signed(trust, token, role=role, kind="statement", now=now)
    document = unb64u(signed.get("document"))
    content = strict_object(document)
    kind = content.get("type")
    if not isinstance(kind, str) or kind not in expected or integer(content.get("v")) != 1:
        raise Untrusted(f"a document of type {kind!r} where {sorted(expected)} belong")
    rule = RULES[kind]
    name, expires = content.get("id"), integer(content.get("expires"))
    if not isinstance(name, str) or not name.startswith(rule.prefix) or (id is not None and name != id):
        raise Untrusted("another document than the one asked for")
    if expires is None or expires <= now:
        raise Expired("this document has expired")
    if signed["expires"] > expires:
        raise Untrusted("a statement does not outlive its document")
    unb64u(content.get("nonce"), length=NONCE_BYTES)
    if rule.key_member is not None and content.get(rule.key_member) != own_key:
        raise Untrusted("this document was made for another key")
    return Statement(name, kind, document, content, expires, _proof(signed.get("proof"), rule))


def _proof(value: object, rule: Rule) -> ProofWanted | None:
    """The proof part. Present exactly when the type wants one: nobody talks us into typing a password elsewhere."""
    if rule.purpose is None:
        if value is not None:
            raise Untrusted("a password is asked for where none belongs")
        return None
    if not isinstance(value, dict) or value.get("purpose") != rule.purpose:
        raise Untrusted(f"no password is asked for, or not for {rule.purpose}")
    parameters = value.get("argon2")
    if not isinstance(parameters, dict) or set(parameters) != set(FLOOR):
        raise WeakParameters("Argon2 needs exactly m, t, p")
    for member, floor in FLOOR.items():
        given = integer(parameters[member])
        if given is None or not floor <= given <= CEILING[member]:
            raise WeakParameters(f"Argon2 {member} = {parameters[member]!r} is outside {floor}..{CEILING[member]}")
    jwk = value.get("transport_key")
    key = keys.read_jwk(jwk)
    return ProofWanted(
        purpose=value["purpose"],
        salt=unb64u(value.get("salt"), length=SALT_BYTES),
        argon2=Argon2(**parameters),
        transport_key=key,
        transport_kid=keys.thumbprint(jwk),  # type: ignore[arg-type]  # read_jwk has looked
    )
