"""What phones decided and callers received, kept outside the system under test, and the judgement over it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

ACTIVATION_SECONDS: Final = 300.0
"""An approval may be used for so long (docs/protocol.md section 15)."""

Kind = Literal["unapproved", "double", "lost", "false", "audit", "memory", "stuck"]


@dataclass(frozen=True)
class Violation:
    """Something that must never be; one is enough to fail the run."""

    kind: Kind
    document: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.document}: {self.what}"


@dataclass(frozen=True)
class Occurrence:
    """One hash of an activation as the SAM's rows have it, with the document that the activation came from."""

    document: str
    ordinal: int
    digest: bytes
    signature: bytes | None


class Verifier(Protocol):
    """Whether a signature over a digest is by the key of a holder's certificate."""

    def __call__(self, holder: str, digest: bytes, signature: bytes) -> bool: ...


@dataclass
class Approval:
    """A yes that a phone signed. ``sent``: it left the phone; ``acknowledged``: the service said that it counts."""

    holder: str
    digests: Sequence[bytes]
    sent: float
    acknowledged: float | None = None


@dataclass(frozen=True)
class Received:
    """One good answer to ``signHash``: these digests in this order, these signatures."""

    document: str
    digests: Sequence[bytes]
    signatures: Sequence[bytes]


@dataclass
class Ledger:
    """Documents by id. Times are seconds of one clock, whichever."""

    approvals: dict[str, Approval] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    """Documents whose caller has their handle, and who asked: only those can be fetched."""

    def sends(self, document: str, holder: str, digests: Sequence[bytes], now: float) -> None:
        """A phone signs its yes. Written down before it is sent: an answer may be lost."""
        self.approvals.setdefault(document, Approval(holder, tuple(digests), now))

    def acknowledges(self, document: str, now: float) -> None:
        """The service answered that it counts."""
        approval = self.approvals[document]
        if approval.acknowledged is None:
            approval.acknowledged = now

    def receives(self, document: str, digests: Sequence[bytes], signatures: Sequence[bytes]) -> None:
        """A caller got its signatures."""
        self.received.append(Received(document, tuple(digests), tuple(signatures)))

    def judge(
        self,
        occurrences: Iterable[Occurrence],
        verify: Verifier,
        *,
        now: float,
        received: int | None = None,
        over: bool = False,
    ) -> list[Violation]:
        """Everything that is wrong by now.

        ``received``: how many answers there were when the rows began to be read; what came later need not be in them.
        ``over``: all callers have ended, nothing is on its way any more.

        unapproved: a signature, stored or received, that no phone's yes covers. double: two signatures for one
        occurrence. false: one that does not verify. lost: a yes that was acknowledged, whose caller asked and asked
        while the activation lived, and that ended without signature.
        """
        rows = sorted(occurrences, key=lambda one: (one.document, one.ordinal))
        stored: dict[str, list[Occurrence]] = defaultdict(list)
        for row in rows:
            stored[row.document].append(row)
        found: list[Violation] = []
        for document, its in stored.items():
            found += self._judge_stored(document, its, verify)
        for document, answers in _grouped(self.received[:received]).items():
            found += self._judge_received(document, answers, stored.get(document, []), verify)
        return found + self._lost(stored, now, over=over)

    def _judge_stored(self, document: str, rows: Sequence[Occurrence], verify: Verifier) -> list[Violation]:
        approval = self.approvals.get(document)
        if approval is None:
            signed = any(row.signature is not None for row in rows)
            return [Violation("unapproved", document, f"activated{' and signed' if signed else ''}, by nobody's yes")]
        if Counter(row.digest for row in rows) != Counter(approval.digests):
            return [Violation("unapproved", document, "activated for other hashes than were approved")]
        return [
            Violation("false", document, f"stored signature {row.ordinal} does not verify")
            for row in rows
            if row.signature is not None and not verify(approval.holder, row.digest, row.signature)
        ]

    def _judge_received(
        self, document: str, answers: Sequence[Received], rows: Sequence[Occurrence], verify: Verifier
    ) -> list[Violation]:
        approval = self.approvals.get(document)
        if approval is None:
            return [Violation("unapproved", document, "signatures were handed out, by nobody's yes")]
        found = []
        first = _by_digest(answers[0].digests, answers[0].signatures)
        kept = _by_digest([row.digest for row in rows], [row.signature or b"" for row in rows])
        for answer in answers:
            if Counter(answer.digests) != Counter(approval.digests) or len(answer.signatures) != len(answer.digests):
                found.append(Violation("unapproved", document, "signatures over other hashes were handed out"))
            elif _by_digest(answer.digests, answer.signatures) != first:
                found.append(Violation("double", document, "two answers differ"))
            elif any(
                not verify(approval.holder, *pair) for pair in zip(answer.digests, answer.signatures, strict=True)
            ):
                found.append(Violation("false", document, "a signature that was handed out does not verify"))
        if not found and kept != first:
            found.append(Violation("double", document, "what was handed out is not what is stored"))
        return found

    def _lost(self, stored: dict[str, list[Occurrence]], now: float, *, over: bool) -> list[Violation]:
        got = {one.document for one in self.received}
        found = []
        for document, approval in self.approvals.items():
            if approval.acknowledged is None or document not in self.asked or document in got:
                continue
            if over or now > approval.acknowledged + ACTIVATION_SECONDS:
                state = "signed, not handed out" if any(o.signature for o in stored.get(document, [])) else "not signed"
                found.append(Violation("lost", document, f"approved and acknowledged, {state}"))
        return found


def _grouped(received: Iterable[Received]) -> dict[str, list[Received]]:
    grouped: dict[str, list[Received]] = defaultdict(list)
    for one in received:
        grouped[one.document].append(one)
    return grouped


def _by_digest(digests: Sequence[bytes], signatures: Sequence[bytes]) -> dict[bytes, list[bytes]]:
    """The same digest twice has two occurrences, in their order."""
    grouped: dict[bytes, list[bytes]] = defaultdict(list)
    for digest, signature in zip(digests, signatures, strict=False):
        grouped[digest].append(signature)
    return dict(grouped)
