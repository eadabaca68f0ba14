"""The password proof: stretched where it is typed, encrypted to the transport key (section 4)."""

import re
from collections.abc import Mapping
from typing import Final

from argon2.low_level import ARGON2_VERSION, Type, hash_secret_raw
from joserfc import jwe
from joserfc.jwk import ECKey

from sandbox_phone.domain import keys
from sandbox_phone.domain.encoding import b64u, canonical
from sandbox_phone.domain.statement import Argon2, ProofWanted, Statement
from sandbox_phone.errors import BadPassword, Malformed

MAX_JWE: Final = 2048
_PASSWORD = re.compile(r"[A-Za-z0-9]{8,15}\Z")


def stretch(password: str, salt: bytes, argon2: Argon2) -> bytes:
    """Argon2id, version 0x13, 32 bytes. Raises BadPassword before any work when the form is wrong."""
    if not _PASSWORD.match(password):
        raise BadPassword("8 to 15 letters and digits, without accents or signs")
    return hash_secret_raw(
        secret=password.encode("ascii"),
        salt=salt,
        time_cost=argon2.t,
        memory_cost=argon2.m,
        parallelism=argon2.p,
        hash_len=32,
        type=Type.ID,
        version=ARGON2_VERSION,
    )


def make(
    statement: Statement, wanted: ProofWanted, password: str, *, device: str, extra: Mapping[str, str] | None = None
) -> str:
    """The JWE, bound to purpose, document, bytes, device and nonce. ``device``: thumbprint of the key that signs."""
    plaintext = {
        **(extra or {}),
        "v": 1,
        "purpose": wanted.purpose,
        "document": statement.id,
        "hash": statement.hash,
        "device": device,
        "nonce": statement.content["nonce"],
        "stretched": b64u(stretch(password, wanted.salt, wanted.argon2)),
    }
    return seal(plaintext, wanted)


def seal(plaintext: Mapping[str, object], wanted: ProofWanted) -> str:
    """``plaintext`` as a JWE by ECDH-ES and A256GCM to the transport key."""
    token = jwe.encrypt_compact(
        {"alg": "ECDH-ES", "enc": "A256GCM", "kid": wanted.transport_kid},
        canonical(plaintext),
        ECKey.import_key({**keys.public_jwk(wanted.transport_key)}),
        algorithms=["ECDH-ES", "A256GCM"],
    )
    if len(token) > MAX_JWE:
        raise Malformed("the proof grew beyond 2,048 characters")
    return token
