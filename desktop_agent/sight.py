"""Why a program does not see the certificate, and the cure: the second half of `doctor`.

It goes the way that a program goes: p11-kit's client, its module file, our socket, the token behind it, and for
browsers their own databases.
"""

import asyncio
from pathlib import Path
from typing import Final

from desktop_agent import places
from desktop_agent.daemon.control import call
from desktop_agent.errors import AgentError
from desktop_agent.overview import Finding
from desktop_agent.profiles import Profiles
from desktop_agent.setup.parts import found
from desktop_agent.setup.plan import CLIENT, PROXY, Computer, library, module_file, nss_databases
from desktop_agent.setup.record import Record

SETUP: Final = "linkid-desktop setup"
_ANSWER_SECONDS: Final = 5.0


async def look(profiles: Profiles, computer: Computer) -> list[Finding]:
    """Never raises for what it is there to find."""
    runtime = places.runtime_folder(profiles.home)
    if not Record(profiles.home).files and not module_file(computer, runtime).path.exists():
        return [Finding(True, f"só este comando usa o certificado; para usá-lo em todos os programas: {SETUP}")]
    return [
        _client(),
        _module(computer, runtime),
        *await _daemon(runtime),
        *_databases(computer),
        *_sandboxes(computer),
    ]


def _client() -> Finding:
    path = library(CLIENT)
    if path is None:
        return Finding(False, "falta o p11-kit, por onde os programas chegam ao certificado",
                       "apt-get install p11-kit-modules (Fedora: dnf install p11-kit-server)")  # fmt: skip
    return Finding(True, f"o p11-kit está em {path.parent}")


def _module(computer: Computer, runtime: Path) -> Finding:
    wanted = module_file(computer, runtime)
    try:
        there = wanted.path.read_text("utf-8", errors="replace")
    except OSError:
        return Finding(False, "o p11-kit não conhece o certificado", f"{SETUP} (escreve {wanted.path})")
    if there != wanted.content:
        return Finding(False, f"{wanted.path} aponta para outro lugar", f"Apague-o e execute {SETUP}")
    return Finding(True, "o p11-kit conhece o certificado")


async def _daemon(runtime: Path) -> list[Finding]:
    try:
        status = await asyncio.wait_for(call(runtime / places.CONTROL, "status"), _ANSWER_SECONDS)
        if not status["certificates"]:  # no program has come yet: what one would see
            status = await call(runtime / places.CONTROL, "refresh")
    except AgentError as error:
        return [Finding(False, str(error), f"{SETUP}, ou execute: linkid-desktop daemon")]
    except TimeoutError:
        return [Finding(False, "o daemon não responde", "systemctl --user restart linkid-desktop.service")]
    findings = [Finding(True, f"o daemon funciona (versão {status['version']})"), await _token(runtime)]
    if status["certificates"]:
        findings.append(Finding(True, "os programas veem: " + ", ".join(status["certificates"])))
    else:
        advice = "Associe este computador, ou veja acima por que o serviço não respondeu; depois reabra o programa."
        findings.append(Finding(False, "o daemon não tem nenhum certificado para mostrar", advice))
    findings += [Finding(False, f"associação {name}: {told}") for name, told in status["troubles"].items()]
    findings += [
        Finding(False, f"{one['program']} (processo {one['pid']}) perdeu o certificado quando o daemon terminou",
                "Feche esse programa e abra de novo.")
        for one in status["stranded"]
    ]  # fmt: skip
    return findings


async def _token(runtime: Path) -> Finding:
    """The first byte of p11-kit's protocol each way."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(runtime / places.P11))
        writer.write(b"\0")
        answer = await asyncio.wait_for(reader.read(1), _ANSWER_SECONDS)
        writer.close()
    except (OSError, TimeoutError):
        answer = b""
    if answer != b"\0":
        return Finding(False, "o socket do certificado não responde", "systemctl --user restart linkid-desktop.socket")
    return Finding(True, "o socket do certificado responde")


def _databases(computer: Computer) -> list[Finding]:
    findings = []
    for program, database in nss_databases(computer):
        try:
            listing = (database / "pkcs11.txt").read_text("utf-8", errors="replace")
        except OSError:
            listing = ""
        if PROXY in listing or CLIENT in listing:
            findings.append(Finding(True, f"o {program} conhece o certificado ({database.name})"))
        else:
            advice = SETUP if found("modutil") else f"apt-get install libnss3-tools, e {SETUP}"
            findings.append(Finding(False, f"o {program} não conhece o certificado ({database})", advice))
    return findings


def _sandboxes(computer: Computer) -> list[Finding]:
    advice = "Use o pacote do sistema em vez do snap ou flatpak, ou a extensão Web eID."
    return [
        Finding(False, f"{name}: um navegador em caixa fechada não vê o certificado", advice)
        for name in ("snap/firefox", "snap/chromium", ".var/app/org.mozilla.firefox")
        if (computer.home / name).exists()
    ]
