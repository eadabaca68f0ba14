"""The holder's factors on their way from the gateway to the SAM (docs/protocol.md section 6.1).

An application sends them to the gateway in the clear, over TLS: that is what it has a consent for. The gateway encrypts
them at once to the SAM's transport key, for one call: they open for this caller, this certificate and this activation
key, and for nothing else. What the gateway keeps, logs or passes on is that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from foundation.encoding import BadEncoding, JsonObject, b64u, strict_json
from foundation.ids import same
from protocol.errors import ProofInvalid
from protocol.keys import P256Key
from protocol.proofs import encrypt

MAX_SEALED_CHARACTERS: Final = 2048
MAX_FACTOR_CHARACTERS: Final = 64
"""Of each: more is no password and no code of ours, and is told apart before anything is made of it."""

_MEMBERS: Final = {"v", "purpose", "caller", "credential", "activation_key", "password", "code"}


@dataclass(frozen=True)
class Factors:
    """What the holder knows, and what their phone shows."""

    password: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True)
class Purpose:
    """What factors are sent for: ``caller`` is ``kind:id``."""

    caller: str
    credential: str
    activation_key: bytes

    def members(self) -> Mapping[str, str]:
        """As they stand beside the factors."""
        return {"caller": self.caller, "credential": self.credential, "activation_key": b64u(self.activation_key)}


def seal(factors: Factors, purpose: Purpose, transport_key: P256Key) -> str:
    """JWE compact, as a password proof is (section 4)."""
    members: JsonObject = {
        "v": 1,
        "purpose": "explicit",
        **purpose.members(),
        "password": factors.password[:MAX_FACTOR_CHARACTERS],
        "code": factors.code[:MAX_FACTOR_CHARACTERS],
    }
    return encrypt(members, transport_key)


def read(plaintext: bytes, purpose: Purpose) -> Factors:
    """The factors, if they were sealed for this. Raises ProofInvalid."""
    try:
        value = strict_json(plaintext, max_bytes=2048)
    except BadEncoding as cause:
        raise ProofInvalid("not the JSON of factors") from cause
    if not isinstance(value, dict) or set(value) != _MEMBERS or value["v"] != 1 or isinstance(value["v"], bool):
        raise ProofInvalid("not the members of factors")
    texts = {name: text for name, text in value.items() if isinstance(text, str)}
    if set(texts) != _MEMBERS - {"v"} or texts["purpose"] != "explicit":
        raise ProofInvalid("the members of factors are text")
    for name, wanted in purpose.members().items():
        if not same(texts[name], wanted):
            raise ProofInvalid(f"factors for another {name}")
    return Factors(texts["password"], texts["code"])
