"""Orders: what an operator's key signs (docs/protocol.md section 8), as closed types.

The operator's command builds an order with these types and the AC parses it with them, so the two cannot disagree.
Everything a certificate will say about a person stands in the order; nothing of it is ever taken from a gateway or
from a CSR.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from foundation.errors import BadInput, JsonObject, JsonValue
from foundation.ids import is_id
from issuance.domain import documents_br
from issuance.domain.certificate_text import field_text, folded
from issuance.domain.profile import KeyAlgorithm, profile_named

ORDER_DAYS: Final = 30
"""An order that nobody used in this many days is dead: people change, and so do the documents that were shown."""
MAX_VERIFIER: Final = 2048
"""Characters of a JWE, the floor of protocol section 4."""

# A deliberately narrow address: what RFC 5280 lets into rfc822Name (ASCII), what mail servers really accept.
_EMAIL: Final = re.compile(
    r"(?=.{6,254}\Z)[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\Z"
)
_PHONE: Final = r"^\+[1-9][0-9]{7,14}$"
_B64U16: Final = r"^[A-Za-z0-9_-]{22}$"

REVOCATION_REASONS: Final = (
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
)
"""RFC 5280 section 5.3.1, those that fit a person's certificate. No certificateHold: a suspended ICP-Brasil certificate
does not exist (DOC-ICP-05 item 4.9.13)."""
RevocationReason = Literal[
    "unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation", "privilegeWithdrawn"
]


class BadOrder(BadInput):
    """An order whose content breaks a rule. ``detail`` names the field, never its value."""

    code = "bad_order"
    summary = "The order is not valid."
    may_disclose = True


def _birth(text: str) -> str:
    day, month, year = int(text[:2]), int(text[2:4]), int(text[4:])
    if not 1850 <= year <= 2200:
        raise ValueError("not a year of birth")
    date(year, month, day)
    return text


def _exactly(check: str, text: str) -> str:
    if check != text:
        raise ValueError("not in canonical form")
    return text


def _email(text: str) -> str:
    if not _EMAIL.match(text) or ".." in text:
        raise ValueError("not an e-mail address")
    return text


def _name(text: str) -> str:
    if not folded(text) or text != text.strip():
        raise ValueError("not a name")
    return text


def _order_id(text: str) -> str:
    if not is_id(text, "ord"):
        raise ValueError("not an order id")
    return text


def _of(pattern: str) -> StringConstraints:
    return StringConstraints(pattern=pattern)


Protocol = Annotated[str, _of(r"^[0-9]{10}$")]
OrderId = Annotated[str, AfterValidator(_order_id)]
Name = Annotated[str, StringConstraints(min_length=2, max_length=120), AfterValidator(_name)]


class _Closed(BaseModel):
    """Strict types, no unknown members, immutable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Person(_Closed):
    """Who the holder is; for a company, who answers for it."""

    name: Name
    cpf: Annotated[str, AfterValidator(lambda text: _exactly(documents_br.cpf(text), text))]
    birth: Annotated[str, _of(r"^[0-9]{8}$"), AfterValidator(_birth)]
    email: Annotated[str, AfterValidator(_email)]
    phone: Annotated[str, _of(_PHONE)]
    nis: Annotated[str, _of(r"^([0-9]{11})?$")] = ""
    rg: Annotated[str, _of(r"^[0-9A-Z]{0,15}$")] = ""
    rg_issuer: Annotated[str, _of(r"^[A-Z0-9]{0,10}$")] = ""

    @model_validator(mode="after")
    def _together(self) -> Self:
        # DOC-ICP-04: without an RG its issuer is not filled in.
        if bool(self.rg) != bool(self.rg_issuer):
            raise ValueError("rg and rg_issuer go together")
        return self


class Company(_Closed):
    """The company of an e-CNPJ."""

    name: Name
    cnpj: Annotated[str, AfterValidator(lambda text: _exactly(documents_br.cnpj(text), text))]


class Argon2(_Closed):
    """Parameters of the stretching, within the floors and ceilings of protocol section 3."""

    m: Annotated[int, Field(ge=19456, le=262144)]
    t: Annotated[int, Field(ge=2, le=10)]
    p: Annotated[int, Field(ge=1, le=4)]


ARGON2_DEFAULT: Final = Argon2(m=19456, t=2, p=1)
"""Also what an unknown protocol number is answered with: the operator's command must not choose others."""


class Install(_Closed):
    """The verifier of the installation password, encrypted to the AC."""

    salt: Annotated[str, _of(_B64U16)]
    argon2: Argon2
    verifier: Annotated[str, StringConstraints(max_length=MAX_VERIFIER)]


class _Order(_Closed):
    v: Literal[1]
    id: OrderId
    created: Annotated[int, Field(ge=0)]
    expires: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not self.created < self.expires <= self.created + ORDER_DAYS * 86400:
            raise ValueError(f"an order lives at most {ORDER_DAYS} days")
        return self


class IssueOrder(_Order):
    """Issue one certificate to this person, to whoever proves this installation password."""

    type: Literal["issue"]
    protocol: Protocol
    profile: str
    key_algorithm: KeyAlgorithm
    person: Person
    company: Company | None
    valid_days: Annotated[int, Field(ge=1)]
    install: Install

    @model_validator(mode="after")
    def _fits_profile(self) -> Self:
        profile = profile_named(self.profile)
        if self.valid_days > profile.max_days:
            raise ValueError(f"{profile.name} lives at most {profile.max_days} days")
        if (self.company is not None) != profile.for_company:
            raise ValueError("company does not fit the profile")
        return self

    def facts(self) -> dict[str, str]:
        """What the profile's texts and fields may name."""
        person = self.person
        facts = {
            "name": person.name,
            "cpf": person.cpf,
            "birth": person.birth,
            "nis": person.nis,
            "rg": person.rg,
            "rg_issuer": field_text(person.rg_issuer),
        }
        if self.company is not None:
            facts |= {"company_name": self.company.name, "cnpj": self.company.cnpj}
        return facts


class RevokeOrder(_Order):
    """End one certificate, named by its serial number (lower-case hex) or by the protocol it was issued under."""

    type: Literal["revoke"]
    serial: Annotated[str, _of(r"^[1-9a-f][0-9a-f]{0,39}$")] | None = None
    protocol: Protocol | None = None
    reason: RevocationReason

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.serial is None) == (self.protocol is None):
            raise ValueError("name the certificate by serial or by protocol, one of them")
        return self


_MODELS: Final[Mapping[str, type[IssueOrder] | type[RevokeOrder]]] = {"issue": IssueOrder, "revoke": RevokeOrder}


def parse_order(payload: JsonObject) -> IssueOrder | RevokeOrder:
    """The order of a verified payload. Raises BadOrder (naming fields and rules, never values).

    Or the finer BadInput of a part: BadCpf, BadCnpj, UnknownProfile, BadCertificateText.
    """
    kind = payload.get("type")
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise BadOrder("type: neither issue nor revoke")
    try:
        return model.model_validate(dict(payload))
    except ValidationError as cause:
        raise BadOrder(_explained(cause)) from None


def as_payload(order: IssueOrder | RevokeOrder) -> dict[str, JsonValue]:
    """The members to sign. Those that are null in a revoke order are left out."""
    leave_out = isinstance(order, RevokeOrder)
    payload: dict[str, JsonValue] = order.model_dump(mode="json", exclude_none=leave_out)
    return payload


def _explained(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False)[:5]:
        where = ".".join(str(part) for part in problem["loc"]) or "order"
        lines.append(f"{where}: {problem['msg']}")
    return "; ".join(lines)
