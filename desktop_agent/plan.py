"""Which file becomes which, and in which form: settled before anything is read or anybody is asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from desktop_agent.domain.stamp import Stamp
from desktop_agent.errors import BadCommand


class Form(Enum):
    """How a file is signed; the value is how its result is called behind the file's own stem or name."""

    PDF = "-assinado.pdf"
    """PAdES, inside."""
    XML = "-assinado.xml"
    """XAdES, inside."""
    BESIDE = ".p7s"
    """CAdES, in a file beside it: any file."""


@dataclass(frozen=True)
class Job:
    """One file to sign."""

    source: Path
    output: Path
    stamp: Stamp | None = None
    """None: the signature is not drawn on a page."""
    form: Form = Form.PDF


def form_of(path: Path) -> Form:
    """By its name: what is no PDF and no XML is signed beside itself."""
    return {".pdf": Form.PDF, ".xml": Form.XML}.get(path.suffix.casefold(), Form.BESIDE)


def plan(
    files: Sequence[Path],
    output: Path | None,
    *,
    overwrite: bool,
    stamp: Stamp | None = None,
    beside: bool = False,
) -> list[Job]:
    """Which file becomes which; of a folder, the PDFs in it. ``beside``: whatever they are, each gets a `.p7s`.

    Raises BadCommand before anything is read or asked.
    """
    files = [one for file in files for one in _inside(file)]
    into = output if output is not None and output.is_dir() else None
    if output is not None and into is None and len(files) > 1:
        raise BadCommand("Com vários arquivos, -o precisa ser uma pasta que existe.", f"Crie antes a pasta {output}.")
    jobs: list[Job] = []
    for file in files:
        form = Form.BESIDE if beside else form_of(file)
        if stamp is not None and form is not Form.PDF:
            raise BadCommand(f"{file.name} não tem páginas para um carimbo.", "Assine-o sem --stamp.")
        if into is not None:
            target = free_name(into / file.name, form) if not overwrite else named(into / file.name, form)
        else:
            target = output or free_name(file, form)
        if target.exists() and file.exists() and target.samefile(file):
            raise BadCommand("O arquivo assinado não pode substituir o original.", "Escolha outro nome com -o.")
        if target.exists() and not overwrite:
            raise BadCommand(f"{target} já existe.", "Escolha outro nome com -o, ou use --overwrite.")
        if any(job.output == target or job.source == file for job in jobs):
            raise BadCommand(f"{file} aparece duas vezes.", "Nomeie cada arquivo uma vez só.")
        jobs.append(Job(file, target, stamp, form))
    return jobs


def _inside(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    found = sorted(one for one in path.iterdir() if one.suffix.casefold() == ".pdf" and one.is_file())
    if not found:
        raise BadCommand(f"Não há PDFs na pasta {path}.", "Nomeie os arquivos um por um.")
    yield from found


def named(path: Path, form: Form, number: int = 1) -> Path:
    """``contrato-assinado.pdf`` for ``contrato.pdf``, ``carta.docx.p7s`` for ``carta.docx``; numbered from 2 on."""
    again = "" if number == 1 else f"-{number}"
    if form is Form.BESIDE:
        return path.with_name(f"{path.name}{again}{form.value}")
    ending = f"-assinado{again}{form.value.removeprefix('-assinado')}"
    return path.with_name(f"{path.stem}{ending}")


def free_name(path: Path, form: Form = Form.PDF) -> Path:
    """The first that nothing has."""
    number = 1
    while named(path, form, number).exists():
        number += 1
    return named(path, form, number)
