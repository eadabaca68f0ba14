"""The process that parses what strangers send: one document, then it ends.

    python -I -m hsm_service.documents.process  <request  >report

It has no secrets (an empty environment), no database and no channel; it asks nobody anything. Memory and processor time
are limited before the first byte is parsed, files cannot be written. What comes out is a report or nothing.

The request's form: ``domain/question.py``.
"""

import asyncio
import json
import resource
import sys
from datetime import UTC, datetime
from typing import Final

MEMORY: Final = 1024 * 1024 * 1024
"""Bytes of address space: pyHanko and its libraries take a third of it."""
PROCESSOR_SECONDS: Final = 20


def main() -> int:
    """Read, judge, write. Ends with 3 when memory was not enough."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # after the limits, so that they hold for these too
    from hsm_service.documents.domain.question import Question
    from hsm_service.documents.service.judging import judge
    from hsm_service.documents.service.judging.trust import Trust

    asked = Question.from_bytes(sys.stdin.buffer.read())
    trust = Trust(asked.roots, asked.certificates, asked.lists, datetime.fromtimestamp(asked.now, UTC))
    try:
        report = asyncio.run(judge(asked.document, asked.original, trust))
    except MemoryError:
        return 3
    sys.stdout.write(json.dumps(report.as_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
