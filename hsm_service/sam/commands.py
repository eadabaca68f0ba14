"""What an operator does to a SAM from outside; ``linkid`` gives them names on the command line.

Each opens what it needs from the SAM's settings, under a name (and so an audit chain) that no running SAM has.
"""

from foundation.clock import SystemClock
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.process import open_sam
from hsm_service.sam.restore import accept_restore
from hsm_service.sam.settings import SamSettings


async def run_accept_restore(settings: SamSettings, *, operator: str) -> dict[str, int]:
    """After the database was restored on purpose: void what waited, let this SAM's chain follow. No SAM may be running.

    ``settings`` are those of the SAM whose chain it is, one after the other. Returns how much was voided.
    """
    async with open_sam(settings) as sam:
        # What was signed about lines that are gone can be followed by nothing; the line that is now written says why.
        settings.signed_heads_file.unlink(missing_ok=True)
        return await accept_restore(sam.database, sam.audit, SystemClock(), operator=operator)


async def run_unfreeze(settings: SamSettings, credential: str, kind: str, caller: str) -> int:
    """The holder asked to let a caller ask again, whom they had called "not me". SAMs may be running.

    ``settings`` with a name of its own, such as ``sam-99``. How many freezes were lifted.
    """
    async with open_sam(settings) as sam:
        await sam.watch.look()
        return await sam.rooms.documents.lift_freeze(credential, kind, caller)


async def run_rotate_transport(settings: SamSettings) -> str:
    """A new transport key; SAMs name it within a minute, the old one answers ten minutes more. No SAM may be running
    on a SoftHSM: it makes broken objects when a token object is made while somebody searches. Returns the label."""
    hsm = Hsm(settings.hsm)
    await hsm.open()
    try:
        return await hsm.add_transport_key(SystemClock().now())
    finally:
        await hsm.close()
