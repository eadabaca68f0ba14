"""``POST /push/v1/twilio/{message}``: what became of an SMS (docs/protocol.md 9.11). Only where its token is set."""

from aiohttp import web

from foundation.errors import BadInput
from push.service.deliveries import DeliveryService

CALLBACK_PATH = "/push/v1/twilio/"
_MAX_BODY = 8192
_HEADER = "X-Twilio-Signature"


def callback_routes(deliveries: DeliveryService, origin: str) -> list[web.RouteDef]:
    """``origin``: our address as the provider was given it; what it signs names that, not what a proxy made of it."""

    async def twilio(request: web.Request) -> web.Response:
        if (request.content_length or 0) > _MAX_BODY or request.content_type != "application/x-www-form-urlencoded":
            raise BadInput("a form of at most 8 KiB")
        form = await request.post()
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        if len(texts) != len(form):
            raise BadInput("each parameter once, as text")
        await deliveries.heard(
            origin + request.path_qs, texts, request.headers.get(_HEADER, ""), request.match_info["message"]
        )
        return web.Response(status=204)

    return [web.post(CALLBACK_PATH + r"{message:\d{1,19}}", twilio)]
