"""docker-compose.yml is started without Docker, and Maria signs through it.

Every service's own command, environment and volumes, in the order of its dependencies, in the production environment,
against a PostgreSQL reached by TCP. What is not as in the file stands in one table: ``Composed.substitutions``.
In front of the two gateways and the app host stands what the file asks for: a load balancer with a certificate.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from demo.computer import ComputerProgram
from demo.stack import free_ports
from demo.world import Holder
from desktop_agent.client.http import Caller
from foundation.encoding import strict_json
from foundation.tls import DevelopmentAuthority, server_context
from linkid.settings import load_settings
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from sandbox_phone.emission import SandboxEmission
from sandbox_phone.phone import SandboxPhone
from tests.support.composed import VAR, Composed

pytestmark = pytest.mark.slow
GATEWAYS: Final = ("gateway-0", "gateway-1")
LONG_RUNNING: Final = {"sam-0", "sam-1", "ac", *GATEWAYS, "app-host"}
READ_ONLY: Final = ("public", "sam-pin", "ac-pin")
"""Volumes that no process writes once the init containers have ended."""
LISTENERS: Final = ("8441", "8442", "8449")


class Front:
    """The load balancer: HTTPS outside, plain HTTP to whichever gateway ``choose`` names for a path."""

    def __init__(self, tls: ssl.SSLContext, targets: Mapping[str, int]) -> None:
        self._tls, self._targets = tls, targets
        self.choose: Callable[[str], str] = lambda path: "gateway-0"
        self.passed: list[tuple[str, str]] = []
        """Which service got which path."""
        self._runners: list[web.AppRunner] = []

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for runner in self._runners:
            await runner.cleanup()
        await self._session.close()

    async def listen(self, port: int, service: str | None) -> None:
        """Pass what comes here to a service; None: to the gateway chosen."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._pass(request, service or self.choose(request.path))

        app = web.Application(client_max_size=2**21)
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=self._tls).start()

    async def _pass(self, request: web.Request, service: str) -> web.StreamResponse:
        self.passed.append((service, request.path))
        target = f"http://127.0.0.1:{self._targets[service]}{request.path_qs}"
        async with self._session.request(
            request.method, target, data=await request.read(), headers=request.headers, allow_redirects=False
        ) as got:
            left_out = {"transfer-encoding", "content-length", "connection", "keep-alive"}
            answer = web.StreamResponse(status=got.status)
            answer.headers.extend((name, value) for name, value in got.headers.items() if name.lower() not in left_out)
            await answer.prepare(request)
            with suppress(ConnectionError, aiohttp.ClientError):
                async for chunk in got.content.iter_any():
                    await answer.write(chunk)
            return answer


@pytest.fixture
def composed() -> Iterator[Composed]:
    """Nothing started yet; nothing left afterwards, no process and no file."""
    folder = Path(f"/tmp/linkid-composed-{os.getpid()}")  # short: a socket's address has little room
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o711)
    wanted = ["postgres", "front-app", "front-gateway", "app-host:8440"]
    wanted += [f"{gateway}:{port}" for gateway in GATEWAYS for port in LISTENERS]
    ports = dict(zip(wanted, free_ports(len(wanted)), strict=True))
    urls = {
        "https://app.example.com": f"https://localhost:{ports['front-app']}",
        "https://id.example.com": f"https://localhost:{ports['front-gateway']}",
    }
    made = Composed(folder, ports, urls)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder)


class Operator:
    """Commands typed on the host, where the volumes are at hand; with deploy/linkid.env, and no database or PIN."""

    def __init__(self, composed: Composed) -> None:
        self._environment = composed.environment("app-host")
        self._folder = composed.folder / "in" / "operator"
        shutil.copytree(composed.folder / "volumes" / "public", self._folder)
        for name, volume in (("pki", "pki"), ("run", "sockets")):
            shutil.rmtree(self._folder / name, ignore_errors=True)
            (self._folder / name).symlink_to(composed.folder / "volumes" / volume)
        self._environment["LINKID_VAR"] = str(self._folder)

    def linkid(self, *words: str) -> str:
        """What a command printed."""
        argv = [sys.executable, "-m", "linkid", *words]
        done = subprocess.run(argv, env=self._environment, cwd=self._folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def order(self, holder: Holder) -> dict[str, Any]:
        """`linkid request new` by a key that AC and SAMs have pinned."""
        self.linkid("operator", "init")
        options = [word for name, value in holder.order.items() for word in (f"--{name}", value)]
        placed = strict_json(self.linkid("request", "new", "--json", *options).encode(), max_bytes=4096)
        assert isinstance(placed, dict)
        return placed


async def sms_code(composed: Composed) -> str:
    """Out of the outbox: with its secret, which only gateways and the operator have, since no provider is reached."""
    settings = load_settings(None, composed.environment("gateway-0"))
    seal = Seal(settings.gateway_key("outbox"))
    connection = await asyncpg.connect(composed.secret("db-superuser"))
    try:
        for _ in range(100):
            row = await connection.fetchrow(
                "SELECT * FROM push.outbox WHERE kind = 'sms' AND sealed IS NOT NULL ORDER BY id DESC LIMIT 1"
            )
            if row is not None:
                text = str(seal.open(row["sealed"], Kind.SMS, row["expires_at"])["text"])
                found = re.search(r"\b(\d{6})\b", text)
                assert found is not None
                return found[1]
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
    raise AssertionError("no SMS was queued")


def wait_until_healthy(composed: Composed, *services: str, seconds: float = 45) -> None:
    until = time.monotonic() + seconds
    for service in services:
        while not composed.healthy(service):
            assert composed.running[service].poll() is None, composed.said(service)
            assert time.monotonic() < until, f"{service}: {composed.said(service)}"
            time.sleep(0.2)


def verify(pem: str, digest: bytes, signature: bytes) -> None:
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(signature, digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))


async def test_started_by_hand_it_signs(composed: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both gateways work side by side: what begins on one goes on at the other, to a signature; SIGTERM ends all."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)  # of this test's own programs, which call this machine
    composed.make_secrets()
    for service in composed.file["services"]:
        composed.up(service)
    assert set(composed.running) == LONG_RUNNING
    fixed = composed.in_volumes(*READ_ONLY)
    wait_until_healthy(composed, *GATEWAYS, "app-host")
    demand_only_its_own(composed)
    await demand_names_of_their_own(composed)

    authority = DevelopmentAuthority(composed.folder / "tls", datetime.now(UTC))
    files = authority.server(["localhost"])
    trusting = ssl.create_default_context(cafile=str(authority.certificate_file))
    targets = {gateway: composed.ports[f"{gateway}:8441"] for gateway in GATEWAYS}
    targets["app-host"] = composed.ports["app-host:8440"]
    async with Front(server_context(files.certificate, files.key), targets) as front:
        await front.listen(composed.ports["front-app"], "app-host")
        await front.listen(composed.ports["front-gateway"], None)
        await sign_through_both(composed, front, trusting)
    assert {service for service, path in front.passed if not path.startswith("/trust")} == set(GATEWAYS)

    asked = time.monotonic()
    assert composed.down() == dict.fromkeys(LONG_RUNNING, 0)
    assert time.monotonic() - asked < 15
    assert composed.in_volumes(*READ_ONLY) == fixed
    for service in LONG_RUNNING:
        assert "Traceback" not in composed.log(service).read_text(errors="replace"), composed.said(service)


async def sign_through_both(composed: Composed, front: Front, trusting: ssl.SSLContext) -> None:
    """Emission on one gateway; SMS and its code, doorbell and approval, request and answer each on different ones."""
    app, gateway = (f"https://localhost:{composed.ports[name]}" for name in ("front-app", "front-gateway"))
    holder, placed = Holder(), Operator(composed).order(Holder())
    async with await SandboxPhone.open(app, tls=trusting) as phone:
        assert phone.trust.gateway == gateway
        async with SandboxEmission(phone.trust, tls=trusting) as visit:
            emitted = await visit.emit(
                protocol=placed["protocol"],
                cpf=holder.cpf,
                install_password=placed["install_password"],
                usage_password=holder.password,
            )
        await phone.ask_code(holder.number)
        front.choose = lambda path: GATEWAYS[path.endswith(("/code", "/live"))]
        credential: str = (await phone.give_code(await sms_code(composed)))[0]["id"]
        await phone.bind(credential, holder.password, "Celular da Maria")
        await phone.approve_test()  # rang at one gateway, was waited for at the other
        async with ComputerProgram(gateway, app) as computer:
            await computer.caller.__aexit__(None, None, None)
            computer.caller = await Caller(gateway, computer.key, tls=trusting).__aenter__()
            await computer.associate(phone)
            front.choose = lambda path: GATEWAYS[path.endswith(("/authorizeCheck", "/signHash", "/live"))]
            ask = await computer.ask(credential)
            waiting = asyncio.create_task(computer.sad(ask, wait=20))  # at gateway 1
            statement = await phone.wait_for("sign")
            assert statement.id == ask.request
            assert not waiting.done()
            await phone.approve(statement, holder.password)  # at gateway 0, which wakes the other
            sad = await asyncio.wait_for(waiting, 10)
            signatures = await computer.sign(credential, sad, ask.hashes)
    verify(emitted["certificate"]["pem"], ask.hashes[0], signatures[0])
    served = {(service, path.rsplit("/", 1)[-1]) for service, path in front.passed}
    assert {("gateway-1", "live"), ("gateway-1", "authorizeCheck"), ("gateway-1", "signHash")} <= served
    assert {("gateway-0", "authorize"), ("gateway-0", "decision"), ("gateway-1", "code")} <= served


def demand_only_its_own(composed: Composed) -> None:
    """At run time, not only in the file: PINs and tokens where SAM and AC are, and nowhere else."""
    for service in LONG_RUNNING:
        inside = composed.folder / "in" / service
        pins = {file.name for file in (inside / "secrets").glob("*.pin")} if (inside / "secrets").exists() else set()
        tokens = {one.name for one in (inside / "tokens").iterdir()} if (inside / "tokens").exists() else set()
        kind = service.partition("-")[0]
        wanted = {kind} if kind in ("sam", "ac") else set()
        assert {name.removeprefix("hsm-").removesuffix(".pin") for name in pins} == wanted, service
        assert {name for name in tokens if list((inside / "tokens" / name).iterdir())} == wanted, service
        environment = composed.environment(service)
        assert not [value for value in environment.values() if "postgresql://" in value or VAR in value], service


async def demand_names_of_their_own(composed: Composed) -> None:
    """Each process is known to the database by its own name and role, and listens for the other gateway's bells."""
    connection = await asyncpg.connect(composed.secret("db-superuser"))
    try:
        rows = await connection.fetch(
            "SELECT DISTINCT usename, application_name, client_addr IS NOT NULL AS by_tcp FROM pg_stat_activity"
            " WHERE application_name LIKE 'linkid-%'"
        )
        assert {(row["usename"], row["application_name"]) for row in rows} == {
            ("linkid_gateway", "linkid-gateway-0"), ("linkid_gateway", "linkid-gateway-1"),
            ("linkid_sam", "linkid-sam-0"), ("linkid_sam", "linkid-sam-1"), ("linkid_ac", "linkid-ac"),
            ("linkid_gateway", "linkid-live"), ("linkid_gateway", "linkid-wakeups"),
        }  # fmt: skip
        assert all(row["by_tcp"] for row in rows)
    finally:
        await connection.close()
