"""Which addresses an application may give. Where a name really leads is looked at when something is sent there."""

import re
from typing import Final
from urllib.parse import urlsplit

from hsm_service.webhooks.errors import BadAddress

MAX_CHARACTERS: Final = 500
_VISIBLE = re.compile(r"[!-~]+\Z")
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?\Z")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def checked(url: str, *, development: bool) -> str:
    """The address itself. Raises BadAddress saying what is wrong.

    HTTPS to a name with a dot: no number (no certificate stands for those, and they are how one points at a machine
    inside), no user, no fragment. In development also plain HTTP to this machine.
    """
    if not _VISIBLE.match(url) or len(url) > MAX_CHARACTERS:
        raise BadAddress(f"an address has up to {MAX_CHARACTERS} visible ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as cause:
        raise BadAddress("not an address") from cause
    host = (parts.hostname or "").rstrip(".")
    if "@" in parts.netloc or "\\" in url or "#" in url or port == 0:
        raise BadAddress("no user, no fragment, no backslash, no port 0")
    if development and parts.scheme in ("http", "https") and host in _LOOPBACK:
        return url
    if parts.scheme != "https" or not _NAME.match(host) or host.endswith((".localhost", ".local", ".internal")):
        raise BadAddress("https to a name on the internet, as https://app.example.com/link-id")
    return url
