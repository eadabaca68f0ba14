"""Where a phone is reached: what is taken as an address, by whom, and how it is kept."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from foundation.clock import FixedClock
from foundation.database import Database
from foundation.web import new_app
from push.domain.addresses import (
    AddressBook,
    AddressKind,
    FcmAddress,
    WebPushAddress,
    application_server_key,
    read_fcm,
    read_webpush,
    vapid_key,
)
from push.errors import AddressInvalid, SealDamaged
from push.service.addresses import AddressService
from push.settings import WebPushSettings
from push.web import address_routes
from tests.push.conftest import KEY, NamedDevices
from tests.support.fake_push_service import Browser

HOSTS = WebPushSettings(contact="equipe@example.com").hosts
FID = "dX1y2z3w4v5u6t7s8r9q0p"
GOOD = Browser().subscription


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc:def_-",
        "https://updates.push.services.mozilla.com/wpush/v2/abc",
        "https://web.push.apple.com/QGx?y=1",
        "https://db5p.notify.windows.com:443/w/?token=abc%2f",
    ],
)
def test_known_push_services_are_taken(endpoint: str) -> None:
    """The four that browsers of today use."""
    assert read_webpush(endpoint, GOOD["p256dh"], GOOD["auth"], HOSTS).endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "https://",
        "http://fcm.googleapis.com/fcm/send/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://[::1/a",
        "https://2130706433/a",
        "https://localhost/a",
        "https://169.254.169.254/latest/meta-data/",
        "https://fcm.googleapis.com.evil.example/a",
        "https://evilfcm.googleapis.com/a",
        "https://push.apple.com.evil.example/a",
        "https://evilpush.apple.com/a",
        "https://.push.apple.com/a",
        "https://push.apple.com/a",
        "https://fcm.googleapis.com@evil.example/a",
        "https://user:word@fcm.googleapis.com/a",
        "https://fcm.googleapis.com:8443/a",
        "https://fcm.googleapis.com:99999/a",
        "https://fcm.googleapis.com./a",
        "https://fcm.googleapis.com\\@evil.example/a",
        "https://fcm.googleapis.com/a#b",
        "https://fcm.googleapis.com/a b",
        "https://fcm.goo\tgleapis.com/a",
        "https://fcm.googleapis.com/a\r\nHost: evil",
        "https://fcm。googleapis。com/a",
        "file:///etc/passwd",
        "https://fcm.googleapis.com/" + "a" * 1024,
    ],
)
def test_no_phone_points_us_at_a_machine_of_its_choice(endpoint: str) -> None:
    """Only listed hosts, by HTTPS, at the usual port: everything else is refused before it is kept."""
    with pytest.raises(AddressInvalid):
        read_webpush(endpoint, GOOD["p256dh"], GOOD["auth"], HOSTS)


@pytest.mark.parametrize(
    "change",
    [
        {"p256dh": ""},
        {"p256dh": "A" * 87},
        {"p256dh": GOOD["p256dh"][:-4]},
        {"p256dh": GOOD["p256dh"] + "="},
        {"auth": ""},
        {"auth": GOOD["auth"][:-2]},
        {"auth": GOOD["auth"] + "AAAA"},
        {"auth": "ç" * 22},
    ],
)
def test_keys_that_are_none_are_refused(change: dict[str, str]) -> None:
    """A point that is not on the curve, another length, another alphabet."""
    with pytest.raises(AddressInvalid):
        read_webpush(**{**GOOD, **change}, hosts=HOSTS)


@pytest.mark.parametrize(
    "fid", ["", "short", "a" * 513, "with space in the middle", "../../../../etc/passwd", "é" * 30]
)
def test_a_firebase_id_looks_like_one(fid: str) -> None:
    """It becomes part of a message to Google."""
    with pytest.raises(AddressInvalid):
        read_fcm(fid)


def test_an_address_opens_for_its_own_phone_and_kind_only() -> None:
    """Whoever can write rows cannot have one phone rung in another's place."""
    book = AddressBook(KEY)
    address = WebPushAddress(**GOOD)
    sealed = book.close(address, "dev_a", bytes(12))

    assert book.open(sealed, AddressKind.WEBPUSH, "dev_a") == address
    for damaged, kind, device in (
        (sealed, AddressKind.WEBPUSH, "dev_b"),
        (sealed, AddressKind.FCM, "dev_a"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), AddressKind.WEBPUSH, "dev_a"),
        (b"", AddressKind.WEBPUSH, "dev_a"),
    ):
        with pytest.raises(SealDamaged):
            book.open(damaged, kind, device)
    assert book.name(address) != AddressBook(bytes(32)).name(address)
    assert book.name(FcmAddress(GOOD["endpoint"])) != book.name(address)


def test_our_key_is_the_same_at_every_gateway_and_another_under_another_secret() -> None:
    """Browsers subscribe with it once; every gateway signs by it."""
    assert application_server_key(vapid_key(KEY)) == application_server_key(vapid_key(KEY))
    assert application_server_key(vapid_key(KEY)) != application_server_key(vapid_key(bytes(32)))
    assert len(application_server_key(vapid_key(KEY))) == 87


class Desk:
    """The three calls of phones, over HTTP."""

    def __init__(self, database: Database, clock: FixedClock, *, vapid: str | None, fcm: bool) -> None:
        self.database = database
        service = AddressService(database, clock, AddressBook(KEY), vapid=vapid, fcm=fcm, hosts=HOSTS)
        app = new_app()
        app.add_routes(address_routes(service, NamedDevices()))
        self.client: TestClient[Any, Any] = TestClient(TestServer(app))

    async def call(self, method: str, device: str | None, body: object = None) -> tuple[int, dict[str, Any]]:
        headers = {} if device is None else {"Test-Device": device}
        response = await self.client.request(method, "/phone/v1/push", headers=headers, json=body)
        return response.status, {} if response.status == 204 else await response.json()

    async def rows(self) -> list[tuple[str, str]]:
        found = await self.database.fetch("SELECT device, kind FROM push.addresses ORDER BY device")
        return [(row["device"], row["kind"]) for row in found]


@pytest.fixture
async def desk(gateway_database: Database, clock: FixedClock) -> AsyncIterator[Desk]:
    desk = Desk(gateway_database, clock, vapid="BKey", fcm=True)
    await desk.client.start_server()
    yield desk
    await desk.client.close()


async def test_a_phone_registers_changes_and_forgets_its_address(desk: Desk) -> None:
    """One address at a time, of either kind, by its own authenticated calls; forgetting twice is once."""
    assert await desk.call("GET", "dev_a") == (200, {"webpush": "BKey", "fcm": True, "registered": None})
    assert (await desk.call("PUT", "dev_a", {"kind": "webpush", **GOOD}))[0] == 204
    assert (await desk.call("PUT", "dev_a", {"kind": "webpush", **GOOD}))[0] == 204
    assert (await desk.call("GET", "dev_a"))[1]["registered"] == "webpush"
    assert (await desk.call("PUT", "dev_a", {"kind": "fcm", "fid": FID}))[0] == 204
    assert await desk.rows() == [("dev_a", "fcm")]
    for _ in range(2):
        assert (await desk.call("DELETE", "dev_a"))[0] == 204
    assert await desk.rows() == []


async def test_an_address_belongs_to_who_registered_it_last(desk: Desk) -> None:
    """A browser that was paired anew is another device; the old one must not ring there any more."""
    await desk.call("PUT", "dev_old", {"kind": "webpush", **GOOD})
    await desk.call("PUT", "dev_new", {"kind": "webpush", **GOOD})

    assert await desk.rows() == [("dev_new", "webpush")]


async def test_nothing_readable_is_kept(desk: Desk) -> None:
    """A copy of the table shows no address, and does not confirm a guessed one."""
    await desk.call("PUT", "dev_a", {"kind": "webpush", **GOOD})
    row = await desk.database.fetchrow("SELECT addresses::text AS all FROM push.addresses")

    assert row is not None
    for secret in ("mozilla", GOOD["auth"], GOOD["p256dh"]):
        assert secret not in row["all"]
        assert secret.encode().hex() not in row["all"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "webpush", **GOOD, "endpoint": "https://127.0.0.1/"}, "push_address_invalid"),
        ({"kind": "webpush"}, "push_address_invalid"),
        ({"kind": "fcm", **GOOD}, "push_address_invalid"),
        ({"kind": "apns", "fid": FID}, "invalid_field"),
        ({"kind": "webpush", **GOOD, "device": "dev_b"}, "invalid_field"),
        ({"kind": "webpush", **GOOD, "endpoint": 1}, "invalid_field"),
        ({"kind": "webpush", **GOOD, "endpoint": "https://fcm.googleapis.com/" + "a" * 2_000}, "invalid_field"),
        ([], "invalid_field"),
    ],
)
async def test_hostile_bodies_change_nothing(desk: Desk, body: object, code: str) -> None:
    """Wrong kinds, wrong types, somebody else's id, the huge and the empty: refused, and nothing is repeated."""
    await desk.call("PUT", "dev_a", {"kind": "fcm", "fid": FID})
    status, answer = await desk.call("PUT", "dev_a", body)

    assert (status, answer["code"]) == (400, code)
    assert "127.0.0.1" not in str(answer)
    assert await desk.rows() == [("dev_a", "fcm")]


async def test_strangers_reach_none_of_it(desk: Desk) -> None:
    """Neither to look, nor to register, nor to silence somebody's phone."""
    await desk.call("PUT", "dev_a", {"kind": "fcm", "fid": FID})
    for method, body in (("GET", None), ("PUT", {"kind": "fcm", "fid": FID}), ("DELETE", None)):
        assert (await desk.call(method, None, body))[0] == 401
    assert await desk.rows() == [("dev_a", "fcm")]


async def test_what_is_not_set_up_is_not_taken(gateway_database: Database, clock: FixedClock) -> None:
    """Without a push service of that kind, an address of it would only lie around."""
    desk = Desk(gateway_database, clock, vapid=None, fcm=False)
    async with desk.client:
        assert await desk.call("GET", "dev_a") == (200, {"webpush": None, "fcm": False, "registered": None})
        for body in ({"kind": "webpush", **GOOD}, {"kind": "fcm", "fid": FID}):
            status, answer = await desk.call("PUT", "dev_a", body)
            assert (status, answer["code"]) == (404, "push_not_offered")
        assert await desk.rows() == []
