"""Qt's libraries and letters in this process, also where the system's own were unpacked below var/deps and neither the
loader nor fontconfig knows such a place.
"""

import ctypes
import os
from importlib.util import find_spec
from pathlib import Path

from linkid.platform import VAR

TREE = VAR / "deps" / "debian"
FONTS = VAR / "deps" / "fonts.conf"
"""Written where fonts had to be unpacked (tools/programs.py). Without any, Qt draws boxes wider than every word."""


def load_qt() -> None:
    """Before PySide6 is imported. A library that is loaded already satisfies, by its name, those that need it."""
    if FONTS.exists():
        os.environ.setdefault("FONTCONFIG_FILE", str(FONTS))
    spec = find_spec("PySide6")
    assert spec is not None
    assert spec.origin is not None
    qt = Path(spec.origin).parent / "Qt"
    for library in ("lib/libQt6Widgets.so.6", "lib/libQt6DBus.so.6", "plugins/platforms/libqoffscreen.so"):
        _load(qt / library)


def _load(path: Path) -> None:
    while True:
        try:
            ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
        except OSError as error:
            lacking = str(error).partition(":")[0]
            found = next(TREE.glob(f"**/{lacking}"), None)
            if found is None or found == path:
                raise
            _load(found)
        else:
            return
