"""Certificate profiles as data: a product is a row of this table, never an ``if`` in the code.

Sources: DOC-ICP-04 v8.1 item 7.1 (extensions, otherName layouts, names, maximum validity); layout "NOME:CPF" of the
common name from the RFB e-CPF. Extensions that every profile shares stand in ``issuance.ac.domain.certificate``.

otherName values are fixed width: numbers are padded on the left with zeros, a number not known is zeros, text is padded
on the right with spaces. Readers cut them by position, so one character more or less gives a wrong CPF.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from foundation.errors import BadInput
from issuance.domain.certificate_text import BadCertificateText, field_text, folded, shortened

SubjectPart = Literal["C", "O", "OU", "CN"]


class UnknownProfile(BadInput):
    """No product of that name, or one not offered yet."""

    code = "unknown_profile"
    summary = "This kind of certificate is not offered."
    may_disclose = True


@dataclass(frozen=True)
class Field:
    """A stretch of an otherName value: which fact, how wide, digits or text."""

    fact: str
    width: int
    digits: bool = True

    def render(self, value: str) -> str:
        """The value at exactly this width. Raises BadCertificateText when it is longer or of the wrong kind."""
        if self.digits:
            if len(value) > self.width or (value and not (value.isascii() and value.isalnum())):
                raise BadCertificateText(f"{self.fact} does not fit in {self.width} positions")
            return value.upper().rjust(self.width, "0")
        text = field_text(value)
        if len(text) > self.width:
            raise BadCertificateText(f"{self.fact} does not fit in {self.width} positions")
        return text.ljust(self.width)


@dataclass(frozen=True)
class OtherName:
    """One otherName of the subject alternative name. ``free`` is a single text of any width instead of fields."""

    oid: str
    fields: tuple[Field, ...] = ()
    free: str | None = None

    def render(self, facts: Mapping[str, str]) -> str:
        """Its value: every field at its width, or the free text."""
        if self.free is not None:
            return field_text(facts[self.free])
        return "".join(part.render(facts.get(part.fact, "")) for part in self.fields)

    @property
    def width(self) -> int | None:
        """The exact length in characters; None for a free text."""
        return None if self.free is not None else sum(part.width for part in self.fields)


_PERSON: Final = (
    Field("birth", 8),
    Field("cpf", 11),
    Field("nis", 11),
    Field("rg", 15),
    # 10 positions since DOC-ICP-04 v8; the older RFB layout had 6. Readers take "the rest", UF being its last two.
    Field("rg_issuer", 10, digits=False),
)


@dataclass(frozen=True)
class Profile:
    """What a product's certificates look like."""

    name: str
    product: str
    """As people read it on the emission page."""
    offered: bool
    for_company: bool
    max_days: int
    """The norm's longest validity for this type."""
    policy_branch: str
    """The type's branch of policy OIDs; the authority's own number is appended."""
    subject: tuple[tuple[SubjectPart, str], ...]
    """Distinguished name, in order; texts in braces are facts."""
    common_name: tuple[str, str]
    """The two facts joined by a colon."""
    other_names: tuple[OtherName, ...]

    def subject_parts(self, facts: Mapping[str, str]) -> list[tuple[SubjectPart, str]]:
        """The distinguished name of a certificate, in order."""
        parts = [(part, text.format_map(facts)) for part, text in self.subject]
        name, number = (facts[key] for key in self.common_name)
        # X.520 ub-common-name is 64: the number is never cut, the name is.
        parts.append(("CN", f"{shortened(folded(name), _CN_LIMIT - 1 - len(number))}:{number}"))
        return parts

    def other_name_values(self, facts: Mapping[str, str]) -> list[tuple[str, str]]:
        """(OID, value) of each otherName, in order."""
        return [(other.oid, other.render(facts)) for other in self.other_names]


_CN_LIMIT: Final = 64

_VOTER: Final = OtherName(
    "2.16.76.1.3.5",
    (Field("voter", 12), Field("voter_zone", 3), Field("voter_section", 4), Field("voter_place", 22, digits=False)),
)
_HEAD: Final[tuple[tuple[SubjectPart, str], ...]] = (
    ("C", "BR"),
    ("O", "ICP-Brasil"),
    ("OU", "{authority}"),
    ("OU", "{registration_cnpj}"),
    ("OU", "{identification}"),
)

E_CPF_A3: Final = Profile(
    name="e-cpf-a3",
    product="e-CPF A3 Link ID (nuvem)",
    offered=True,
    for_company=False,
    max_days=1826,  # five years with their leap days
    policy_branch="2.16.76.1.2.3",
    subject=_HEAD,
    common_name=("name", "cpf"),
    other_names=(
        OtherName("2.16.76.1.3.1", _PERSON),
        _VOTER,
        OtherName("2.16.76.1.3.6", (Field("cei", 12),)),
    ),
)

E_CNPJ_A3: Final = Profile(
    name="e-cnpj-a3",
    product="e-CNPJ A3 Link ID (nuvem)",
    # Prepared: the registration authority must first identify companies. Being abolished by Resolução CG 211/2024.
    offered=False,
    for_company=True,
    max_days=1826,
    policy_branch="2.16.76.1.2.3",
    subject=_HEAD,
    common_name=("company_name", "cnpj"),
    other_names=(
        OtherName("2.16.76.1.3.4", _PERSON),
        OtherName("2.16.76.1.3.2", free="name"),
        OtherName("2.16.76.1.3.3", (Field("cnpj", 14),)),
        OtherName("2.16.76.1.3.7", (Field("cei_company", 12),)),
    ),
)

PROFILES: Final[Mapping[str, Profile]] = {profile.name: profile for profile in (E_CPF_A3, E_CNPJ_A3)}


def profile_named(name: str) -> Profile:
    """The product of that name, if it is offered. Raises UnknownProfile."""
    profile = PROFILES.get(name)
    if profile is None or not profile.offered:
        raise UnknownProfile
    return profile
