"""A Link ID of one's own: `linkid serve` in a folder of its own, on free ports, as `make run` starts it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from linkid.platform import ROOT
from linkid.settings import Settings, load_settings
from sandbox_phone.loopback import connector

_READY: Final = "Link ID is ready."
_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 40.0
_CODE: Final = re.compile(r"\b(\d{6})\b")


class StackFailed(Exception):
    """It did not come up, or a command failed; the message ends with its last words."""


@dataclass
class Stack:
    """An async context manager. ``extra``: settings as the environment names them (``LINKID__SAMS``)."""

    var: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _ports: dict[str, int] = field(default_factory=dict, init=False)

    async def __aenter__(self) -> Self:
        self.var.mkdir(parents=True, exist_ok=True)
        if not self._ports:  # the same ones after a restart: device keys and trust.json name them
            self._ports = dict(zip(("app", "gateway", "pki", "health"), free_ports(4), strict=True))
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # --- running it ---------------------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """For every program that belongs to this Link ID."""
        ports = {f"LINKID__{name.upper()}__PORT": str(port) for name, port in self._ports.items()}
        return {**os.environ, "LINKID__VAR": str(self.var), **ports, **self.extra}

    @property
    def settings(self) -> Settings:
        """As its processes have them."""
        return load_settings(None, self.environment)

    @property
    def app(self) -> str:
        """Origin of the app host."""
        return self.settings.url("app")

    @property
    def gateway(self) -> str:
        """Origin of the gateway."""
        return self.settings.url("gateway")

    @property
    def log(self) -> Path:
        """What all its processes said."""
        return self.var / "serve.log"

    async def start(self) -> None:
        """Bring everything up. Raises StackFailed."""
        with self.log.open("ab") as words:
            begin = words.tell()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "linkid", "serve"),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env=self.environment,
                cwd=ROOT,
            )
        loop = asyncio.get_running_loop()
        until = loop.time() + _START_SECONDS
        while _READY not in self._said(begin):
            if self._process.returncode is not None or loop.time() > until:
                await self.stop()
                raise StackFailed(f"it did not come up:\n{self._said(begin)[-3000:]}")
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """As Ctrl-C does."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    def pid(self, name: str) -> int | None:
        """The process of a child (`sam-0`, `gateway`, `database` …) now."""
        try:
            return int((self.settings.places.run / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def kill(self, name: str) -> None:
        """`kill -9` one of its processes; the supervisor brings back another."""
        pid = self.pid(name)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    async def ready(self, seconds: float = 60.0) -> None:
        """Wait until it does its work (again). Raises StackFailed."""
        url = f"http://127.0.0.1:{self._ports['health']}/health/ready"
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            while True:
                try:
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass
                if loop.time() > until:
                    raise StackFailed(f"not ready after {seconds:g} s:\n{self._said(0)[-3000:]}")
                await asyncio.sleep(0.1)

    def _said(self, begin: int) -> str:
        with self.log.open("rb") as words:
            words.seek(begin)
            return words.read().decode("utf-8", "replace")

    # --- the operator -------------------------------------------------------------------------------------------------

    async def linkid(self, *words: str, stdin: str = "") -> str:
        """Run `linkid <words>`; what it printed. Raises StackFailed when it fails."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "linkid", *words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=ROOT,
        )
        out, complaint = await process.communicate(stdin.encode())
        if process.returncode != 0:
            raise StackFailed(f"linkid {' '.join(words)}: {complaint.decode(errors='replace')[-2000:]}")
        return out.decode()

    async def new_request(self, **person: str) -> dict[str, Any]:
        """`linkid request new`; keys as its options (``name``, ``cpf``, ``birth``, ``email``, ``phone``, ``key``)."""
        await self.linkid("operator", "init")
        options = [word for option, value in person.items() for word in (f"--{option.replace('_', '-')}", value)]
        placed: dict[str, Any] = json.loads(await self.linkid("request", "new", "--json", *options))
        return placed

    # --- the inbox ----------------------------------------------------------------------------------------------------

    async def messages(self) -> list[dict[str, Any]]:
        """The development inbox, newest first."""
        session = aiohttp.ClientSession(connector=connector())
        async with session, session.get(f"{self.gateway}/dev/inbox.json") as answer:
            found: list[dict[str, Any]] = (await answer.json())["messages"]
            return found

    async def sms_code(self, number: str, *, after: int = 0, seconds: float = 15.0) -> str:
        """The code in the newest SMS to a number (E.164) that came after message ``after``. Raises StackFailed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            for message in await self.messages():
                found = _CODE.search(message["text"])
                if message["to"] == number and message["number"] > after and found:
                    return found[1]
            await asyncio.sleep(0.1)
        raise StackFailed(f"no SMS for {number} within {seconds:g} s")


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
