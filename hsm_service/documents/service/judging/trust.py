"""Whom to believe, at which moment, with which revocation data; and a certificate's worth in reasons."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate, AdESSubIndic
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext

from hsm_service.documents.domain.findings import Reason, person, plain

USAGE: Final = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"}, match_all_key_usages=False)
"""Either will do: not every authority sets nonRepudiation."""

logging.getLogger("pyhanko").setLevel(logging.CRITICAL + 1)  # names and CPFs stand in its warnings
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class Trust:
    """``lists``: revocation lists of our own authority, DER."""

    roots: tuple[bytes, ...]
    certificates: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    now: datetime

    def context(
        self, *, revocation: str, moment: datetime | None = None, store: Any = None, more: Iterable[Any] = ()
    ) -> ValidationContext:
        """A context that fetches nothing. ``store``: a PDF's own evidence; ``more``: further revocation lists."""
        given: dict[str, Any] = {
            "trust_roots": [asn1_x509.Certificate.load(der) for der in self.roots],
            "other_certs": [asn1_x509.Certificate.load(der) for der in self.certificates],
            "crls": [*(asn1_crl.CertificateList.load(der) for der in self.lists), *more],
            "moment": moment or self.now,
            "allow_fetching": False,
            "revocation_mode": revocation,
            "retroactive_revinfo": True,
        }
        if store is not None:
            given["crls"] += [asn1_crl.CertificateList.load(each.get_object().data) for each in store.crls]
            given["ocsps"] = [asn1_ocsp.OCSPResponse.load(each.get_object().data) for each in store.ocsps]
            given["other_certs"] += list(store.load_certs())
        return ValidationContext(**given)


def why_untrusted(indication: AdESSubIndic | None) -> list[Reason]:
    """Our words for ETSI's."""
    if indication is None:
        return []
    return [_WORDS.get(indication, Reason.UNTRUSTED)]


_WORDS: Final[dict[AdESSubIndic, Reason]] = {
    AdESFailure.FORMAT_FAILURE: Reason.MALFORMED,
    AdESFailure.HASH_FAILURE: Reason.CHANGED,
    AdESFailure.SIG_CRYPTO_FAILURE: Reason.FORGED,
    AdESFailure.REVOKED: Reason.REVOKED,
    AdESFailure.NOT_YET_VALID: Reason.NOT_YET_VALID,
    AdESIndeterminate.NOT_YET_VALID: Reason.NOT_YET_VALID,
    AdESIndeterminate.REVOKED_NO_POE: Reason.REVOKED,
    AdESIndeterminate.REVOKED_CA_NO_POE: Reason.REVOKED,
    AdESIndeterminate.EXPIRED: Reason.EXPIRED,
    AdESIndeterminate.OUT_OF_BOUNDS_NO_POE: Reason.EXPIRED,
    AdESIndeterminate.OUT_OF_BOUNDS_NOT_REVOKED: Reason.EXPIRED,
    AdESIndeterminate.REVOCATION_OUT_OF_BOUNDS_NO_POE: Reason.REVOCATION_UNKNOWN,
    AdESIndeterminate.TRY_LATER: Reason.REVOCATION_UNKNOWN,
    AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE: Reason.WEAK,
    AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE_NO_POE: Reason.WEAK,
    AdESIndeterminate.CHAIN_CONSTRAINTS_FAILURE: Reason.WRONG_USE,
    AdESIndeterminate.SIG_CONSTRAINTS_FAILURE: Reason.WRONG_USE,
}


async def trusted(validate: Callable[[str], Any]) -> tuple[Any, list[Reason]]:
    """Validate with revocation data demanded; when only that lacks, again without, and say so.

    ``validate`` takes the revocation mode. What the first round found that is worse stays.
    """
    status = await validate("require")
    if status.trusted:
        return status, []
    lenient = await validate("soft-fail")
    if not (lenient.intact and lenient.valid):
        return lenient, []  # nobody looked at the certificate
    if lenient.trusted:
        return lenient, [Reason.REVOCATION_UNKNOWN]
    return lenient, why_untrusted(lenient.trust_problem_indic) or [Reason.UNTRUSTED]


def who(certificate: asn1_x509.Certificate) -> tuple[str, str, str]:
    """Name, masked number, issuer."""
    subject, issuer = certificate.subject.native, certificate.issuer.native
    name, number = person(_first(subject.get("common_name")))
    return name, number, plain(_first(issuer.get("common_name")))


def _first(value: object) -> str:
    if isinstance(value, list):
        return str(value[0]) if value else ""
    return "" if value is None else str(value)


def seconds(at: datetime | None) -> int | None:
    """Since 1970; None for a time that no calendar has."""
    try:
        return None if at is None or not 1900 <= at.year <= 9998 else int(at.timestamp())
    except (OverflowError, ValueError, OSError):
        return None
