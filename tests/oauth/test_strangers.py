"""OAuth clients that nobody here wrote, unmodified, over TLS: oauth4webapi and openid-client (npm), Authlib (PyPI).

The person and the phone are the test: it opens the address that a client sends people to, approves, and says where the
browser was sent.
"""

import asyncio
import base64
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from authlib.integrations.requests_client import OAuth2Session
from joserfc.jwk import ECKey

from foundation.clock import SystemClock
from foundation.tls import DevelopmentAuthority, TlsFiles, asking_server_context
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from tests.support.oauth_application import ask
from tests.support.oauth_requests import CALLBACK, page_token
from tests.support.postgres import TestDatabase
from tests.support.signing_world import IN_MODULES_LOOP, World, digest, signing_world
from tools import web as tool

pytestmark = IN_MODULES_LOOP

HOST = "127.0.0.1"


@dataclass
class Stage:
    """A gateway at an address of its own, with TLS, in today's time."""

    world: World
    origin: str
    files: TlsFiles

    async def person(self, address: str, credential: str) -> str:
        """Open the page, identify or approve with the phone; where the browser is sent."""
        world = self.world
        path = address.removeprefix(self.origin)
        async with world.client.get(path, allow_redirects=False) as response:
            page = page_token(await response.text())
        _, view = await ask(world, "state", {"page": page})
        if view["state"] == "asked":
            world.sam.approve(world.doorbell.rings[-1][0])
            _, body = await ask(world, "finish", {"page": page})
        else:
            world.links.last.state, world.links.last.credentials = "approved", [credential]
            _, body = await ask(world, "check", {"page": page, "code": "042"})
        return str(body["redirect"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(shared_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One for all strangers."""
    files = DevelopmentAuthority(tmp_path_factory.mktemp("tls"), SystemClock().now()).server([HOST])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        origin = f"https://{HOST}:{free.getsockname()[1]}"
        async with signing_world(shared_database, origin=origin) as world:
            await world.begin_again()
            world.clock.advance(SystemClock().now() - world.clock.now())
            runner = world.client.server.runner
            assert isinstance(runner, web.AppRunner)
            free.listen()
            context = asking_server_context(files.certificate, files.key)
            await web.SockSite(runner, free, ssl_context=context).start()
            yield Stage(world, origin, files)


async def act(stage: Stage, script: str, settings: dict[str, Any], credential: str) -> None:
    """Run a stranger's script to its end, being the person for it."""
    assert tool.strangers() == 0
    program, environment = tool.node()
    process = await asyncio.create_subprocess_exec(
        program,
        script,
        json.dumps({"issuer": stage.origin, "redirect": CALLBACK, "credential": credential, **settings}),
        cwd=tool.STRANGERS,
        env={**environment, "NODE_EXTRA_CA_CERTS": str(stage.files.authorities)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        while line := await process.stdout.readline():
            said = json.loads(line)
            if "visit" in said:
                back = await stage.person(said["visit"], credential)
                process.stdin.write(f"{back}\n".encode())
                await process.stdin.drain()
            else:
                assert said == {"done": True}, said.get("failed", said)
                return
        pytest.fail((await process.stderr.read()).decode())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def keyed(world: World) -> dict[str, Any]:
    """A client with a key, and its private half."""
    key = ECKey.generate_key("P-256")
    registered = await world.register(
        method=ClientMethod.KEY,
        grants=[GrantType.CODE, GrantType.REFRESH],
        redirects=[CALLBACK],
        keys=[key.as_dict(private=False)],
    )
    return {"keyed": registered.client.id, "jwk": key.as_dict(private=True)}


async def test_oauth4webapi_identifies_signs_and_goes(stage: Stage) -> None:
    """PAR, DPoP, private_key_jwt, basic and post, code with PKCE, iss, details, refresh, introspection, revocation."""
    world = stage.world
    credential = await world.credential()
    people = await world.register(grants=[GrantType.CODE], redirects=[CALLBACK])
    await world.clients.allow(people.client.id, credential)
    alone = await world.register()
    settings = {
        **await keyed(world),
        "secret": {"id": people.client.id, "text": people.secret},
        "alone": {"id": alone.client.id, "text": alone.secret},
        "hash": base64.b64encode(digest("contrato")).decode(),
    }
    await act(stage, "oauth4webapi.mjs", settings, credential)


async def test_openid_client_takes_us_for_an_oauth_server(stage: Stage) -> None:
    """By our metadata alone: PAR, DPoP, private_key_jwt, refresh, introspection, revocation."""
    credential = await stage.world.credential()
    await act(stage, "openid_client.mjs", await keyed(stage.world), credential)


async def test_authlib_identifies_with_a_secret(stage: Stage) -> None:
    """Authlib's client for requests: code with PKCE, refresh, introspection, revocation."""
    world = stage.world
    credential = await world.credential()
    registered = await world.register(grants=[GrantType.CODE, GrantType.REFRESH], redirects=[CALLBACK])
    async with world.client.get("/.well-known/oauth-authorization-server") as response:
        told = await response.json()
    verifier = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    with OAuth2Session(
        registered.client.id,
        registered.secret,
        scope="service",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        token_endpoint=told["token_endpoint"],
        revocation_endpoint_auth_method="client_secret_basic",
    ) as session:
        session.trust_env = False  # a machine may name authorities of its own for everything
        session.verify = str(stage.files.authorities)
        address, state = session.create_authorization_url(told["authorization_endpoint"], code_verifier=verifier)
        back = await stage.person(address, credential)

        def fetch() -> tuple[Any, Any, Any, Any]:
            first = session.fetch_token(authorization_response=back, code_verifier=verifier, state=state)
            listed = session.post(f"{stage.origin}/csc/v2/credentials/list", json={}).json()
            second = session.refresh_token(refresh_token=first["refresh_token"])
            session.revoke_token(told["revocation_endpoint"], token=second["refresh_token"])
            seen = session.introspect_token(told["introspection_endpoint"], token=second["access_token"]).json()
            return first, listed, second, seen

        first, listed, second, seen = await asyncio.to_thread(fetch)
    assert listed == {"credentialIDs": [credential]}
    assert second["refresh_token"] != first["refresh_token"]
    assert seen == {"active": False}


async def test_the_stage_is_not_open_to_those_who_do_not_trust_it(stage: Stage) -> None:
    """The test above is about TLS that is checked: without our authority a client does not get in."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{stage.origin}/.well-known/oauth-authorization-server")
