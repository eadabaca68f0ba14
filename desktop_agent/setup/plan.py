"""What there is to do on this computer, in order; and what cannot be done, with what is missing."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from desktop_agent import places
from desktop_agent.profiles import Profiles
from desktop_agent.setup import desktop
from desktop_agent.setup.parts import File, NssDatabase, NssModule, Part, Units, found
from desktop_agent.web_eid.manifest import NAME, OUR_NAME, chrome, firefox, script

SOCKET_UNIT: Final = "linkid-desktop.socket"
SERVICE_UNIT: Final = "linkid-desktop.service"
PROXY: Final = "p11-kit-proxy.so"
CLIENT: Final = "p11-kit-client.so"
_LIBRARIES: Final = ("/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")


@dataclass
class Plan:
    """``lacking``: what is not possible here, each with its cure."""

    parts: list[Part] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Computer:
    """Where this user's things are. Tests have one of their own."""

    home: Path
    config: Path
    command: Path
    """Our own program, as units and manifests name it."""
    own_data: Path | None = None

    @property
    def data(self) -> Path:
        """Where desktops look for this user's programs."""
        return self.own_data or self.home / ".local" / "share"

    @classmethod
    def ours(cls) -> "Computer":
        home = Path.home()
        config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
        started = places.own_command()
        if len(started) == 1:  # by its own name: that very file
            beside = Path(started[0])
        else:
            beside = Path(sys.executable).with_name("linkid-desktop")
        data = os.environ.get("XDG_DATA_HOME")
        command = beside if beside.exists() else found("linkid-desktop") or beside
        return cls(home, config, command, Path(data) if data else None)


def module_file(computer: Computer, runtime: Path) -> File:
    """What makes the token appear in everything that goes through p11-kit."""
    address = quote(str(runtime / places.P11), safe="/")
    return File(
        "p11-kit: mostra o certificado a GnuTLS, OpenSSL, curl, ssh e outros",
        computer.config / "pkcs11" / "modules" / "linkid.module",
        f"# Escrito por linkid-desktop setup.\nremote: unix:path={address}\n",
    )


def make(profiles: Profiles, computer: Computer) -> Plan:
    """All of it."""
    plan = Plan()
    runtime = places.runtime_folder(profiles.home)
    plan.parts.append(module_file(computer, runtime))
    if library(CLIENT) is None:
        plan.lacking.append(
            "p11-kit-client.so não está neste computador: apt-get install p11-kit-modules (Fedora: p11-kit-server)"
        )
    plan.parts += _start(plan, computer, runtime)
    plan.parts += _nss(plan, computer)
    plan.parts += _web_eid(profiles, computer)
    if desktop.has_window():
        plan.parts += desktop.entries(computer)
    else:
        plan.lacking.append("a janela não está instalada: pip install 'linkid-desktop[window]'")
    return plan


def _start(plan: Plan, computer: Computer, runtime: Path) -> Iterator[Part]:
    """By systemd where there is one for this user, else with the desktop's session."""
    systemctl = found("systemctl")
    if systemctl is not None and (Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")) / "systemd").exists():
        units = computer.config / "systemd" / "user"
        yield File(
            "systemd: os sockets por onde os programas chegam ao Link ID",
            units / SOCKET_UNIT,
            _SOCKET.format(runtime=runtime),
        )
        yield File(
            "systemd: o Link ID em segundo plano", units / SERVICE_UNIT, _SERVICE.format(command=computer.command)
        )
        yield Units(systemctl, SOCKET_UNIT)
        return
    plan.lacking.append("sem systemd de usuário: até entrar de novo no computador, deixe aberto: linkid-desktop daemon")
    starter = computer.config / "autostart" / "linkid-desktop.desktop"
    yield File("inicia o Link ID em segundo plano, com a sessão", starter, _AUTOSTART.format(command=computer.command))


def _nss(plan: Plan, computer: Computer) -> Iterator[Part]:
    modutil, certutil, proxy = found("modutil"), found("certutil"), library(PROXY)
    databases = [*nss_databases(computer)]
    if modutil is None or certutil is None or proxy is None:
        what = (
            "modutil e certutil: apt-get install libnss3-tools"
            if proxy
            else f"{PROXY}: apt-get install p11-kit-modules"
        )
        plan.lacking.append(f"Firefox e Chromium não verão o certificado; falta {what}")
        return
    shared = computer.home / ".pki" / "nssdb"
    if not (shared / "cert9.db").exists():
        yield NssDatabase(shared, certutil)
        databases.insert(0, ("Chromium", shared))
    for program, database in databases:
        yield NssModule(program, database, proxy, modutil)
    for name in ("snap/firefox", ".var/app/org.mozilla.firefox", "snap/chromium"):
        if (computer.home / name).exists():
            told = "navegadores em snap ou flatpak não carregam módulos; use a extensão Web eID ou o pacote do sistema"
            plan.lacking.append(f"{name}: {told}")


def nss_databases(computer: Computer) -> Iterator[tuple[str, Path]]:
    """Those that exist."""
    shared = computer.home / ".pki" / "nssdb"
    if (shared / "cert9.db").exists():
        yield "Chromium", shared
    for file in sorted((computer.home / ".mozilla" / "firefox").glob("*/cert9.db")):
        yield "Firefox", file.parent


def _web_eid(profiles: Profiles, computer: Computer) -> Iterator[Part]:
    """For every browser that is here; a real Web eID that is installed is left alone."""
    starter = profiles.home / "web-eid-host"
    places_of = [
        ("Chrome", computer.config / "google-chrome"), ("Chromium", computer.config / "chromium"),
        ("Edge", computer.config / "microsoft-edge"), ("Brave", computer.config / "BraveSoftware" / "Brave-Browser"),
    ]  # fmt: skip
    manifests = [
        File(f"{browser}: {what}", folder / "NativeMessagingHosts" / f"{name}.json", chrome(starter, name))
        for browser, folder in places_of
        for name, what in _PAGES
        if folder.exists()
    ]
    if (computer.home / ".mozilla").exists():
        hosts = computer.home / ".mozilla" / "native-messaging-hosts"
        manifests += [File(f"Firefox: {what}", hosts / f"{name}.json", firefox(starter, name)) for name, what in _PAGES]
    if manifests:
        yield File("páginas: o que os navegadores iniciam", starter, script(computer.command), mode=0o755)
        yield from manifests


_PAGES: Final = ((NAME, "páginas com Web eID"), (OUR_NAME, "páginas com a extensão Link ID"))


def library(name: str) -> Path | None:
    """A shared library of p11-kit."""
    for pattern in _LIBRARIES:
        for folder in sorted(Path("/").glob(pattern.lstrip("/"))):
            for path in (folder / name, folder / "pkcs11" / name):
                if path.exists():
                    return path
    return None


def undo_order(parts: Sequence[Part]) -> list[Part]:
    return [*reversed(parts)]


def packaged_units(command: Path) -> dict[str, str]:
    """The same units for a package of the system, by name: every user has their own sockets below ``%t``."""
    texts = {SOCKET_UNIT: _SOCKET.format(runtime="%t/linkid"), SERVICE_UNIT: _SERVICE.format(command=command)}
    return {name: text.removeprefix(_OURS) for name, text in texts.items()}


_OURS: Final = "# Escrito por linkid-desktop setup.\n"
_SOCKET: Final = """\
# Escrito por linkid-desktop setup.
[Unit]
Description=Link ID: certificado em nuvem para os programas deste usuário

[Socket]
ListenStream={runtime}/p11
ListenStream={runtime}/control
SocketMode=0600
DirectoryMode=0700

[Install]
WantedBy=sockets.target
"""
_SERVICE: Final = """\
# Escrito por linkid-desktop setup.
[Unit]
Description=Link ID: certificado em nuvem para os programas deste usuário

[Service]
ExecStart="{command}" daemon
Restart=on-failure
UMask=0077
NoNewPrivileges=yes
"""
_AUTOSTART: Final = """\
[Desktop Entry]
Type=Application
Name=Link ID Desktop
Comment=Certificado em nuvem para os programas deste usuário
Exec="{command}" daemon
NoDisplay=true
"""
