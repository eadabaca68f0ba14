"""The audit: one append-only chain of lines per writer, which nobody can shorten or rewrite unnoticed.

Two rules for whoever edits these files:

1. A line says *which* and *when*, never *who* in the sense of a person: ids and digests only. ``lines`` refuses
   what looks like a CPF, a telephone number, an e-mail or prose, because a line can never be removed afterwards.
2. The head goes to its file only after COMMIT. A head on disk that the database never had would stop the process.

``lines`` makes them, ``chain`` appends, ``head_file`` keeps the end, ``verification`` reads a chain from its beginning.

How it works. A line's body is RFC 8785 JSON {v, chain, seq, at, event, …fields, prev}; its hash is
SHA-256(previous hash || body). The one way to a line is the database's ``audit.append``: it checks the link, computes
the hash itself, and lets each role write only its own chains. Appending takes the chain's head row until the
transaction ends, so all writers of a chain queue there: ``note`` collects lines and appends them as the very last thing
before COMMIT, which keeps that queue short; ``append`` takes the lock now and is for whoever needs the line itself.
After COMMIT {seq, hash} is written to ``head_file``,
outside PostgreSQL, and synced: when the database is restored from a backup, or rewritten from some line on,
``check_not_behind`` (at the start) and every append (later) see it, and the process must refuse to work until an
operator calls ``accept_restore``.

What we dislike: the file is written after COMMIT, so a crash between the two leaves the file one transaction
behind, and a restore to exactly that point is not noticed. Writing it before would need a two-phase commit.
"""

from foundation.audit.chain import AuditChain
from foundation.audit.head_file import DatabaseRolledBack, HeadNotKept, write_durably
from foundation.audit.lines import GENESIS, AuditLine, Field, Head, next_line
from foundation.audit.verification import (
    AuditReport,
    BadLine,
    Progress,
    heads,
    heads_within,
    line_hash,
    links_up,
    verify,
)

__all__ = [
    "GENESIS",
    "AuditChain",
    "AuditLine",
    "AuditReport",
    "BadLine",
    "DatabaseRolledBack",
    "Field",
    "Head",
    "HeadNotKept",
    "Progress",
    "heads",
    "heads_within",
    "line_hash",
    "links_up",
    "next_line",
    "verify",
    "write_durably",
]
