"""How long a program waits for the token when no daemon runs yet: from exec to the first list of slots.

    python -m tests.agent.daemon.startup [COMMAND …]        our own daemon, or one that is installed

Wall clock is worth something on a quiet machine only; processor time says the same on any. Medians of `ROUNDS` rounds.
"""

import asyncio
import base64
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from joserfc.jwk import ECKey

from desktop_agent.domain.trust import read_trust
from desktop_agent.keychain import FileKeychain
from desktop_agent.pkcs11.wire import u32
from desktop_agent.profiles import CERTIFICATES, Profile, Profiles
from tests.agent.daemon.p11_client import P11Client
from tests.agent.pki import Authority, Holder
from tests.sandbox_phone.roots import Roots

ROUNDS = 15


async def associated(home: Path) -> None:
    """A computer with one certificate on file, and a service that is not there."""
    roots = Roots()
    roots.app = roots.gateway = "http://127.0.0.1:9"
    profiles, profile = Profiles(home), Profile("test", "cmp_1", "N", "file", "2026-01-01T00:00:00Z")
    await FileKeychain(home).save(profile, ECKey.generate_key("P-256"))
    profiles.save(profile, read_trust(roots.trust()))
    chain = [base64.b64encode(one).decode() for one in Holder(Authority()).chain]
    (profiles.folder("test") / CERTIFICATES).write_text(json.dumps([{"credential": "cred_1", "chain": chain}]))


async def once(command: list[str], home: Path) -> tuple[float, float]:
    """(seconds by the clock, seconds of processor)."""
    folder = Path(tempfile.mkdtemp(prefix="lk", dir="/tmp"))
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    environment = kept | {"LINKID_DESKTOP_HOME": str(home), "HOME": str(folder)}
    started = time.perf_counter()
    daemon = await asyncio.create_subprocess_exec(
        *command, "daemon", str(folder), env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    while True:
        try:
            client = await P11Client.connect(folder / "p11")
            break
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.sleep(0.001)
    await client.call("get_slot_list", b"\1" + u32(0))
    wall = time.perf_counter() - started
    threads = Path(f"/proc/{daemon.pid}/task").iterdir()
    processor = sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    await client.close()
    daemon.terminate()
    await daemon.wait()
    shutil.rmtree(folder, ignore_errors=True)
    return wall, processor


async def main() -> None:
    command = sys.argv[1:] or [sys.executable, "-m", "desktop_agent"]
    with tempfile.TemporaryDirectory() as scratch:
        await associated(Path(scratch) / "home")
        rounds = [await once(command, Path(scratch) / "home") for _ in range(ROUNDS)]
    for name, column in (("clock", 0), ("processor", 1)):
        values = sorted(one[column] for one in rounds)
        print(f"{name:<10} median {statistics.median(values):.3f} s   {values[0]:.3f} to {values[-1]:.3f}")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    asyncio.run(main())
