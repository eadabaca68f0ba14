"""Labels: texts from a caller that a person reads on a phone while deciding. Nothing in them may deceive the eye."""

from collections.abc import Sequence
from typing import Final

from hsm_service.signing.domain.request import Label
from protocol.documents import clean

_NONE: Final = Label("")


def labels_for(count: int, claimed: Sequence[Label], description: str = "") -> list[Label]:
    """As many labels as hashes: the claimed ones cleaned; else the description, numbered; else just numbered.

    The phone needs something to show for each hash; what we make up says only how many there are.
    """
    spare = clean(description)
    labels = [*claimed[:count], *[_NONE] * (count - len(claimed))]
    for at, label in enumerate(labels):
        text = clean(label.text) or _numbered(spare, at + 1, count)
        if text != label.text:
            labels[at] = Label(text, label.size)
    return labels


def _numbered(description: str, index: int, count: int) -> str:
    if not description:
        return f"Documento {index}" if count > 1 else "Documento"
    return clean(f"{description} ({index}/{count})" if count > 1 else description)
