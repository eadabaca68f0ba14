"""What a signature around a raw one looks like: format, level, packaging, policy; and what goes with what."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from hsm_service.documents.errors import FormNotPossible


class Format(StrEnum):
    """The families. ``CMS`` is what PSCs call so: CAdES without a policy, always detached."""

    CMS = "cms"
    CADES = "cades"
    PADES = "pades"
    XADES = "xades"


class Level(StrEnum):
    """ETSI's baseline levels: signed; time-stamped; with evidence; with evidence that is stamped again."""

    B = "B-B"
    T = "B-T"
    LT = "B-LT"
    LTA = "B-LTA"


class Packaging(StrEnum):
    """Where the content is: elsewhere, inside the signature, around it."""

    DETACHED = "detached"
    ATTACHED = "attached"
    ENVELOPED = "enveloped"


Policy: TypeAlias = Literal["AD-RB", "AD-RT"]
"""ICP-Brasil's policies (DOC-ICP-15.03): with basic reference; with reference of time."""

PACKAGINGS: Final = {
    Format.CMS: (Packaging.DETACHED,),
    Format.CADES: (Packaging.DETACHED, Packaging.ATTACHED),
    Format.PADES: (Packaging.ENVELOPED,),
    Format.XADES: (Packaging.ENVELOPED, Packaging.DETACHED),
}
"""By format, the usual one first."""

LEVELS: Final = {
    Format.CMS: (Level.B,),
    Format.CADES: (Level.B, Level.T, Level.LT),
    Format.PADES: (Level.B, Level.T, Level.LT, Level.LTA),
    Format.XADES: (Level.B, Level.T),
}

_POLICY_LEVELS: Final[dict[Policy, Level]] = {"AD-RB": Level.B, "AD-RT": Level.T}


@dataclass(frozen=True)
class Form:
    """One kind of signature. Raises FormNotPossible for a combination that does not exist here."""

    format: Format
    level: Level = Level.B
    packaging: Packaging | None = None
    """None: the usual one of the format."""
    policy: Policy | None = None

    def __post_init__(self) -> None:
        """What goes with what."""
        if self.packaging is None:
            object.__setattr__(self, "packaging", PACKAGINGS[self.format][0])
        if self.packaging not in PACKAGINGS[self.format]:
            raise FormNotPossible(f"{self.format} is not {self.packaging}")
        if self.level not in LEVELS[self.format]:
            raise FormNotPossible(f"{self.format} has no level {self.level} here")
        if self.policy is None:
            return
        if self.format not in (Format.CADES, Format.PADES):
            raise FormNotPossible(f"{self.format} takes no policy here")
        if self.policy not in _POLICY_LEVELS:
            raise FormNotPossible(f"no policy {self.policy}")
        if self.level is not _POLICY_LEVELS[self.policy]:
            raise FormNotPossible(f"{self.policy} is of level {_POLICY_LEVELS[self.policy]}")

    @property
    def media_type(self) -> str:
        """Of what ``finish`` gives when it was prepared from a document."""
        match self.format:
            case Format.PADES:
                return "application/pdf"
            case Format.XADES:
                return "application/xml"
            case _:
                return "application/pkcs7-signature"


def policy_form(format_: Format, policy: Policy, packaging: Packaging | None = None) -> Form:
    """The form that an ICP-Brasil policy asks for: AD-RB is B-B, AD-RT is B-T."""
    return Form(format_, _POLICY_LEVELS[policy], packaging, policy)
