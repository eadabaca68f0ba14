"""Makes what a sandbox lacks, and nothing twice: the operator's key, the test holders, a registered application."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from contextlib import suppress
from typing import Final

import aiohttp

from foundation.audit import AuditChain
from foundation.clock import SystemClock
from foundation.database import Database, open_pool
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.oauth.service.clients import ClientService
from hsm_service.registration.service.admission import AdmissionService
from issuance.operator import OperatorContext
from linkid.operators import VouchingByOrder, context
from linkid.sandbox.kit import REDIRECT, Kit, by_number
from linkid.sandbox.people import HOLDERS, TestHolder, is_settled, settle
from linkid.serve import http_answers
from linkid.settings import Settings

APPLICATION: Final = "Aplicativo de Teste"
_READY_SECONDS: Final = 90.0
_LOOK_AGAIN: Final = 0.2


async def make(settings: Settings) -> None:
    """On a server that runs or is about to. Raises LinkIdError, PhoneError, NoSms, TimeoutError, ClientError."""
    await _server_is_ready(settings)
    kit = Kit.load(settings)
    operator = context(settings)
    operator.new_key("operator")
    await asyncio.gather(*(_holder(kit, settings, operator, holder) for holder in HOLDERS))
    await _application(kit, settings, operator)
    kit.write_env(settings)


async def _server_is_ready(settings: Settings) -> None:
    """One that somebody started a moment ago in another terminal may still be on its way."""
    answers = http_answers(f"http://127.0.0.1:{settings.health.port}/health/ready")
    async with asyncio.timeout(_READY_SECONDS):
        while True:
            with suppress(aiohttp.ClientError):
                if await answers():
                    return
            await asyncio.sleep(_LOOK_AGAIN)


async def _holder(kit: Kit, settings: Settings, operator: OperatorContext, holder: TestHolder) -> None:
    known = kit.credentials.get(holder.key)
    if known is not None and await is_settled(kit.folder, holder, known):
        return
    kit.credentials[holder.key] = await settle(
        operator,
        kit.folder,
        holder,
        kit.passwords[holder.key],
        app=settings.url("app"),
        gateway=settings.url("gateway"),
    )
    kit.save()


async def _application(kit: Kit, settings: Settings, operator: OperatorContext) -> None:
    """Registered with a secret, allowed to ask for every test holder's certificate."""
    clock = SystemClock()
    database = Database(await open_pool(settings.dsn("gateway"), application_name="linkid-sandbox"))
    try:
        audit = AuditChain(database, "gateway-operator", clock)
        clients = ClientService(database, clock, audit, VouchingByOrder(operator))
        if not await _is_registered(kit, settings):
            made = await clients.register(
                name=APPLICATION,
                method=ClientMethod.SECRET,
                grants=[GrantType.CODE, GrantType.CLIENT],
                redirects=[REDIRECT],
            )
            kit.client, kit.client_secret = made.client.id, made.secret
            kit.save()
        await AdmissionService(database, clock, audit, clients).turn_on()
        for credential in kit.credentials.values():
            await clients.allow(str(kit.client), credential)
    finally:
        await database.close()


async def _is_registered(kit: Kit, settings: Settings) -> bool:
    """Whether the application that is kept still gets a token."""
    if kit.client is None:
        return False
    told = b64encode(f"{kit.client}:{kit.client_secret}".encode()).decode()
    async with aiohttp.ClientSession(headers={"Authorization": f"Basic {told}"}) as session:
        url = f"{by_number(settings.url('gateway'))}/oauth2/token"
        async with session.post(url, data={"grant_type": "client_credentials"}) as answer:
            return answer.status == 200
