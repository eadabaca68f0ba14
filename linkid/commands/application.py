"""`linkid application`: applications that registered themselves in the Brazilian API, or on the page."""

from __future__ import annotations

import argparse
import asyncio
import sys

from foundation.audit import AuditChain
from foundation.clock import SystemClock
from foundation.database import Database, open_pool
from foundation.errors import LinkIdError
from hsm_service.oauth.service.clients import ClientService
from hsm_service.psc import commands as psc
from hsm_service.psc.service.applications import ApplicationService
from hsm_service.registration import commands as registration
from hsm_service.registration.service.admission import AdmissionService
from linkid.operators import VouchingByOrder, context
from linkid.settings import Settings

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """What both understand."""
    registration.arguments(psc.arguments(parser))


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
        admission = AdmissionService(database, clock, audit, clients)
        of_page = registration.Operator(admission, settings.url("gateway"))
        of_psc = psc.Operator(ApplicationService(database, clock, audit, settings.psc), clients)
        if given.action == "page" or (given.action == "admit" and await admission.knows(given.client)):
            return await registration.perform(given, of_page)
        await psc.perform(given, of_psc)
        return await registration.perform(given, of_page) if given.action == "list" else 0
    finally:
        await database.close()
