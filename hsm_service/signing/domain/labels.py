"""Labels: texts from a caller that a person reads on a phone while deciding. Nothing in them may deceive the eye."""

from collections.abc import Sequence

from hsm_service.signing.domain.request import Label
from protocol.documents import clean


def labels_for(count: int, claimed: Sequence[Label], description: str = "") -> list[Label]:
    """As many labels as hashes: the claimed ones cleaned; else the description, numbered; else just numbered.

    The phone needs something to show for each hash; what we make up says only how many there are.
    """
    spare = clean(description)
    named = [*claimed[:count], *[Label("")] * (count - len(claimed))]
    return [
        Label(clean(label.text) or _numbered(spare, index, count), label.size)
        for index, label in enumerate(named, start=1)
    ]


def _numbered(description: str, index: int, count: int) -> str:
    if not description:
        return f"Documento {index}" if count > 1 else "Documento"
    return clean(f"{description} ({index}/{count})" if count > 1 else description)
