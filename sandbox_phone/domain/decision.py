"""The signed yes or no (section 3)."""

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from sandbox_phone.domain import keys, proof
from sandbox_phone.domain.encoding import b64u, sha256
from sandbox_phone.domain.statement import Statement
from sandbox_phone.errors import Untrusted

APPROVE: Final = "approve"
APPROVE_WITHOUT_KEY: Final = "approve:without-key"
"""The one yes to a session without keys; no other document takes it."""
APPROVALS: Final = (APPROVE, APPROVE_WITHOUT_KEY)
REFUSALS: Final = ("refuse:changed-mind", "refuse:wrong-content", "refuse:not-me")
SEPARATOR: Final = b"linkid-decision-v1\x00"


def message(document: bytes, decision: str, jwe: str | None) -> bytes:
    """The bytes that the device key signs."""
    return SEPARATOR + sha256(document) + sha256(decision.encode("ascii")) + sha256((jwe or "").encode("ascii"))


def decide(
    key: ec.EllipticCurvePrivateKey,
    statement: Statement,
    decision: str,
    *,
    password: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The body of a decision. An approval carries the password proof when, and only when, the statement wants one.

    ``extra``: members the proof has besides the common ones (``cpf`` in emission). Slow: it runs Argon2id.
    Raises BadPassword, Untrusted.
    """
    if decision not in APPROVALS and decision not in REFUSALS:
        raise ValueError(f"{decision!r} is no decision")
    if decision in APPROVALS and (decision == APPROVE_WITHOUT_KEY) is not statement.without_key:
        raise Untrusted("another yes than this document takes")
    jwe: str | None = None
    if decision in APPROVALS and statement.proof is not None:
        if password is None:
            raise Untrusted("this document wants the password, and none was given")
        device = keys.thumbprint(keys.public_jwk(key))
        jwe = proof.make(statement, statement.proof, password, device=device, extra=extra)
    signature = keys.sign(key, message(statement.document, decision, jwe))
    return {"decision": decision, "proof": jwe, "signature": b64u(signature)}
