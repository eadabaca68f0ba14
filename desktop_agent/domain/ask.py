"""What this computer signs when it asks (docs/protocol.md section 9.5).

The service between us and the signing module cannot ask in our name: the module demands this signature by the key that
the holder associated, over exactly these documents.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from joserfc.jwk import ECKey

from desktop_agent.domain.encoding import b64u
from desktop_agent.domain.request import Document

SEPARATOR: Final = b"linkid-ask-v1\x00"
NONCE_BYTES: Final = 16


def message(computer: str, credential: str, documents: Sequence[Document], *, nonce: bytes, created: int) -> bytes:
    """The bytes that are signed. ``created`` in seconds since 1970; labels are clean (:func:`request.clean_label`)."""
    content = {
        "v": 1,
        "computer": computer,
        "credential": credential,
        "hash_algorithm": "SHA-256",
        "documents": [{"label": item.label, "size": item.size, "hash": b64u(item.digest)} for item in documents],
        "nonce": b64u(nonce),
        "created": created,
    }
    # RFC 8785 for what stands here: ASCII names, whole numbers, texts without control characters.
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return SEPARATOR + hashlib.sha256(canonical).digest()


def signed(
    key: ECKey, computer: str, credential: str, documents: Sequence[Document], *, nonce: bytes, created: int
) -> dict[str, Any]:
    """The member ``ask``: nonce, created, and the signature as r || s."""
    private = key.private_key
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("an association key is private")
    what = message(computer, credential, documents, nonce=nonce, created=created)
    r, s = utils.decode_dss_signature(private.sign(what, ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return {"nonce": b64u(nonce), "created": created, "signature": b64u(signature)}
