"""Telling applications: `hsm_service.webhooks`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from hsm_service.webhooks.service import Telling
from hsm_service.webhooks.web import WebhookKeys
from linkid.running import in_background
from linkid.slices.ground import Ground
from linkid.slices.push import Pushing
from push.adapters.webhooks import WebhookCarrier
from push.domain.outbox import Kind
from push.domain.webhooks import WebhookSigner
from push.service.outbox import OutboxService, OutboxWorker


@dataclass(frozen=True)
class Webhooks:
    """The slice `webhooks`: telling applications, and what that is sent with."""

    telling: Telling
    outbox: OutboxService


def mount_webhooks(app: web.Application, ground: Ground, stack: AsyncExitStack, push: Pushing) -> Webhooks:
    """Telling applications. A worker of its own: a slow receiver keeps nobody's doorbell waiting."""
    settings, clock, database = ground.settings, ground.clock, ground.database
    signer = WebhookSigner(settings.gateway_key("webhooks"))
    carrier = WebhookCarrier(signer, clock, development=settings.environment == "development")
    stack.push_async_callback(carrier.close)
    worker = OutboxWorker(database, clock, push.seal, {Kind.WEBHOOK: carrier}, numbers=push.numbers)
    outbox = OutboxService(database, clock, push.seal, worker)
    telling = Telling(database, clock, outbox)
    for work in (worker.run(), telling.run()):
        in_background(stack, work)
    app.add_routes(WebhookKeys(signer.keys()).routes())
    return Webhooks(telling, outbox)
