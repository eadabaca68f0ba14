"""What an order must satisfy beyond its form: the registration authority's rules about people and products.

The form and the signature are ``protocol.orders``. These rules run twice, same code: in the operator's command,
before it signs, and in the AC, which believes nothing it can check. Everything a certificate will say about a person
stands in the order; nothing of it is ever taken from a gateway or from a CSR.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final, get_args

from foundation.errors import BadInput
from issuance.domain import documents_br
from issuance.domain.certificate_text import field_text, folded
from issuance.domain.profile import profile_named
from protocol.orders import IssueOrder, Order, RevocationReason
from protocol.passwords import Argon2

ORDER_LIFE: Final = timedelta(days=30)
"""An order that nobody used in this time is dead: people change, and so do the documents that were shown."""
CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far ahead an operator's clock may be."""

# A deliberately narrow address: what RFC 5280 lets into rfc822Name (ASCII), what mail servers really accept.
_EMAIL: Final = re.compile(
    r"(?=.{6,254}\Z)[A-Za-z0-9](?:[A-Za-z0-9_%+-]|\.(?!\.)){0,63}@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\Z"
)
_OLDEST: Final = 1850

REVOCATION_REASONS: Final[tuple[str, ...]] = get_args(RevocationReason)
"""RFC 5280 section 5.3.1, those that fit a person's certificate. No certificateHold: a suspended ICP-Brasil certificate
does not exist (DOC-ICP-05 item 4.9.13)."""

ARGON2_DEFAULT: Final = Argon2()
"""Of installation passwords. An unknown protocol number is answered with these, so an order must not choose others."""


class BadOrder(BadInput):
    """An order whose content breaks a rule. ``detail`` names the field, never its value."""

    code = "bad_order"
    summary = "The order is not valid."


def check_order(order: Order, now: datetime) -> None:
    """Raises BadOrder, or the finer BadInput of a part: BadCpf, BadCnpj, UnknownProfile, BadCertificateText."""
    _check_age(order.created, now)
    if not isinstance(order, IssueOrder):
        return
    profile = profile_named(order.profile)
    if order.valid_days > profile.max_days:
        raise BadOrder(f"valid_days: {profile.name} lives at most {profile.max_days} days")
    if (order.company is not None) != profile.for_company:
        raise BadOrder("company: does not fit the profile")
    if order.company is not None and documents_br.cnpj(order.company.cnpj) != order.company.cnpj:
        raise BadOrder("company.cnpj: not in canonical form")
    if order.install.argon2.model_dump() != ARGON2_DEFAULT.members():
        raise BadOrder("install.argon2: not our parameters")
    _check_person(order, now)
    # Whatever the table and the alphabet refuse must be refused before a holder has typed anything.
    profile.other_name_values(facts(order))
    for name in (order.person.name, *([order.company.name] if order.company else [])):
        if not any(char.isalpha() for char in folded(name)):
            raise BadOrder("name: no letter in it")


def expired(order: Order, now: datetime) -> bool:
    """Step I2, second half: whether it is too old to be used."""
    return now.timestamp() > order.created + ORDER_LIFE.total_seconds()


def facts(order: IssueOrder) -> dict[str, str]:
    """What the profile's texts and fields may name."""
    person = order.person
    known = {
        "name": person.name,
        "cpf": person.cpf,
        "birth": person.birth,
        "nis": person.nis,
        "rg": person.rg,
        "rg_issuer": field_text(person.rg_issuer),
    }
    if order.company is not None:
        known |= {"company_name": order.company.name, "cnpj": order.company.cnpj}
    return known


def check_email(text: str) -> str:
    """An address that a certificate can carry. Raises BadOrder."""
    if not _EMAIL.match(text) or ".@" in text:
        raise BadOrder("person.email: not an e-mail address")
    return text


def check_birth(text: str, now: datetime) -> str:
    """ddmmaaaa, a day that exists and is past. Raises BadOrder."""
    try:
        day = date(int(text[4:]), int(text[2:4]), int(text[:2]))
    except ValueError:
        raise BadOrder("person.birth: not a day (ddmmaaaa)") from None
    if not date(_OLDEST, 1, 1) <= day <= now.astimezone(UTC).date():
        raise BadOrder("person.birth: not a day of birth")
    return text


def _check_age(created: int, now: datetime) -> None:
    if created > (now + CLOCK_SKEW).timestamp():
        raise BadOrder("created: in the future; check the operator's clock")
    if created < (now - ORDER_LIFE).timestamp():
        raise BadOrder(f"created: more than {ORDER_LIFE.days} days ago")


def _check_person(order: IssueOrder, now: datetime) -> None:
    person = order.person
    if documents_br.cpf(person.cpf) != person.cpf:
        raise BadOrder("person.cpf: not in canonical form")
    if person.nis and not re.fullmatch(r"[0-9]{11}", person.nis):
        raise BadOrder("person.nis: 11 digits, or empty")
    if not re.fullmatch(r"[0-9A-Z]*", person.rg):
        raise BadOrder("person.rg: digits and capital letters only")
    # DOC-ICP-04 item 7.1.2.3: without an RG its issuer is not filled in.
    if bool(person.rg) != bool(person.rg_issuer):
        raise BadOrder("person.rg: rg and rg_issuer go together")
    check_email(person.email)
    check_birth(person.birth, now)
