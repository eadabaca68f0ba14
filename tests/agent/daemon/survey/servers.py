"""Clients of servers that want a certificate (mTLS), and nginx on either side."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from linkid.platform import program
from tests.agent.daemon import programs
from tests.agent.daemon.programs import Done, Words, module
from tests.agent.daemon.survey.command_line import MARIA_URI, provider_configuration
from tests.agent.daemon.survey.rows import LOST, row
from tests.agent.daemon.survey.world import MARIA, World, here

KEY = f"{MARIA_URI};type=private"


async def _curl(world: World, port: int) -> Done:
    conf = str(programs.engine_configuration(world.folder))
    words: Words = ["--engine", "pkcs11", "--key-type", "ENG", "--key", KEY, "--cert", "maria.pem",
                    "--cacert", "server.pem"]  # fmt: skip
    return await world.run(program("curl"), "-sS", *words, f"https://127.0.0.1:{port}/", OPENSSL_CONF=conf)


@row("curl mTLS (engine, TLS 1.3)")
async def _(world: World) -> bool:
    return MARIA in (await _curl(world, world.port)).output


async def _visited(world: World, done: Done, before: int) -> bool:
    return done.status == 0 and await world.until(lambda: len(world.visitors) > before)


@row("openssl s_client mTLS (provider)", "pkcs11-provider built from its source: Debian 12 has no package")
async def _(world: World) -> bool:
    conf, before = provider_configuration(world.folder), len(world.visitors)
    words: Words = ["s_client", "-connect", f"127.0.0.1:{world.port}", "-servername", "localhost", "-cert",
                    "maria.pem", "-key", KEY, "-CAfile", "server.pem"]  # fmt: skip
    return await _visited(world, await world.run(program("openssl"), *words, OPENSSL_CONF=conf), before)


@row("gnutls-cli mTLS (TLS 1.3)")
async def _(world: World) -> bool:
    words: Words = ["--provider", module(), f"--x509keyfile={KEY}", f"--x509certfile={MARIA_URI};type=cert"]
    before = len(world.visitors)
    words += ["--x509cafile=server.pem", "-p", str(world.port), "localhost"]
    return await _visited(world, await world.run("gnutls-cli", *words), before)


# --- nginx ------------------------------------------------------------------------------------------------------------

_NGINX = """\
daemon off;
user root;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_processes 1;
env P11_KIT_SERVER_ADDRESS;
env OPENSSL_CONF;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi; uwsgi_temp_path {folder}/nginx-uwsgi; scgi_temp_path {folder}/nginx-scgi;
    server {{
        listen 127.0.0.1:{port}{tls};
{body}
    }}
}}
"""
_DEMANDING = """\
        ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
        ssl_client_certificate {folder}/authority.pem; ssl_verify_client on;
        location / {{ return 200 "$ssl_client_s_dn by $ssl_protocol\\n"; }}
"""
_ASKING = """\
        location / {{
            proxy_pass https://127.0.0.1:{upstream};
            proxy_ssl_protocols TLSv1.3;
            proxy_ssl_certificate {folder}/maria.pem;
            proxy_ssl_certificate_key "engine:pkcs11:{key}";
            proxy_connect_timeout 240s; proxy_read_timeout 240s; proxy_send_timeout 240s;
        }}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _nginx(world: World, body: str, tls: str = "", **extra: str) -> int:
    """The port of the one that runs in this world."""
    if "nginx" not in world.running:
        folder, port = world.folder, _free_port()
        text = body.format(folder=folder, upstream=world.port, key=KEY)
        conf = folder / "nginx.conf"
        conf.write_text(_NGINX.format(folder=folder, port=port, tls=tls, body=text))
        await world.start(here("nginx"), "-p", folder, "-e", "stderr", "-c", conf, **extra)
        world.running["nginx"] = port
        await world.until(lambda: _answers(port), 10)
    return int(world.running["nginx"])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@row("nginx demands the certificate, curl (engine) shows it")
async def _(world: World) -> bool:
    port = await _nginx(world, _DEMANDING, " ssl")
    return f"{MARIA}:12345678909" in (await _curl(world, port)).output


def _initialised_engine(folder: Path) -> str:
    """nginx does not initialise the engine that it loads a key from: OpenSSL's configuration has to."""
    text = programs.engine_configuration(folder).read_text().replace("init = 0", "init = 1")
    file = folder / "nginx-openssl.cnf"
    file.write_text(text)
    return str(file)


@row(
    "nginx shows the certificate to a server behind it (engine)",
    "one worker waits for the phone, and serves nobody else meanwhile",
    unusual=LOST,
    lives_on=True,
)
async def _(world: World) -> bool:
    conf = await asyncio.to_thread(_initialised_engine, world.folder)
    port = await _nginx(world, _ASKING, OPENSSL_CONF=conf)
    return MARIA in (await world.run(program("curl"), "-sS", f"http://127.0.0.1:{port}/")).output
