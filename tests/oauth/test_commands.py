"""`linkid integrator`, as an operator types it."""

import argparse
import io
import json
from pathlib import Path

import pytest

from foundation.errors import Unavailable
from hsm_service.oauth.commands import Operator, arguments, perform
from hsm_service.oauth.errors import BadClientData
from hsm_service.oauth.store import ClientStore
from tests.support.callers import Caller
from tests.support.client_certificates import Identity
from tests.support.oauth_requests import CALLBACK
from tests.support.signing_callers import ORIGIN
from tests.support.signing_world import IN_MODULES_LOOP, World

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
    code, again, _ = await typed(world, "disable", client)
    assert (code, again) == (0, "was shut out at the gateway before; the SAM knows\n")
    assert "(shut out)" in (await typed(world, "list"))[1]


async def test_who_may_draw_codes(world: World) -> None:
    """Nobody, until an operator says so; the list shows who, and it can be taken back."""
    _, out, _ = await typed(world, "new", "--name", "Folha", "--by-itself", "--json")
    client = json.loads(out)["client_id"]
    for word, draws in (("hide-codes", False), ("show-codes", True), ("hide-codes", False)):
        assert (await typed(world, word, client))[0] == 0
        (listed,) = json.loads((await typed(world, "list", "--json"))[1])
        assert listed["shows_codes"] is draws
        assert ("(draws codes)" in (await typed(world, "list"))[1]) is draws
    assert (await typed(world, "show-codes", "cli_" + "0" * 26))[0] == 1


async def test_the_sam_is_told_first(world: World) -> None:
    """While it takes no word of ours nothing is registered, and the line says what to run."""
    world.vouching.away = BadClientData("there is no operator key at x; run: linkid operator init")
    code, out, complaint = await typed(world, "new", "--name", "Folha", "--by-itself")
    assert (code, out) == (1, "")
    assert complaint == "linkid integrator: there is no operator key at x; run: linkid operator init\n"
    assert await world.clients.all() == []
    world.vouching.away = None
    assert (await typed(world, "new", "--name", "Folha", "--by-itself"))[0] == 0
    assert list(world.sam.integrators.values()) == ["Folha"]


async def test_a_row_that_could_not_be_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SAM knows it and the gateway does not: told, with what to do."""

    async def broken(*_: object) -> None:
        raise Unavailable("the database is away")

    monkeypatch.setattr(ClientStore, "add_client", broken)
    code, _, complaint = await typed(world, "new", "--name", "Folha", "--by-itself")
    assert code == 1
    (client,) = world.sam.integrators
    assert f"the SAM knows {client}" in complaint
    assert "run the command again" in complaint


async def test_shutting_out_while_the_sam_is_away(world: World) -> None:
    """The tokens end at once, the exit code says that half is missing, and the same command again does it."""
    _, out, _ = await typed(world, "new", "--name", "Folha", "--by-itself", "--json")
    client = json.loads(out)["client_id"]
    world.vouching.away = Unavailable("no SAM answers at unix:x; is it running? (linkid serve)")
    code, out, complaint = await typed(world, "disable", client)
    assert (code, out) == (3, "")
    assert "no SAM answers at unix:x" in complaint
    assert "run the same command again" in complaint
    assert "(shut out)" in (await typed(world, "list"))[1]
    assert client in world.sam.integrators
    world.vouching.away = None
    assert (await typed(world, "disable", client))[0] == 0
    assert client not in world.sam.integrators


async def test_vouching_for_one_of_before(world: World) -> None:
    """A row that the SAM does not know: the operator says the name; the row's own word is shown, never signed."""
    _, out, _ = await typed(world, "new", "--name", "Contratos SA", "--by-itself", "--json")
    client = json.loads(out)["client_id"]
    world.sam.integrators.clear()
    code, _, complaint = await typed(world, "vouch", client)
    assert code == 1
    assert f"linkid integrator vouch {client} --name 'Contratos SA'" in complaint
    code, _, complaint = await typed(world, "vouch", client, "--name", "Banco do Brasil")
    assert (code, "another name" in complaint) == (1, True)
    assert (await typed(world, "vouch", "cli_x", "--name", "x"))[0] == 1
    assert world.sam.integrators == {}
    assert (await typed(world, "vouch", client, "--name", "Contratos SA"))[0] == 0
    assert world.sam.integrators == {client: "Contratos SA"}


async def test_keys_that_sign_asks(world: World, tmp_path: Path) -> None:
    """--signs-asks takes the keys of --key to the SAM; without keys, or with others later, it is refused."""
    key, other = (Caller(world.client, world.clock, ORIGIN).key for _ in range(2))
    file, wrong = tmp_path / "k.json", tmp_path / "o.json"
    file.write_text(json.dumps(key.jwk))
    wrong.write_text(json.dumps(other.jwk))
    new = ["new", "--name", "Banco", "--by-itself", "--json"]
    assert (await typed(world, *new, "--signs-asks"))[0] == 1
    _, out, _ = await typed(world, *new, "--auth", "key", "--key", str(file))
    silent = json.loads(out)
    assert (silent["signs_asks"], world.sam.signers) == (False, {})
    _, out, _ = await typed(world, *new, "--auth", "key", "--key", str(file), "--signs-asks")
    assert world.sam.signers == {json.loads(out)["client_id"]: key}
    vouch = ["vouch", silent["client_id"], "--name", "Banco"]
    assert (await typed(world, *vouch, "--signs-asks"))[0] == 1
    assert (await typed(world, *vouch, "--key", str(file)))[0] == 1
    assert (await typed(world, *vouch, "--signs-asks", "--key", str(wrong)))[0] == 1
    assert (await typed(world, *vouch, "--signs-asks", "--key", str(file)))[0] == 0
    assert world.sam.signers[silent["client_id"]] == key


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
        ["new", "--name", "x" * 61, "--by-itself"],
        ["new", "--name", "...", "--by-itself"],
        ["new", "--name", "x", "--by-itself", "--signs-asks"],
        ["vouch", "cli_x"],
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


async def test_certificates_refresh_tokens_and_readers(world: World, tmp_path: Path) -> None:
    """The newer words do what they say, and each that does not go together is told in a line."""
    own = Identity("CN=erp", now=world.clock.now())
    file, _ = own.files(tmp_path, "own")
    by_subject = ("--by-itself", "--auth", "tls", "--tls-subject", "dn:CN=erp,O=Contratos SA")
    by_file = ("--by-itself", "--auth", "self_signed", "--certificate", str(file))
    found = []
    kinds: list[tuple[str, ...]] = [by_subject, by_file, ("--redirect", CALLBACK, "--refresh")]
    for words in kinds:
        code, out, complaint = await typed(world, "new", "--name", "ERP", *words, "--json")
        assert code == 0, complaint
        found.append(json.loads(out))
    assert found[2]["grants"] == ["authorization_code", "refresh_token"]
    assert await ClientStore(world.database).certificates() == [own.der]
    reader, client = found[0]["client_id"], found[2]["client_id"]
    tried: list[tuple[tuple[str, ...], int]] = [
        (("let-read", reader, client), 0),
        (("let-read", reader, client), 0),
        (("let-read", reader, "cli_00000000000000000000000000"), 1),
        (("stop-reading", reader, client), 0),
        (("stop-reading", reader, client), 1),
        (("new", "--name", "X", "--by-itself", "--refresh"), 1),
        (("new", "--name", "X", "--by-itself", "--auth", "tls"), 1),
        (("new", "--name", "X", "--by-itself", "--tls-subject", "dn:CN=x"), 1),
        (("new", "--name", "X", "--by-itself", "--auth", "tls", "--tls-subject", "x"), 1),
        (("new", "--name", "X", "--by-itself", "--auth", "self_signed"), 1),
        (("new", "--name", "X", "--by-itself", "--certificate", str(file)), 1),
        (("new", "--name", "X", *by_file[:-1], str(tmp_path / "own.key")), 1),
        (("new", "--name", "X", "--by-itself", "--auth", "none"), 1),
    ]
    for line, expected in tried:
        code, _, complaint = await typed(world, *line)
        assert code == expected, line
        assert complaint.count("\n") == expected
