"""`linkid application`: applications that registered themselves in the Brazilian API."""

from __future__ import annotations

import argparse
import asyncio
import sys

from foundation.audit import AuditChain
from foundation.clock import SystemClock
from foundation.database import Database, open_pool
from foundation.errors import LinkIdError
from hsm_service.oauth.service.clients import ClientService
from hsm_service.psc.commands import Operator, arguments, perform
from hsm_service.psc.service.applications import ApplicationService
from linkid.operators import VouchingByOrder, context
from linkid.settings import Settings

__all__ = ["arguments", "run"]


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when it was done."""
    try:
        return asyncio.run(_run(settings, given))
    except LinkIdError as error:
        print(f"linkid application: {error}", file=sys.stderr)
        return 1


async def _run(settings: Settings, given: argparse.Namespace) -> int:
    clock = SystemClock()
    database = Database(await open_pool(settings.dsn("gateway"), application_name="linkid-application"))
    try:
        audit = AuditChain(database, "gateway-operator", clock)
        clients = ClientService(database, clock, audit, VouchingByOrder(context(settings)))
        applications = ApplicationService(database, clock, audit, settings.psc)
        return await perform(given, Operator(applications, clients))
    finally:
        await database.close()
