"""Labels: texts from a caller that a person reads on a phone while deciding. Nothing in them may deceive the eye."""

import unicodedata
from collections.abc import Sequence
from typing import Final

from hsm_service.signing.domain.request import Label

MAX_LABEL: Final = 120
"""docs/protocol.md section 5; two lines on a phone."""
_TAIL: Final = 24
"""Kept when a text is cut in its middle: the end of a file name says what kind of file it is."""
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories without a picture: controls, bidirectional overrides, zero-width characters, unassigned ones."""


def clean(text: str) -> str:
    """One line, NFC, nothing invisible, at most ``MAX_LABEL`` characters with the middle cut out when longer."""
    # White space first: a line break between two words must leave a space behind.
    one_line = " ".join(unicodedata.normalize("NFC", text[: 8 * MAX_LABEL]).split())
    shown = " ".join("".join(char for char in one_line if unicodedata.category(char) not in _HIDDEN).split())
    if len(shown) <= MAX_LABEL:
        return shown
    return shown[: MAX_LABEL - _TAIL - 1] + "…" + shown[-_TAIL:]


def labels_for(count: int, claimed: Sequence[Label], description: str = "") -> list[Label]:
    """As many labels as hashes: the claimed ones cleaned; else the description, numbered; else just numbered.

    The phone needs something to show for each hash; what we make up says only how many there are.
    """
    named = [Label(clean(label.text), label.size) for label in claimed[:count]]
    named += [Label("")] * (count - len(named))
    spare = clean(description)
    return [label if label.text else Label(_numbered(spare, index, count), label.size)
            for index, label in enumerate(named, start=1)]  # fmt: skip


def _numbered(description: str, index: int, count: int) -> str:
    if not description:
        return f"Documento {index}" if count > 1 else "Documento"
    return clean(f"{description} ({index}/{count})" if count > 1 else description)
