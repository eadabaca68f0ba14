"""`make sandbox` in a project's folder of its own, as a newcomer has it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from demo.stack import free_ports
from linkid.platform import ROOT, node, program

START_SECONDS = 150.0
STOP_SECONDS = 45.0
CALL_SECONDS = 60.0


@dataclass
class Sandbox:
    """One that runs. ``variables``: what `var/sandbox/env` exports."""

    folder: Path
    environment: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)
    token: str = field(default="", repr=False)
    said: bytearray = field(default_factory=bytearray, repr=False)
    """What stands in the first terminal."""

    @property
    def url(self) -> str:
        """The gateway."""
        return self.variables["LINKID_URL"]

    async def run(self, *words: str) -> tuple[int, str]:
        """A command in the project's folder: exit code, and what it said."""
        process = await asyncio.create_subprocess_exec(
            *words, cwd=self.folder, env=self.environment, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), START_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, said.decode()

    async def csc(self, method: str, wait: int = 0, **body: Any) -> tuple[int, dict[str, Any]]:
        """One call of the signing API."""
        headers = {"Authorization": f"Bearer {self.token}", "Prefer": f"wait={wait}"}
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)) as session:
            async with session.post(f"{self.url}/csc/v2/{method}", json=body, headers=headers) as answer:
                return answer.status, await answer.json()

    async def read_kit(self) -> None:
        """The file, as a shell reads it; and a token."""
        text = (self.folder / "var" / "sandbox" / "env").read_text()
        self.variables = dict(re.findall(r"^export (\w+)=(\S+)$", text, re.MULTILINE))
        basic = aiohttp.encode_basic_auth(self.variables["CLIENT_ID"], self.variables["CLIENT_SECRET"])
        async with aiohttp.ClientSession(headers={"Authorization": basic}) as session:
            form = {"grant_type": "client_credentials"}
            async with session.post(f"{self.url}/oauth2/token", data=form) as answer:
                assert answer.status == 200, await answer.text()
                self.token = (await answer.json())["access_token"]


def project(folder: Path) -> Path:
    """Everything that the repository has, and a `var` of its own; programs as the set-up found or brought them."""
    folder.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in ("var", ".git"):
            (folder / entry.name).symlink_to(entry)
    (folder / "bin").mkdir()
    for name in ("curl", "openssl"):
        (folder / "bin" / name).symlink_to(program(name))
    (folder / "bin" / "node").symlink_to(node())
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Free ports, and no setting of whoever runs the tests."""
    ports = zip(("APP", "GATEWAY", "PKI", "HEALTH"), free_ports(4), strict=True)
    given = {name: value for name, value in os.environ.items() if not name.startswith("LINKID_")}
    return {
        **given,
        **{f"LINKID__{name}__PORT": str(port) for name, port in ports},
        "LINKID__VAR": str(folder / "var"),
        "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
    }


async def read(stream: asyncio.StreamReader, into: bytearray) -> None:
    """To its end."""
    while line := await stream.readline():
        into += line


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """Started by the tutorial's first command."""
    folder = project(tmp_path_factory.mktemp("newcomer") / "linkid")
    one = Sandbox(folder, environment(folder))
    process = await asyncio.create_subprocess_exec(
        *("make", "sandbox"),
        cwd=folder,
        env=one.environment,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    draining: asyncio.Task[None] | None = None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            while b"The Link ID sandbox is ready." not in one.said:
                more = await process.stdout.readline()
                one.said += more
                assert more, f"it ended: {one.said.decode()}"
        draining = asyncio.create_task(read(process.stdout, one.said))
        await one.read_kit()
        yield one
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal's Ctrl-C: make and what it runs
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        if draining is not None:
            await draining
