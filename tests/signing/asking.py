"""Two integrators, what they ask, and what they get."""

from typing import Any

from hsm_service.signing.domain.request import Ask, Caller, CallerKind, Label
from hsm_service.signing.service import Approved, Asked
from tests.support.signing_world import World, digest

MINE = Caller(CallerKind.INTEGRATOR, "cli_0000000000000000000000000m", "Contratos SA")
OTHER = Caller(CallerKind.INTEGRATOR, "cli_0000000000000000000000000n", "Outro")
"""Integrators: what computers sign beside their ask passes through here unread (tests/csc has it)."""


def ask_for(credential: str, *texts: str) -> Ask:
    """Hashes of texts."""
    return Ask(
        credential,
        [digest(text) for text in texts or ("a",)],
        "SHA-256",
        "RSA-PKCS1-SHA256",
        [Label(text) for text in texts or ("a",)],
    )


async def signed(
    world: World, caller: Caller, sad: str, credential: str, /, *texts: str, **changes: Any
) -> list[bytes]:
    """What sign gives."""
    good: dict[str, Any] = {
        "sad": sad,
        "credential": credential,
        "hashes": [digest(text) for text in texts],
        "hash_algorithm": "SHA-256",
        "sign_algorithm": "RSA-PKCS1-SHA256",
    }
    return await world.signing.sign(caller, **{**good, **changes})


async def sad_of(world: World, caller: Caller, asked: Asked) -> str:
    """Approved, and fetched."""
    world.sam.approve(asked.document)
    state = await world.signing.check(caller, asked.handle)
    assert isinstance(state, Approved)
    return state.sad


async def state_of(world: World, asked: Asked) -> str:
    """What the row says, when all is written down."""
    await world.commits.ended()
    return str(await world.owner.fetchval("SELECT state FROM signing.requests WHERE document = $1", asked.document))
