"""Programs of the command line that sign: OpenSC, GnuTLS, OpenSSL, OpenSSH, Python, Java."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import zipfile
from pathlib import Path

from linkid.platform import program
from tests.agent.daemon import programs
from tests.agent.daemon.programs import Words, module, pkcs11_tool
from tests.agent.daemon.survey.columns import BAD
from tests.agent.daemon.survey.rows import row
from tests.agent.daemon.survey.world import MARIA, Lacking, World, here, named

TOKEN = "pkcs11:token=Link%20ID"
MARIA_URI = f"{TOKEN};object=MARIA%20DA%20SILVA"
ANA_URI = f"{TOKEN};object=ANA%20SOUZA"


async def _signature_of_pkcs11_tool(world: World, library: Path) -> bool:
    words: Words = ["--sign", "-m", "SHA256-RSA-PKCS", "--label", MARIA, "-i", "data", "-o", "data.sig"]
    (world.folder / "data.sig").unlink(missing_ok=True)
    listed = await world.run(program("pkcs11-tool"), "--module", library, "-L", "-O")
    signed = await world.run(program("pkcs11-tool"), "--module", library, *words)
    if listed.output.count("Private Key Object") != 2 or signed.status:
        return False
    check: Words = ["dgst", "-sha256", "-verify", "maria.pub", "-signature", "data.sig", "data"]
    return "Verified OK" in (await world.run(program("openssl"), *check)).output


@row("pkcs11-tool -L -O --sign")
async def _(world: World) -> bool:
    return await _signature_of_pkcs11_tool(world, module())


@row(
    "pkcs11-tool --test",
    "signs a SHA-1 DigestInfo and bytes that are no digest, which the service never signs: the tool stops there",
    unusual={"yes": (BAD,)},
    silent=True,
)
async def _(world: World) -> bool:
    return "No errors" in (await world.run(*pkcs11_tool("--test"))).output


async def _p11tool(world: World, library: Path, uri: str, *words: str) -> bool:
    done = await world.run(here("p11tool"), "--provider", library, "--test-sign", *words, uri)
    return done.status == 0 and "ok" in done.output


@row("p11tool --test-sign (RSA)")
async def _(world: World) -> bool:
    return await _p11tool(world, module(), MARIA_URI)


@row("p11tool --test-sign (RSA-PSS)")
async def _(world: World) -> bool:
    return await _p11tool(world, module(), MARIA_URI, "--sign-params=RSA-PSS")


@row("p11tool --test-sign (ECDSA)")
async def _(world: World) -> bool:
    return await _p11tool(world, module(), ANA_URI)


# --- a newer p11-kit between program and daemon: another byte at the beginning, mechanisms written otherwise ----------


def newer_clients() -> dict[str, Path]:
    """The client modules of the p11-kits that the environment names, by version."""
    prefixes = [Path(one) for one in os.environ.get("P11_KIT_NEWER", "").split(":") if one]
    clients = [found for prefix in prefixes for found in sorted(prefix.glob("lib*/**/pkcs11/p11-kit-client.so"))]
    return {_version_around(client): client for client in clients}


def _version_around(client: Path) -> str:
    """Of the p11-kit that was installed there."""
    for file in client.parents[1].glob("**/pkgconfig/p11-kit-1.pc"):
        if told := re.search(r"^Version: *(.+)$", file.read_text(), re.MULTILINE):
            return told.group(1)
    return "?"


def _client(version: str) -> Path:
    for found, client in newer_clients().items():
        if found.startswith(version):
            return client
    raise Lacking(f"p11-kit {version} is not on this machine")


async def _first_byte(world: World, library: Path) -> int:
    """The protocol that a client says it knows, to somebody who only listens."""
    said: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.append(await reader.readexactly(1))
        writer.close()

    ear = world.folder / "ear"
    async with await asyncio.start_unix_server(listen, str(ear)):
        address = f"unix:path={ear}"
        await world.run(program("pkcs11-tool"), "--module", library, "-L", P11_KIT_SERVER_ADDRESS=address)
    ear.unlink()
    return said[0][0]


_FROM_SOURCE = "p11-kit built from its source"


@row("pkcs11-tool -L -O --sign, by p11-kit 0.25 (protocol byte 1)", _FROM_SOURCE)
async def _(world: World) -> bool:
    client = _client("0.25")
    return await _first_byte(world, client) == 1 and await _signature_of_pkcs11_tool(world, client)


@row("pkcs11-tool -L -O --sign, by p11-kit 0.26 (protocol byte 2)", _FROM_SOURCE)
async def _(world: World) -> bool:
    client = _client("0.26")
    return await _first_byte(world, client) == 2 and await _signature_of_pkcs11_tool(world, client)


@row("p11tool --test-sign (RSA-PSS), by p11-kit 0.26 (protocol byte 2)", _FROM_SOURCE)
async def _(world: World) -> bool:
    return await _p11tool(world, _client("0.26"), MARIA_URI, "--sign-params=RSA-PSS")


# --- OpenSSL ----------------------------------------------------------------------------------------------------------


async def _verified_cms(world: World) -> bool:
    words: Words = ["cms", "-verify", "-in", "data.p7s", "-inform", "der", "-noverify", "-content", "data"]
    return (await world.run(program("openssl"), *words)).status == 0


@row("openssl cms (engine)")
async def _(world: World) -> bool:
    conf = str(programs.engine_configuration(world.folder))
    words = programs.cms(world.folder, MARIA, world.folder / "maria.pem")
    (world.folder / "data.p7s").unlink(missing_ok=True)
    return (await world.run(*words, OPENSSL_CONF=conf)).status == 0 and await _verified_cms(world)


def provider_configuration(folder: Path) -> str:
    """OpenSSL's provider for PKCS#11, beside its default one. Raises Lacking."""
    library = named("PKCS11_PROVIDER", "OpenSSL's pkcs11 provider (no package of Debian 12)")
    file = folder / "provider.cnf"
    file.write_text(
        "openssl_conf = start\n[start]\nproviders = providers\n[providers]\ndefault = usual\npkcs11 = ours\n"
        f"[usual]\nactivate = 1\n[ours]\nmodule = {library}\npkcs11-module-path = {module()}\nactivate = 1\n"
    )
    return str(file)


@row("openssl cms (provider)", "pkcs11-provider built from its source: Debian 12 has no package")
async def _(world: World) -> bool:
    conf = provider_configuration(world.folder)
    (world.folder / "data.p7s").unlink(missing_ok=True)
    words: Words = ["cms", "-sign", "-in", "data", "-signer", "maria.pem", "-inkey", f"{MARIA_URI};type=private",
                    "-outform", "der", "-out", "data.p7s"]  # fmt: skip
    return (await world.run(program("openssl"), *words, OPENSSL_CONF=conf)).status == 0 and await _verified_cms(world)


# --- OpenSSH ----------------------------------------------------------------------------------------------------------


@row("ssh-keygen -D", "lists keys; nothing is signed", silent=True)
async def _(world: World) -> bool:
    return (await world.run("ssh-keygen", "-D", module())).output.count("ssh-rsa") == 1


@row("ssh login to sshd")
async def _(world: World) -> bool:
    sshd, folder = Path("/usr/sbin/sshd"), world.folder
    if not sshd.exists():
        raise Lacking("sshd is not on this machine")
    if not (folder / "host").exists():
        (folder / "authorized").write_text((await world.run("ssh-keygen", "-D", module())).output)
        await world.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host")
        Path("/run/sshd").mkdir(exist_ok=True)
        (folder / "sshd.conf").write_text(
            f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPidFile none\n"
        )
    proxy = f"{sshd} -i -f {folder}/sshd.conf"
    options = ["-o", f"PKCS11Provider={module()}", "-o", f"ProxyCommand={proxy}", "-o", "StrictHostKeyChecking=no",
               "-o", f"UserKnownHostsFile={folder}/known", "-o", "BatchMode=yes", "-F", "none"]  # fmt: skip
    return "inside" in (await world.run("ssh", *options, "localhost", "echo", "inside")).output


# --- Python and Java --------------------------------------------------------------------------------------------------

_WITH_PYTHON_PKCS11 = """
import sys, pkcs11
from pkcs11 import Attribute, Mechanism, ObjectClass
library, label = sys.argv[1:]
token = next(slot.get_token() for slot in pkcs11.lib(library).get_slots(token_present=True))
with token.open() as session:
    wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label}
    print("bytes", len(next(session.get_objects(wanted)).sign(b"x", mechanism=Mechanism.SHA256_RSA_PKCS)))
"""


@row("python-pkcs11")
async def _(world: World) -> bool:
    return "bytes 256" in (await world.run(sys.executable, "-c", _WITH_PYTHON_PKCS11, module(), MARIA)).output


def _java(folder: Path) -> list[str]:
    (folder / "java.cfg").write_text(f"name = linkid\nlibrary = {module()}\nslotListIndex = 0\n")
    provider = ["-providerClass", "sun.security.pkcs11.SunPKCS11", "-providerArg", str(folder / "java.cfg")]
    return ["-keystore", "NONE", "-storetype", "PKCS11", "-storepass", "", *provider]


@row("keytool -certreq (SunPKCS11)")
async def _(world: World) -> bool:
    store = _java(world.folder)
    done = await world.run("keytool", "-certreq", "-alias", MARIA, *store, "-sigalg", "SHA256withRSA")
    return "NEW CERTIFICATE REQUEST" in done.output


@row("jarsigner (SunPKCS11)")
async def _(world: World) -> bool:
    plain, signed = world.folder / "obra.jar", world.folder / "obra-assinada.jar"
    with zipfile.ZipFile(plain, "w") as jar:
        jar.writestr("obra.txt", "o que se assina\n")
    signed.unlink(missing_ok=True)
    await world.run("jarsigner", *_java(world.folder), "-signedjar", signed, plain, MARIA)
    return signed.exists() and "jar verified" in (await world.run("jarsigner", "-verify", signed)).output
