"""CPF and CNPJ: the one canonical spelling of each, and whether its check digits hold.

Canonical is what is stored, compared and written into certificates: 11 digits, or 14 characters in upper case without
punctuation. A CNPJ may contain letters since July 2026 (Instrução Normativa RFB 2.229/2024), so nothing here ever
strips "everything that is not a digit": that would turn one company's number into another's.
"""

import re
from typing import Final

from foundation.errors import BadInput

_CPF = re.compile(r"[0-9]{11}\Z")
_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}\Z")
_PUNCTUATION: Final = str.maketrans("", "", "./- ")
_MAX_TYPED: Final = 32
"""Longest text worth looking at: 18 characters with punctuation, some spaces around them."""

_CPF_WEIGHTS: Final = (10, 9, 8, 7, 6, 5, 4, 3, 2)
_CNPJ_WEIGHTS: Final = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)


class BadCpf(BadInput):
    """Not a CPF: wrong length, foreign characters, wrong check digits, or eleven times the same digit."""

    code = "bad_cpf"
    summary = "This is not a valid CPF. Check the 11 digits."
    may_disclose = True


class BadCnpj(BadInput):
    """Not a CNPJ: wrong length, foreign characters or wrong check digits."""

    code = "bad_cnpj"
    summary = "This is not a valid CNPJ. Check the 14 characters (letters are allowed in the first 12)."
    may_disclose = True


def cpf(text: str) -> str:
    """The 11 digits of a CPF typed with or without ``. -`` and spaces. Raises BadCpf."""
    digits = text.translate(_PUNCTUATION) if len(text) <= _MAX_TYPED else ""
    if not _CPF.match(digits) or len(set(digits)) == 1:
        # Eleven equal digits satisfy the formula and were never given to anybody.
        raise BadCpf
    if _digits(digits[:9], _CPF_WEIGHTS) != digits[9:]:
        raise BadCpf
    return digits


def cnpj(text: str) -> str:
    """The 14 characters of a CNPJ typed in either case, with or without ``. / -`` and spaces. Raises BadCnpj."""
    canonical = text.translate(_PUNCTUATION).upper() if len(text) <= _MAX_TYPED and text.isascii() else ""
    if not _CNPJ.match(canonical) or len(set(canonical)) == 1:
        raise BadCnpj
    if _digits(canonical[:12], _CNPJ_WEIGHTS) != canonical[12:]:
        raise BadCnpj
    return canonical


def format_cpf(digits: str) -> str:
    """As people read it: ``529.982.247-25``."""
    return f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}"


def format_cnpj(canonical: str) -> str:
    """As people read it: ``12.ABC.345/01DE-35``."""
    return f"{canonical[:2]}.{canonical[2:5]}.{canonical[5:8]}/{canonical[8:12]}-{canonical[12:]}"


def _digits(body: str, weights: tuple[int, ...]) -> str:
    """The two check digits: modulo 11, each character worth its ASCII code less 48 (so letters begin at 17)."""
    first = _digit(body, weights)
    second = _digit(body + first, (weights[0] + 1, *weights))
    return first + second


def _digit(body: str, weights: tuple[int, ...]) -> str:
    rest = sum((ord(char) - 48) * weight for char, weight in zip(body, weights, strict=True)) % 11
    return "0" if rest < 2 else str(11 - rest)
