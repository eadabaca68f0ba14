"""The signatures of a file, whatever its form. Who is trusted is for verifiers to say: this looks whether they hold."""

import re
from pathlib import Path

from desktop_agent import cms_file, pdf
from desktop_agent.domain.signed import EarlierSignature
from desktop_agent.errors import UnsuitablePdf
from desktop_agent.plan import Form, form_of

_NUMBERED = re.compile(r"-[0-9]+\Z")


def signatures_of(path: Path) -> list[EarlierSignature]:
    """Raises UnsuitablePdf. Of a `.p7s`: over the file beside it, whose name it carries."""
    if path.suffix.casefold() == Form.BESIDE.value:
        return cms_file.verify(_signed_file(path), path)
    match form_of(path):
        case Form.XML:
            from desktop_agent import xml_file

            return xml_file.verify(path)
        case Form.PDF:
            return pdf.check(path)
        case Form.BESIDE:
            raise UnsuitablePdf(
                f"{path.name} não é PDF, XML nem .p7s.", f"A assinatura dele estaria em {path.name}.p7s."
            )


def _signed_file(signature: Path) -> Path:
    """``carta.docx`` for ``carta.docx.p7s`` and ``carta.docx-2.p7s``."""
    for name in (signature.stem, _NUMBERED.sub("", signature.stem)):
        if name and (beside := signature.with_name(name)).exists():
            return beside
    raise UnsuitablePdf(f"O arquivo assinado, {signature.stem}, não está ao lado de {signature.name}.")
