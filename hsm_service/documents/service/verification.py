"""What a signature is worth, asked by anybody: each document in a process of its own, with a deadline.

Nothing is kept and nothing is logged but that it happened. The process parses; this module only counts and waits.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from typing import Final

from foundation.clock import Clock
from foundation.errors import TooMany, Unavailable
from foundation.logs import get_logger
from hsm_service.documents.domain.findings import Problem, Report
from hsm_service.documents.domain.question import Question
from hsm_service.documents.errors import BadPreparation, DocumentTooLarge, NoEvidence
from hsm_service.documents.ports import Evidences
from hsm_service.documents.service.signing import MAX_DOCUMENT

DEADLINE_SECONDS: Final = 40.0
"""More than the processor time that the process has: then it is killed, whatever it waits for."""
_MAX_REPORT: Final = 256 * 1024
_WAITING: Final = 8
_RETRY_SECONDS: Final = 10
_PROCESS: Final = "hsm_service.documents.process"

_log = get_logger(__name__)


class VerificationBusy(TooMany):
    """As many documents as we verify at once are being verified, and others wait already."""

    code = "verification_busy"
    summary = "Too many documents are being verified. Try again in a moment."
    message = "Há muitas verificações em andamento. Tente de novo em instantes."


class VerificationFailed(Unavailable):
    """The process that verifies could not be started."""

    code = "verification_unavailable"


class VerificationService:
    """Reports on documents."""

    def __init__(
        self,
        clock: Clock,
        *,
        roots: Sequence[bytes] = (),
        evidences: Evidences | None = None,
        at_once: int = 2,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        """``roots``: DER, trusted beside our own authority's, which ``evidences`` tells with its lists."""
        self._clock = clock
        self._roots = tuple(roots)
        self._evidences = evidences
        self._room = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._deadline = deadline

    async def verify(self, document: bytes, original: bytes | None = None) -> Report:
        """Whose signatures a PDF, CMS or XML has, and what they are worth. ``original``: what a detached one signs.

        Raises DocumentTooLarge, VerificationBusy, VerificationFailed.
        """
        if max(len(document), len(original or b"")) > MAX_DOCUMENT:
            raise DocumentTooLarge(f"at most {MAX_DOCUMENT} bytes")
        if self._waiting >= _WAITING:
            raise VerificationBusy(retry_after=_RETRY_SECONDS)
        self._waiting += 1
        try:
            async with self._room:
                question = await self._question(document, original)
                return await _asked(question, self._deadline)
        finally:
            self._waiting -= 1

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


async def _asked(question: Question, deadline: float) -> Report:
    """One process for one document; its environment is empty, so that no secret of ours is in it."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", _PROCESS),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            cwd="/",
            limit=_MAX_REPORT,
        )
    except OSError as cause:
        raise VerificationFailed(f"not started: {cause.strerror}") from cause
    try:
        async with asyncio.timeout(deadline):
            written, _ = await process.communicate(question.to_bytes())
    except TimeoutError:
        written = b""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        return Report.from_json(json.loads(written[:_MAX_REPORT]))
    except (BadPreparation, ValueError):  # out of memory or time, or killed by its limits
        _log.warning("verification_gave_up", code=process.returncode)
        return Report("unknown", problem=Problem.TOO_COSTLY)
