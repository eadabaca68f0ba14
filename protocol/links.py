"""The QR frames of a link (docs/protocol.md section 9.3)."""

import hmac
from typing import Final

from foundation.encoding import b64u

MAC_CHARACTERS: Final = 22


def frame_mac(link_secret: bytes, token: str, frame: int, jkt: str, name: str) -> str:
    """``b64u(HMAC-SHA256(link secret, "linkid-link-v1" | token | n | jkt | name))[:22]``, joined by ``|``, in UTF-8."""
    text = "|".join(("linkid-link-v1", token, str(frame), jkt, name))
    return b64u(hmac.digest(link_secret, text.encode("utf-8"), "sha256"))[:MAC_CHARACTERS]
