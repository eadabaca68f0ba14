"""What a signature in a document is worth. Runs in a process of its own (the slice's floor ``process``): strangers
send what is parsed here.

``trust`` says whom to believe and when; ``pdf``, ``cms`` and ``xml`` judge their kinds; nothing here asks anybody:
revocation data comes with the document, or was handed in.
"""

from hsm_service.documents.domain.findings import Problem, Report
from hsm_service.documents.service.judging import cms, pdf, xml
from hsm_service.documents.service.judging.trust import Trust

_PDF_WITHIN = 1024


async def judge(document: bytes, original: bytes | None, trust: Trust) -> Report:
    """``original``: the content of a detached signature. The kind is told by the bytes, not by anybody's word."""
    if b"%PDF-" in document[:_PDF_WITHIN]:
        return await pdf.judge(document, trust)
    if xml.looks_like_xml(document):
        return await xml.judge(document, original, trust)
    der = cms.as_der(document)
    if der is not None:
        return await cms.judge(der, original, trust)
    return Report("unknown", problem=Problem.UNKNOWN_KIND)
