"""Programs that are not ours sign with the token: p11-kit, OpenSSL's engine, NSS. More: `make test-programs`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from linkid.platform import program
from tests.agent import pdfs
from tests.agent.daemon import programs
from tests.agent.daemon.conftest import Running
from tests.agent.daemon.programs import Done, Words, pkcs11_tool, run
from tests.agent.daemon.survey.browsers import POLICY, chosen_certificate
from tests.agent.daemon.survey.columns import COLUMNS
from tests.agent.daemon.survey.table import ROWS
from tests.agent.daemon.survey.world import People, world
from tests.agent.pki import Authority, Holder

MARIA, ANA = "MARIA DA SILVA", "ANA SOUZA"


@pytest.fixture
def desk(tmp_path: Path, maria: Holder) -> Path:
    """A folder with something to sign, and the holder's certificate."""
    (tmp_path / "data").write_bytes(b"o que se assina\n")
    (tmp_path / "maria.pem").write_bytes(maria.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "maria.pub").write_bytes(_public(maria))
    return tmp_path


def _public(holder: Holder) -> bytes:
    return holder.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


async def sign_with_pkcs11_tool(running: Running, desk: Path) -> Done:
    words: Words = ["--sign", "-m", "SHA256-RSA-PKCS", "--label", MARIA, "-i", desk / "data", "-o", desk / "signature"]
    return await run(pkcs11_tool(*words), running.environment, desk)


async def test_pkcs11_tool(running: Running, desk: Path) -> None:
    """Lists the token and signs; OpenSSL verifies."""
    listed = await run(pkcs11_tool("-L", "-O"), running.environment, desk)
    assert listed.status == 0
    assert listed.output.count("Private Key Object") == 2
    done = await sign_with_pkcs11_tool(running, desk)
    assert done.status == 0, done.output
    words: Words = ["dgst", "-sha256", "-verify", desk / "maria.pub", "-signature", desk / "signature", desk / "data"]
    assert "Verified OK" in (await run([program("openssl"), *words], running.environment, desk)).output
    assert running.gateway.requests[-1]["document"]["documents"][0]["label"] == "pkcs11-tool: dados (16 bytes)"


async def test_openssl(running: Running, desk: Path) -> None:
    """`openssl cms -sign` by the engine, which finds the key by its pkcs11: address; a stranger verifies."""
    environment = running.environment | {"OPENSSL_CONF": str(programs.engine_configuration(desk))}
    done = await run(programs.cms(desk, MARIA, desk / "maria.pem"), environment, desk)
    assert done.status == 0, done.output
    words: Words = [
        "cms",
        "-verify",
        "-in",
        desk / "data.p7s",
        "-inform",
        "der",
        "-noverify",
        "-content",
        desk / "data",
    ]
    assert "successful" in (await run([program("openssl"), *words], running.environment, desk)).output


async def test_pdfsig(running: Running, desk: Path, authority: Authority) -> None:
    """poppler, through NSS: it signs twice, once to learn the size, and the holder is asked for each."""
    database = await programs.nss_database(desk, running.environment)
    source, output = await programs.pdf_to_sign(desk), desk / "assinado.pdf"
    words = programs.pdfsig_sign(database, source, output, f"Link ID:{MARIA}")
    done = await run(words, running.environment, desk)
    assert done.status == 0, done.output
    assert await asyncio.to_thread(pdfs.all_valid, output, authority)
    assert len(running.gateway.requests) == 2
    first, second = (request["hashes"] for request in running.gateway.requests)
    assert first != second, "were they the same, one approval would do"


async def test_the_approval_comes_late(running: Running, desk: Path) -> None:
    """Programs that are in no hurry wait for the person."""
    running.gateway.checks_before_answer = 3
    assert (await sign_with_pkcs11_tool(running, desk)).status == 0
    assert running.gateway.requests[-1]["checks"] == 4


async def test_refused(running: Running, desk: Path) -> None:
    """The program ends with an error that it has a word for, and writes nothing."""
    running.gateway.answer = "refuse"
    done = await sign_with_pkcs11_tool(running, desk)
    assert done.status != 0
    assert "CKR_FUNCTION_CANCELED" in done.output
    environment = running.environment | {"OPENSSL_CONF": str(programs.engine_configuration(desk))}
    assert (await run(programs.cms(desk, MARIA, desk / "maria.pem"), environment, desk)).status != 0
    database = await programs.nss_database(desk, running.environment)
    output = desk / "assinado.pdf"
    words = programs.pdfsig_sign(database, await programs.pdf_to_sign(desk), output, f"Link ID:{MARIA}")
    await run(words, running.environment, desk)
    assert not output.exists() or not pdfs.all_valid(output, Authority())


async def test_killed_while_it_waits(running: Running, desk: Path) -> None:
    """Ctrl-C in the program takes the request off the phone."""
    running.gateway.answer = "never"
    words = pkcs11_tool("--sign", "-m", "SHA256-RSA-PKCS", "--label", MARIA, "-i", desk / "data", "-o", desk / "out")
    process = await asyncio.create_subprocess_exec(
        *map(str, words), env=running.environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    await running.until(lambda: running.gateway.requests and running.gateway.requests[-1]["checks"])
    process.terminate()
    await process.wait()
    await running.until(lambda: running.gateway.withdrawn)


async def test_a_core_of_the_survey(authority: Authority, maria: Holder, ana: Holder) -> None:
    """GnuTLS signs; curl and Chromium log in at a server that wants a certificate; the daemon is started by its socket.

    Chromium chooses the certificate by a policy of the machine, which takes root to write.
    """
    rows = ["p11tool --test-sign (RSA)", "curl mTLS (engine, TLS 1.3)", "Chromium mTLS"]
    yes = next(column for column in COLUMNS if column.name == "yes")
    async with chosen_certificate(), world(People(authority, maria, ana)) as made:
        made.phone.column = yes
        for name in rows if POLICY.exists() else rows[:-1]:
            assert await ROWS[name].use(made), f"{name}: {made.said}"
        assert made.daemon.starts == 1
