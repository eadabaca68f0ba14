"""A token for the tests of faults: a SAM's, beside the others of this process's SoftHSM, whose files may be moved."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from hsm_service.hsm import operations
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.token import Token


@dataclass
class Lab:
    """One token and its folder."""

    token: Token
    files: Path
    settings: HsmSettings

    @property
    def away(self) -> Path:
        """Where the files go when they are taken away: outside of what SoftHSM looks at."""
        return self.files.parent.parent / f"away-{self.files.name}"

    def take_away(self) -> None:
        self.files.rename(self.away)

    def bring_back(self) -> None:
        self.away.rename(self.files)

    def keep_copy(self, where: Path) -> None:
        shutil.copytree(self.files, where)

    def mac(self) -> bytes:
        """Something harmless by a key that only this token has."""
        return self.token.run(lambda room: operations.hmac(room, "pepper.1", b"x"))

    def wait(self) -> None:
        """Until the circuit lets a caller try."""
        time.sleep(self.token.circuit.wait(time.monotonic()))
