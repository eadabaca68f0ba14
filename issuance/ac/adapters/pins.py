"""Pinned keys from files beside the process (docs/protocol.md section 2): never rows, never fetched."""

from pathlib import Path

from foundation.encoding import strict_json
from foundation.errors import LinkIdError, Unavailable
from issuance.ac.domain.permit import Pins
from protocol.keys import P256Key

_MAX_BYTES = 65_536


class PinsUnreadable(Unavailable):
    """A pin file is damaged. Nothing is issued until it is repaired."""

    code = "pins_unreadable"


class FilePins:
    """Call it for the pins that hold now; files are read again when they changed."""

    def __init__(self, trust_file: Path, operators_file: Path) -> None:
        """``trust.json`` for the SAM's roots; ``operators.json`` {"v":1,"operators":[{"name","key"}]}."""
        self._trust_file = trust_file
        self._operators_file = operators_file
        self._seen: tuple[object, object] | None = None
        self._pins = Pins({}, {})

    def __call__(self) -> Pins:
        """Raises PinsUnreadable. A missing file pins nobody."""
        seen = (_stamp(self._trust_file), _stamp(self._operators_file))
        if seen != self._seen:
            self._pins = Pins(
                operators=_keys(self._operators_file, "operators", inside="key"),
                sam_roots=_keys(self._trust_file, "sam"),
            )
            self._seen = seen
        return self._pins


def _stamp(file: Path) -> object:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _keys(file: Path, member: str, inside: str | None = None) -> dict[str, P256Key]:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as cause:
        raise PinsUnreadable(f"{file.name}: {cause.strerror}") from cause
    try:
        value = strict_json(data, max_bytes=_MAX_BYTES)
        listed = value.get(member) if isinstance(value, dict) else None
        if not isinstance(listed, list):
            raise PinsUnreadable(f"{file.name}: no list {member}")
        items = [item.get(inside) if inside and isinstance(item, dict) else item for item in listed]
        keys = [P256Key.from_jwk(item) for item in items]
    except PinsUnreadable:
        raise
    except LinkIdError as cause:
        raise PinsUnreadable(f"{file.name}: {cause.detail or cause.code}") from cause
    return {key.jkt: key for key in keys}
