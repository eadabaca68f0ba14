"""Phones and computers: `pairing`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from hsm_service.credentials.service import CredentialService
from hsm_service.signing.service.explicit import ExplicitSigning
from linkid.joins import (
    CallersOfPairing,
    DevicesOfPush,
    HoldersOfPairing,
    LettersOfPairing,
    NumbersOfPush,
)
from linkid.running import in_background
from linkid.slices.ground import Ground
from linkid.slices.push import Pushing
from pairing.adapters.sam_channel import SamOverChannel as PairingSam
from pairing.domain.codes import CodeKey
from pairing.service.admissions import AdmissionService
from pairing.service.blocks import BlockService
from pairing.service.calls import CallService
from pairing.service.computers import ComputerService
from pairing.service.consents import ConsentService
from pairing.service.decisions import DecisionService
from pairing.service.link_life import LinkLife
from pairing.service.links import LinkService
from pairing.service.numbers import PairingNumbers
from pairing.service.passkeys import PasskeyService
from pairing.service.pauses import PauseService
from pairing.service.phones import PhoneService
from pairing.service.possessions import PossessionService
from pairing.service.scans import ScanService
from pairing.service.warnings import WarningService
from pairing.web import Doorkeeper, pairing_routes
from push.web import address_routes, live_routes


@dataclass(frozen=True)
class Pairing:
    """The slice `pairing`: what others ask of it."""

    links: LinkService
    life: LinkLife
    computers: ComputerService
    calls: CallService
    pauses: PauseService


def mount_pairing(
    app: web.Application,
    ground: Ground,
    stack: AsyncExitStack,
    push: Pushing,
    credentials: CredentialService,
    callers: CallersOfPairing,
    explicit: ExplicitSigning,
) -> Pairing:
    """Phones and computers; and the stream of each phone, which pairing knows and push rings."""
    database, clock, audit = ground.database, ground.clock, ground.audit
    sam = PairingSam(ground.sams)
    holders = HoldersOfPairing(credentials)
    letters = LettersOfPairing(database, clock, credentials, push.outbox)
    code_key = CodeKey(ground.settings.gateway_key("pairing"))
    numbers = PairingNumbers(ground.metrics.registry)
    pauses = PauseService(database, audit, numbers)
    phones = PhoneService(
        database,
        clock,
        audit,
        code_key=code_key,
        holders=holders,
        sms=push.outbox,
        sam=sam,
        letters=letters,
        doorbell=push.doorbell,
        app_host=ground.app.partition("://")[2],
        settings=ground.settings.pairing,
        pauses=pauses,
        numbers=numbers,
    )
    life = LinkLife(database, clock, audit, code_key, sam, callers)
    links = LinkService(database, clock, audit, life=life, holders=holders, letters=letters, app=ground.app)
    scans = ScanService(database, clock, audit, life=life, sam=sam, app=ground.app)
    warnings = WarningService(database, clock, audit, doorbell=push.doorbell, letters=letters)
    admissions = AdmissionService(database, clock, audit, sam=sam, letters=letters, warnings=warnings)
    passkeys = PasskeyService(clock, sam=sam, letters=letters)
    decisions = DecisionService(
        database,
        clock,
        audit,
        sam=sam,
        holders=holders,
        doorbell=push.doorbell,
        callers=callers,
        letters=letters,
        scans=scans,
        warnings=warnings,
        admissions=admissions,
        passkeys=passkeys,
        commits=ground.commits,
    )
    computers = ComputerService(database, clock, audit, sam)
    blocks = BlockService(database, audit, sam, warnings)
    possessions = PossessionService(database, clock, audit, sam=sam, letters=letters, phones=phones)
    consents = ConsentService(database, audit, sam, offered=ground.settings.explicit.enabled)
    explicit.also_tell(warnings)
    doorkeeper = Doorkeeper(ground.dpop, phones, ground.origin, ground.proxies)
    app.add_routes(
        pairing_routes(
            doorkeeper,
            phones,
            decisions,
            links,
            scans,
            computers,
            warnings,
            blocks,
            possessions,
            consents,
            admissions,
            passkeys,
        )
    )
    devices = DevicesOfPush(doorkeeper)
    in_background(stack, push.hub.check(devices))
    app.add_routes([*live_routes(push.hub, devices), *address_routes(push.addresses, devices)])
    if ground.settings.push.sms_for_requests:
        push.doorbell.also_by_sms(NumbersOfPush(phones))
    calls = CallService(database, clock, life=life, links=links, scans=scans, doorbell=push.doorbell)
    return Pairing(links, life, computers, calls, pauses)
