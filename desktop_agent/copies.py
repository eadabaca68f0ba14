"""Files that become signed ones: opened with care, copied beside their destination, given their name at the end.

Whatever the form, the input is only ever read, and a result appears under its name in one step, finished, or not at
all. Everything here blocks; stories call it in a thread.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from desktop_agent.errors import BadCommand, UnsuitablePdf
from desktop_agent.words import of_system

_ELSEWHERE: Final = "Para gravar em outro lugar: -o PASTA."


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """To read. Raises UnsuitablePdf for what is no file, or cannot be read."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UnsuitablePdf(f"{path} é uma pasta.", f"Indique os arquivos que estão nela: {path / '*'}")
        if not stat.S_ISREG(mode):  # a pipe would make us wait for ever
            raise UnsuitablePdf(f"{path} não é um arquivo.")
        file = path.open("rb")
    except FileNotFoundError as cause:
        raise UnsuitablePdf(f"O arquivo {path} não existe.", "Confira o nome do arquivo e a pasta.") from cause
    except OSError as cause:
        raise UnsuitablePdf(f"Não foi possível abrir {path}: {of_system(cause)}.") from cause
    with file:
        yield file


@contextmanager
def as_unsuitable(path: Path) -> Iterator[None]:
    """Foreign errors die here. A hostile file can raise anything out of a parser, so anything becomes one of ours."""
    try:
        yield
    except (UnsuitablePdf, BadCommand):
        raise
    except OSError as cause:  # of the copy: a disk that fills up meanwhile
        told = f"{path.name} não pôde ser assinado: {of_system(cause)}."
        raise UnsuitablePdf(told, f"O original não foi alterado. {_ELSEWHERE}") from cause
    except Exception as cause:
        raise UnsuitablePdf(f"{path.name} está danificado ou usa algo que não sabemos assinar.") from cause


def fresh(path: Path, beside: Path) -> Path:
    """An empty file of ours in the folder of the later output. Raises BadCommand."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}.", suffix=".part", dir=beside)
    except OSError as cause:
        raise BadCommand(f"Não é possível gravar em {beside}: {of_system(cause)}.", _ELSEWHERE) from cause
    os.close(descriptor)
    return Path(name)


def copied(path: Path, beside: Path) -> Path:
    """A copy of ``path`` in the folder of the later output. Raises BadCommand."""
    copy = fresh(path, beside)
    try:
        shutil.copyfile(path, copy)
        like(path, copy)
    except OSError as cause:
        copy.unlink(missing_ok=True)
        raise BadCommand(f"Não foi possível copiar {path.name}: {of_system(cause)}.", _ELSEWHERE) from cause
    return copy


def like(path: Path, copy: Path) -> None:
    """Whoever may read the one may read the other; a read-only input may be signed too."""
    shutil.copymode(path, copy)
    copy.chmod(stat.S_IMODE(copy.stat().st_mode) | stat.S_IWUSR)


def written(copy: Path, content: bytes) -> None:
    """All of it, down to the disk."""
    with copy.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def publish(copy: Path, source: Path, output: Path, *, overwrite: bool) -> None:
    """Give the finished copy its name, at once or not at all.

    Raises BadCommand when something has that name already.
    """
    if output.exists() and output.samefile(source):
        raise BadCommand("O arquivo assinado não pode substituir o original.", "Escolha outro nome com -o.")
    try:
        if overwrite:
            copy.replace(output)
        else:
            os.link(copy, output)  # fails when the name is taken; a rename would replace it
            copy.unlink(missing_ok=True)
    except FileExistsError as cause:
        raise BadCommand(f"{output} já existe.", "Escolha outro nome com -o, ou use --overwrite.") from cause
    except OSError as cause:
        if overwrite or output.exists():
            raise BadCommand(f"Não foi possível gravar {output}: {of_system(cause)}.", _ELSEWHERE) from cause
        copy.rename(output)  # a file system without hard links (FAT, some network shares)
