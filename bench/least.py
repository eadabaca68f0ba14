"""`python -m bench.least`: the least that one signature can cost with this protocol on this machine, part by part.

Writes docs/benchmarks-least.md, whose text (``least.md``) says what is measured and how it is to be read. ``STORIES``
is what the protocol does for one signature of a row; ``PARTS`` what is measured.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import uvloop
from aiohttp import ClientSession, TCPConnector
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import SecretStr

from bench.echo import EchoServers
from bench.machine import facts
from bench.usage import cpu_seconds
from foundation.channel import PrivateClient, private_app, serve_private
from foundation.database import Connection, Database, open_pool
from foundation.encoding import JsonObject
from foundation.group_commit import GroupCommit
from hsm_service.hsm import operations
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.slots import initialise_sam_slot
from hsm_service.hsm.token import Room, Token
from linkid.platform import ROOT, program
from linkid.postgres import EmbeddedPostgres
from protocol.algorithms import SIGN_ALGORITHMS, KeyAlgorithm, SignAlgorithm
from protocol.keys import P256Key
from softhsm_config.tokens import ensure_token

PAGE: Final = ROOT / "docs" / "benchmarks-least.md"
_TEXT: Final = Path(__file__).with_name("least.md")
ROUNDS: Final = 5
AT_ONCE: Final = 32
CORES: Final = len(os.sched_getaffinity(0))
BODY: Final[JsonObject] = {"credentialID": "cred_0123456789abcdef", "SAD": "s" * 86, "hashes": ["h" * 44]}
ROW: Final = secrets.token_bytes(700)
"""As large as a request's document."""

PARTS: Final = {
    "rsa": "RSA-2048 signature, key in the session (python-pkcs11)",
    "rsa_unwrap": "unwrap, RSA-2048 signature, destroy",
    "p256": "P-256 signature, key in the session",
    "root": "the SAM's signature on a statement, P-256 by a key of the token",
    "ecdh": "ECDH by the transport key of the token",
    "hmac": "HMAC by a key of the token (pepper, row MAC)",
    "verify": "verifying a P-256 signature",
    "verify_rsa": "verifying an RSA-2048 signature",
    "client": "a P-256 signature of a client",
    "http": "an HTTP request with JSON, answered by bare aiohttp: the server's part only",
    "hop": "a call from gateway to SAM and back: our frames, both sides",
    "read": "a row read by its key: asyncpg and PostgreSQL",
    "write": "a row written, 32 sharing one durable commit: asyncpg and PostgreSQL",
}


@dataclass(frozen=True)
class Story:
    """A row of `make bench`: what the protocol does for one signature of it. ``bare``: the reference's own part."""

    row: str
    floor: float
    bare: str
    parts: dict[str, float]
    why: str


STORIES: Final = (
    Story(
        "http_batch100_vs_pkcs11",
        0.85,
        "rsa",
        {
            "rsa": 1,
            "verify_rsa": 1,
            **{
                part: count / 100
                for part, count in {
                    "http": 5,
                    "hop": 3,
                    "root": 1,
                    "ecdh": 1,
                    "hmac": 4,
                    "verify": 4,
                    "client": 4,
                    "write": 6,
                    "read": 6,
                }.items()
            },
        },
        "the story of a single signature, a hundredth of it for each hash",
    ),
    Story(
        "http_single_session_vs_pkcs11",
        0.50,
        "rsa",
        {"rsa": 1, "verify_rsa": 1, "http": 1, "hop": 1, "verify": 1, "client": 1, "read": 2, "write": 2, "hmac": 1},
        "one call; the use's signature; counted and stored by two commits, its row under a MAC; key kept unwrapped",
    ),
    Story(
        "p256_single_session_vs_echo",
        0.12,
        "http",
        {"p256": 1, "http": 1, "hop": 1, "verify": 2, "client": 1, "read": 2, "write": 2, "hmac": 1},
        "the same with P-256",
    ),
    Story(
        "sam_single_vs_unwrap_sign",
        0.65,
        "rsa_unwrap",
        {
            "rsa_unwrap": 1,
            "verify_rsa": 1,
            "hop": 3,
            "root": 1,
            "ecdh": 1,
            "hmac": 4,
            "verify": 2,
            "client": 2,
            "write": 4,
            "read": 3,
        },
        "asked, decided, signed: three calls; statement signed, proof opened, password tried, three rows under MACs; "
        "document, attempt, decision, signatures: four commits",
    ),
    Story(
        "http_single_vs_unwrap_sign",
        0.40,
        "rsa_unwrap",
        {
            "rsa_unwrap": 1,
            "verify_rsa": 1,
            "http": 5,
            "hop": 3,
            "root": 1,
            "ecdh": 1,
            "hmac": 4,
            "verify": 4,
            "client": 4,
            "write": 6,
            "read": 6,
        },
        "authorize, the phone's statement and decision, authorizeCheck, signHash; both of the phone's calls under a "
        "proof of possession; the gateway's own rows beside the SAM's",
    ),
)


def own_seconds() -> float:
    """Processor time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def alone(work: Callable[[], Any], times: int) -> float:
    """Microseconds of one, in this thread; best of the rounds."""
    best = []
    for _ in range(ROUNDS):
        before = time.thread_time()
        for _ in range(times):
            work()
        best.append((time.thread_time() - before) / times * 1e6)
    return min(best)


async def together(
    work: Callable[[], Awaitable[Any]], times: int, pids: Sequence[int] = (), *, ours: bool = True
) -> float:
    """Microseconds of one, of other processes and (``ours``) this one, 32 at a time; best of the rounds."""
    others = {str(pid): pid for pid in pids}
    best = []
    for _ in range(ROUNDS):
        before, theirs = own_seconds() if ours else 0.0, sum(cpu_seconds(others).values())

        async def some() -> None:
            for _ in range(times // AT_ONCE):
                await work()

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        spent = (own_seconds() if ours else 0.0) - before + sum(cpu_seconds(others).values()) - theirs
        best.append(spent / (times // AT_ONCE * AT_ONCE) * 1e6)
    return min(best)


def of_the_token(folder: Path) -> dict[str, float]:
    """The HSM's parts."""
    files = ensure_token("sam", folder / "tokens", folder / "secrets", program("softhsm-module"))
    os.environ["SOFTHSM2_CONF"] = str(files.conf)
    token = Token(HsmSettings(module=program("softhsm-module"), token_label=files.label, pin=SecretStr(files.pin)))
    initialise_sam_slot(token, datetime.now(UTC))
    digest, peer = bytes(32), P256Key.from_public(ec.generate_private_key(ec.SECP256R1()).public_key())

    def work(room: Room) -> dict[str, float]:
        return {
            **_of_a_key(room, "rsa", "RSA-2048", SIGN_ALGORITHMS["RSA-PKCS1-SHA256"]),
            **_of_a_key(room, "p256", "P-256", SIGN_ALGORITHMS["ECDSA-SHA256"]),
            "root": alone(lambda: room.sign_p256("root.1", digest), 300),
            "ecdh": alone(lambda: operations.derive(room, "transport.1", peer), 300),
            "hmac": alone(lambda: operations.hmac(room, "pepper.1", digest), 1000),
        }

    return token.run(work)


def _of_a_key(room: Room, part: str, kind: KeyAlgorithm, algorithm: SignAlgorithm) -> dict[str, float]:
    key = operations.generate_wrapped(room, kind, 1)
    one, many = [bytes(32)], [bytes(32)] * 300
    return {
        f"{part}_unwrap": alone(lambda: operations.sign_wrapped(room, key, kind, algorithm, one), 300),
        part: alone(lambda: operations.sign_wrapped(room, key, kind, algorithm, many), 1) / len(many),
    }


def of_cryptography() -> dict[str, float]:
    """What is done outside of the HSM."""
    digest = hashlib.sha256(b"").digest()
    small, large = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    ecdsa, rule = ec.ECDSA(Prehashed(SHA256())), padding.PKCS1v15()
    signed, signed_large = small.sign(digest, ecdsa), large.sign(digest, rule, Prehashed(SHA256()))
    public, public_large = small.public_key(), large.public_key()
    return {
        "client": alone(lambda: small.sign(digest, ecdsa), 1000),
        "verify": alone(lambda: public.verify(signed, digest, ecdsa), 1000),
        "verify_rsa": alone(lambda: public_large.verify(signed_large, digest, rule, Prehashed(SHA256())), 1000),
    }


async def of_wires(folder: Path) -> dict[str, float]:
    """HTTP by bare aiohttp, and our frames."""
    servers = await asyncio.to_thread(EchoServers, 1)
    address = f"http://127.0.0.1:{servers.ports[0]}/echo"
    pid = servers.pids[0]
    async with ClientSession(connector=TCPConnector(limit=AT_ONCE)) as session:

        async def request() -> None:
            async with session.post(address, json=BODY) as answer:
                await answer.json()

        http = await together(request, 6400, [pid], ours=False)
    servers.close()

    async def echo(body: JsonObject) -> JsonObject:
        return body

    place = f"unix:{folder / 'hop.sock'}"
    async with await serve_private(private_app({"echo": echo}), place), PrivateClient([place]) as client:
        hop = await together(lambda: client.call("echo", BODY), 6400)
    return {"http": http, "hop": hop}


async def of_the_database(folder: Path) -> dict[str, float]:
    """One row read; one row written, the commit shared."""
    server = EmbeddedPostgres(folder / "postgres", folder / "run", folder / "password")
    with server.available():
        connection = await asyncpg.connect(server.dsn("postgres"))
        await connection.execute("CREATE TABLE public.things (id bigserial PRIMARY KEY, said bytea, at timestamptz)")
        await connection.close()
        database = Database(await open_pool(server.dsn("postgres"), max_size=20, application_name="least"))
        commits = GroupCommit(database)
        postmaster = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])

        async def write() -> None:
            async def work(connection: Connection) -> None:
                await connection.execute("INSERT INTO public.things (said, at) VALUES ($1, now())", ROW)

            await commits.run(work)

        async def read() -> None:
            await database.fetchrow("SELECT said, at FROM public.things WHERE id = $1", 1 + secrets.randbelow(100))

        found = {"write": await together(write, 6400, [postmaster]), "read": await together(read, 6400, [postmaster])}
        await database.close()
    return found


def page(costs: dict[str, float], machine: dict[str, str]) -> str:
    """The page's text."""
    stories = []
    for story in STORIES:
        bare = costs[story.bare] * (CORES if story.bare == "http" else 1)
        least = sum(costs[part] * count for part, count in story.parts.items())
        counts = ", ".join(f"{count:g} {part}" for part, count in story.parts.items())
        cells = (f"`{story.row}`", f"{story.floor:g}", f"{bare / story.floor:,.0f}", f"{least:,.0f}",
                 f"**{bare / least:.2f}**", f"{story.why} ({counts})")  # fmt: skip
        stories.append("| " + " | ".join(cells) + " |")
    where = ", ".join(f"{name} {machine[name]}" for name in ("Python", "SoftHSM", "PostgreSQL"))
    return _TEXT.read_text(encoding="utf-8").format(
        rows="[How fast](benchmarks.md)",
        machine=f"{machine['processor']}; {where}; {machine['date']}, load before {machine['load before'].split()[0]}.",
        parts="\n".join(f"| {part}: {what} | {costs[part]:,.0f} |" for part, what in PARTS.items()),
        stories="\n".join(stories),
    )


async def measure() -> dict[str, float]:
    """All parts."""
    with tempfile.TemporaryDirectory(prefix="least-") as name:
        folder = Path(name)
        os.chmod(name, 0o755)
        costs = {**of_cryptography(), **await of_wires(folder), **await of_the_database(folder)}
        costs.update(await asyncio.to_thread(of_the_token, folder))
    return costs


def main() -> int:
    """Measures, prints, writes the page."""
    machine = facts()
    costs = uvloop.run(measure())
    text = page(costs, machine)
    print(text)
    PAGE.write_text(text, encoding="utf-8")
    print(json.dumps(costs), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
