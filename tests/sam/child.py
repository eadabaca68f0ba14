"""A SAM process for tests: `python -m tests.sam.child settings.json`, as `linkid sam` runs one."""

import asyncio
import json
import sys
from pathlib import Path

from foundation.logs import configure
from hsm_service.sam.process import run_sam
from hsm_service.sam.settings import SamSettings

if __name__ == "__main__":
    configure("json")
    said = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.exit(asyncio.run(run_sam(SamSettings.model_validate(said))))
