"""Pinned keys, as the files beside a process hold them (docs/protocol.md section 2): never rows, never fetched."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from foundation.encoding import BadEncoding, strict_json
from protocol.keys import P256Key
from protocol.passkeys import RelyingParty

MAX_BYTES: Final = 65_536

Root: TypeAlias = Literal["sam", "ac"]


@dataclass(frozen=True)
class Operator:
    """A pinned operator: who, and by which key."""

    name: str
    key: P256Key


def named_operators(data: bytes | None) -> dict[str, Operator]:
    """As ``operators``, with their names: where it counts that two are two people. Raises BadEncoding, BadKey."""
    found = {}
    for one in _listed(data, "operators"):
        key = P256Key.from_jwk(one.get("key") if isinstance(one, dict) else None)
        name = one.get("name") if isinstance(one, dict) else None
        found[key.jkt] = Operator(name if isinstance(name, str) and name.strip() else key.jkt, key)
    return found


def operators(data: bytes | None) -> dict[str, P256Key]:
    """``operators.json``, {"v":1,"operators":[{"name","key": JWK}]}, by ``jkt``; no file pins nobody.

    Raises BadEncoding, BadKey.
    """
    keys = [P256Key.from_jwk(one.get("key") if isinstance(one, dict) else None) for one in _listed(data, "operators")]
    return {key.jkt: key for key in keys}


def roots(data: bytes | None, role: Root) -> dict[str, P256Key]:
    """The roots of one role in ``trust.json``, by ``jkt``; no file pins nobody. Raises BadEncoding, BadKey."""
    return {key.jkt: key for key in map(P256Key.from_jwk, _listed(data, role))}


def app(data: bytes) -> RelyingParty:
    """The app of ``trust.json``, as passkeys know it. Raises BadEncoding."""
    value = strict_json(data, max_bytes=MAX_BYTES)
    address = value.get("app") if isinstance(value, dict) else None
    return RelyingParty.of(address if isinstance(address, str) else "")


def _listed(data: bytes | None, member: str) -> list[object]:
    if data is None:
        return []
    value = strict_json(data, max_bytes=MAX_BYTES)
    listed = value.get(member) if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise BadEncoding(f"no list {member}")
    return list(listed)
