"""SAMs as processes of their own, over one database and one token, and a world that speaks to them."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from foundation.channel import PrivateClient
from foundation.clock import FixedClock, SystemClock
from foundation.errors import LinkIdError
from hsm_service.hsm.facade import Hsm
from tests.sam.world import Authority, World, open_world
from tests.support.postgres import TestDatabase

START_SECONDS = 60.0


class Child:
    """One process, and a client to it."""

    def __init__(self, settings: dict[str, Any], folder: Path, conf: Path) -> None:
        self.settings, self.file, self.conf = settings, folder / f"{settings['name']}.json", conf
        self.log = self.file.with_suffix(".log")
        self.client = PrivateClient(settings["listen"])
        self.process: asyncio.subprocess.Process | None = None

    @property
    def argv(self) -> list[str]:
        """Its command; the settings are written anew, and each C_Login gets a line in `logins`."""
        self.file.write_text(json.dumps(self.settings), encoding="utf-8")
        return [sys.executable, "-m", "tests.sam.child", str(self.file), str(self.logins)]

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.conf)}

    @property
    def logins(self) -> Path:
        return self.file.with_suffix(".logins")

    async def start(self) -> None:
        environment = {**os.environ, **self.environment}
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(*self.argv, env=environment, stdout=log, stderr=log)
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    await self.client.call("status")
                except LinkIdError:
                    assert self.process.returncode is None, "the SAM ended"
                    await asyncio.sleep(0.1)
                else:
                    return

    async def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return await self.process.wait()


async def over(
    child: "Child | PrivateClient", hsm: Hsm, database: TestDatabase, authority: Authority, head: Path
) -> World:
    """A world that speaks to the child, or to whichever SAM a client finds, instead of a SAM of its own."""
    world = await open_world(hsm, database, head, FixedClock(SystemClock().now()), authority)

    client = child.client if isinstance(child, Child) else child

    async def call(name: str, **body: Any) -> dict[str, Any]:
        return dict(await client.call(name, body, deadline=30.0))

    world.call = call  # type: ignore[method-assign]
    return world
