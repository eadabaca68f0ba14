"""Somebody new at a computer: the lines of docs/desktop.md typed one by one, and a browser with our extension."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from playwright.async_api import Page, Route, async_playwright

from demo.world import World
from linkid.platform import ROOT, program
from tests.agent.daemon.test_web_eid import verify
from tests.support.chromium import launch_arguments
from tests.support.terminals import open_terminal

EXTENSION: Final = ROOT / "desktop_agent" / "web_eid" / "extension"
SITE, FRAMED = "https://portal.example", "https://dentro.example"
PATIENCE: Final = 60.0


def lines_of_the_document() -> list[str]:
    """The commands below *From nothing to a logged-in page*, without what stands behind them."""
    text = (ROOT / "docs" / "desktop.md").read_text("utf-8")
    section = text.partition("## From nothing to a logged-in page")[2].partition("\n## ")[0]
    return [re.split(r"\s{2,}", line.strip())[0] for line in section.splitlines() if line.startswith("    ")]


@dataclass
class Computer:
    """A home of its own, a Chromium that was opened once, no systemd; ``folder`` is short: sockets live in it."""

    folder: Path
    world: World

    @property
    def home(self) -> Path:
        return self.folder / "pessoa"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("LANG", "FONTCONFIG_FILE") if name in os.environ}
        return kept | {
            "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.folder / "run"), "PYTHONUTF8": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }  # fmt: skip

    async def type(self, line: str, act: Callable[[Typing], Awaitable[None]] | None = None) -> str:
        """A line of the document at a terminal, by a shell; what it said. It must end well."""
        words = line.replace("https://app.example", self.world.stack.app)
        ours, theirs = open_terminal()
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", words, cwd=self.home, env=self.environment, stdin=theirs,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        os.close(theirs)
        typing = Typing(process, ours)
        try:
            if act is not None:
                await act(typing)
            said = await typing.end()
            assert process.returncode == 0, f"{words}: {said}"
            return said
        finally:
            os.close(ours)
            if process.returncode is None:
                process.kill()
                await process.wait()

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[None]:
        """`linkid-desktop daemon`, until the end."""
        process = await asyncio.create_subprocess_exec("linkid-desktop", "daemon", env=self.environment)
        try:
            async with asyncio.timeout(PATIENCE):
                while not (self.folder / "run" / "linkid" / "control").exists():
                    assert process.returncode is None
                    await asyncio.sleep(0.02)
            yield
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Page]:
        """Chromium with the extension loaded; its pages are answered by ``serve``."""
        async with async_playwright() as driver:
            context = await driver.chromium.launch_persistent_context(
                self.home / ".config" / "chromium",
                executable_path=program("chromium"),
                headless=True,
                env={**os.environ, **self.environment},
                ignore_default_args=["--disable-extensions"],
                args=[
                    *launch_arguments(),
                    f"--load-extension={EXTENSION}",
                    f"--disable-extensions-except={EXTENSION}",
                    "--disable-features=DisableLoadExtensionCommandLineSwitch",
                ],
            )
            try:
                await context.route("**/*", serve)
                yield await context.new_page()
            finally:
                await context.close()


@dataclass
class Typing:
    """A command at a terminal."""

    process: asyncio.subprocess.Process
    terminal: int
    said: str = ""

    async def until(self, pattern: str) -> str:
        """The first group, as soon as it was said."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while not (found := re.search(pattern, self.said)):
                more = await self.process.stdout.read(4096)
                assert more, self.said
                self.said += more.decode("utf-8", "replace")
        return found[1]

    def type(self, text: str) -> None:
        os.write(self.terminal, f"{text}\n".encode())

    async def end(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            self.said += (await self.process.stdout.read()).decode("utf-8", "replace")
            await self.process.wait()
        return self.said


@asynccontextmanager
async def computer(world: World) -> AsyncIterator[Computer]:
    """Gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="lk", dir="/tmp"))
    made = Computer(folder, world)
    (made.home / ".config" / "chromium").mkdir(parents=True)
    (folder / "run").mkdir(mode=0o700)
    try:
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def serve(route: Route) -> None:
    """Two sites: a portal with a page that can log in, and one that is shown in a frame of it."""
    path = route.request.url.partition(".example/")[2]
    if path == "linkid-pages.js":
        script = (EXTENSION.parent / "linkid-pages.js").read_text("utf-8")
        await route.fulfill(body=script, content_type="text/javascript")
    elif path in ("", "frame"):
        frame = f'<iframe src="{FRAMED}/frame"></iframe>' if path == "" else ""
        page = (
            f'<!doctype html><title>Portal</title><script type="module">import {{ linkid }} from "/linkid-pages.js";'
            "globalThis.ask = (request) => linkid(request).then((ok) => ({ ok }), (error) => ({ code: error.code }));"
            f"globalThis.ready = true;</script>{frame}"
        )
        await route.fulfill(body=page, content_type="text/html")
    else:
        await route.fulfill(status=404)


async def ask(page: Any, request: dict[str, Any]) -> dict[str, Any]:
    """What the page's own call answers: ``ok``, or the error's ``code``."""
    await page.wait_for_function("globalThis.ready")
    answer: dict[str, Any] = await page.evaluate("(request) => globalThis.ask(request)", request)
    return answer


def logged_in(token: dict[str, Any], origin: str, nonce: str) -> x509.Certificate:
    """What a portal's server does with a token. Raises InvalidSignature."""
    parts = b"".join(hashlib.sha256(text.encode()).digest() for text in (origin, nonce))
    verify(token["unverifiedCertificate"], token["signature"], hashlib.sha256(parts).digest())
    return x509.load_der_x509_certificate(base64.b64decode(token["unverifiedCertificate"]))


def nonce() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def document(name: str, content: bytes) -> dict[str, str]:
    """As `sign` wants it."""
    return {"name": name, "digest": base64.b64encode(hashlib.sha256(content).digest()).decode()}
