"""Public files of the authority, written whole or not at all."""

import asyncio
import os
import tempfile
from pathlib import Path


class FileList:
    """``ports.KeptList`` as a file in the authority's folder."""

    def __init__(self, file: Path) -> None:
        """The folder exists."""
        self._file = file

    async def read(self) -> bytes | None:
        try:
            return await asyncio.to_thread(self._file.read_bytes)
        except FileNotFoundError:
            return None

    async def write(self, der: bytes) -> None:
        await asyncio.to_thread(replace_file, self._file, der)


def replace_file(file: Path, content: bytes) -> None:
    """All or nothing, also when the machine stops in between; readable by everybody."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as partial:
        partial.write(content)
        partial.flush()
        os.fsync(partial.fileno())
        os.fchmod(partial.fileno(), 0o644)
    os.replace(partial.name, file)
