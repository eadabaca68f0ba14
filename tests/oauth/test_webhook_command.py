"""`linkid integrator webhook`, as an operator types it."""

import argparse
import io
import json

import pytest

from foundation.audit import AuditChain
from hsm_service.oauth.commands import Operator, arguments, perform
from hsm_service.webhooks.service import AddressService
from tests.support.signing_callers import ORIGIN
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP
URL = "https://app.example.com/link-id"


async def typed(world: World, *words: str) -> tuple[int, str]:
    """Exit code, and what was said or complained about."""
    parser = argparse.ArgumentParser(prog="linkid integrator")
    arguments(parser)
    said = io.StringIO()
    audit = AuditChain(world.database, "gateway-operator", world.clock)
    addresses = AddressService(world.database, world.clock, audit, development=False)
    code = await perform(parser.parse_args(words), Operator(world.clients, ORIGIN, said, said, addresses))
    return code, said.getvalue()


async def registered(world: World) -> str:
    """An application's id."""
    _, said = await typed(world, "new", "--name", "Folha", "--by-itself", "--json")
    return str(json.loads(said)["client_id"])


async def test_it_is_set_shown_replaced_and_dropped(world: World) -> None:
    """One address for each application."""
    client = await registered(world)
    assert await typed(world, "webhook", client) == (0, "none\n")
    assert (await typed(world, "webhook", client, URL))[0] == 0
    assert await typed(world, "webhook", client) == (0, f"{URL}\n")
    assert (await typed(world, "webhook", client, URL + "/2"))[0] == 0
    assert await typed(world, "webhook", client) == (0, f"{URL}/2\n")
    assert await typed(world, "webhook", client, "--off") == (0, "dropped\n")
    assert await typed(world, "webhook", client, "--off") == (0, "there was none\n")


async def test_who_is_shut_out_is_told_nothing_more(world: World) -> None:
    """Its address goes with its tokens."""
    client = await registered(world)
    await typed(world, "webhook", client, URL)
    assert (await typed(world, "disable", client))[0] == 0
    assert await typed(world, "webhook", client) == (0, "none\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["cli_0000000000000000000000000a", URL], "no such integrator"),
        (["cmp_0000000000000000000000000a", URL], "no such integrator"),
        (["CLIENT", "http://app.example.com/"], "https to a name"),
        (["CLIENT", "https://10.0.0.1/"], "https to a name"),
        (["CLIENT", URL, "--off"], "either an address, or --off"),
    ],
)
async def test_mistakes_are_a_line(world: World, words: list[str], why: str) -> None:
    """And nothing is written."""
    client = await registered(world)
    code, said = await typed(world, "webhook", *(client if word == "CLIENT" else word for word in words))
    assert (code, said.count("\n")) == (1, 1)
    assert why in said
    assert await typed(world, "webhook", client) == (0, "none\n")
