"""The visible stamp on a page: what it says and where it lies. Decoration: what counts is the signature."""

from dataclasses import dataclass

from hsm_service.documents.errors import FormNotPossible

_MAX_ADDRESS = 200
_NARROWEST, _LOWEST = 120, 40


@dataclass(frozen=True)
class Stamp:
    """``page``: from 0, negative from the end. ``box``: left, bottom, right, top in points (1/72 inch)."""

    verification: str
    """The address where anybody can verify; it is printed, and is the QR code."""
    page: int = -1
    box: tuple[int, int, int, int] = (36, 36, 316, 106)

    def __post_init__(self) -> None:
        """Raises FormNotPossible for a box that cannot be read, or an address that is none."""
        left, bottom, right, top = self.box
        if min(self.box) < 0 or right - left < _NARROWEST or top - bottom < _LOWEST:
            raise FormNotPossible("a stamp is at least 120 by 40 points")
        if max(self.box) > 14_400:
            raise FormNotPossible("the stamp lies outside any page")
        if len(self.verification) > _MAX_ADDRESS or not self.verification.startswith(("https://", "http://")):
            raise FormNotPossible("the stamp's address is a web address")
