"""What a signature is worth, asked by anybody: each document in a process of its own, with a deadline.

Nothing is kept and nothing is logged but that it happened. The process parses (``workshop``); this module asks it.
"""

from collections.abc import Sequence

from foundation.clock import Clock
from foundation.logs import get_logger
from hsm_service.documents.domain.findings import Problem, Report
from hsm_service.documents.domain.parcel import Parcel
from hsm_service.documents.domain.question import Question
from hsm_service.documents.errors import BadPreparation, DocumentTooCostly, DocumentTooLarge, NoEvidence
from hsm_service.documents.ports import Evidences, Parsing
from hsm_service.documents.service.signing import MAX_DOCUMENT

_log = get_logger(__name__)


class VerificationService:
    """Reports on documents."""

    def __init__(
        self,
        clock: Clock,
        parsing: Parsing,
        *,
        roots: Sequence[bytes] = (),
        evidences: Evidences | None = None,
    ) -> None:
        """``roots``: DER, trusted beside our own authority's, which ``evidences`` tells with its lists."""
        self._clock = clock
        self._roots = tuple(roots)
        self._evidences = evidences
        self._parsing = parsing

    async def verify(self, document: bytes, original: bytes | None = None) -> Report:
        """Whose signatures a PDF, CMS or XML has, and what they are worth. ``original``: what a detached one signs.

        Raises DocumentTooLarge, WorkshopBusy, WorkshopAway.
        """
        if max(len(document), len(original or b"")) > MAX_DOCUMENT:
            raise DocumentTooLarge(f"at most {MAX_DOCUMENT} bytes")
        question = await self._question(document, original)
        try:
            return Report.from_json((await self._parsing.do("judge", Parcel({}, (question.to_bytes(),)))).head)
        except (DocumentTooCostly, BadPreparation):
            return Report("unknown", problem=Problem.TOO_COSTLY)

    async def _question(self, document: bytes, original: bytes | None) -> Question:
        roots, certificates, lists = list(self._roots), list[bytes](), list[bytes]()
        if self._evidences is not None:
            try:
                ours = await self._evidences.collect([])
            except NoEvidence:
                _log.warning("verification_without_evidence")  # trusted roots stay; revocation is unknown then
            else:
                *certificates, root = ours.certificates
                roots.append(root)
                lists += ours.crls
        now = int(self._clock.now().timestamp())
        return Question(document, original, tuple(roots), tuple(certificates), tuple(lists), now)
