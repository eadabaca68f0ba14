"""Draw the tables of states into docs/diagrams: `python -m tools.draw_states`. A test sees whether it was run."""

from pathlib import Path
from typing import Any, Final

from foundation.machine import Machine
from hsm_service.psc.domain.authorization import AUTHORIZATION
from pairing.domain.ceremony import DEVICE, NUMBER_PROOF
from pairing.domain.link import LINK
from push.domain.outbox import MESSAGE

FOLDER: Final = Path(__file__).parent.parent / "docs" / "diagrams"

MACHINES: Final[tuple[Machine[Any, Any], ...]] = (NUMBER_PROOF, DEVICE, LINK, MESSAGE, AUTHORIZATION)
TITLES: Final = {
    "number-proof": ("The proof of a number", "pairing/domain/ceremony.py"),
    "device": ("A device", "pairing/domain/ceremony.py"),
    "link": ("A link", "pairing/domain/link.py"),
    "psc-authorization": ("An authorization of the Brazilian dialect", "hsm_service/psc/domain/authorization.py"),
    "outbox-message": ("A queued message", "push/domain/outbox.py"),
}


def drawn(machine: Machine[Any, Any]) -> str:
    """The page of one table."""
    title, source = TITLES[machine.name]
    return f"# {title}\n\nDrawn from the table in [{source}](../../{source}).\n\n```mermaid\n{machine.diagram()}```\n"


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for machine in MACHINES:
        (FOLDER / f"{machine.name}.md").write_text(drawn(machine), encoding="utf-8")


if __name__ == "__main__":
    main()
