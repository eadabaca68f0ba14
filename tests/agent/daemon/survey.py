"""`make test-programs`: every program that is here uses the certificate; writes docs/desktop-programs.md.

Apart from `make test`: it takes minutes, and what it runs is what this machine happens to have. The daemon is the real
one in this process; the gateway is the double of the tests, so that the phone answers when it is told to: at once,
after some seconds (`LATE=20` for others), or with a refusal.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import ssl
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from desktop_agent.approval import Pace
from desktop_agent.daemon.process import Daemon, own, serve
from desktop_agent.domain.trust import read_trust
from desktop_agent.keychain import FileKeychain
from desktop_agent.profiles import Profile, Profiles
from linkid.platform import program
from tests.agent import pdfs
from tests.agent.daemon import programs
from tests.agent.daemon.programs import Done, Words, module, pkcs11_tool, run
from tests.agent.gateway_double import AgentGateway
from tests.agent.pki import Authority, Holder, der
from tests.sandbox_phone.roots import Roots, new_id

PAGE = Path(__file__).parents[3] / "docs" / "desktop-programs.md"
LATE = float(os.environ.get("LATE", "5"))
MARIA, ANA = "MARIA DA SILVA", "ANA SOUZA"
URI = "pkcs11:token=Link%20ID;object=MARIA%20DA%20SILVA;type=private"
POLICIES = Path("/etc/chromium/policies/managed")


class Lacking(Exception):
    """This machine has not what the row needs; the message says what."""


@dataclass
class Bench:
    """Everything a row needs."""

    folder: Path
    gateway: AgentGateway
    authority: Authority
    maria: Holder
    ana: Holder
    environment: dict[str, str]
    daemon: Daemon
    port: int = 0
    visitors: list[str] = field(default_factory=list)

    async def run(self, *words: str | Path, **extra: str) -> Done:
        if shutil.which(str(words[0])) is None:
            raise Lacking(f"{words[0]} is not installed")
        return await run(words, self.environment | extra, self.folder)

    async def nss(self) -> Path:
        database = self.folder / "nss"
        return database if database.exists() else await programs.nss_database(self.folder, self.environment)


Row: TypeAlias = Callable[[Bench], Awaitable[bool]]
ROWS: dict[str, Row] = {}
NOTES: dict[str, str] = {
    "pkcs11-tool --test": "signs a SHA-1 DigestInfo and bytes that are no digest, which the service never signs: "
    "CKR_DATA_INVALID, and the tool stops there",
    "pdfsig -add-signature": "signs twice, another digest each time: two approvals, or a session",
    "chromium mTLS": "its handshake is cut at 30 s: approve within 25 s, or open a session (`--for tls`)",
}


def row(name: str) -> Callable[[Row], Row]:
    def keep(function: Row) -> Row:
        ROWS[name] = function
        return function

    return keep


@row("pkcs11-tool -L -O --sign")
async def _(bench: Bench) -> bool:
    words = ["--sign", "-m", "SHA256-RSA-PKCS", "--label", MARIA, "-i", "data", "-o", "data.sig"]
    if (await bench.run(*pkcs11_tool(*words))).status:
        return False
    check = ["dgst", "-sha256", "-verify", "maria.pub", "-signature", "data.sig", "data"]
    return "Verified OK" in (await bench.run(program("openssl"), *check)).output


@row("pkcs11-tool --test")
async def _(bench: Bench) -> bool:
    return "No errors" in (await bench.run(*pkcs11_tool("--test"))).output


@row("p11tool --test-sign (RSA)")
async def _(bench: Bench) -> bool:
    done = await bench.run(
        "p11tool", "--provider", module(), "--test-sign", "pkcs11:token=Link%20ID;object=MARIA%20DA%20SILVA"
    )
    return "ok" in done.output and done.status == 0


@row("p11tool --test-sign (RSA-PSS)")
async def _(bench: Bench) -> bool:
    words = ["--test-sign", "--sign-params=RSA-PSS", "pkcs11:token=Link%20ID;object=MARIA%20DA%20SILVA"]
    return (await bench.run("p11tool", "--provider", module(), *words)).status == 0


@row("p11tool --test-sign (ECDSA)")
async def _(bench: Bench) -> bool:
    words = ["--test-sign", "pkcs11:token=Link%20ID;object=ANA%20SOUZA"]
    return (await bench.run("p11tool", "--provider", module(), *words)).status == 0


@row("openssl cms (engine)")
async def _(bench: Bench) -> bool:
    conf = str(programs.engine_configuration(bench.folder))
    if (await bench.run(*programs.cms(bench.folder, MARIA, bench.folder / "maria.pem"), OPENSSL_CONF=conf)).status:
        return False
    words = ["cms", "-verify", "-in", "data.p7s", "-inform", "der", "-noverify", "-content", "data"]
    return (await bench.run(program("openssl"), *words)).status == 0


@row("curl mTLS (engine, TLS 1.3)")
async def _(bench: Bench) -> bool:
    conf = str(programs.engine_configuration(bench.folder))
    words: Words = [
        "--engine",
        "pkcs11",
        "--key-type",
        "ENG",
        "--key",
        URI,
        "--cert",
        "maria.pem",
        "--cacert",
        "server.pem",
    ]
    return (
        MARIA in (await bench.run("curl", "-sS", *words, f"https://localhost:{bench.port}/", OPENSSL_CONF=conf)).output
    )


@row("gnutls-cli mTLS (TLS 1.3)")
async def _(bench: Bench) -> bool:
    words: Words = ["--provider", module(), f"--x509keyfile={URI}", f"--x509certfile={URI.replace('private', 'cert')}"]
    before = len(bench.visitors)
    await bench.run("gnutls-cli", *words, "--x509cafile=server.pem", "-p", str(bench.port), "localhost")
    return len(bench.visitors) > before


@row("pdfsig -add-signature")
async def _(bench: Bench) -> bool:
    database, source = await bench.nss(), await programs.pdf_to_sign(bench.folder)
    output = bench.folder / "assinado.pdf"
    output.unlink(missing_ok=True)
    await bench.run(*programs.pdfsig_sign(database, source, output, f"Link ID:{MARIA}"))
    whole = output.exists() and output.stat().st_size > 0
    return whole and await asyncio.to_thread(pdfs.all_valid, output, bench.authority)


@row("ssh-keygen -D")
async def _(bench: Bench) -> bool:
    return (await bench.run("ssh-keygen", "-D", module())).output.count("ssh-rsa") == 1


@row("ssh login to sshd")
async def _(bench: Bench) -> bool:
    sshd = Path("/usr/sbin/sshd")
    if not sshd.exists():
        raise Lacking("sshd is not installed")
    folder = bench.folder
    keys = (await bench.run("ssh-keygen", "-D", module())).output
    (folder / "authorized").write_text(keys)
    if not (folder / "host").exists():
        await bench.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host")
    Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "sshd.conf").write_text(
        f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPidFile none\n"
    )
    proxy = f"{sshd} -i -f {folder}/sshd.conf"
    options = ["-o", f"PKCS11Provider={module()}", "-o", f"ProxyCommand={proxy}", "-o", "StrictHostKeyChecking=no",
               "-o", f"UserKnownHostsFile={folder}/known", "-o", "BatchMode=yes", "-F", "none"]  # fmt: skip
    return "inside" in (await bench.run("ssh", *options, "localhost", "echo", "inside")).output


@row("chromium mTLS")
async def _(bench: Bench) -> bool:
    if os.geteuid() != 0 or not Path("/etc/chromium").exists():
        raise Lacking("needs root, to let Chromium choose the certificate by a policy")
    home = bench.folder / "chromium-home"
    (home / ".pki").mkdir(parents=True, exist_ok=True)
    if not (home / ".pki" / "nssdb").exists():
        shutil.copytree(await bench.nss(), home / ".pki" / "nssdb")
    policy = POLICIES / "linkid-survey.json"
    POLICIES.mkdir(parents=True, exist_ok=True)
    rule = json.dumps(
        {"pattern": f"https://localhost:{bench.port}", "filter": {"SUBJECT": {"CN": f"{MARIA}:12345678909"}}}
    )
    policy.write_text(json.dumps({"AutoSelectCertificateForUrls": [rule]}))
    before = len(bench.visitors)
    try:
        words: Words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", "--dump-dom",
                 f"--user-data-dir={home}/profile", "--timeout=28000", f"https://localhost:{bench.port}/"]  # fmt: skip
        await bench.run(program("chromium"), *words, HOME=str(home))
    finally:
        policy.unlink()
        shutil.rmtree(home / "profile", ignore_errors=True)
    return len(bench.visitors) > before


WITH_PYTHON_PKCS11 = """
import sys, pkcs11
from pkcs11 import Attribute, Mechanism, ObjectClass
library, label = sys.argv[1:]
token = next(slot.get_token() for slot in pkcs11.lib(library).get_slots(token_present=True))
with token.open() as session:
    wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label}
    print(len(next(session.get_objects(wanted)).sign(b"x", mechanism=Mechanism.SHA256_RSA_PKCS)))
"""
WITH_PYHANKO = """
import sys
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.sign import signers
from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session
library, label, source, output = sys.argv[1:]
with open_pkcs11_session(library, token_criteria=TokenCriteria(label="Link ID")) as session:
    signer, metadata = PKCS11Signer(session, label, key_label=label), signers.PdfSignatureMetadata(field_name="S")
    with open(source, "rb") as i, open(output, "wb") as o:
        signers.sign_pdf(IncrementalPdfFileWriter(i, strict=False), metadata, signer, output=o)
"""


@row("python-pkcs11")
async def _(bench: Bench) -> bool:
    return (await bench.run(sys.executable, "-c", WITH_PYTHON_PKCS11, module(), MARIA)).output.strip() == "256"


@row("pyHanko (PKCS11Signer)")
async def _(bench: Bench) -> bool:
    source, output = await programs.pdf_to_sign(bench.folder), bench.folder / "pyhanko.pdf"
    output.unlink(missing_ok=True)
    await bench.run(sys.executable, "-c", WITH_PYHANKO, module(), MARIA, source, output)
    whole = output.exists() and output.stat().st_size > 0
    return whole and await asyncio.to_thread(pdfs.all_valid, output, bench.authority)


@row("keytool and SunPKCS11 (Java)")
async def _(bench: Bench) -> bool:
    (bench.folder / "java.cfg").write_text(f"name = linkid\nlibrary = {module()}\nslotListIndex = 0\n")
    provider = ["-providerClass", "sun.security.pkcs11.SunPKCS11", "-providerArg", str(bench.folder / "java.cfg")]
    store = ["-keystore", "NONE", "-storetype", "PKCS11", "-storepass", "", *provider]
    done = await bench.run("keytool", "-certreq", "-alias", MARIA, *store, "-sigalg", "SHA256withRSA")
    return "NEW CERTIFICATE REQUEST" in done.output


# --- around them ------------------------------------------------------------------------------------------------------


def server_certificate(folder: Path) -> ssl.SSLContext:
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "server.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.key").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


async def tls_server(bench: Bench) -> asyncio.AbstractServer:
    """Wants a certificate of the holders' authority, and greets by name."""
    context = server_certificate(bench.folder)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=der(bench.authority.certificate))

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer: Any = writer.get_extra_info("peercert")
        who = ", ".join(value for part in peer["subject"] for name, value in part if name == "commonName")
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
        bench.visitors.append(who)
        body = who.encode()
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context, ssl_handshake_timeout=60)
    bench.port = server.sockets[0].getsockname()[1]
    return server


async def outcome(bench: Bench, function: Row, answer: str, late: float) -> tuple[str, float]:
    """What happened, and how long it took."""
    gateway, loop = bench.gateway, asyncio.get_running_loop()
    bench.daemon._broker._refused = {}  # each row is a first time
    gateway.answer = "never" if late else answer
    asked = len(gateway.requests)
    changing = loop.create_task(_change(gateway, answer, late, asked)) if late else None
    started = time.monotonic()
    try:
        good = await function(bench)
        told = "ok" if good else "no"
    except Lacking as lacking:
        told = str(lacking)
    except TimeoutError:
        told = "did not end"
    if changing is not None:
        changing.cancel()
    rang = len(gateway.requests) - asked
    return f"{told}{f', {rang} approvals' if rang > 1 and told == 'ok' else ''}", time.monotonic() - started


async def _change(gateway: AgentGateway, answer: str, late: float, asked: int) -> None:
    """Each request is answered so many seconds after it came."""
    while True:
        while len(gateway.requests) == asked:
            await asyncio.sleep(0.02)
        asked = len(gateway.requests)
        await asyncio.sleep(late)
        gateway.answer = answer
        checks = gateway.requests[-1]["checks"]
        while len(gateway.requests) == asked and gateway.requests[-1]["checks"] <= checks:
            await asyncio.sleep(0.02)
        gateway.answer = "never"


class Quiet:
    """Nobody sits at the screen."""

    def tell(self, title: str, text: str) -> None:
        pass


async def main(chosen: list[str]) -> int:
    """Answers the exit status: 0 when every row that this machine can run did what its note says."""
    authority = Authority()
    maria, ana = Holder(authority), Holder(authority, f"{ANA}:98765432100", ecdsa=True)
    with tempfile.TemporaryDirectory(prefix="lk", dir="/tmp") as temporary:
        folder = Path(temporary)
        gateway = AgentGateway(Roots(), authority, maria)
        gateway.credentials[new_id("cred")] = ana
        service = TestServer(gateway.app(), host="127.0.0.1")
        await service.start_server()
        gateway.roots.app = gateway.roots.gateway = str(service.make_url("")).rstrip("/")
        profiles, key = Profiles(folder / "home"), ECKey.generate_key("P-256")
        gateway.key = key
        profile = Profile("test", gateway.computer, "Notebook", "file", "2026-01-01T00:00:00Z")
        await FileKeychain(profiles.home).save(profile, key)
        profiles.save(profile, read_trust(gateway.roots.trust()))
        daemon, stop = Daemon(profiles, Quiet(), pace=Pace(qr_after=1000, tick=0.1)), asyncio.Event()
        serving = asyncio.create_task(serve(daemon, own(folder / "run"), stop))
        environment = {
            "P11_KIT_SERVER_ADDRESS": f"unix:path={folder}/run/p11",
            "PATH": os.environ["PATH"],
            "HOME": temporary,
        }
        bench = Bench(folder, gateway, authority, maria, ana, environment, daemon)
        (folder / "data").write_bytes(b"o que se assina\n")
        (folder / "maria.pem").write_bytes(maria.certificate.public_bytes(serialization.Encoding.PEM))
        public = maria.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (folder / "maria.pub").write_bytes(public)
        server = await tls_server(bench)
        lines, bad = [], 0
        for name, function in ROWS.items():
            if chosen and not any(word in name for word in chosen):
                continue
            cells = []
            for answer, late in (("approve", 0.0), ("approve", LATE), ("refuse", 0.0)):
                told, seconds = await outcome(bench, function, answer, late)
                cells.append(
                    f"{told}, {seconds:.1f} s" if told.startswith(("ok", "no", "did")) and " is " not in told else told
                )
                if cells[-1] == told:
                    break  # not here at all
            bad += cells[0].startswith(("no", "did")) and name not in NOTES
            cells[2:] = [cell.replace("no,", "fails,") for cell in cells[2:]]
            lines.append(f"| {name} | {' | '.join([*cells, *[''] * (3 - len(cells))])} | {NOTES.get(name, '')} |")
            print(lines[-1], flush=True)
        server.close()
        stop.set()
        await serving
        await service.close()
    if not chosen:
        PAGE.write_text(page(lines), encoding="utf-8")
    return 1 if bad else 0


def page(lines: list[str]) -> str:
    """The document."""
    packages = ("p11-kit", "opensc", "gnutls-bin", "poppler-utils", "openssl", "curl", "chromium", "firefox-esr")
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    machine = f"{_system()}, {os.cpu_count()} processors, Python {platform.python_version()}"
    return _PAGE.format(
        when=datetime.now(UTC).strftime("%Y-%m-%d"),
        machine=machine,
        versions=versions,
        late=LATE,
        table="\n".join(lines),
    )


_PAGE = """\
# Programs that use the certificate

Written by `make test-programs` on {when}: {machine}; {versions}.

The columns: the phone says yes at once; after {late:.0f} s; no. Seconds are the program's, from start to end. "Fails"
under a refusal is what should happen: the program ends with an error and nothing is signed. How each program finds the
certificate stands in [desktop](desktop.md).

| program | yes | yes, late | no | |
|---|---|---|---|---|
{table}

Firefox loads the module and reads the certificates; which of them a page gets it asks the person, and without a screen
nobody answers: its login is not in the table. LibreOffice was not on this machine.

As root, p11-kit does not read the module file that `linkid-desktop setup` writes into a home; these programs were given
the socket by `P11_KIT_SERVER_ADDRESS` and load `p11-kit-client.so`, the library that the file leads to.
"""


def _system() -> str:
    return platform.freedesktop_os_release()["PRETTY_NAME"]


def _version(package: str) -> str:
    import subprocess

    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return asked.stdout or "not here"


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
