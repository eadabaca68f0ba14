"""``/phone/v1/push``: where a phone is reached while its app is closed (docs/protocol.md 9.2)."""

from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from foundation.web import WireModel, answer, read_json
from push.domain.addresses import MAX_ENDPOINT
from push.ports import Devices
from push.service.addresses import AddressService


class AddressBody(WireModel):
    """``PUT push``: ``webpush`` has the first three, ``fcm`` the last."""

    kind: Literal["webpush", "fcm"]
    endpoint: Annotated[str, Field(max_length=MAX_ENDPOINT)] = ""
    p256dh: Annotated[str, Field(max_length=100)] = ""
    auth: Annotated[str, Field(max_length=40)] = ""
    fid: Annotated[str, Field(max_length=512)] = ""


def address_routes(addresses: AddressService, devices: Devices) -> list[web.RouteDef]:
    """The three."""
    handlers = _Addresses(addresses, devices)
    return [
        web.get("/phone/v1/push", handlers.show),
        web.put("/phone/v1/push", handlers.put),
        web.delete("/phone/v1/push", handlers.forget),
    ]


class _Addresses:
    def __init__(self, addresses: AddressService, devices: Devices) -> None:
        self._addresses = addresses
        self._devices = devices

    async def show(self, request: web.Request) -> web.Response:
        offer = await self._addresses.offer(await self._devices.device_id(request))
        return answer({"webpush": offer.vapid, "fcm": offer.fcm, "registered": offer.registered})

    async def put(self, request: web.Request) -> web.Response:
        device = await self._devices.device_id(request)
        body = await read_json(request, AddressBody)
        if body.kind == "fcm":
            await self._addresses.register_fcm(device, body.fid)
        else:
            await self._addresses.register_webpush(device, body.endpoint, body.p256dh, body.auth)
        return web.Response(status=204)

    async def forget(self, request: web.Request) -> web.Response:
        await self._addresses.forget(await self._devices.device_id(request))
        return web.Response(status=204)
