"""The program that docs/integrators.md has people copy signs, both ways, against everything real."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from demo.stack import free_ports
from demo.world import World
from linkid.platform import ROOT
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


@asynccontextmanager
async def example(world: World, client: dict[str, Any], *words: str, **extra: str) -> AsyncIterator[Process]:
    """The program, as a newcomer starts it; killed if it does not end."""
    here = world.stack.gateway.replace("//localhost:", "//127.0.0.1:")  # a bare Debian does not know the name
    told = {"CLIENT_ID": client["client_id"], "CLIENT_SECRET": client["client_secret"]}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples" / "sign_hash.py"),
        *words,
        env={**os.environ, **told, "LINKID_URL": here, **extra},
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
        await browse(world, page)
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


async def browse(world: World, page: str) -> None:
    """What the holder's browser does: show the code, take the check code, go back to the program."""
    base = world.stack.gateway
    async with aiohttp.ClientSession(connector=connector()) as session:
        async with session.get(page) as answer:
            token = {"page": page_token(await answer.text())}
        async with session.post(f"{base}/oauth2/authorize/state", json=token) as answer:
            code = (await answer.json())["code"]
        decided = await world.phone.approve(await world.phone.scan(code))
        check = {**token, "code": decided["next"]["check_code"]}
        async with session.post(f"{base}/oauth2/authorize/check", json=check) as answer:
            back = (await answer.json())["redirect"]
        async with session.get(back) as answer:
            assert answer.status == 200
