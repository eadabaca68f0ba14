"""Reaching people: `push`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from linkid.running import in_background
from linkid.settings import Settings
from linkid.slices.ground import Ground
from push.adapters.inbox import DevelopmentInbox
from push.adapters.live_bells import LiveBells, LiveListener
from push.adapters.smtp_email import SmtpEmail
from push.adapters.twilio_sms import TwilioSignature, TwilioSms
from push.adapters.web_push import WebPushService
from push.domain.addresses import AddressBook, AddressKind, application_server_key, vapid_key
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.ports import Carrier, PushService
from push.service.addresses import AddressService, PushCarrier
from push.service.bells import DoorbellService
from push.service.deliveries import DeliveryService
from push.service.live import LiveHub
from push.service.numbers import PushNumbers
from push.service.outbox import OutboxService, OutboxWorker
from push.web import CALLBACK_PATH, callback_routes, inbox_routes


@dataclass(frozen=True)
class Pushing:
    """The slice `push`: what others ring and write with."""

    outbox: OutboxService
    doorbell: DoorbellService
    hub: LiveHub
    seal: Seal
    numbers: PushNumbers
    addresses: AddressService


def mount_push(app: web.Application, ground: Ground, stack: AsyncExitStack) -> Pushing:
    """Reaching people. Carriers by settings; the development inbox where there are none."""
    settings, clock, database = ground.settings, ground.clock, ground.database
    numbers = PushNumbers(ground.metrics.registry)
    carriers: dict[Kind, Carrier] = {Kind.DOORBELL: LiveBells(database)}
    if settings.push.twilio is not None:
        token = settings.push.twilio.auth_token
        callback = None if token is None else ground.origin + CALLBACK_PATH
        twilio = TwilioSms(settings.push.twilio, clock, callback=callback)
        stack.push_async_callback(twilio.close)
        carriers[Kind.SMS] = twilio
        if token is not None:
            signature = TwilioSignature(token.get_secret_value())
            app.add_routes(callback_routes(DeliveryService(database, signature, numbers), ground.origin))
    if settings.push.smtp is not None:
        carriers[Kind.EMAIL] = SmtpEmail(settings.push.smtp)
    if settings.environment == "development":
        inbox = DevelopmentInbox()
        for kind in (Kind.SMS, Kind.EMAIL):
            carriers.setdefault(kind, inbox.carrier(kind))
        app.add_routes(inbox_routes(inbox))
    seal = Seal(settings.gateway_key("outbox"))
    book = AddressBook(settings.gateway_key("push-addresses"))
    services = _push_services(ground, stack)
    if services:
        carriers[Kind.PUSH] = PushCarrier(database, clock, book, services, numbers=numbers)
    worker = OutboxWorker(database, clock, seal, carriers, numbers=numbers)
    outbox = OutboxService(database, clock, seal, worker)
    hub = LiveHub(database, clock, numbers=numbers)

    async def let_streams_go(_app: web.Application) -> None:
        await hub.drain()

    app.on_shutdown.append(let_streams_go)
    listener = LiveListener(settings.dsn("gateway"), hub.tell, hub.hang_up)
    for work in (worker.run(), hub.run(), hub.beat(), listener.run()):
        in_background(stack, work)
    web_push = settings.push.webpush
    addresses = AddressService(
        database,
        clock,
        book,
        vapid=None if web_push is None else application_server_key(_vapid(settings)),
        fcm=AddressKind.FCM in services,
        hosts=() if web_push is None else web_push.hosts,
    )
    doorbell = DoorbellService(database, clock, outbox, pushing=bool(services))
    return Pushing(outbox, doorbell, hub, seal, numbers, addresses)


def _push_services(ground: Ground, stack: AsyncExitStack) -> dict[AddressKind, PushService]:
    """Those that are set up, by the kind of address that they ring at."""
    chosen, services = ground.settings.push, dict[AddressKind, PushService]()
    if chosen.webpush is not None:
        browsers = WebPushService(_vapid(ground.settings), chosen.webpush.contact, ground.clock)
        stack.push_async_callback(browsers.close)
        services[AddressKind.WEBPUSH] = browsers
    if chosen.fcm is not None:
        from push.adapters.firebase import FirebasePushService  # 40 MB that few need

        firebase = FirebasePushService(chosen.fcm.service_account.get_secret_value(), ground.clock)
        stack.push_async_callback(firebase.close)
        services[AddressKind.FCM] = firebase
    return services


def _vapid(settings: Settings) -> EllipticCurvePrivateKey:
    return vapid_key(settings.gateway_key("vapid"))
