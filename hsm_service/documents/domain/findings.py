"""What a verification found: facts for programs, and the sentences for people (Portuguese). Nothing of the document."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from hsm_service.documents.errors import BadPreparation


class Verdict(StrEnum):
    """VALID: whole, by whom it says, of an authority we trust, not revoked. UNKNOWN: nothing is wrong, something is not
    proved. INVALID: something is wrong."""

    VALID = "valid"
    UNKNOWN = "unknown"
    INVALID = "invalid"


class Reason(StrEnum):
    """Why not (just) valid; the worst first."""

    CHANGED = "changed"
    FORGED = "forged"
    REVOKED = "revoked"
    MALFORMED = "malformed"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_USE = "wrong_use"
    STAMP_BROKEN = "stamp_broken"
    WEAK = "weak"
    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    CONTENT_MISSING = "content_missing"
    PARTLY_SIGNED = "partly_signed"
    STAMP_UNTRUSTED = "stamp_untrusted"
    REVOCATION_UNKNOWN = "revocation_unknown"


class Problem(StrEnum):
    """Why nothing could be verified at all."""

    UNREADABLE = "unreadable"
    ENCRYPTED = "encrypted"
    UNSIGNED = "unsigned"
    UNKNOWN_KIND = "unknown_kind"
    TOO_MANY = "too_many"
    TOO_COSTLY = "too_costly"


INVALIDATING: Final = frozenset(
    {
        Reason.CHANGED,
        Reason.FORGED,
        Reason.REVOKED,
        Reason.MALFORMED,
        Reason.NOT_YET_VALID,
        Reason.WRONG_USE,
        Reason.STAMP_BROKEN,
    }
)

SENTENCES: Final[dict[Reason, str]] = {
    Reason.CHANGED: "O documento foi alterado depois da assinatura.",
    Reason.FORGED: "A assinatura não confere com o certificado que a acompanha.",
    Reason.REVOKED: "O certificado estava revogado.",
    Reason.MALFORMED: "A assinatura está malformada ou incompleta.",
    Reason.NOT_YET_VALID: "O certificado ainda não era válido.",
    Reason.WRONG_USE: "O certificado não serve para assinar documentos.",
    Reason.STAMP_BROKEN: "O carimbo do tempo não confere com a assinatura.",
    Reason.WEAK: "A assinatura usa um algoritmo que já não é seguro.",
    Reason.UNTRUSTED: "Não conhecemos a autoridade que emitiu o certificado.",
    Reason.EXPIRED: "O certificado já venceu, e nenhum carimbo do tempo prova que a assinatura é anterior.",
    Reason.CONTENT_MISSING: "O documento assinado não acompanha a assinatura: envie os dois arquivos.",
    Reason.PARTLY_SIGNED: "A assinatura cobre só uma parte do arquivo; o resto pode ser de outra pessoa.",
    Reason.STAMP_UNTRUSTED: "Não conhecemos a autoridade do carimbo do tempo.",
    Reason.REVOCATION_UNKNOWN: "Não foi possível saber se o certificado estava revogado.",
}
PROBLEMS: Final[dict[Problem, str]] = {
    Problem.UNREADABLE: "O arquivo está danificado ou incompleto.",
    Problem.ENCRYPTED: "O arquivo está protegido por senha. Envie uma cópia sem senha.",
    Problem.UNSIGNED: "O arquivo não tem nenhuma assinatura digital.",
    Problem.UNKNOWN_KIND: "Este tipo de arquivo não é conhecido aqui: envie um PDF, um XML ou uma assinatura (.p7s).",
    Problem.TOO_MANY: "O arquivo tem assinaturas demais.",
    Problem.TOO_COSTLY: "O arquivo é complexo demais para ser verificado aqui.",
}


@dataclass(frozen=True)
class Finding:
    """One signature. Times are seconds since 1970, UTC."""

    signer: str
    number: str
    """CPF, masked; CNPJ; or nothing."""
    issuer: str
    format: str
    claimed_at: int | None
    """When the signature says it was made."""
    stamped_at: int | None
    """When a trusted authority saw it."""
    covers: str
    """``all``; ``earlier``: all of an earlier revision, to which nothing but signatures and evidence was added;
    else the name of the part."""
    reasons: tuple[Reason, ...]
    is_stamp: bool = False
    """A document time-stamp: nobody's signature."""

    @property
    def verdict(self) -> Verdict:
        """By the reasons."""
        if INVALIDATING & set(self.reasons):
            return Verdict.INVALID
        return Verdict.UNKNOWN if self.reasons else Verdict.VALID


@dataclass(frozen=True)
class Report:
    """Of one document: findings, or why there are none."""

    kind: str
    findings: tuple[Finding, ...] = ()
    problem: Problem | None = None

    @property
    def verdict(self) -> Verdict | None:
        """The worst of its signatures; None when nothing was verified."""
        order = (Verdict.VALID, Verdict.UNKNOWN, Verdict.INVALID)
        return max((each.verdict for each in self.findings), key=order.index, default=None)

    def as_json(self) -> dict[str, Any]:
        """For callers, and for the pipe of the process that verified."""
        return {
            "kind": self.kind,
            "verdict": self.verdict,
            "problem": self.problem,
            "signatures": [
                {
                    "verdict": each.verdict,
                    "reasons": list(each.reasons),
                    "signer": each.signer,
                    "number": each.number,
                    "issuer": each.issuer,
                    "format": each.format,
                    "claimed_at": each.claimed_at,
                    "stamped_at": each.stamped_at,
                    "covers": each.covers,
                    "is_stamp": each.is_stamp,
                }
                for each in self.findings
            ],
        }

    @classmethod
    def from_json(cls, told: Any) -> "Report":
        """What ``as_json`` wrote, out of a process that a document may have taken over. Raises BadPreparation."""
        try:
            findings = tuple(
                Finding(
                    signer=_text(each["signer"]),
                    number=_text(each["number"]),
                    issuer=_text(each["issuer"]),
                    format=_text(each["format"]),
                    claimed_at=_time(each["claimed_at"]),
                    stamped_at=_time(each["stamped_at"]),
                    covers=_text(each["covers"]),
                    reasons=tuple(Reason(reason) for reason in each["reasons"]),
                    is_stamp=bool(each["is_stamp"]),
                )
                for each in told["signatures"]
            )
            return cls(_text(told["kind"]), findings, None if told["problem"] is None else Problem(told["problem"]))
        except (LookupError, TypeError, ValueError) as cause:
            raise BadPreparation("not a report") from cause


_DIGITS: Final = re.compile(r"\d{11}")
_COMPANY: Final = re.compile(r"[0-9A-Z]{12}\d{2}")
_MAX_TEXT: Final = 200
_FIRST, _LAST = -2_208_988_800, 253_402_300_799  # 1900 to 9999: what a calendar can show


def person(common_name: str) -> tuple[str, str]:
    """Name and number out of ICP-Brasil's ``NAME:CPF`` or ``NAME:CNPJ``. A CPF keeps its six middle digits alone.

    >>> person("MARIA DA SILVA:52998224725")
    ('MARIA DA SILVA', '***.982.247-**')
    """
    name, _, number = common_name.rpartition(":")
    if name and _DIGITS.fullmatch(number):
        return plain(name), f"***.{number[3:6]}.{number[6:9]}-**"
    if name and _COMPANY.fullmatch(number):
        return plain(name), number
    return plain(re.sub(r"\d{11}", "***", common_name)), ""


def plain(text: str) -> str:
    """What may stand on a page and in a terminal: printable, not endless, and nothing that turns writing around."""
    return "".join(sign for sign in text if sign.isprintable())[:_MAX_TEXT]


def worst_first(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Each once, in the order of ``Reason``."""
    found = set(reasons)
    return tuple(reason for reason in Reason if reason in found)


def _time(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or not _FIRST <= value <= _LAST:
        raise ValueError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return plain(value)
