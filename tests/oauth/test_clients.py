"""Registering integrators: an operator's acts."""

from datetime import timedelta
from typing import Any

import pytest

from hsm_service.oauth import errors
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.oauth.store import forget
from tests.oauth.test_authorize_page import client_of, code_for
from tests.support.oauth_requests import CALLBACK, VERIFIER
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 61},
        {"name": "..."},
        {"signs_asks": True},
        {"name": "Banco\u202eocnaB"},
        {"name": "Banco\u200b"},
        {"grants": []},
        {"grants": [GrantType.CODE]},
        {"redirects": [CALLBACK]},
        {"grants": [GrantType.CODE], "redirects": ["http://contratos.test/"]},
        {"method": ClientMethod.KEY},
        {"method": ClientMethod.NONE},
        {"keys": [{"kty": "EC"}]},
        {"method": ClientMethod.KEY, "keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
    ],
)
async def test_what_an_operator_cannot_register(world: World, changes: dict[str, Any]) -> None:
    """Contradictions, unsafe addresses, names that deceive the eye: refused with a sentence, nothing stored."""
    with pytest.raises(errors.BadClientData):
        await world.register(**changes)
    assert await world.clients.all() == []


async def test_a_secret_is_shown_once_and_kept_as_a_digest(world: World) -> None:
    """Neither secret nor anything it could be guessed from is in the table."""
    registered = await world.register()
    assert registered.secret is not None
    assert registered.secret.startswith("cls_")
    assert registered.secret not in repr(registered)
    rows = await world.owner.fetch("SELECT c::text AS text FROM oauth.clients c")
    assert registered.secret.removeprefix("cls_") not in rows[0]["text"]


async def test_what_does_not_exist_cannot_be_changed(world: World) -> None:
    """An operator who mistypes an id hears it."""
    registered = await world.register()
    for act in (
        world.clients.disable("cli_00000000000000000000000000"),
        world.clients.new_secret("cli_00000000000000000000000000"),
        world.clients.allow(registered.client.id, "not a credential"),
        world.clients.allow("cli_00000000000000000000000000", "cred_00000000000000000000000000"),
        world.clients.disallow(registered.client.id, "cred_00000000000000000000000000"),
    ):
        with pytest.raises(errors.BadClientData):
            await act
    assert not (await world.clients.disable(registered.client.id)).before
    assert (await world.clients.disable(registered.client.id)).before


async def test_what_is_over_since_long_is_forgotten(world: World) -> None:
    """Tokens, codes and pages go a day after their end, in the order of their references; what still counts stays."""
    client_id, secret = await client_of(world)
    form = {
        "grant_type": "authorization_code",
        "code": await code_for(world, client_id, await world.credential()),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": client_id,
        "client_secret": secret,
    }
    async with world.client.post("/oauth2/token", data=form) as response:
        assert response.status == 200

    async def counted() -> list[int]:
        return [
            int(await world.owner.fetchval(f"SELECT count(*) FROM oauth.{t}")) for t in ("tokens", "codes", "pages")
        ]

    await forget(world.database, world.clock.now())
    assert await counted() == [1, 1, 1]
    await forget(world.database, world.clock.now() + timedelta(days=1, minutes=10))
    assert await counted() == [1, 1, 1]  # the token's own end is an hour later, and it holds the others
    await forget(world.database, world.clock.now() + timedelta(days=1, hours=1, seconds=1))
    assert await counted() == [0, 0, 0]
