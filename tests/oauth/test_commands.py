"""`linkid integrator`, as an operator types it."""

import argparse
import io
import json
from pathlib import Path

import pytest

from hsm_service.oauth.commands import Operator, arguments, perform
from tests.support.callers import Caller
from tests.support.oauth_requests import CALLBACK
from tests.support.signing_world import IN_MODULES_LOOP, ORIGIN, World

pytestmark = IN_MODULES_LOOP


async def typed(world: World, *words: str) -> tuple[int, str, str]:
    """Exit code, output, complaints."""
    parser = argparse.ArgumentParser(prog="linkid integrator")
    arguments(parser)
    operator = Operator(world.clients, ORIGIN, io.StringIO(), io.StringIO())
    code = await perform(parser.parse_args(words), operator)
    return code, operator.out.getvalue(), operator.err.getvalue()  # type: ignore[attr-defined]


async def test_an_application_is_registered_and_works(world: World) -> None:
    """What is printed is what the token endpoint takes; the secret is printed once."""
    code, out, _ = await typed(world, "new", "--name", "Folha", "--by-itself", "--json")
    assert code == 0
    said = json.loads(out)
    form = {"grant_type": "client_credentials", **{k: said[k] for k in ("client_id", "client_secret")}}
    async with world.client.post("/oauth2/token", data=form) as response:
        assert response.status == 200
    _, listed, _ = await typed(world, "list")
    assert said["client_id"] in listed
    assert said["client_secret"] not in listed
    code, fresh, _ = await typed(world, "secret", said["client_id"])
    assert code == 0
    async with world.client.post("/oauth2/token", data={**form, "client_secret": fresh.strip()}) as response:
        assert response.status == 200


async def test_allowing_and_shutting_out(world: World) -> None:
    """allow, disallow, disable: each says what it did, and doing it twice is told."""
    credential = await world.credential()
    _, out, _ = await typed(world, "new", "--name", "Folha", "--by-itself", "--json")
    client = json.loads(out)["client_id"]
    assert (await typed(world, "allow", client, credential))[0] == 0
    assert (await typed(world, "disallow", client, credential))[0] == 0
    assert (await typed(world, "disallow", client, credential))[0] == 1
    assert (await typed(world, "disable", client))[0] == 0
    code, _, complaint = await typed(world, "disable", client)
    assert code == 1
    assert complaint.startswith("linkid integrator: ")
    assert "(shut out)" in (await typed(world, "list"))[1]


async def test_a_card_for_people(world: World) -> None:
    """Everything an integrator needs, in one piece."""
    code, out, _ = await typed(world, "new", "--name", "Contratos SA", "--redirect", CALLBACK, "--by-itself")
    assert code == 0
    assert "client_secret" in out
    assert CALLBACK in out
    assert f"{ORIGIN}/.well-known/oauth-authorization-server" in out


@pytest.mark.parametrize(
    "words",
    [
        ["new", "--name", "x"],
        ["new", "--name", "x", "--redirect", "http://evil.test/"],
        ["new", "--name", "x", "--by-itself", "--auth", "none"],
        ["new", "--name", "x", "--by-itself", "--auth", "key"],
        ["new", "--name", "", "--by-itself"],
        ["secret", "cli_x"],
        ["allow", "cli_x", "cred_x"],
        ["disable", "x"],
    ],
)
async def test_mistakes_are_one_line(world: World, words: list[str]) -> None:
    """No traceback, nothing registered."""
    code, out, complaint = await typed(world, *words)
    assert (code, out) == (1, "")
    assert complaint.count("\n") == 1
    assert await world.clients.all() == []


async def test_keys_come_from_files(world: World, tmp_path: Path) -> None:
    """A public JWK is taken; a private one, garbage or a missing file are refused."""
    key = Caller(world.client, world.clock, ORIGIN).key.jwk
    good, private, garbage = tmp_path / "k.json", tmp_path / "p.json", tmp_path / "g.json"
    good.write_text(json.dumps(key))
    private.write_text(json.dumps({**key, "d": "x"}))
    garbage.write_text("{")
    for file in (private, garbage, tmp_path / "missing.json"):
        code, _, _ = await typed(world, "new", "--name", "x", "--by-itself", "--auth", "key", "--key", str(file))
        assert code == 1
    code, out, _ = await typed(
        world, "new", "--name", "x", "--by-itself", "--auth", "key", "--key", str(good), "--json"
    )
    assert code == 0
    assert json.loads(out)["client_secret"] is None
