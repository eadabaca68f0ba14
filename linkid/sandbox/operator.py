"""A test operator: a program that reads nothing and lets in whatever is registered on the page, within two seconds.

It types what an operator types, with the operator's key of this development server; nothing of the server knows it. So
that something can be tried at once, an application that asks by itself may ask for every test holder's certificate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import SystemClock
from foundation.database import Database, open_pool
from foundation.errors import LinkIdError
from hsm_service.oauth.domain.client import GrantType
from hsm_service.oauth.service.clients import ClientService
from hsm_service.registration.service.admission import AdmissionService
from linkid.operators import VouchingByOrder, context
from linkid.sandbox.kit import Kit
from linkid.settings import Settings

_LOOK_SECONDS: Final = 2.0


async def run_operator(settings: Settings) -> None:
    """Until cancelled. What could not be done now is tried again."""
    clock = SystemClock()
    database = Database(await open_pool(settings.dsn("gateway"), application_name="linkid-sandbox-operator"))
    try:
        audit = AuditChain(database, "gateway-operator", clock)
        clients = ClientService(database, clock, audit, VouchingByOrder(context(settings)))
        admission = AdmissionService(database, clock, audit, clients)
        credentials = list(Kit.load(settings).credentials.values())
        while True:
            try:
                await admit_all(admission, clients, credentials)
            except LinkIdError as error:
                print(f"operator: {error}", flush=True)
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await database.close()


async def admit_all(admission: AdmissionService, clients: ClientService, credentials: Sequence[str]) -> None:
    """Whatever waits now. Raises LinkIdError."""
    waiting = await admission.waiting()
    for one in waiting.applications:
        await admission.admit(one.client, one.draft.name, one.seen)
        print(f"operator: let in {one.draft.name!r} ({one.client})", flush=True)
        if GrantType.CLIENT in one.draft.grants:
            for credential in credentials:
                await clients.allow(one.client, credential)
    for each in waiting.changes:
        await admission.admit_change(each.change.id, each.name, each.change.seen)
        print(f"operator: other return addresses for {each.name!r}", flush=True)
