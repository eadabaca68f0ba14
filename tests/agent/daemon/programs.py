"""Programs that are not ours, each as a command line that uses the token; for tests and `make test-programs`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from linkid.platform import program
from tests.agent import pdfs

PATIENCE = 60.0


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    status: int
    output: str


async def run(
    words: Sequence[str | Path], environment: Mapping[str, str], folder: Path, patience: float = PATIENCE
) -> Done:
    """One program, while this process goes on serving it. Raises TimeoutError, and ends it and its children."""
    process = await asyncio.create_subprocess_exec(
        *map(str, words),
        env={**environment},
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), patience)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Done(process.returncode or 0, output.decode(errors="replace"))


Words: TypeAlias = list[str | Path]


def module() -> Path:
    """p11-kit's client, which programs load as their PKCS#11 driver."""
    return program("p11-kit-client")


def pkcs11_tool(*words: str | Path) -> Words:
    return [program("pkcs11-tool"), "--module", module(), *words]


def engine_configuration(folder: Path) -> Path:
    """OpenSSL's engine for PKCS#11, told which module to load."""
    file = folder / "openssl.cnf"
    file.write_text(
        "openssl_conf = start\n[start]\nengines = engines\n[engines]\npkcs11 = ours\n"
        f"[ours]\nengine_id = pkcs11\ndynamic_path = {program('pkcs11-engine')}\nMODULE_PATH = {module()}\ninit = 0\n"
    )
    return file


def cms(folder: Path, label: str, certificate: Path) -> Words:
    """`openssl cms -sign` by the engine, over `data` in *folder*."""
    return [
        program("openssl"), "cms", "-sign", "-in", folder / "data", "-signer", certificate, "-engine", "pkcs11",
        "-keyform", "engine", "-inkey", f"pkcs11:token=Link%20ID;object={label.replace(' ', '%20')};type=private",
        "-outform", "der", "-out", folder / "data.p7s",
    ]  # fmt: skip


async def nss_database(folder: Path, environment: Mapping[str, str]) -> Path:
    """An NSS database that knows our token: what Firefox, Chromium and poppler have."""
    database = folder / "nss"
    database.mkdir()
    made = await run([program("certutil"), "-N", "-d", f"sql:{database}", "--empty-password"], environment, folder)
    assert made.status == 0, made.output
    words: Words = [program("modutil"), "-add", "linkid", "-libfile", module(), "-dbdir", f"sql:{database}", "-force"]
    added = await run(words, environment, folder)
    assert added.status == 0, added.output
    return database


async def pdf_to_sign(folder: Path) -> Path:
    return await asyncio.to_thread(pdfs.blank, folder / "contrato.pdf")


def pdfsig_sign(database: Path, source: Path, output: Path, nickname: str) -> Words:
    return [
        program("pdfsig"), "-nssdir", f"sql:{database}", "-add-signature", "-nick", nickname, source, output,
    ]  # fmt: skip


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """What a program finds, and nothing of this test's own."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "LANG") if name in os.environ}
    return {**kept, **base}
