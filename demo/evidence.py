"""The evidence of an approval, and how anybody checks it: three hashes and two signatures, nothing of ours needed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from demo.phones import Evidence
from foundation.encoding import b64u, unb64u


def write(evidence: Evidence, file: Path) -> None:
    """As JSON that a person can read."""
    content = {
        "what": "A holder's decision on exactly these bytes (docs/protocol.md, sections 3 to 5)",
        "document": json.loads(evidence.document),
        "document_bytes": b64u(evidence.document),
        "decision": evidence.decision["decision"],
        "proof_sha256": b64u(hashlib.sha256((evidence.decision["proof"] or "").encode()).digest()),
        "signature": evidence.decision["signature"],
        "device_key": evidence.device_key,
    }
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def check(file: Path, digest: bytes) -> None:
    """That a key said *approve* to a document with this digest in it. Raises InvalidSignature or ValueError."""
    content = json.loads(file.read_text(encoding="utf-8"))
    document = unb64u(content["document_bytes"], max_len=200_000)
    if b64u(digest) not in [each["hash"] for each in json.loads(document)["documents"]]:
        raise ValueError("the evidence is about another file")
    message = (
        b"linkid-decision-v1\0"
        + hashlib.sha256(document).digest()
        + hashlib.sha256(content["decision"].encode("ascii")).digest()
        + unb64u(content["proof_sha256"], max_len=32)
    )
    x, y = (int.from_bytes(unb64u(content["device_key"][name], max_len=32), "big") for name in ("x", "y"))
    raw = unb64u(content["signature"], max_len=64)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    key.verify(der, message, ec.ECDSA(hashes.SHA256()))
