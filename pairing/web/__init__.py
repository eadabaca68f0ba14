"""HTTP of this slice: ``/phone/v1`` (docs/protocol.md 9.2) and ``/links/v1`` (9.3).

    routes = pairing_routes(Doorkeeper(dpop, phones, origin), phones, decisions, links, scans, computers, warnings,
                            blocks, possessions, consents, admissions, passkeys)

``phone`` and ``links`` are the routes, ``doorkeeper`` says who calls. ``GET /phone/v1/live`` is push's; it finds out
who is calling by ``Doorkeeper.device`` as well.
"""

from aiohttp import web

from pairing.service.admissions import AdmissionService
from pairing.service.blocks import BlockService
from pairing.service.computers import ComputerService
from pairing.service.consents import ConsentService
from pairing.service.decisions import DecisionService
from pairing.service.links import LinkService
from pairing.service.passkeys import PasskeyService
from pairing.service.phones import PhoneService
from pairing.service.possessions import PossessionService
from pairing.service.scans import ScanService
from pairing.service.warnings import WarningService
from pairing.web.doorkeeper import Doorkeeper
from pairing.web.links import LinkRoutes
from pairing.web.phone import PhoneRoutes

__all__ = ["Doorkeeper", "pairing_routes"]


def pairing_routes(
    doorkeeper: Doorkeeper,
    phones: PhoneService,
    decisions: DecisionService,
    links: LinkService,
    scans: ScanService,
    computers: ComputerService,
    warnings: WarningService,
    blocks: BlockService,
    possessions: PossessionService,
    consents: ConsentService,
    admissions: AdmissionService,
    passkeys: PasskeyService,
) -> list[web.RouteDef]:
    """Everything, ready for ``app.add_routes``."""
    return [
        *PhoneRoutes(
            doorkeeper,
            phones,
            decisions,
            scans,
            computers,
            warnings,
            blocks,
            possessions,
            consents,
            admissions,
            passkeys,
        ).routes(),
        *LinkRoutes(doorkeeper, links, computers).routes(),
    ]
