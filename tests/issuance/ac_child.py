"""An AC in a process of its own, to be killed: `python -m tests.issuance.ac_child <json>`. Says `ready` and serves."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from hsm_service.hsm.settings import HsmSettings
from issuance.ac.process import serving_ac
from issuance.ac.settings import AcSettings


def described(settings: AcSettings) -> str:
    """Settings as one argument."""
    hsm = settings.hsm
    return json.dumps(
        {
            "dsn": settings.dsn,
            "module": str(hsm.module),
            "label": hsm.token_label,
            "pin": hsm.pin.get_secret_value(),
            "listen": settings.listen,
            "files": [str(file) for file in _files(settings)],
        }
    )


def _files(settings: AcSettings) -> tuple[Path, ...]:
    return settings.pki_folder, settings.head_file, settings.trust_file, settings.operators_file


async def main(said: dict[str, Any]) -> None:
    pki, head, trust, operators = (Path(file) for file in said["files"])
    settings = AcSettings(
        dsn=said["dsn"],
        hsm=HsmSettings(module=Path(said["module"]), token_label=said["label"], pin=SecretStr(said["pin"])),
        listen=said["listen"],
        pki_folder=pki,
        head_file=head,
        trust_file=trust,
        operators_file=operators,
    )
    async with serving_ac(settings):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
