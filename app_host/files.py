"""What is served and how: a closed list made at the start; each file has its type, lifetime and compressed forms.

Two rules for editors:

1. Only what was listed at the start is served. No path of a request ever touches the file system.
2. Names with a digest in them never change and live for ever; everything else is asked for again each time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

IMMUTABLE: Final = "public, max-age=31536000, immutable"
REVALIDATE: Final = "no-cache"
"""Kept, and asked about each time (ETag). A new version of the app must reach phones at their next start."""

_TYPES: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
_DIGEST_IN_NAME: Final = re.compile(r"-[A-Za-z0-9_-]{8,}\.[a-z0-9]+\Z")
_ENCODINGS: Final = {"br": ".br", "gzip": ".gz"}
"""Best first."""
_MAX_TRUST_BYTES: Final = 65_536
_KEY_MEMBERS: Final = {"kty", "crv", "x", "y"}

PAGES: Final[Mapping[str, str]] = {
    "/": "index.html",
    "/emissao/": "emissao/index.html",
    # What a system camera opens when it reads our QR codes: a page that does nothing but say to read it inside the app.
    "/l": "leia/index.html",
    "/r": "leia/index.html",
}


class NotBuilt(Exception):
    """There is no built app in the folder; the message says what to do."""


class BadTrust(Exception):
    """trust.json is missing or is not what phones expect; the message says what is wrong."""


@dataclass(frozen=True)
class StaticFile:
    """One file, in memory: the whole app is a few megabytes."""

    content_type: str
    cache: str
    etag: str
    body: bytes
    encoded: Mapping[str, bytes] = field(default_factory=dict)

    def best(self, accept_encoding: str) -> tuple[str | None, bytes]:
        """The encoding to send, and the bytes in it. Without one that the client accepts: as it is."""
        accepted = _accepted(accept_encoding)
        for encoding, body in self.encoded.items():
            if encoding in accepted:
                return encoding, body
        return None, self.body


def _accepted(header: str) -> set[str]:
    """Codings named with a weight above zero (RFC 9110 section 12.5.3). `*` is not honoured: nobody sends it alone."""
    accepted = set()
    for item in header.split(","):
        name, _, parameters = item.strip().partition(";")
        weight = parameters.strip().removeprefix("q=") or "1"
        try:
            if float(weight) > 0:
                accepted.add(name.strip().lower())
        except ValueError:
            continue
    return accepted


def load_files(dist: Path) -> dict[str, StaticFile]:
    """Every file of the build, by the path it is asked for. Raises NotBuilt."""
    if not (dist / "index.html").is_file() or not (dist / "sw.js").is_file():
        raise NotBuilt(f"{dist} has no built phone app: run `make web`")
    served: dict[str, StaticFile] = {}
    for path in sorted(dist.rglob("*")):
        content_type = _TYPES.get(path.suffix)
        if path.is_symlink() or not path.is_file() or content_type is None:
            continue
        name = path.relative_to(dist).as_posix()
        served[f"/{name}"] = _static_file(path, name, content_type)
    for address, name in PAGES.items():
        if f"/{name}" not in served:
            raise NotBuilt(f"{dist} has no {name}: run `make web`")
        served[address] = served[f"/{name}"]
    for name in set(PAGES.values()):
        del served[f"/{name}"]  # one address for each page
    return served


def _static_file(path: Path, name: str, content_type: str) -> StaticFile:
    body = path.read_bytes()
    encoded = {}
    for encoding, suffix in _ENCODINGS.items():
        sibling = path.with_name(path.name + suffix)
        if sibling.is_file():
            encoded[encoding] = sibling.read_bytes()
    digested = name.startswith("assets/") and _DIGEST_IN_NAME.search(name) is not None
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'  # weak: one for all encodings
    return StaticFile(content_type, IMMUTABLE if digested else REVALIDATE, etag, body, encoded)


class TrustFile:
    """trust.json as it is on disk now: read again when it changed, refused when it is not what phones expect.

    A file that became bad while we run does not replace the good one: phones would stop working, or believe less.
    """

    def __init__(self, path: Path) -> None:
        """Reads the file. Raises BadTrust."""
        self._path = path
        self._seen = self._stamp()
        self._file, self.gateway = self._read()

    def current(self) -> StaticFile:
        """The newest good one."""
        try:
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                self._file, self.gateway = self._read()
        except BadTrust:
            return self._file
        return self._file

    def _stamp(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except OSError as error:
            raise BadTrust(f"{self._path}: {error.strerror}: it is written by `linkid hsm init`") from error
        return status.st_mtime_ns, status.st_size

    def _read(self) -> tuple[StaticFile, str]:
        try:
            body = self._path.read_bytes()[: _MAX_TRUST_BYTES + 1]
            gateway = check_trust(json.loads(body))
        except (OSError, ValueError) as error:
            raise BadTrust(f"{self._path}: {error}") from error
        etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'  # weak: one for all encodings
        return StaticFile("application/json", REVALIDATE, etag, body), gateway


def check_trust(value: object) -> str:
    """The gateway's origin, out of a trust.json that phones will take. Raises ValueError.

    It goes into a header, so its form is checked strictly: scheme, host, port and nothing else.
    """
    if not isinstance(value, dict) or value.get("v") != 1:
        raise ValueError("not a trust file of version 1")
    for role in ("sam", "ac"):
        keys = value.get(role)
        if not isinstance(keys, list) or not keys:
            raise ValueError(f"no root keys for {role}")
        for key in keys:
            # Exactly the public members: a private one here would be a catastrophe, published.
            if not isinstance(key, dict) or set(key) != _KEY_MEMBERS:
                raise ValueError(f"a root key of {role} has other members than kty, crv, x, y")
    gateway = value.get("gateway")
    if not isinstance(gateway, str) or not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+", gateway):
        raise ValueError("gateway is not an origin")
    parts = urlsplit(gateway)
    if not parts.hostname or parts.path or parts.port == 0:
        raise ValueError("gateway is not an origin")
    return gateway
