"""Which file becomes which: settled before anything is read or anybody is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from desktop_agent.domain.stamp import Stamp
from desktop_agent.errors import BadCommand


@dataclass(frozen=True)
class Job:
    """One file to sign."""

    source: Path
    output: Path
    stamp: Stamp | None = None
    """None: the signature is not drawn on a page."""


def plan(files: Sequence[Path], output: Path | None, *, overwrite: bool, stamp: Stamp | None = None) -> list[Job]:
    """Which file becomes which. Raises BadCommand before anything is read or asked."""
    into = output if output is not None and output.is_dir() else None
    if output is not None and into is None and len(files) > 1:
        raise BadCommand("Com vários arquivos, -o precisa ser uma pasta que existe.", f"Crie antes a pasta {output}.")
    jobs: list[Job] = []
    for file in files:
        if into is not None:
            target = free_name(into / file.name) if not overwrite else into / f"{file.stem}-assinado.pdf"
        else:
            target = output or free_name(file)
        if target.exists() and file.exists() and target.samefile(file):
            raise BadCommand("O arquivo assinado não pode substituir o original.", "Escolha outro nome com -o.")
        if target.exists() and not overwrite:
            raise BadCommand(f"{target} já existe.", "Escolha outro nome com -o, ou use --overwrite.")
        if any(job.output == target or job.source == file for job in jobs):
            raise BadCommand(f"{file} aparece duas vezes.", "Nomeie cada arquivo uma vez só.")
        jobs.append(Job(file, target, stamp))
    return jobs


def free_name(path: Path) -> Path:
    """``contrato-assinado.pdf`` for ``contrato.pdf``; numbered while the name is taken."""
    candidate, number = path.with_name(f"{path.stem}-assinado.pdf"), 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}-assinado-{number}.pdf")
    return candidate
