"""`python -m sandbox_phone`, for playing: pair, show, approve, refuse, scan, remove, unpair."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from tests.sandbox_phone.gateway_double import PASSWORD, PhoneGateway
from tests.sandbox_phone.roots import Roots


@pytest.fixture
async def gateway() -> AsyncIterator[PhoneGateway]:
    double = PhoneGateway(Roots())
    server = TestServer(double.app())
    await server.start_server()
    double.roots.app = double.roots.gateway = str(server.make_url("")).rstrip("/")
    yield double
    await server.close()


async def play(gateway: PhoneGateway, state: Path, *words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox_phone", "--app", gateway.roots.app, "--state", state, *words,
        env={"PATH": os.environ["PATH"], "LINKID_SANDBOX_PASSWORD": PASSWORD, "PYTHONUTF8": "1"},
        cwd=Path(__file__).parents[2], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_phone_played_by_hand(gateway: PhoneGateway, tmp_path: Path) -> None:
    """Each command is one act of a phone, and the state between them is in one file."""
    state = tmp_path / "phone.json"

    status, out, err = await play(gateway, state, "pair", "+55 11 98765-4321", "--code", "123456", "--nickname", "Meu")
    assert status == 0, err
    assert "Binding to MARIA" in out
    assert gateway.binding_state == "active"

    request = gateway.add(
        "sign",
        gateway.roots.proof("sign"),
        verification_code="27",
        documents=[{"label": "contrato.pdf", "size": 7, "hash": "x"}],
    )
    _, out, _ = await play(gateway, state, "approve", request)
    assert "contrato.pdf (7 bytes)" in out
    assert "verification_code: 27" in out
    assert gateway.decisions[request] == "approve"

    request = gateway.add("sign", gateway.roots.proof("sign"))
    await play(gateway, state, "refuse", request, "not-me")
    assert gateway.decisions[request] == "refuse:not-me"

    link = gateway.add("associate", computer={"name": "Notebook"})
    _, out, _ = await play(gateway, state, "scan", f"{gateway.roots.app}/l#1.{link}", "--approve")
    assert "Type this on the computer: 042" in out

    gateway.computers = [{"id": "cmp_1", "name": "Notebook", "since": "2026"}]
    assert "computer Notebook" in (await play(gateway, state, "show"))[1]
    await play(gateway, state, "remove", "cmp_1")
    assert gateway.computers == []
    assert (await play(gateway, state, "unpair"))[0] == 0
    assert state.read_text() == "{}"


async def test_errors_are_one_line(gateway: PhoneGateway, tmp_path: Path) -> None:
    """What went wrong, by its code; never a trace."""
    status, _, err = await play(gateway, tmp_path / "p.json", "pair", "1", "--code", "000000")

    assert (status, err.count("\n")) == (1, 1)
    assert err.startswith("gateway_refused: 401 code_wrong")
