"""``GET /phone/v1/live``: a stream of doorbells (Server-Sent Events, as WHATWG's HTML has them).

::

    event: hello                      the stream is open; whatever rings already follows at once
    event: doorbell                   data: {"id":"not_…"}: something waits, ask what
    : heartbeat                       every 15 s, so that nobody in between thinks it dead

It ends after 55 s, before proxies end it (60 s is common), and the phone opens another: that is also when a removed
phone, or one whose network changed, is noticed.
"""

import asyncio
import contextlib
import json
from dataclasses import dataclass

from aiohttp import web

from push.ports import Devices
from push.service.live import LiveHub, Stream


@dataclass(frozen=True)
class LiveSettings:
    """Seconds."""

    heartbeat: float = 15.0
    life: float = 55.0


def live_routes(hub: LiveHub, devices: Devices, settings: LiveSettings | None = None) -> list[web.RouteDef]:
    """The route; ``hub.close`` belongs into ``app.on_shutdown``, so that stopping need not wait for streams."""
    return [web.get("/phone/v1/live", _Live(hub, devices, settings or LiveSettings()).stream)]


class _Live:
    def __init__(self, hub: LiveHub, devices: Devices, settings: LiveSettings) -> None:
        self._hub = hub
        self._devices = devices
        self._settings = settings

    async def stream(self, request: web.Request) -> web.StreamResponse:
        device = await self._devices.device_id(request)
        stream = await self._hub.open(device)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx would keep events until it has some kilobytes
            }
        )
        try:
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):  # the phone went away, which is how most streams end
                await self._write(response, stream)
        finally:
            self._hub.leave(stream)
        return response

    async def _write(self, response: web.StreamResponse, stream: Stream) -> None:
        await response.write(b"event: hello\ndata: {}\n\n")
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.life
        while (left := end - loop.time()) > 0:
            try:
                doorbell = await stream.next(min(left, self._settings.heartbeat))
            except TimeoutError:
                await response.write(b": heartbeat\n\n")
                continue
            if doorbell is None:
                return
            data = json.dumps({"id": doorbell})
            await response.write(f"event: doorbell\ndata: {data}\n\n".encode("ascii"))
