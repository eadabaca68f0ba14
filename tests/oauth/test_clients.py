"""Registering integrators: an operator's acts."""

from typing import Any

import pytest

from hsm_service.oauth import errors
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from tests.support.oauth_requests import CALLBACK
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 81},
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
    await world.clients.disable(registered.client.id)
    with pytest.raises(errors.BadClientData):
        await world.clients.disable(registered.client.id)
