"""What this computer signs when it asks, and when it uses a session (docs/protocol.md sections 6 and 9.5).

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
from desktop_agent.domain.request import Document, Terms

SEPARATOR: Final = b"linkid-ask-v1\x00"
SESSION_SEPARATOR: Final = b"linkid-session-ask-v1\x00"
USE_SEPARATOR: Final = b"linkid-use-v1\x00"
NONCE_BYTES: Final = 16


def message(
    computer: str,
    credential: str,
    documents: Sequence[Document],
    hash_algorithm: str = "SHA-256",
    *,
    nonce: bytes,
    created: int,
) -> bytes:
    """The bytes that are signed. ``created`` in seconds since 1970; labels are clean (:func:`request.clean_label`)."""
    content = {
        "v": 1,
        "computer": computer,
        "credential": credential,
        "hash_algorithm": hash_algorithm,
        "documents": [{"label": item.label, "size": item.size, "hash": b64u(item.digest)} for item in documents],
        "nonce": b64u(nonce),
        "created": created,
    }
    return SEPARATOR + _digest(content)


def session_message(computer: str, credential: str, terms: Terms, *, nonce: bytes, created: int) -> bytes:
    """The bytes that are signed when a session is asked for."""
    content = {
        "v": 1,
        "computer": computer,
        "credential": credential,
        "hash_algorithm": terms.hash_algorithm,
        "sign_algorithm": terms.sign_algorithm,
        "until": terms.until,
        "maximum": terms.maximum,
        "purpose": terms.purpose,
        "nonce": b64u(nonce),
        "created": created,
    }
    return SESSION_SEPARATOR + _digest(content)


def use_message(activation: str, counter: int, terms: Terms, digests: Sequence[bytes]) -> bytes:
    """The bytes that are signed at each use: a counter that serves once, and the hashes in their order."""
    content = {
        "v": 1,
        "activation": activation,
        "counter": counter,
        "hash_algorithm": terms.hash_algorithm,
        "sign_algorithm": terms.sign_algorithm,
        "hashes": [b64u(digest) for digest in digests],
    }
    return USE_SEPARATOR + _digest(content)


def signed(
    key: ECKey,
    computer: str,
    credential: str,
    documents: Sequence[Document],
    hash_algorithm: str = "SHA-256",
    *,
    nonce: bytes,
    created: int,
) -> dict[str, Any]:
    """The member ``ask``: nonce, created, and the signature as r || s."""
    said = message(computer, credential, documents, hash_algorithm, nonce=nonce, created=created)
    signature = sign(key, said)
    return {"nonce": b64u(nonce), "created": created, "signature": signature}


def signed_session(
    key: ECKey, computer: str, credential: str, terms: Terms, *, nonce: bytes, created: int
) -> dict[str, Any]:
    """The member ``ask`` of a session."""
    signature = sign(key, session_message(computer, credential, terms, nonce=nonce, created=created))
    return {"nonce": b64u(nonce), "created": created, "signature": signature}


def signed_use(key: ECKey, activation: str, counter: int, terms: Terms, digests: Sequence[bytes]) -> dict[str, Any]:
    """The member ``use``."""
    return {"counter": counter, "signature": sign(key, use_message(activation, counter, terms, digests))}


def sign(key: ECKey, what: bytes) -> str:
    """r || s, base64url."""
    private = key.private_key
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("an association key is private")
    r, s = utils.decode_dss_signature(private.sign(what, ec.ECDSA(hashes.SHA256())))
    return b64u(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def _digest(content: dict[str, Any]) -> bytes:
    """RFC 8785 for what stands here: ASCII names, whole numbers, texts without control characters."""
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(canonical).digest()
