"""A signature request's life, and signing with factors that applications send: `hsm_service.signing`."""

from __future__ import annotations

from contextlib import AsyncExitStack

from hsm_service.credentials.service import CredentialService
from hsm_service.signing.adapters.explicit import ExplicitOverChannel
from hsm_service.signing.adapters.sam import SamOverChannel as SigningSam
from hsm_service.signing.adapters.wakeups import PostgresWakeups
from hsm_service.signing.service import SigningService
from hsm_service.signing.service.explicit import ExplicitSigning
from linkid.joins import (
    CredentialsOfSigning,
    NoticesOfSigning,
)
from linkid.slices.ground import Ground
from linkid.slices.push import Pushing
from pairing.service.bells import BellService
from protocol import pins


async def make_signing(
    ground: Ground, stack: AsyncExitStack, push: Pushing, credentials: CredentialService, notices: NoticesOfSigning
) -> SigningService:
    """A signature request's life. It has no routes: a dialect speaks for it."""
    database, clock = ground.database, ground.clock
    wakeups = await stack.enter_async_context(PostgresWakeups(database, ground.settings.dsn("gateway")))
    return SigningService(
        database,
        clock,
        ground.audit,
        sam=SigningSam(ground.sams),
        doorbell=BellService(database, clock, push.doorbell),
        credentials=CredentialsOfSigning(credentials),
        wakeups=wakeups,
        notices=notices,
        commits=ground.commits,
    )


def make_explicit(ground: Ground, credentials: CredentialService) -> ExplicitSigning:
    """Signing with factors that applications send: where the operator allows it, encrypted to the SAM at once."""
    settings = ground.settings
    sam = None
    if settings.explicit.enabled:
        # The SAM's root is pinned by a file, here as on every client: passwords are encrypted to no other key.
        roots = pins.roots(settings.places.trust.read_bytes(), "sam")
        sam = ExplicitOverChannel(ground.sams, ground.clock, roots)
    return ExplicitSigning(
        ground.database,
        ground.clock,
        ground.audit,
        sam=sam,
        credentials=CredentialsOfSigning(credentials),
        settings=settings.explicit,
        commits=ground.commits,
    )
