"""What docs/integrators.md has people paste and copy: its blocks and its program, against everything real."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from demo.stack import free_ports
from demo.world import World
from linkid.platform import ROOT, program
from sandbox_phone.loopback import connector
from tests.support.oauth_requests import page_token

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

PATIENCE = 60.0


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """What is signed."""
    file = tmp_path / "contrato de locação.txt"
    file.write_text("As partes concordam.", encoding="utf-8")
    return file


async def registered(world: World, *words: str) -> dict[str, Any]:
    """By the operator's command."""
    said: dict[str, Any] = json.loads(await world.stack.linkid("integrator", "new", "--json", "--name", *words))
    return said


@pytest.fixture
def project(tmp_path: Path, world: World) -> Path:
    """What the document calls the project's folder, with the running system's `var` in it."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "bin").mkdir()
    for name in ("curl", "openssl"):  # as the set-up found or brought them
        (folder / "bin" / name).symlink_to(program(name))
    for name, place in {"examples": ROOT / "examples", "var": world.stack.var, ".venv": Path(sys.prefix)}.items():
        (folder / name).symlink_to(place)
    return folder


@asynccontextmanager
async def shell(world: World, project: Path, *blocks: str) -> AsyncIterator[Process]:
    """A person who pastes one block after the other, and stops at the first that fails."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", "\n".join(blocks)),
        cwd=project,
        env={
            **world.stack.environment,
            "PATH": f"{project / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        },
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _by_number(world: World) -> str:
    """The gateway, for the program: a bare Debian does not know the name localhost."""
    return world.stack.gateway.replace("//localhost:", "//127.0.0.1:")


def blocks_of(world: World, callback: str) -> list[str]:
    """The document's blocks, with this system's addresses in the place of the usual ones."""
    text = (ROOT / "docs" / "integrators.md").read_text(encoding="utf-8")
    ours = {
        "http://localhost:8441": world.stack.gateway,
        "http://127.0.0.1:8765/callback": callback,
        "-m sandbox_phone": f"-m sandbox_phone --app {world.stack.app}",
        "python3 examples/": f"LINKID_URL={_by_number(world)} CALLBACK={callback} python3 examples/",
    }
    for usual, here in ours.items():
        assert usual in text
        text = text.replace(usual, here)
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for language, block in fenced if language in ("", "sh")]


async def until(process: Process, pattern: str) -> str:
    """What it says up to a line with ``pattern``."""
    said = ""
    while not re.search(pattern, said):
        more = await line(process)
        assert more, f"it ended without {pattern}: {said}"
        said += more
    return said


async def test_every_block_of_the_document_works(world: World, project: Path) -> None:
    """Pasted one after the other: a holder, the five calls by hand, the program both ways, a key for a secret."""
    callback = f"http://127.0.0.1:{free_ports(1)[0]}/callback"
    blocks = blocks_of(world, callback)
    helper, holder, allow, ask, approve_it, verify_it, program, login, phone, key = blocks

    async with shell(world, project, helper, holder, allow, ask, approve_it, verify_it, program, key, login) as process:
        assert process.stdin is not None
        process.stdin.write(f"{await world.stack.sms_code('+5531977776666', seconds=PATIENCE)}\n".encode())
        said = await until(process, r"Verified OK\n")
        code = re.search(r"^verification code: (\S+)$", said, re.MULTILINE)
        assert code is not None
        assert f"verification_code: {code[1]}\n" in said
        assert "approved" in await until(process, r"(?m)^signed: var/contract.txt.sig")
        page = (await until(process, r"open in a browser: .*\n")).partition("open in a browser: ")[2].strip()

        scan, wait = phone.splitlines()

        async def scanned(shown: str) -> str:
            async with shell(world, project, scan.replace("XXXXX-XXXXX", shown)) as phone_of_joao:
                return (await until(phone_of_joao, r"Type this on the computer: \d{3}\n")).strip()[-3:]

        await browse(world, page, scanned)
        async with shell(world, project, wait):
            await until(process, r"(?m)^signed: var/contract.txt.sig")
            assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


@asynccontextmanager
async def example(world: World, client: dict[str, Any], *words: str, **extra: str) -> AsyncIterator[Process]:
    """The program, as a newcomer starts it; killed if it does not end."""
    told = {"CLIENT_ID": client["client_id"], "CLIENT_SECRET": client["client_secret"]}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples" / "sign_hash.py"),
        *words,
        env={**os.environ, **told, "LINKID_URL": _by_number(world), **extra},
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line(process: Process) -> str:
    """The next one it says."""
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode()


async def approve(world: World, asked: str, name: str, file: Path) -> None:
    """What the holder does: the phone shows who asks, the file's name, and the code that the program says."""
    statement = await world.phone.wait_for("sign")
    assert statement.content["caller"]["name"] == name
    assert statement.content["documents"][0]["label"] == file.name
    assert f"code: {statement.content['verification_code']}" in asked
    await world.phone.approve(statement, world.holder.password)


def verify(world: World, file: Path) -> None:
    """The signature beside the file is the holder's, by the certificate beside it."""
    certificate = x509.load_der_x509_certificate(file.with_name(file.name + ".crt").read_bytes())
    assert certificate == world.certificate
    world.verify(hashlib.sha256(file.read_bytes()).digest(), file.with_name(file.name + ".sig").read_bytes())


async def test_it_signs_by_itself(world: World, contract: Path) -> None:
    """Client credentials: refused with a hint before an operator allowed the certificate, signed after."""
    client = await registered(world, "Folha de pagamento", "--by-itself")
    async with example(world, client, str(contract)) as process:
        assert "linkid integrator allow" in await line(process)
        assert await process.wait() == 1
    await world.stack.linkid("integrator", "allow", client["client_id"], world.credential)
    async with example(world, client, str(contract)) as process:
        await approve(world, await line(process), "Folha de pagamento", contract)
        assert (await line(process)).startswith("signed:")
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    verify(world, contract)


async def test_it_signs_for_a_holder_who_identifies(world: World, contract: Path) -> None:
    """Authorization code: page, phone, check code, back to the program's own address; then signed."""
    callback = f"http://127.0.0.1:{free_ports(1)[0]}/callback"
    client = await registered(world, "Contratos SA", "--redirect", callback)
    async with example(world, client, str(contract), "--login", CALLBACK=callback) as process:
        page = (await line(process)).partition("open in a browser: ")[2].strip()
        await browse(world, page, partial(scan, world))
        await approve(world, await line(process), "Contratos SA", contract)
        assert (await line(process)).startswith("signed:")
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    verify(world, contract)


async def test_it_says_why_it_was_refused(world: World, contract: Path) -> None:
    """A refusal on the phone ends it with the service's own words, and no signature is left."""
    client = await registered(world, "Outra folha", "--by-itself")
    await world.stack.linkid("integrator", "allow", client["client_id"], world.credential)
    async with example(world, client, str(contract)) as process:
        await line(process)
        await world.phone.refuse(await world.phone.wait_for("sign"))
        assert "access_denied" in await line(process)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 1
    assert not contract.with_name(contract.name + ".sig").exists()


async def scan(world: World, code: str) -> str:
    """What the holder does with the page's code; the check code that the phone answers."""
    decided = await world.phone.approve(await world.phone.scan(code))
    return str(decided["next"]["check_code"])


async def browse(world: World, page: str, scan: Callable[[str], Awaitable[str]]) -> None:
    """What the holder's browser does: show the code, take the check code, go back to the program."""
    base = world.stack.gateway
    async with aiohttp.ClientSession(connector=connector()) as session:
        async with session.get(page) as answer:
            token = {"page": page_token(await answer.text())}
        async with session.post(f"{base}/oauth2/authorize/state", json=token) as answer:
            shown = (await answer.json())["code"]
        check = {**token, "code": await scan(shown)}
        async with session.post(f"{base}/oauth2/authorize/check", json=check) as answer:
            back = (await answer.json())["redirect"]
        async with session.get(back) as answer:
            assert answer.status == 200
