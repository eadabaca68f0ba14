"""Clients known by a TLS certificate (RFC 8705): on our own listener, and behind a proxy that says which it saw."""

import base64
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from pydantic import SecretStr

from foundation.clock import SystemClock
from foundation.tls import DevelopmentAuthority, asking_server_context, let_knock
from foundation.web.certificates import CertificateReader
from hsm_service.oauth.domain.certificates import thumbprint
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from linkid.gateway import serving_gateway
from linkid.settings import AppHost, DatabaseSettings, Gateway, Health, MutualTls, Pki, ServerTls, Settings
from sandbox_phone.loopback import connector as local
from tests.support.client_certificates import Identity, nameless
from tests.support.postgres import TestDatabase
from tests.support.signing_world import IN_MODULES_LOOP, NOW, World, signing_world

pytestmark = IN_MODULES_LOOP

HEADER = "X-Client-Certificate"
PROXY, ELSEWHERE = "127.0.0.9", "127.0.0.1"
AUTHORITY = Identity("CN=AC de aplicativos", now=NOW, authority=True)
TODAY = SystemClock().now()
Given = ssl.SSLContext | None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tls_world(shared_database: TestDatabase) -> AsyncIterator[World]:
    """One whose gateway believes certificates of `AUTHORITY`, and a header from one address."""
    reader = CertificateReader(HEADER, [ipaddress.IPv4Network(PROXY)])
    async with signing_world(shared_database, certificates=reader, authorities=[AUTHORITY.certificate]) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def world(tls_world: World) -> World:
    """Begun again."""
    await tls_world.begin_again()
    return tls_world


async def registered(world: World, **facts: Any) -> str:
    """A client's id."""
    made = await world.register(grants=[GrantType.CLIENT], **facts)
    return made.client.id


async def post(world: World, path: str, form: dict[str, Any] | None, source: str, **headers: str) -> tuple[int, Any]:
    """A call whose connection comes from `source`."""
    connector = aiohttp.TCPConnector(local_addr=(source, 0))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post(world.client.make_url(path), data=form, headers=headers) as response,
    ):
        return response.status, await response.json()


def rfc9440(identity: Identity) -> str:
    """The certificate as the RFC writes it."""
    return f":{base64.b64encode(identity.der).decode()}:"


def nginx(identity: Identity) -> str:
    """As `$ssl_client_escaped_cert`."""
    return quote(identity.pem.decode())


@pytest.mark.parametrize("written", [rfc9440, nginx])
async def test_a_proxys_word_counts_from_the_proxy_alone(world: World, written: Callable[[Identity], str]) -> None:
    """The header makes a client of whoever sends it only on a connection from a proxy that settings name."""
    erp = Identity("CN=erp,O=Contratos SA,C=BR", now=NOW, issuer=AUTHORITY)
    client = await registered(world, method=ClientMethod.TLS, tls_subject="dn:CN=erp,O=Contratos SA,C=BR")
    form = {"grant_type": "client_credentials", "client_id": client}
    sent = {HEADER: written(erp)}
    status, told = await post(world, "/oauth2/token", form, PROXY, **sent)
    assert status == 200, told
    forged = {**sent, "X-Forwarded-For": PROXY}
    assert (await post(world, "/oauth2/token", form, ELSEWHERE, **forged))[0] == 401
    assert (await post(world, "/oauth2/token", form, PROXY))[0] == 401

    # The token is worth nothing without that certificate, on every call.
    bearer = {"Authorization": f"Bearer {told['access_token']}"}
    for headers, source, expected in (
        (sent, PROXY, 200),
        ({}, PROXY, 401),
        ({HEADER: written(AUTHORITY)}, PROXY, 401),
        (sent, ELSEWHERE, 401),
    ):
        status, _ = await post(world, "/csc/v2/credentials/list", None, source, **bearer, **headers)
        assert status == expected, headers
    asked = {"client_id": client, "token": told["access_token"]}
    _, seen = await post(world, "/oauth2/introspect", asked, PROXY, **sent)
    assert seen["cnf"] == {"x5t#S256": thumbprint(erp.der)}


async def test_only_the_registered_subject_of_a_registered_authority(world: World) -> None:
    """Another's subject, an authority of one's own with our name, an old one, one for servers, one that is an
    authority itself: none is the client."""
    subject = "CN=erp,O=Contratos SA"
    client = await registered(world, method=ClientMethod.TLS, tls_subject=f"dn:{subject}")
    forger = Identity("CN=AC de aplicativos", now=NOW, authority=True)
    bad = [
        Identity("CN=erp2,O=Contratos SA", now=NOW, issuer=AUTHORITY),
        Identity("CN=erp", now=NOW, issuer=AUTHORITY),
        Identity(subject, now=NOW, issuer=forger),
        Identity(subject, now=NOW),
        Identity(subject, now=NOW, issuer=AUTHORITY, days=-1),
        Identity(subject, now=NOW, issuer=AUTHORITY, authority=True),
        Identity(subject, now=NOW, issuer=AUTHORITY, usage=ExtendedKeyUsageOID.SERVER_AUTH),
        Identity(subject, now=NOW, issuer=Identity("CN=x", now=NOW, issuer=AUTHORITY)),
        AUTHORITY,
    ]
    form = {"grant_type": "client_credentials", "client_id": client}
    good = Identity(subject, now=NOW, issuer=AUTHORITY)
    assert (await post(world, "/oauth2/token", form, PROXY, **{HEADER: rfc9440(good)}))[0] == 200
    for one in bad:
        status, told = await post(world, "/oauth2/token", form, PROXY, **{HEADER: rfc9440(one)})
        assert (status, told["error"]) == (401, "invalid_client"), one.certificate.subject
    no_version = good.der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020106"), 1)
    odd = f":{base64.b64encode(no_version).decode()}:"
    for text in ("x", "::", ":AAAA:", "%2D", rfc9440(good)[:-9] + ":", odd, "-----BEGIN CERTIFICATE-----", "A" * 8100):
        status, told = await post(world, "/oauth2/token", form, PROXY, **{HEADER: text})
        assert status in (400, 401, 431), text[:40]
    # A certificate is not a secret: a client with a secret is not known by one, and beside a secret it proves nothing.
    secret = await world.register()
    named = {"grant_type": "client_credentials", "client_id": secret.client.id}
    assert (await post(world, "/oauth2/token", named, PROXY, **{HEADER: rfc9440(good)}))[0] == 401


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("dns:erp.contratos.test", x509.DNSName("erp.contratos.test")),
        ("uri:https://contratos.test/erp", x509.UniformResourceIdentifier("https://contratos.test/erp")),
        ("ip:2001:db8::7", x509.IPAddress(ipaddress.ip_address("2001:db8::7"))),
        ("email:erp@contratos.test", x509.RFC822Name("erp@contratos.test")),
    ],
)
async def test_other_names_than_the_subjects(world: World, subject: str, name: x509.GeneralName) -> None:
    """By one name of the certificate, compared exactly, of its own kind."""
    client = await registered(world, method=ClientMethod.TLS, tls_subject=subject)
    form = {"grant_type": "client_credentials", "client_id": client}
    text = subject.partition(":")[2]
    for names, expected in (([name], 200), ([x509.DNSName("*.contratos.test")], 401), ([], 401)):
        shown = Identity(f"CN={text}".replace("@", ""), now=NOW, issuer=AUTHORITY, names=names)
        assert (await post(world, "/oauth2/token", form, PROXY, **{HEADER: rfc9440(shown)}))[0] == expected


@contextlib.asynccontextmanager
async def listening(world: World, folder: Path) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """The same application where TLS ends with us, as the gateway listens for certificates."""
    server = Identity("CN=localhost", now=TODAY, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    context = asking_server_context(*server.files(folder, "server"))
    runner = world.client.server.runner
    assert isinstance(runner, web.AppRunner)
    site = web.TCPSite(runner, ELSEWHERE, 0, ssl_context=context)
    await site.start()
    try:
        yield f"https://{ELSEWHERE}:{runner.addresses[-1][1]}", context
    finally:
        await site.stop()


async def test_a_certificate_that_nobody_issued_by_itself(world: World, tmp_path: Path) -> None:
    """self_signed_tls_client_auth over real TLS: this certificate, another one with its name, and none."""
    world.clock.advance(TODAY - world.clock.now())
    own, other = (Identity("CN=erp", now=TODAY, authority=True) for _ in range(2))
    client = await registered(world, method=ClientMethod.SELF_SIGNED, certificates=[own.der])
    named = await registered(world, method=ClientMethod.TLS, tls_subject="dn:CN=outro")
    # What a client registered is believed to be that client, and not an authority over others.
    below = Identity("CN=outro", now=TODAY, issuer=own)
    async with listening(world, tmp_path) as (url, context):
        let_knock(context, [own.der, b"no certificate"])
        for shown, who, expected in (
            (own.context(tmp_path, "own"), client, 200),
            (nameless(), client, 401),
            (below.context(tmp_path, "below"), named, 401),
        ):
            form = {"grant_type": "client_credentials", "client_id": who}
            async with aiohttp.ClientSession() as session:
                async with session.post(f"{url}/oauth2/token", data=form, ssl=shown) as response:
                    assert response.status == expected, await response.text()
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):  # TLS itself turns a stranger away
                await session.post(f"{url}/oauth2/token", data={}, ssl=other.context(tmp_path, "other"))


def free_ports(count: int) -> list[int]:
    """Which nobody listens on just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((ELSEWHERE, 0))
        return [one.getsockname()[1] for one in sockets]


async def test_the_gateways_process_listens_for_certificates(
    world: World, shared_database: TestDatabase, tmp_path: Path
) -> None:
    """As `linkid gateway` serves it: an address of its own that the metadata names, and the public one that asks nobody
    for a certificate. The token works where the certificate is shown, and nowhere else."""
    own = Identity("CN=erp", now=TODAY)
    client = await registered(world, method=ClientMethod.SELF_SIGNED, certificates=[own.der])
    files = DevelopmentAuthority(tmp_path / "tls", TODAY).server(["localhost"])
    app, gateway, pki, health, mtls = free_ports(5)
    settings = Settings(
        var=tmp_path,
        app=AppHost(port=app),
        gateway=Gateway(port=gateway),
        pki=Pki(port=pki),
        health=Health(port=health),
        tls=ServerTls(certificate=files.certificate, key=files.key),
        mtls=MutualTls(port=mtls),
        database=DatabaseSettings(gateway=SecretStr(shared_database.dsn("linkid_gateway"))),
    )
    form = {"grant_type": "client_credentials", "client_id": client}
    shown = own.context(tmp_path, "own")
    async with serving_gateway(settings), aiohttp.ClientSession(connector=local()) as session:
        async with session.get(
            f"https://localhost:{gateway}/.well-known/oauth-authorization-server", ssl=nameless()
        ) as answer:
            told = await answer.json()
        alias = told["mtls_endpoint_aliases"]["token_endpoint"]
        assert alias == f"https://localhost:{mtls}/oauth2/token"
        assert {"tls_client_auth", "self_signed_tls_client_auth"} <= set(told["token_endpoint_auth_methods_supported"])
        async with session.post(told["token_endpoint"], data=form, ssl=shown) as answer:
            assert answer.status == 401
        async with session.post(alias, data=form, ssl=shown) as answer:
            token = (await answer.json())["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        for port, context, expected in ((mtls, shown, 200), (mtls, nameless(), 401), (gateway, shown, 401)):
            url = f"https://localhost:{port}/csc/v2/credentials/list"
            async with (
                aiohttp.ClientSession(connector=local()) as other,
                other.post(url, json={}, headers=bearer, ssl=context) as answer,
            ):
                assert answer.status == expected
