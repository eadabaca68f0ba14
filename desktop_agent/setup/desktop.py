"""The window among the desktop's programs, and *Assinar com Link ID* on the files of its file managers."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

from desktop_agent.setup.parts import File, found

APPLICATION: Final = "linkid-desktop"
"""Name of the .desktop file: desktops find a window's icon and name by it."""
SIGN: Final = "Assinar com Link ID"
ICON: Final = Path(__file__).parent.parent / "window" / "icon.svg"


class Place(Protocol):
    """Of `plan.Computer`."""

    @property
    def data(self) -> Path: ...

    @property
    def command(self) -> Path: ...


def has_window() -> bool:
    """Whether the window's part is installed."""
    return find_spec("PySide6") is not None


def entries(computer: Place) -> Iterator[File]:
    """One for every desktop; one more for each file manager that is here and has a menu of its own."""
    command = _quoted(computer.command)
    application = computer.data / "applications" / f"{APPLICATION}.desktop"
    what = "a janela entre os programas, e em “Abrir com” de PDFs e XML"
    yield File(what, application, _APPLICATION.format(command=command, icon=ICON))
    if found("dolphin") is not None:
        menu = computer.data / "kio" / "servicemenus" / f"{APPLICATION}.desktop"
        yield File(f"Dolphin: {SIGN}", menu, _DOLPHIN.format(command=command, icon=ICON), mode=0o755)
    if found("nautilus") is not None:
        script = computer.data / "nautilus" / "scripts" / SIGN
        starter = _NAUTILUS.format(command=_shell(computer.command))
        yield File(f"Arquivos (GNOME): {SIGN}, em Scripts", script, starter, mode=0o755)


def packaged(command: Path, icon: Path) -> dict[str, str]:
    """The entries that a package of the system brings, by their place below ``/usr/share``."""
    name = f"{APPLICATION}.desktop"
    return {
        f"applications/{name}": _APPLICATION.format(command=_quoted(command), icon=icon),
        f"kio/servicemenus/{name}": _DOLPHIN.format(command=_quoted(command), icon=icon),
    }


def _quoted(command: Path) -> str:
    """For ``Exec=`` (Desktop Entry Specification, "The Exec key"): quoted, and a per cent sign is doubled."""
    quoted = re.sub(r'(["`$\\])', r"\\\1", str(command))
    return '"' + quoted.replace("\\", "\\\\").replace("%", "%%") + '"'


def _shell(command: Path) -> str:
    return "'" + str(command).replace("'", "'\\''") + "'"


_APPLICATION: Final = """\
[Desktop Entry]
Type=Application
Name=Link ID
GenericName=Assinatura digital
Comment=Assine documentos com o seu certificado em nuvem, aprovando no celular
Exec={command} window %F
Icon={icon}
Terminal=false
Categories=Office;
MimeType=application/pdf;application/xml;text/xml;
StartupNotify=true
"""
_DOLPHIN: Final = """\
[Desktop Entry]
Type=Service
MimeType=application/pdf;application/xml;text/xml;
Actions=sign;

[Desktop Action sign]
Name=Assinar com Link ID
Icon={icon}
Exec={command} window %F
"""
_NAUTILUS: Final = """\
#!/bin/sh
# Escrito por linkid-desktop setup.
exec {command} window "$@"
"""
