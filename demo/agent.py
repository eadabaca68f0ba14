"""A computer: `linkid-desktop` as a person uses it, its terminal read and typed into by a program."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from linkid.platform import ROOT

_PAGE: Final = re.compile(r"(http://127\.0\.0\.1:\d+/\?t=\S+)")
_TYPED: Final = re.compile(r"\b([0-9A-Z]{5}-[0-9A-Z]{5})\b")
_VERIFICATION: Final = re.compile(r"Código de verificação:\s+([0-9 ]+)")
_WAIT_SECONDS: Final = 60.0


class AgentFailed(Exception):
    """It ended otherwise than expected; the message is what it said."""


@dataclass(frozen=True)
class Offered:
    """What a computer shows while it waits to be associated."""

    page: str
    """Address of the local page with the animated QR code; it opens once."""
    code: str
    """The same for typing."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int
    said: str


@dataclass(frozen=True)
class Agent:
    """One computer. ``home``: where it keeps its association."""

    home: Path
    app: str

    async def associate(self, name: str, hold_phone_to: Callable[[Offered], Awaitable[str]]) -> Ended:
        """`associate`: shows page and code, has a phone held to them, types the check code that the phone shows."""
        words = ("associate", "--no-window", "--keychain", "file", "--server", self.app, "--name", name)
        running = await self._start(*words)
        try:
            page = await running.until(_PAGE)
            code = await running.until(_TYPED)
            check = await hold_phone_to(Offered(page, code))
            await running.type(check)
            return await running.end()
        finally:
            running.kill()

    async def sign(
        self, file: Path, then: Callable[[str], Awaitable[None]] | None = None, *words: str, out: Path | None = None
    ) -> Ended:
        """`sign`: when the verification code is shown, ``then`` (the holder acts on the phone); how it ended."""
        running = await self._start("sign", str(file), *(("-o", str(out)) if out else ()), *words)
        try:
            if then is not None:
                try:
                    code = await running.until(_VERIFICATION)
                except AgentFailed:
                    return await running.end()  # it was denied before any phone was asked
                await then("".join(code.split()))
            return await running.end()
        finally:
            running.kill()

    async def run(self, *words: str) -> Ended:
        """Any other command."""
        running = await self._start(*words)
        return await running.end()

    async def _start(self, *words: str) -> _Running:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "desktop_agent", *words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LINKID_DESKTOP_HOME": str(self.home), "PYTHONUNBUFFERED": "1"},
            cwd=ROOT,
        )
        return _Running(process)


class _Running:
    """A command whose words are read as they come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said = ""

    async def until(self, wanted: re.Pattern[str]) -> str:
        """The first group of the first match. Raises AgentFailed when it ends without."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_WAIT_SECONDS):
            while not (found := wanted.search(self._said)):
                block = await self._process.stdout.read(4096)
                if not block:
                    raise AgentFailed(self._said)
                self._said += block.decode("utf-8", "replace")
        return found[1]

    async def type(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())
        await self._process.stdin.drain()

    async def end(self) -> Ended:
        assert self._process.stdout is not None
        async with asyncio.timeout(_WAIT_SECONDS):
            self._said += (await self._process.stdout.read()).decode("utf-8", "replace")
            return Ended(await self._process.wait(), self._said)

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
