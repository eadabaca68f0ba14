"""The audit as an auditor has it: signed heads, chains walked, a credential's story, a copy for outsiders."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.audit import AuditChain, HeadNotKept
from foundation.database import Database, open_pool
from hsm_service.sam.signed_heads import ChainRewritten, HeadSigner
from linkid.auditing import about, check_signed
from linkid.platform import ROOT
from protocol import statements
from protocol.heads import SignedHeads, digest, open_heads
from protocol.keys import P256Key, sign_raw
from tests.sam.world import World

VERIFIER = ROOT / "examples" / "verify_audit.py"


@pytest.fixture
def signer(world: World, tmp_path: Path) -> HeadSigner:
    """As the SAM's housekeeping has it."""
    return HeadSigner(world.sam.database, world.sam.roots, world.clock, "sam-0", tmp_path / "sam-0.signed")


@pytest.fixture
async def gateway(world: World) -> AsyncIterator[AuditChain]:
    """Another writer, with a chain of its own."""
    database = Database(await open_pool(world.database.dsn("linkid_gateway")))
    yield AuditChain(database, "gateway-0", world.clock)
    await database.close()


async def signed_once(world: World) -> tuple[str, str]:
    """A whole signature: its credential and its request."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    approved = await world.approve(phone, request)
    await world.sign(request, approved["activation"])
    return credential, request.id


async def say(chain: AuditChain, event: str = "signing.asked") -> None:
    async with chain._database.transaction() as connection:
        chain.note(connection, event, caller="cli_x")


async def sign_again(world: World, signer: HeadSigner) -> str:
    """A minute later."""
    world.clock.advance(timedelta(seconds=61))
    jws = await signer.sign_if_moved()
    assert jws is not None
    return jws


@pytest.fixture
def linkid(world: World, tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """`linkid audit …` on an auditor's machine: the auditor's address, trust.json, and nothing else of ours."""
    var = tmp_path / "auditor"
    var.mkdir()
    trust = {"v": 1, "sam": [key.jwk for key in world.roots.values()], "ac": []}
    (var / "trust.json").write_text(json.dumps(trust))
    environment = {
        **os.environ,
        "LINKID_VAR": str(var),
        "LINKID__DATABASE__AUDITOR": world.database.dsn("linkid_auditor"),
    }

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "linkid", "audit", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    return run


# --- signing heads ----------------------------------------------------------------------------------------------------


async def test_heads_of_all_chains_are_signed_and_each_names_the_one_before(
    world: World, signer: HeadSigner, gateway: AuditChain
) -> None:
    """By the SAM's root, numbered; nothing is signed twice over the same lines, nor more often than once a minute."""
    await say(gateway)
    await world.credential("P-256")
    first = await signer.sign_if_moved()
    assert first is not None
    opened = open_heads(first, world.roots, now=world.clock.now())
    assert (opened.number, opened.prev, sorted(opened.heads)) == (1, None, ["gateway-0", "sam-0"])
    await say(gateway)
    assert await signer.sign_if_moved() is None  # too early
    second = open_heads(await sign_again(world, signer), world.roots, now=world.clock.now())
    assert (second.number, second.prev, second.heads["gateway-0"][0]) == (2, digest(first), 2)
    world.clock.advance(timedelta(minutes=5))
    assert await signer.sign_if_moved() is None  # nothing new


async def test_a_crash_between_row_and_file_is_mended(world: World, signer: HeadSigner, tmp_path: Path) -> None:
    """The row may be one ahead of the file: a process that starts goes on from it, and with no file as well."""
    await world.credential("P-256")
    await signer.sign_if_moved()
    before = (tmp_path / "sam-0.signed").read_text()
    await world.credential("P-256")
    second = await sign_again(world, signer)
    for file in (before, None):
        kept = tmp_path / "sam-0.signed"
        kept.unlink() if file is None else kept.write_text(file)
        await world.credential("P-256")
        started = HeadSigner(world.sam.database, world.sam.roots, world.clock, "sam-0", kept)
        third = open_heads(await sign_again(world, started), world.roots, now=world.clock.now())
        assert third.prev == digest(second)
        second = kept.read_text()


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM audit.lines WHERE chain = 'gateway-0' AND seq = 2",
        "UPDATE audit.lines SET body = convert_to(replace(convert_from(body, 'UTF8'), 'cli_x', 'cli_y'), 'UTF8')"
        " WHERE chain = 'gateway-0' AND seq = 3",
        "UPDATE audit.heads SET seq = 1, hash = (SELECT hash FROM audit.lines WHERE chain = 'gateway-0' AND seq = 1)"
        " WHERE chain = 'gateway-0'",
        "DELETE FROM audit.heads WHERE chain = 'gateway-0'",
        "DELETE FROM audit.signed_heads",
        "DELETE FROM audit.signed_heads WHERE number = 2",
        "UPDATE audit.signed_heads SET jws = (SELECT jws FROM audit.signed_heads WHERE number = 1) WHERE number = 2",
    ],
)
async def test_nothing_is_signed_about_a_chain_that_was_rewritten(
    world: World, signer: HeadSigner, gateway: AuditChain, attack: str
) -> None:
    """Lines changed or gone, heads turned back, signatures taken away: the SAM says so instead of vouching for it."""
    await say(gateway)
    await signer.sign_if_moved()
    await say(gateway)
    await sign_again(world, signer)
    await say(gateway)
    await world.sql(attack)
    world.clock.advance(timedelta(seconds=61))
    with pytest.raises(ChainRewritten):
        await signer.sign_if_moved()
    with pytest.raises(ChainRewritten):
        await signer.sign_if_moved()  # and says it again


async def test_a_disk_that_refuses_is_told_and_made_up_for(world: World, tmp_path: Path) -> None:
    """Nothing more is signed until the newest can be kept; housekeeping hears an error of ours, and goes on."""
    folder = tmp_path / "later"
    signer = HeadSigner(world.sam.database, world.sam.roots, world.clock, "sam-0", folder / "sam-0.signed")
    await world.credential("P-256")
    with pytest.raises(HeadNotKept):
        await signer.sign_if_moved()
    folder.mkdir()
    await world.credential("P-256")
    second = open_heads(await sign_again(world, signer), world.roots, now=world.clock.now())
    assert second.number == 2


async def test_two_of_one_name_do_not_fork(world: World, signer: HeadSigner, tmp_path: Path) -> None:
    """A second process of the same name cannot take a number that is taken."""
    await world.credential("P-256")
    await signer.sign_if_moved()
    world.clock.advance(timedelta(seconds=61))
    rival = HeadSigner(world.sam.database, world.sam.roots, world.clock, "sam-0", tmp_path / "sam-0.signed")
    await world.credential("P-256")
    assert (await rival.sign_if_moved(), await signer.sign_if_moved()).count(None) == 1


async def test_only_a_sam_adds_signed_heads_and_nobody_changes_them(world: World, signer: HeadSigner) -> None:
    """Grants and a trigger: the gateway's role may not even read them; the auditor's reads the audit alone."""
    await world.credential("P-256")
    await signer.sign_if_moved()
    for role, statement in (
        ("linkid_gateway", "SELECT * FROM audit.signed_heads"),
        ("linkid_auditor", "INSERT INTO audit.signed_heads VALUES ('sam-0', 9, now(), 'x')"),
        ("linkid_auditor", "INSERT INTO audit.lines VALUES ('sam-0', 9, now(), '', '')"),
        ("linkid_auditor", "SELECT * FROM sam.credentials"),
        ("linkid_auditor", "SELECT * FROM sam.credential_facts"),
        ("linkid_auditor", "SELECT audit.lock_head('sam-0')"),
        ("linkid_auditor", "SELECT audit.append('sam-0', 0, '', '{}')"),
        ("linkid_sam", "UPDATE audit.signed_heads SET jws = 'x'"),
        ("linkid_sam", "DELETE FROM audit.signed_heads"),
    ):
        connection = await asyncpg.connect(world.database.dsn(role))
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        finally:
            await connection.close()


# --- looking at it ----------------------------------------------------------------------------------------------------


async def test_verify_names_every_chain_and_the_first_bad_line(
    world: World, signer: HeadSigner, gateway: AuditChain, linkid: Callable[..., Any]
) -> None:
    """Exit code 0 and a line for each chain; 1, and which line, when somebody changed one."""
    await signed_once(world)
    for _ in range(3):
        await say(gateway)
    await signer.sign_if_moved()
    good = linkid("verify")
    assert good.returncode == 0, good.stderr
    assert [line.split()[0] for line in good.stdout.splitlines()] == ["gateway-0", "sam-0", "signed"]
    assert "1, all hold" in good.stdout
    assert linkid("verify", "--chain", "sam-0").returncode == 0
    assert "there is no such chain" in linkid("verify", "--chain", "sam-7").stderr
    await world.sql("UPDATE audit.lines SET hash = sha256(hash) WHERE chain = 'gateway-0' AND seq = 3")
    bad = linkid("verify")
    assert bad.returncode == 1
    assert "BROKEN at line 3: the hash does not hold" in bad.stdout
    assert "signed heads: BROKEN: signed heads sam-0 1: line gateway-0 3 is not the one that was signed" in bad.stdout


async def test_signed_heads_by_another_key_are_told(world: World, signer: HeadSigner) -> None:
    """Whoever owns the database can write rows; not sign them."""
    await world.credential("P-256")
    await signer.sign_if_moved()
    rows = await world.sql("SELECT hash, seq FROM audit.heads WHERE chain = 'sam-0'")
    key = ec.generate_private_key(ec.SECP256R1())
    public = P256Key.from_public(key.public_key())
    forged = SignedHeads("sam-0", 1, None, 1, {}).payload()
    signed = statements.signing_input(forged, kid=public.jkt)
    await world.sql("UPDATE audit.signed_heads SET jws = $1", statements.assemble(signed, sign_raw(key, signed)))
    report = await check_signed(world.sam.database, list(world.roots.values()), world.clock)
    assert rows
    assert report.bad is not None
    assert "not pinned" in report.bad


async def test_show_tells_the_story_of_one_credential(world: World, linkid: Callable[..., Any]) -> None:
    """From its key to the signature, by way of the ids that follow from it; nobody else's lines."""
    credential, request = await signed_once(world)
    other, _ = await signed_once(world)
    shown = linkid("show", credential, "--json")
    assert linkid("show", "--credential", credential, "--json").stdout == shown.stdout
    for wrong in ((), (credential, "--credential", other)):
        assert linkid("show", *wrong).returncode == 2
    assert shown.returncode == 0, shown.stderr
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    events = [line["event"] for line in lines]
    assert {"credential.bound", "document.fixed", "document.approved", "signatures.made"} <= set(events)
    assert other not in shown.stdout
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)
    assert request in linkid("show", request).stdout
    later = (world.clock.now() + timedelta(days=1)).strftime("%Y-%m-%d")
    assert linkid("show", credential, "--since", later).returncode == 1
    nothing = linkid("show", "cred_" + "0" * 26)
    assert (nothing.returncode, nothing.stdout) == (1, "")


async def test_show_takes_an_id_for_what_it_is(world: World) -> None:
    """A part of an id is none; one that stands in another member's middle neither; few and many are found alike."""
    credential, request = await signed_once(world)
    database, heard = world.sam.database, list[tuple[int, int]]()
    whole = await about(database, credential, tell=lambda _what, part, parts: heard.append((part, parts)))
    assert request in {line.members.get("document") for line in whole}
    assert heard[0] == (1, heard[0][1])
    assert heard[-1] == (heard[-1][1],) * 2
    for part in (credential[:-1], "credential", "sam-0"):
        assert await about(database, part) == []
    for few in (0, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("linkid.auditing._FEW", few)
            assert await about(database, credential) == whole
    assert len({(line.chain, line.seq) for line in whole}) == len(whole)


# --- a copy for somebody outside --------------------------------------------------------------------------------------


async def exported(world: World, signer: HeadSigner, gateway: AuditChain, linkid: Callable[..., Any], to: Path) -> Path:
    await signed_once(world)
    await say(gateway)
    await signer.sign_if_moved()
    await say(gateway)
    await sign_again(world, signer)
    await say(gateway)
    done = linkid("export", str(to))
    assert done.returncode == 0, done.stderr
    assert "2 signed heads" in done.stdout
    assert linkid("export", str(to)).returncode == 1  # never over another file
    return to


def outsider(export: Path, trust: Path) -> "subprocess.CompletedProcess[str]":
    """Without our libraries: -I hides the project and -S its site-packages."""
    command = [sys.executable, "-I", "-S", str(VERIFIER), str(export), "--trust", str(trust)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


async def test_an_outsider_checks_the_copy_with_python_alone(
    world: World, signer: HeadSigner, gateway: AuditChain, linkid: Callable[..., Any], tmp_path: Path
) -> None:
    """The export holds; one changed thing, anywhere, is found; another authority's roots are not believed."""
    export = await exported(world, signer, gateway, linkid, tmp_path / "audit.jsonl")
    trust = tmp_path / "auditor" / "trust.json"
    good = outsider(export, trust)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "2 signed heads, all by the SAM's root" in good.stdout
    assert "1 lines stand after it" in good.stdout

    lines = export.read_text().splitlines()
    last_signed = json.loads(lines[-1])
    assert last_signed["type"] == "heads"
    broken = tmp_path / "broken.jsonl"
    attacks: dict[str, list[str]] = {
        "a line taken out": [line for index, line in enumerate(lines) if index != 4],
        "two lines exchanged": [lines[0], lines[2], lines[1], *lines[3:]],
        "a member changed": [line.replace('\\"cli_x\\"', '\\"cli_y\\"') for line in lines],
        "a hash changed": [lines[0], lines[1].replace('"hash":"', '"hash":"00', 1), *lines[2:]],
        "the first signature taken out": [*lines[:-2], lines[-1]],
        "a signature changed": [*lines[:-1], json.dumps({**last_signed, "jws": last_signed["jws"][:-6] + "AAAAAA"})],
        "all signatures taken out": lines[:-2],
        "the end of a chain cut off": [line for line in lines if '"chain":"sam-0"' not in line],
        "not an export": ["[]"],
    }
    for name, content in attacks.items():
        broken.write_text("\n".join(content))
        done = outsider(broken, trust)
        assert done.returncode == 1, name
        assert "Traceback" not in done.stderr, name

    other = P256Key.from_public(ec.generate_private_key(ec.SECP256R1()).public_key())
    trust.write_text(json.dumps({"v": 1, "sam": [other.jwk], "ac": []}))
    assert "signed by nobody whom trust.json names" in outsider(export, trust).stdout


def test_the_verifier_agrees_with_a_library_about_signatures() -> None:
    """Its few lines of P-256 against cryptography's: right ones pass, and none that is off by anything."""
    names: dict[str, Any] = {"__name__": "verify_audit"}
    exec(compile(VERIFIER.read_text(), str(VERIFIER), "exec"), names)
    for _ in range(20):
        key, message = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(50)
        numbers, signature = key.public_key().public_numbers(), sign_raw(key, message)
        public = (numbers.x, numbers.y)
        assert names["verifies"](public, message, signature)
        flipped = bytes([signature[0] ^ 1]) + signature[1:]
        high = signature[:32] + (0).to_bytes(32, "big")
        for wrong in (flipped, high, signature[:63], signature + b"\0", bytes(64), signature[32:] + signature[:32]):
            assert not names["verifies"](public, message, wrong)
        assert not names["verifies"](public, message + b".", signature)
