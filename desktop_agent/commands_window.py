"""The command `window`: looks whether this computer can show one, and says what is missing where it cannot."""

import argparse
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from desktop_agent import words
from desktop_agent.errors import AgentError, BadCommand
from desktop_agent.overview import has_window
from desktop_agent.ui.terminal import Screen

Add: TypeAlias = Callable[..., words.Parser]
Run: TypeAlias = Callable[[argparse.Namespace, Screen], Awaitable[None]]
LIBRARIES: Final = "apt-get install libegl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libdbus-1-3"


def add_to(add: Add) -> None:
    """Our part of the command line."""
    opening = add("window", window, "abre a janela: associar, assinar, ver o que espera", _WINDOW)
    opening.add_argument("files", metavar="ARQUIVO.pdf", nargs="*", type=Path, help="PDFs a assinar")


_WINDOW: Final = """
A janela faz o que os outros comandos fazem. Precisa da parte gráfica: pip install 'linkid-desktop[window]'.
"""


async def window(arguments: argparse.Namespace, _screen: Screen) -> None:
    """Qt's loop in place of asyncio's, which has nothing else to do here."""
    status = start(arguments.files, arguments.profile)
    if status:
        raise AgentError("A janela terminou com erro.", "")


def start(files: Sequence[Path], profile: str | None) -> int:
    """Until it is closed. Raises BadCommand where there can be no window."""
    if not has_window() and not os.environ.get("QT_QPA_PLATFORM"):
        raise BadCommand(
            "Este computador não tem onde mostrar uma janela.", "Pelo terminal: linkid-desktop associate, e sign."
        )
    try:
        from desktop_agent.window.frame import run
    except ImportError as cause:
        if cause.name is not None and cause.name.split(".")[0] in ("PySide6", "shiboken6", "pypdfium2"):
            install = "pip install 'linkid-desktop[window]' (com uv: uv tool install 'linkid-desktop[window]')"
            if "No module named" in str(cause):
                raise BadCommand("A janela não está instalada.", install) from cause
        raise BadCommand(f"Falta ao sistema uma biblioteca da janela: {cause}.", LIBRARIES) from cause
    return run([file.absolute() for file in files], profile)
