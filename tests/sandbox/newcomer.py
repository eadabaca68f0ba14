"""A sandbox in a project's folder of its own, as a newcomer has it: for its tests, and for `make fuzz`."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from demo.stack import free_ports
from linkid.platform import ROOT, node, program
from sandbox_phone.phone import SandboxPhone
from sandbox_phone.storage import FileStorage

START_SECONDS = 150.0
STOP_SECONDS = 45.0
CALL_SECONDS = 60.0


SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass
class Program:
    """One that runs."""

    process: asyncio.subprocess.Process

    async def line(self, seconds: float = CALL_SECONDS) -> str | None:
        """The next one it says; None when it says nothing for so long."""
        assert self.process.stdout is not None
        try:
            return (await asyncio.wait_for(self.process.stdout.readline(), seconds)).decode().rstrip("\n")
        except TimeoutError:
            return None

    async def line_but(self, others: Collection[str]) -> str | None:
        """The next one that is none of these."""
        while (found := await self.line()) in others:
            pass
        return found


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

    @asynccontextmanager
    async def started(self, *words: str) -> AsyncIterator[Program]:
        """The same, to listen to while it runs; killed in the end."""
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=self.folder,
            env={**self.environment, **self.variables},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        try:
            yield Program(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def ask(self, holder: str, session: dict[str, Any] | None = None) -> str:
        """Ask a test holder for a signature, or for a session; the request."""
        body: dict[str, Any] = {"credentialID": self.variables[holder], "numSignatures": 1, "hashAlgorithmOID": SHA256}
        if session is None:
            body["hashes"] = [base64.b64encode(hashlib.sha256(b"x").digest()).decode()]
        else:
            body["clientData"] = json.dumps({"session": session})
        status, answer = await self.csc("credentials/authorize", **body)
        while status == 429 and answer["linkid"]["why"] == "pending":  # the holder's program decides the last one still
            await asyncio.sleep(0.2)
            status, answer = await self.csc("credentials/authorize", **body)
        assert status == 202, answer
        return str(answer["linkid"]["request"])

    async def end_sessions(self, holder: str) -> None:
        """On the holder's phone."""
        file = self.folder / "var" / "sandbox" / f"phone-{holder}.json"
        async with await SandboxPhone.open(storage=FileStorage(file)) as phone:
            for session in await phone.sessions():
                await phone.end_session(session["activation"])

    async def csc(self, method: str, wait: int = 0, **body: Any) -> tuple[int, dict[str, Any]]:
        """One call of the signing API."""
        headers = {"Authorization": f"Bearer {self.token}", "Prefer": f"wait={wait}"}
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)) as session:
            async with session.post(f"{self.url}/csc/v2/{method}", json=body, headers=headers) as answer:
                return answer.status, {} if answer.status == 204 else await answer.json()

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
        "LINKID__OAUTH__CALLS_PER_MINUTE": "10000000",  # schemathesis calls more often than an application should
        "LINKID__EXPLICIT__ENABLED": "true",  # and goes every way there is, that of a holder's factors too
        "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
    }


async def read(stream: asyncio.StreamReader, into: bytearray) -> None:
    """To its end."""
    while line := await stream.readline():
        into += line


@asynccontextmanager
async def running(folder: Path, *words: str) -> AsyncIterator[Sandbox]:
    """Started by these words in a folder of :func:`project`; ended as by Ctrl-C."""
    one = Sandbox(folder, environment(folder))
    process = await asyncio.create_subprocess_exec(
        *words,
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
