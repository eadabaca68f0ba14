"""The installation password: how its verifier travels inside an order, and what the AC keeps of it.

The operator's command stretches it (Argon2id, protocol section 4) and encrypts the result to the AC's transport key, so
that the order can be carried and stored by anybody. The AC keeps an HMAC made in its HSM, never the stretched password.
"""

from typing import Final

from foundation.encoding import BadEncoding, JsonObject, b64u, strict_json, unb64u
from foundation.ids import same
from issuance.domain.order import BadOrder
from protocol.passwords import STRETCHED_BYTES

_MEMBERS: Final = frozenset({"v", "purpose", "order", "stretched"})
_PURPOSE: Final = "install-verifier"


def verifier_members(order_id: str, stretched: bytes) -> JsonObject:
    """The plaintext of ``install.verifier`` (protocol section 8)."""
    return {"v": 1, "purpose": _PURPOSE, "order": order_id, "stretched": b64u(stretched)}


def read_verifier(plaintext: bytes, order_id: str) -> bytes:
    """The stretched password of this order. Raises BadOrder: one made for another order serves nobody."""
    try:
        said = strict_json(plaintext, max_bytes=1024)
        if not isinstance(said, dict) or set(said) != _MEMBERS or said["v"] != 1 or isinstance(said["v"], bool):
            raise BadOrder("install.verifier: not its members")
        purpose, order, stretched = said["purpose"], said["order"], said["stretched"]
        if not isinstance(order, str) or not isinstance(stretched, str) or purpose != _PURPOSE:
            raise BadOrder("install.verifier: not its members")
        if not same(order, order_id):
            raise BadOrder("install.verifier: made for another order")
        raw = unb64u(stretched, max_len=STRETCHED_BYTES)
    except BadEncoding as cause:
        raise BadOrder("install.verifier: not its encoding") from cause
    if len(raw) != STRETCHED_BYTES:
        raise BadOrder("install.verifier: not a stretched password")
    return raw


def kept_message(order_id: str, stretched: bytes) -> bytes:
    """What the HSM's HMAC is made over, to be kept and compared."""
    return b"linkid-install-v1\x00" + order_id.encode("ascii") + b"\x00" + stretched


def salt_message(protocol: str) -> bytes:
    """What the HSM's HMAC is made over for the salt of a protocol number that does not exist (its first 16 bytes)."""
    return b"linkid-unknown-v1\x00" + protocol.encode("ascii")
