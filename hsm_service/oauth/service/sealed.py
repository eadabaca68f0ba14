"""``Approved`` in a sealed column: of a code, then of the token made from it."""

from foundation.errors import JsonValue
from foundation.ids import Random, Token
from hsm_service.oauth.domain.grant import Approved
from hsm_service.oauth.domain.sealing import seal, unseal


def seal_approved(approved: Approved, token: Token, random: Random) -> bytes:
    """For the row of a code or a token; only its text opens it."""
    content: dict[str, JsonValue] = {
        "sad": approved.sad,
        "until": approved.until,
        "credential": approved.credential,
        "chosen": approved.chosen,
        "details": list(approved.details),
    }
    return seal(content, row=token.public_id, secret=token.secret, random=random)


def open_approved(sealed: bytes | None, *, row: str, secret: str) -> Approved | None:
    """None where nothing is sealed: the row is of another scope. Raises SealedDamaged."""
    return None if sealed is None else Approved(**unseal(sealed, row=row, secret=secret))
