"""Requests of the dialect, read strictly into values. Pure. Members nobody documents are ignored, as clients expect."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from foundation.encoding import b64u, canonical_json, strict_json
from foundation.errors import JsonObject, JsonValue, LinkIdError
from hsm_service.psc.domain.hashes import HASH_OIDS, read_digest
from hsm_service.psc.domain.scopes import Scope, read_scope
from hsm_service.psc.errors import BadPscRequest, FormatUnavailable, GrantTypeUnavailable
from protocol.algorithms import HashName

MAX_BODY: Final = 256 * 1024
"""Bytes. 100 hashes with their names take about 40 KiB."""
MAX_DOCUMENTS: Final = 9 * 1024 * 1024
"""Bytes of a call of ``/signature`` at most: PDFs come in it, together up to six and a half megabytes."""
MAX_STATE: Final = 512
MAX_LIFETIME: Final = 10**9
_MAX_PIECES: Final = 20_000
"""Of a body longer than MAX_BODY: reading a million little ones would keep everybody waiting."""
_MAX_ID: Final = 255
_MAX_ALIAS: Final = 255
_MAX_PASSWORD: Final = 100
"""More is no password and code of ours."""

RAW: Final = "RAW"
FORMATS: Final = (RAW, "CMS", "CAdES_AD_RB", "CAdES_AD_RT", "PAdES_AD_RB", "PAdES_AD_RT")
PADDINGS: Final[Mapping[str, str]] = {"PKCS1V1_5": "RSA-PKCS1", "PSS": "RSA-PSS"}


@dataclass(frozen=True)
class WantedHash:
    """One entry of ``hashes``."""

    id: str
    alias: str
    digest: bytes
    pdf: bytes | None = None
    """``base64_content``, of which ``digest`` is the hash."""
    stamped: bool = False
    """``pdf_signature_page``: whether the PDF says visibly who signed, when, and where to verify."""


@dataclass(frozen=True)
class WantedSignatures:
    """``POST /signature``. One hash algorithm, format and padding for all: one approval, one signature algorithm."""

    certificate_alias: str | None
    hashes: Sequence[WantedHash]
    hash_name: HashName
    format: str
    family: str | None
    """``RSA-PKCS1`` or ``RSA-PSS`` when ``padding_method`` says so."""

    @property
    def use(self) -> bytes:
        """What makes two requests the same: SHA-256 over everything that is asked."""
        asked: JsonObject = {
            "alias": self.certificate_alias,
            "algorithm": self.hash_name,
            "format": self.format,
            "family": self.family,
            "hashes": [[one.id, one.alias, b64u(one.digest), one.stamped] for one in self.hashes],
        }
        return hashlib.sha256(b"linkid-psc-use-v1\0" + canonical_json(asked)).digest()


def read_object(body: bytes, most: int = MAX_BODY) -> JsonObject:
    """A JSON object. Raises BadPscRequest."""
    if len(body) > MAX_BODY and sum(map(body.count, (b",", b"[", b"{"))) > _MAX_PIECES:
        raise BadPscRequest("the body has too many members")  # PDFs are long, not many
    try:
        value = strict_json(body, max_bytes=most)
    except LinkIdError as cause:
        raise BadPscRequest(f"the body is not valid JSON: {cause.detail}") from cause
    if not isinstance(value, Mapping):
        raise BadPscRequest("the body is not a JSON object")
    return value


def body_limit(content: int) -> int:
    """Bytes of a call whose PDFs together have ``content`` bytes, in base64 with all that stands around them."""
    return min(MAX_DOCUMENTS, MAX_BODY + content * 4 // 3 + content // 48)


def read_signature(body: JsonObject, most: int, content: int) -> WantedSignatures:
    """``most``: hashes; ``content``: bytes of all PDFs together. Raises BadPscRequest, FormatUnavailable."""
    hashes = body.get("hashes")
    if not isinstance(hashes, Sequence) or isinstance(hashes, str) or not hashes:
        raise BadPscRequest("hashes: expected a list with at least one hash")
    if len(hashes) > most:
        raise BadPscRequest(f"hashes: at most {most} in one call")
    entries = [_mapping(entry, position) for position, entry in enumerate(hashes)]
    names = {_hash_name(entry) for entry in entries}
    formats = {_format(entry) for entry in entries}
    families = {_family(entry) for entry in entries}
    if len(names) > 1 or len(formats) > 1 or len(families) > 1:
        raise BadPscRequest("hashes: one hash_algorithm, signature_format and padding_method for all of one call")
    (hash_name,) = names
    wanted = [_wanted(entry, hash_name) for entry in entries]
    if sum(len(one.pdf or b"") for one in wanted) > content:
        raise BadPscRequest(f"base64_content: together at most {content} bytes")
    if len({one.id for one in wanted}) < len(wanted):
        raise BadPscRequest("hashes: an id stands there twice")
    alias = body.get("certificate_alias")
    if alias in (None, ""):
        alias = None
    elif not isinstance(alias, str) or len(alias) > _MAX_ALIAS:
        raise BadPscRequest("certificate_alias: expected text")
    return WantedSignatures(alias, wanted, hash_name, formats.pop(), families.pop())


def read_async_hashes(body: JsonObject, most: int) -> list[bytes]:
    """``hashes`` of ``/async-signature``: SHA-256, each text by itself. Raises BadPscRequest, FormatUnavailable."""
    if _format(body) != RAW:
        raise FormatUnavailable("signature_format: RAW")
    hashes = body.get("hashes")
    if not isinstance(hashes, Sequence) or isinstance(hashes, str) or not hashes:
        raise BadPscRequest("hashes: expected a list with at least one hash")
    if len(hashes) > most:
        raise BadPscRequest(f"hashes: at most {most} in one call")
    if not all(isinstance(one, str) and one for one in hashes):
        raise BadPscRequest("hashes: expected texts")
    return [read_digest(str(one), "SHA-256") for one in hashes]


def read_lifetime(text_: str | None) -> int | None:
    """``lifetime`` of an authorize request, in seconds. Raises BadPscRequest."""
    if text_ is None:
        return None
    if not (text_.isascii() and text_.isdigit() and len(text_) <= len(str(MAX_LIFETIME))) or int(text_) < 1:
        raise BadPscRequest("lifetime: expected seconds, from 1 on")
    return int(text_)


@dataclass(frozen=True)
class PasswordGrantBody:
    """``pwd_authorize``. ``password``: the usage password and, right after it, the code of six digits."""

    username: str
    password: str = field(repr=False)
    scope: Scope
    lifetime: int | None
    slot: str | None


@dataclass(frozen=True)
class ConsentWishBody:
    """``authorize-ca``. ``signatures`` (ours): how many at most."""

    hint: str
    lifetime: int | None
    signatures: int | None
    state: str | None
    redirect: str | None


def read_password_grant(body: JsonObject) -> PasswordGrantBody:
    """Raises BadPscRequest, ScopeUnavailable, GrantTypeUnavailable."""
    if text(body, "grant_type") != "password":
        raise GrantTypeUnavailable()
    return PasswordGrantBody(
        text(body, "username", _MAX_ID),
        text(body, "password", _MAX_PASSWORD),
        read_scope(optional_text(body, "scope", _MAX_ID)),
        _seconds(body, "lifetime"),
        optional_text(body, "slot_alias", _MAX_ALIAS),
    )


def read_consent_wish(body: JsonObject) -> ConsentWishBody:
    """Raises BadPscRequest. Without ``redirect_uri`` the outcome is only asked for."""
    return ConsentWishBody(
        text(body, "login_hint", _MAX_ID),
        _seconds(body, "lifetime"),
        _seconds(body, "max_signatures"),
        optional_text(body, "state", MAX_STATE),
        optional_text(body, "redirect_uri"),
    )


@dataclass(frozen=True)
class StartBody:
    """``/oauth/start``. ``username``: of whoever shall be rung; without it they are named later, or read a code."""

    username: str | None
    scope: Scope
    callback: str
    lifetime: int | None


def read_start(body: JsonObject) -> StartBody:
    """Raises BadPscRequest, ScopeUnavailable."""
    return StartBody(
        optional_text(body, "username", _MAX_ID),
        read_scope(optional_text(body, "scope", _MAX_ID)),
        text(body, "callback_url"),
        _seconds(body, "lifetime"),
    )


def _seconds(body: JsonObject, name: str) -> int | None:
    value = body.get(name)
    if value in (None, ""):
        return None
    if isinstance(value, str):
        return read_lifetime(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_LIFETIME:
        raise BadPscRequest(f"{name}: expected a whole number, from 1 on")
    return value


def text(body: JsonObject, name: str, most: int = 2000) -> str:
    """A member that must be there. Raises BadPscRequest naming it."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadPscRequest(f"{name}: expected text")
    if len(value) > most:
        raise BadPscRequest(f"{name}: at most {most} characters")
    return value


def optional_text(body: JsonObject, name: str, most: int = 2000) -> str | None:
    """The same for one that may be left out, null or empty."""
    return None if body.get(name) in (None, "") else text(body, name, most)


def _mapping(entry: JsonValue, position: int) -> JsonObject:
    if not isinstance(entry, Mapping):
        raise BadPscRequest(f"hashes[{position}]: expected an object")
    return entry


def _wanted(entry: JsonObject, hash_name: HashName) -> WantedHash:
    name, alias, stamped = text(entry, "id", _MAX_ID), _alias(entry), _stamped(entry)
    content = optional_text(entry, "base64_content", MAX_DOCUMENTS)
    if content is None:
        if stamped:
            raise BadPscRequest("pdf_signature_page: only with the PDF itself (base64_content)")
        return WantedHash(name, alias, read_digest(text(entry, "hash", _MAX_ID), hash_name))
    if not _format(entry).startswith("PAdES"):
        raise BadPscRequest("base64_content: only a PDF, with PAdES")
    try:
        pdf = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError) as cause:
        raise BadPscRequest("base64_content: expected base64") from cause
    digest = hashlib.new(hash_name.replace("-", ""), pdf).digest()
    said = optional_text(entry, "hash", _MAX_ID)
    if said is not None and read_digest(said, hash_name) != digest:
        raise BadPscRequest("hash: not the one of base64_content")
    return WantedHash(name, alias, digest, pdf, stamped)


def _hash_name(entry: JsonObject) -> HashName:
    found = HASH_OIDS.get(text(entry, "hash_algorithm", _MAX_ID))
    if found is None:
        raise BadPscRequest(f"hash_algorithm: one of {', '.join(HASH_OIDS)}")
    return found


def _format(entry: JsonObject) -> str:
    value = optional_text(entry, "signature_format", _MAX_ID) or RAW
    found = next((known for known in FORMATS if known.lower() == value.lower()), None)
    if found is None:
        raise FormatUnavailable(f"signature_format: one of {', '.join(FORMATS)}")
    return found


def _stamped(entry: JsonObject) -> bool:
    """As VIDaaS has it, ``"true"`` or ``"false"``; or the value itself."""
    value = entry.get("pdf_signature_page")
    if value in (None, ""):
        return False
    said = value.lower() if isinstance(value, str) else value
    if said not in ("true", "false") and not isinstance(said, bool):
        raise BadPscRequest('pdf_signature_page: "true" or "false"')
    return said in (True, "true")


def _family(entry: JsonObject) -> str | None:
    value = optional_text(entry, "padding_method", _MAX_ID)
    if value is None:
        return None
    if value not in PADDINGS:
        raise BadPscRequest(f"padding_method: one of {', '.join(PADDINGS)}")
    return PADDINGS[value]


def _alias(entry: JsonObject) -> str:
    return optional_text(entry, "alias", _MAX_ALIAS) or ""
