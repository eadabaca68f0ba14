"""CPF and CNPJ: who a certificate is of, as Brazil numbers people and companies. Pure.

A CNPJ has letters since July 2026 (IN RFB 2.229/2024): nothing here strips what is not a digit. Certificates say the
number in one of three places, in the order of their weight (DOC-ICP-04): otherName, serialNumber, the end of the CN.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from hsm_service.credentials.errors import BadIdentification, UnreadableCertificate


class IdentificationKind(StrEnum):
    """What is numbered."""

    CPF = "CPF"
    CNPJ = "CNPJ"


@dataclass(frozen=True)
class Identification:
    """A checked number in its one spelling: 11 digits, or 14 upper-case characters. Never logged."""

    kind: IdentificationKind
    number: str = field(repr=False)


_PUNCTUATION: Final = str.maketrans("", "", "./- ")
_CPF: Final = re.compile(r"[0-9]{11}\Z")
_CNPJ: Final = re.compile(r"[0-9A-Z]{12}[0-9]{2}\Z")
_LONGEST: Final = 32
"""Characters of a number with any punctuation; longer text is not looked at."""

_PERSON: Final = x509.ObjectIdentifier("2.16.76.1.3.1")
"""Birth (8), then the CPF (11), then what differs between layouts of 51 and 55 positions."""
_COMPANY: Final = x509.ObjectIdentifier("2.16.76.1.3.3")
_OCTETS, _PRINTABLE, _UTF8, _IA5 = 0x04, 0x13, 0x0C, 0x16


def read_identification(text: object) -> Identification:
    """A number as people write it, with or without punctuation. Raises BadIdentification, which repeats nothing."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise BadIdentification()
    plain = text.translate(_PUNCTUATION).upper()
    if _CPF.match(plain) and _cpf_checks(plain):
        return Identification(IdentificationKind.CPF, plain)
    if _CNPJ.match(plain) and _cnpj_checks(plain):
        return Identification(IdentificationKind.CNPJ, plain)
    raise BadIdentification()


@lru_cache(maxsize=4096)
def identification_of(der: bytes) -> Identification | None:
    """Whose number a certificate bears; None when none that holds. Raises UnreadableCertificate."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = _other_names(certificate)
    except ValueError as cause:
        raise UnreadableCertificate("not an X.509 certificate") from cause
    said = [names.get(_COMPANY, ""), names.get(_PERSON, "")[8:19]]
    said += [str(part.value) for part in certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)]
    said += [
        str(part.value).rpartition(":")[2] for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    for text in said:
        try:
            return read_identification(text)
        except BadIdentification:
            continue
    return None


def name_of(der: bytes) -> str:
    """The name that a certificate bears, without the number that ICP-Brasil writes behind it; "" when it bears none.

    Raises UnreadableCertificate.
    """
    try:
        names = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError as cause:
        raise UnreadableCertificate("not an X.509 certificate") from cause
    text = str(names[0].value) if names else ""
    head, separator, number = text.rpartition(":")
    return head if separator and number.isalnum() else text


def _other_names(certificate: x509.Certificate) -> dict[x509.ObjectIdentifier, str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return {}
    return {other.type_id: _text(other.value) for other in names.get_values_for_type(x509.OtherName)}


def _text(der: bytes) -> str:
    """The content of a short OCTET STRING or text; "" for anything else."""
    tagged = len(der) >= 2 and der[0] in (_OCTETS, _PRINTABLE, _UTF8, _IA5) and der[1] == len(der) - 2 < 128
    return der[2:].decode("ascii", "replace") if tagged else ""


def _cpf_checks(text: str) -> bool:
    digits = [int(char) for char in text]
    if len(set(digits)) == 1:
        return False  # 111.111.111-11 and its like fit the formula and are nobody's
    return all(_remainder(digits[:length], range(length + 1, 1, -1)) == digits[length] for length in (9, 10))


def _cnpj_checks(text: str) -> bool:
    if len(set(text)) == 1:
        return False
    values = [ord(char) - ord("0") for char in text]
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    return all(_remainder(values[:length], weights[13 - length :]) == values[length] for length in (12, 13))


def _remainder(values: list[int], weights: range | tuple[int, ...]) -> int:
    """The check digit of modulo 11."""
    left = sum(value * weight for value, weight in zip(values, weights, strict=True)) % 11
    return 0 if left < 2 else 11 - left
