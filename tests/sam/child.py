"""A SAM process for tests: `python -m tests.sam.child settings.json [logins]`, as `linkid sam` runs one.

`logins`: a file that gets a line for each C_Login.
"""

import asyncio
import json
import sys
from contextlib import nullcontext
from pathlib import Path

from foundation.errors import LinkIdError
from foundation.exits import leave
from foundation.logs import configure
from hsm_service.sam.process import run_sam
from hsm_service.sam.settings import SamSettings
from linkid.running import code_for
from tests.support.pkcs11_spy import spying


def main() -> int:
    configure("json")
    settings = SamSettings.model_validate(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))

    def noted(_call: int) -> None:
        with Path(sys.argv[2]).open("a", encoding="ascii") as file:
            file.write("C_Login\n")

    with spying(settings.hsm.module, "C_Login", noted) if len(sys.argv) > 2 else nullcontext():
        try:
            return asyncio.run(run_sam(settings))
        except LinkIdError as error:
            print(error, file=sys.stderr)
            return code_for(error)


if __name__ == "__main__":
    leave(main())
