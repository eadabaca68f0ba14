"""Two gateways as settings make them, one database: a phone registers at one, answers at the other, is pushed to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from firebase_admin.messaging import _MessagingService

from demo.stack import free_ports
from foundation.clock import SystemClock
from foundation.database import Database, open_pool
from foundation.encoding import unb64u
from foundation.ids import new_id, new_token, secret_digest
from linkid.gateway import serving_gateway
from linkid.settings import Settings
from push.domain.sealing import Seal
from push.service import outbox as outbox_service
from push.service.bells import DoorbellService
from push.service.outbox import OutboxService, OutboxWorker
from sandbox_phone.loopback import connector
from tests.push.conftest import without_proxies
from tests.support.callers import Caller
from tests.support.emptied import empty_tables
from tests.support.fake_fcm import FakeFcm
from tests.support.fake_push_service import Browser
from tests.support.fake_twilio import FakeTwilio
from tests.support.postgres import TestDatabase

SECRET = "5a" * 32
FID = "installation-of-a-phone"


@pytest.fixture
async def fcm(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeFcm]:
    without_proxies(monkeypatch)
    fake = FakeFcm()
    fake.start()
    monkeypatch.setattr(_MessagingService, "FCM_URL", fake.send_url)
    monkeypatch.setattr(outbox_service, "POLL_SECONDS", 0.1)  # nobody wakes the gateways' workers here
    yield fake
    fake.stop()


def settings_of(number: int, var: Path, dsn: str, fcm: FakeFcm, twilio: FakeTwilio) -> Settings:
    """As an operator writes them."""
    app, gateway, pki, health = free_ports(4)
    return Settings.model_validate(
        {
            "var": var,
            "app": {"port": app},
            "gateway": {"port": gateway, "number": number, "secret": SECRET},
            "pki": {"port": pki},
            "health": {"port": health},
            "database": {"gateway": dsn},
            "push": {
                "webpush": {"contact": "equipe@example.com"},
                "fcm": {"service_account": fcm.service_account()},
                "twilio": {
                    "account": twilio.account,
                    "api_key": twilio.key,
                    "api_secret": twilio.secret,
                    "auth_token": twilio.auth_token,
                    "sender": "+15005550006",
                },
            },
        }
    )


async def paired(database: Database, phone: Caller) -> str:
    """A device with this key, and its token; how it came to be is another test's business."""
    device, token = new_id("dev"), new_token("dvt")
    phone.token = token.text
    await database.execute(
        "INSERT INTO pairing.devices (id, jkt, key, nickname, state, token, token_digest, created_at) "
        "VALUES ($1, $2, '{}', 'Celular', 'active', $3, $4, now())",
        device, phone.key.jkt, token.public_id, secret_digest(token.secret),
    )  # fmt: skip
    return device


async def test_a_phone_of_two_gateways_is_pushed_to_and_answers_anywhere(
    shared_database: TestDatabase, fcm: FakeFcm, tmp_path: Path
) -> None:
    """The same keys at both; what it answers at the other counts, so that the next push need not wait; Twilio is
    believed at either, under its signature.
    """
    for schema in ("pairing", "push"):
        await empty_tables(shared_database, schema)
    dsn, twilio = shared_database.dsn("linkid_gateway"), FakeTwilio()
    one, other = (settings_of(number, tmp_path, dsn, fcm, twilio) for number in (41, 42))
    async with AsyncExitStack() as stack:
        for settings in (one, other):
            await stack.enter_async_context(serving_gateway(settings))
        database = Database(await open_pool(dsn, max_size=4))
        stack.push_async_callback(database.close)
        first: Any = await stack.enter_async_context(ClientSession(one.url("gateway"), connector=connector()))
        second: Any = await stack.enter_async_context(ClientSession(other.url("gateway"), connector=connector()))
        here = Caller(first, SystemClock(), one.url("gateway"))
        device = await paired(database, here)
        there = Caller(second, SystemClock(), other.url("gateway"))
        there.private, there.key, there.token = here.private, here.key, here.token

        status, offer = await here.call("GET", "/phone/v1/push")
        assert (status, await there.call("GET", "/phone/v1/push")) == (200, (200, offer))
        assert len(unb64u(str(offer["webpush"]), max_len=65)) == 65
        assert (await here.call("PUT", "/phone/v1/push", {"kind": "webpush", **Browser().subscription}))[0] == 204
        assert (await here.call("PUT", "/phone/v1/push", {"kind": "fcm", "fid": FID}))[0] == 204

        await rung(database, one, device)
        await arrived(fcm, 1)
        assert (await there.call("GET", "/phone/v1/waiting"))[0] == 503  # no SAM lives here; the phone has asked
        await rung(database, one, device)
        await arrived(fcm, 2)  # and not half a minute later

        await database.execute(
            "INSERT INTO push.outbox (kind, state, attempts, due_at, expires_at, created_at, sealed) "
            "VALUES ('sms', 'taken', 1, now() + '1 hour', now() + '1 hour', now(), decode('00', 'hex'))"
        )
        number = await database.fetchval("SELECT max(id) FROM push.outbox")
        url, form = f"{other.url('gateway')}/push/v1/twilio/{number}", {"MessageStatus": "delivered"}
        for signature, expected in (("forged", 403), (twilio.signature(url, form), 204)):
            async with second.post(url, data=form, headers={"X-Twilio-Signature": signature}) as response:
                assert response.status == expected
        assert await database.fetchval("SELECT delivery FROM push.outbox WHERE id = $1", number) == "delivered"
        await void_tokens_end_streams(database, here, there, device)

    assert {message["fid"] for message in fcm.sent} == {FID}
    assert all(isinstance(message["data"], dict) and set(message["data"]) == {"id"} for message in fcm.sent)


async def void_tokens_end_streams(database: Database, here: Caller, there: Caller, device: str) -> None:
    """Both gateways hear at once that a phone has another token, and that it was removed."""
    both = [await caller.send("GET", "/phone/v1/live") for caller in (here, there)]
    newer = new_token("dvt")
    await database.execute(
        "UPDATE pairing.devices SET token = $2, token_digest = $3 WHERE id = $1",
        device, newer.public_id, secret_digest(newer.secret),
    )  # fmt: skip
    async with asyncio.timeout(15):  # half a minute before anybody would look by himself
        assert [(await each.read()).partition(b"\n")[0] for each in both] == [b"event: hello"] * 2
    assert (await here.send("GET", "/phone/v1/live")).status == 401

    here.token = there.token = newer.text
    both = [await caller.send("GET", "/phone/v1/live") for caller in (here, there)]
    await database.execute("UPDATE pairing.devices SET last_seen_at = now(), nickname = 'Outro' WHERE id = $1", device)
    await database.execute("UPDATE pairing.devices SET state = 'removed', removed_at = now() WHERE id = $1", device)
    async with asyncio.timeout(15):
        assert [each.status for each in both] == [200, 200]
        assert [(await each.read()).partition(b"\n")[0] for each in both] == [b"event: hello"] * 2
    assert (await there.send("GET", "/phone/v1/live")).status == 401


async def rung(database: Database, settings: Settings, device: str) -> None:
    """Something waits; the gateways' own workers carry it."""
    seal = Seal(settings.gateway_key("outbox"))
    outbox = OutboxService(database, SystemClock(), seal, OutboxWorker(database, SystemClock(), seal, {}))
    async with database.transaction() as connection:
        bells = DoorbellService(database, SystemClock(), outbox, pushing=True)
        await bells.ring(connection, [device], new_id("req"), SystemClock().now() + timedelta(minutes=3))


async def arrived(fcm: FakeFcm, count: int) -> None:
    """Google has so many."""
    async with asyncio.timeout(15):
        while len(fcm.sent) < count:
            await asyncio.sleep(0.05)
