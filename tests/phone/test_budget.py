"""What a phone loads before its holder sees anything: computed from the build, compressed as it is served."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

_MOST = 200_000
_LINKED = re.compile(r'(?:src|href)="(/[^"]+)"')
_ICONS = re.compile(r"\.(png|svg)$")
_NAMED = re.compile(r"assets/[\w.-]+\.(?:js|css|wasm)")


def carried(file: Path) -> int:
    """Bytes on the wire for a browser that takes gzip alone, which all do."""
    packed = file.with_name(file.name + ".gz")
    return packed.stat().st_size if packed.exists() else file.stat().st_size


def first_load(dist: Path, page: str = "index.html") -> dict[str, int]:
    """The page and everything that it names; what those files name in their turn, but for the decoder of QR codes."""
    found, wanted = {page: carried(dist / page)}, [dist / page]
    while wanted:
        text = wanted.pop().read_text("utf-8")
        for name in {one.lstrip("/") for one in _LINKED.findall(text)} | set(_NAMED.findall(text)):
            if name in found or "zxing" in name or _ICONS.search(name) or not (dist / name).is_file():
                continue
            found[name] = carried(dist / name)
            if name.endswith((".js", ".css")):
                wanted.append(dist / name)
    return found


def test_the_first_load_is_small(dist: Path) -> None:
    """Under 200 kB with the password's own program, without the decoder: seconds on a poor connection."""
    loaded = first_load(dist)
    assert {"index.html", "manifest.webmanifest"} < set(loaded)
    assert any("argon2" in name for name in loaded)
    assert any(name.endswith(".css") for name in loaded)
    assert sum(loaded.values()) < _MOST, loaded


def test_a_build_that_grew_would_be_noticed(tmp_path: Path) -> None:
    """The sum counts what a page names, and what that names."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<script src="/assets/a.js"></script><link href="/assets/gone.css">')
    (tmp_path / "assets" / "a.js").write_text('import "/assets/b.js"')
    (tmp_path / "assets" / "b.js").write_bytes(b"x" * _MOST)
    (tmp_path / "assets" / "b.js.gz").write_bytes(gzip.compress(b"x" * _MOST))
    assert set(first_load(tmp_path)) == {"index.html", "assets/a.js", "assets/b.js"}
    assert first_load(tmp_path)["assets/b.js"] < 1000
    (tmp_path / "assets" / "b.js.gz").unlink()
    assert sum(first_load(tmp_path).values()) > _MOST
