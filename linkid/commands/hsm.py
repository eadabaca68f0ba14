"""`linkid hsm`: tokens and the keys in them."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING, Final, Literal

from cryptography.hazmat.primitives.serialization import Encoding

from foundation.clock import Clock, SystemClock
from foundation.errors import LinkIdError
from linkid.activation import sam_settings
from linkid.platform import ProgramMissing, program
from linkid.running import code_for
from linkid.settings import Settings
from linkid.trust import note_root
from softhsm_config.tokens import TokenFailed, ensure_token

if TYPE_CHECKING:
    from hsm_service.hsm.facade import Hsm

_MAKING_SECONDS: Final = 120.0
"""RSA-4096 is found by luck, twice."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """`init sam`, `init ac`, `rotate-transport`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    init = actions.add_parser(
        "init", help="make the token and the first keys of a process, where they are not there yet"
    )
    init.add_argument("process", choices=["sam", "ac"])
    about = "make the next key to which phones encrypt passwords; the one before answers for ten minutes more"
    actions.add_parser(
        "rotate-transport", help=about, description=f"{about}. With SoftHSM, stop the SAMs first: it breaks otherwise."
    )


def run(settings: Settings, given: argparse.Namespace) -> int:
    """`init`: 0 when the token of the process is there and complete; safe to run again."""
    if given.action == "rotate-transport":
        return _rotate_transport(settings)
    outside = settings.sam_hsm if given.process == "sam" else settings.ac_hsm
    try:
        settings.places.make_folders()
        if outside is None:
            places = settings.places
            token = ensure_token(given.process, places.tokens, places.secrets, program("softhsm-module"))
            os.environ["SOFTHSM2_CONF"] = str(token.conf)  # before the module is loaded, which reads it once
        asyncio.run(_make_keys(settings, given.process))
    except (TokenFailed, ProgramMissing, LinkIdError, OSError) as error:
        print(f"linkid hsm init: {error}", file=sys.stderr)
        return code_for(error)
    return 0


def _rotate_transport(settings: Settings) -> int:
    from hsm_service.sam.commands import run_rotate_transport

    os.environ.setdefault("SOFTHSM2_CONF", str(settings.places.tokens / "sam" / "softhsm2.conf"))
    try:
        label = asyncio.run(run_rotate_transport(sam_settings(settings, 0)))
    except (LinkIdError, ProgramMissing, OSError) as error:
        print(f"linkid hsm rotate-transport: {error}", file=sys.stderr)
        return 1
    print(f"{label} is the key from now on")
    return 0


async def _make_keys(settings: Settings, process: Literal["sam", "ac"]) -> None:
    # Imported here, so that `linkid --help` never loads the PKCS#11 binding.
    from hsm_service.hsm.facade import Hsm
    from hsm_service.hsm.slots import initialise_ac_slot, initialise_sam_slot

    clock = SystemClock()
    hsm = Hsm(settings.hsm(process))
    await hsm.open()
    try:
        initialise = initialise_sam_slot if process == "sam" else initialise_ac_slot
        root = await hsm.run(lambda: initialise(hsm.token, clock.now()), deadline=_MAKING_SECONDS)
        complete = note_root(settings, process, root)
        if process == "ac":
            await hsm.demand_strong_authority()
            await _make_certificates(settings, hsm, clock)
    finally:
        await hsm.close()
    print(f"the keys of {process} are there, its root is {root.jkt}")
    if complete:
        print(f"clients trust what {settings.places.trust.name} names")


async def _make_certificates(settings: Settings, hsm: Hsm, clock: Clock) -> None:
    """The authority's own certificates: the SAM pins the root, so it must be there before a SAM starts."""
    from issuance.ac.adapters.hsm import HsmAuthorityKeys
    from issuance.ac.service.founding import found
    from linkid.authority import authority

    chain = await found(HsmAuthorityKeys(hsm, clock), settings.places.pki, authority(settings), clock.now())
    settings.places.root_certificate.write_bytes(chain.root.public_bytes(Encoding.PEM))
