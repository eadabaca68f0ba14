"""Approval documents (docs/protocol.md sections 3 and 5): fixed once, as bytes, and never serialised again."""

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Final, Literal, TypeAlias

from foundation.encoding import BadEncoding, JsonObject, JsonValue, b64u, canonical_json, strict_json, unb64u

DocumentType: TypeAlias = Literal[
    "pair", "test", "associate", "identify", "unblock", "generator", "admit", "passkey", "passkey-end", "sign",
    "session", "consent", "emission-identify", "emission-term", "emission-key",
]  # fmt: skip

REQUESTS: Final[frozenset[DocumentType]] = frozenset({"sign", "session", "consent"})
"""What a caller asks of a credential, and any phone actively bound to it may decide with the usage password: these
count as pending, show a verification code and can be called "not me". ``sign`` and ``session`` leave an activation."""

_COMMON: Final = frozenset({"v", "type", "id", "created", "expires", "nonce"})
_DEVICE: Final = frozenset({"device", "device_key"})
MEMBERS: Final[Mapping[DocumentType, frozenset[str]]] = {
    "pair": _DEVICE | {"nickname", "credential", "subject"},
    "test": _DEVICE | {"credential", "subject"},
    "associate": _DEVICE | {"credentials", "computer"},
    "identify": _DEVICE | {"credentials", "integrator", "scope", "address"},
    "unblock": _DEVICE | {"credential", "subject", "blocked"},
    "generator": _DEVICE | {"credential", "subject", "delivery_key"},
    "admit": _DEVICE | {"credential", "subject", "phone"},
    "passkey": _DEVICE | {"credential", "subject", "passkey"},
    "passkey-end": _DEVICE | {"credential", "subject", "passkey"},
    "sign": frozenset(
        {"credential", "certificate", "subject", "caller", "scope", "count", "documents"}
        | {"hash_algorithm", "sign_algorithm", "verification_code", "activation_key"}
    ),
    "session": frozenset(
        {"credential", "certificate", "subject", "caller", "purpose", "until", "maximum", "session_key"}
        | {"hash_algorithm", "sign_algorithm", "verification_code", "activation_key"}
    ),
    "consent": frozenset(
        {"credential", "certificate", "subject", "caller", "purpose", "until", "maximum", "verification_code"}
    ),
    "emission-identify": frozenset({"protocol", "key"}),
    "emission-term": frozenset(
        {"emission", "protocol", "key", "name", "cpf", "email", "phone", "product", "valid_days", "term"}
    ),
    "emission-key": frozenset({"emission", "credential", "key", "key_algorithm"}),
}
"""Members of each type beside the common ones: exactly these."""

LIFE: Final[Mapping[DocumentType, timedelta]] = {
    type_: timedelta(seconds=180 if type_ in REQUESTS else 300) for type_ in MEMBERS
}
"""Section 15: a person with the phone in another room."""

MAX_BYTES: Final = 131_072
"""100 hashes with labels of 120 characters, every one of four UTF-8 bytes, stay below 70 kB."""

_SHORT: Final = 4_096
"""Of a thousand documents so long what was read in them takes some 20 MB at most."""
_LONG_ONES: Final = 128
"""Of so many longer ones, with a hundred hashes and the longest labels each, as much again."""

_REMOVED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
LABEL_CHARACTERS: Final = 120
NAME_CHARACTERS: Final = 60
"""Of a computer, a phone or an integrator: one line of a phone's screen."""
NONCE_BYTES: Final = 16


class BadDocument(BadEncoding):
    """Bytes that are not an approval document of version 1."""

    code = "bad_document"
    summary = "Not a valid approval document."


@dataclass(frozen=True)
class Document:
    """An approval document: its bytes, and what they say. Made by ``fix`` or ``parse`` only."""

    data: bytes
    members: Mapping[str, JsonValue]

    @classmethod
    def fix(
        cls,
        type_: DocumentType,
        id_: str,
        members: JsonObject,
        *,
        now: datetime,
        nonce: bytes,
        life: timedelta | None = None,
    ) -> "Document":
        """Step 4: decide the bytes. Raises ValueError when ``members`` are not exactly those of the type."""
        if set(members) != MEMBERS[type_]:
            raise ValueError(f"members of {type_}: {sorted(set(members) ^ MEMBERS[type_])} missing or foreign")
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
        created = int(now.timestamp())
        common = {
            "v": 1,
            "type": type_,
            "id": id_,
            "created": created,
            "expires": created + int((life or LIFE[type_]).total_seconds()),
            "nonce": b64u(nonce),
        }
        return cls.parse(canonical_json({**members, **common}))

    @classmethod
    def parse(cls, data: bytes) -> "Document":
        """Read bytes whose origin was verified before. Raises BadDocument."""
        return _read_before(data) if len(data) <= _SHORT else _long_read_before(data)

    @classmethod
    def _parse(cls, data: bytes) -> "Document":
        try:
            members = strict_json(data, max_bytes=MAX_BYTES)
        except BadEncoding as cause:
            raise BadDocument(cause.detail) from cause
        if not isinstance(members, dict) or members.get("v") != 1 or isinstance(members.get("v"), bool):
            raise BadDocument("not a document of version 1")
        wanted = MEMBERS.get(members.get("type"))  # type: ignore[arg-type]
        if wanted is None or set(members) != wanted | _COMMON:
            raise BadDocument("unknown type, or not its members")
        if not isinstance(members["id"], str) or not isinstance(members["nonce"], str):
            raise BadDocument("id and nonce are text")
        for name in ("created", "expires"):
            if not isinstance(members[name], int) or isinstance(members[name], bool):
                raise BadDocument(f"{name} is a number of seconds")
        return cls(data, members)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the bytes: what a decision signs."""
        return hashlib.sha256(self.data).digest()

    @cached_property
    def hash(self) -> str:
        """The digest as a proof names it."""
        return b64u(self.digest)

    @property
    def type(self) -> DocumentType:
        """Its type."""
        return self.members["type"]  # type: ignore[return-value]

    @property
    def is_request(self) -> bool:
        """Whether a caller asked for it."""
        return self.type in REQUESTS

    @property
    def id(self) -> str:
        """Its id."""
        return self.text("id")

    @property
    def nonce(self) -> str:
        """Its nonce, b64u."""
        return self.text("nonce")

    @property
    def created(self) -> int:
        """When it was fixed, seconds since 1970."""
        return self.number("created")

    @property
    def expires(self) -> int:
        """When it ends, seconds since 1970."""
        return self.number("expires")

    def text(self, name: str) -> str:
        """A member that is text. Raises BadDocument."""
        value = self.members[name]
        if not isinstance(value, str):
            raise BadDocument(f"{name} is text")
        return value

    def number(self, name: str) -> int:
        """A member that is a whole number. Raises BadDocument."""
        value = self.members[name]
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadDocument(f"{name} is a whole number")
        return value

    def object(self, name: str) -> Mapping[str, JsonValue]:
        """A member that is an object. Raises BadDocument."""
        value = self.members[name]
        if not isinstance(value, dict):
            raise BadDocument(f"{name} is an object")
        return value

    def objects(self, name: str) -> list[Mapping[str, JsonValue]]:
        """A member that is a list of objects. Raises BadDocument."""
        value = self.members[name]
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise BadDocument(f"{name} is a list of objects")
        return list(value)

    def texts(self, name: str) -> list[str]:
        """A member that is a list of texts. Raises BadDocument."""
        value = self.members[name]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadDocument(f"{name} is a list of texts")
        return [str(item) for item in value]

    def digests(self) -> list[bytes]:
        """The hashes of a ``sign`` document, in its order. Raises BadDocument, BadEncoding."""
        return list(self._digests)

    @cached_property
    def _digests(self) -> tuple[bytes, ...]:
        found: list[bytes] = []
        for item in self.objects("documents"):
            value = item.get("hash")
            if not isinstance(value, str):
                raise BadDocument("a hash is text")
            found.append(unb64u(value, max_len=64))
        return tuple(found)


@lru_cache(maxsize=1024)
def _read_before(data: bytes) -> Document:
    """The same document is read at every step of its life."""
    return Document._parse(data)


@lru_cache(maxsize=_LONG_ONES)
def _long_read_before(data: bytes) -> Document:
    """Apart, so that long ones drive out no more than long ones."""
    return Document._parse(data)


def clean(text: str, *, limit: int = LABEL_CHARACTERS) -> str:
    """A name or label as it may be shown on a phone: one line, no control or direction characters, not too long.

    Removed: Unicode categories Cc, Cf (which holds every bidirectional override and zero-width character), Cs, Co, Cn,
    and line or paragraph separators. White space runs become one space. A longer text keeps its beginning and its end
    ("…" in the middle), so that an extension cannot be pushed out of sight.
    """
    if not (text.isprintable() and unicodedata.is_normalized("NFC", text)):  # most are: what goes out is not printable
        text = "".join(" " if char.isspace() else char for char in unicodedata.normalize("NFC", text))
        text = "".join(char for char in text if unicodedata.category(char) not in _REMOVED)
    kept = " ".join(text.split())
    if len(kept) <= limit:
        return kept
    tail = min(20, limit // 3)
    return f"{kept[: limit - tail - 1]}…{kept[-tail:]}"
