"""``/links/v1``: what a computer asks for (docs/protocol.md 9.3). Every call is proved by the computer's key."""

from typing import Annotated

from aiohttp import web
from pydantic import Field

from foundation.encoding import JsonValue
from foundation.web import WireModel, answer, read_json
from pairing.service.computers import ComputerService
from pairing.service.links import LinkService
from pairing.web.doorkeeper import Doorkeeper
from pairing.web.phone import Line, credential_body

_PREFIX = "/links/v1"


class ComputerBody(WireModel):
    """``POST /links/v1``."""

    name: Line
    os: Line
    version: Line


class CheckBody(WireModel):
    """``POST {lnk}/check``."""

    code: Annotated[str, Field(max_length=32)]


class LinkRoutes:
    """Handlers."""

    def __init__(self, doorkeeper: Doorkeeper, links: LinkService, computers: ComputerService) -> None:
        """Made by ``pairing_routes``."""
        self._doorkeeper = doorkeeper
        self._links = links
        self._computers = computers

    def routes(self) -> list[web.RouteDef]:
        """The table."""
        return [
            web.post(_PREFIX, self.begin),
            web.delete(f"{_PREFIX}/computers/{{computer}}", self.leave),
            web.get(f"{_PREFIX}/{{link}}", self.look),
            web.post(f"{_PREFIX}/{{link}}/check", self.check),
            web.delete(f"{_PREFIX}/{{link}}", self.give_up),
        ]

    async def begin(self, request: web.Request) -> web.Response:
        proof = await self._doorkeeper.key(request)
        body = await read_json(request, ComputerBody)
        begun = await self._links.begin(
            proof.jkt,
            proof.jwk,
            name=body.name,
            os=body.os,
            version=body.version,
            address=self._doorkeeper.address(request),
        )
        return answer({"link": begun.link, "expires_in": begun.expires_in}, status=201)

    async def look(self, request: web.Request) -> web.Response:
        proof = await self._doorkeeper.key(request)
        view = await self._links.look(request.match_info["link"], proof.jkt)
        shown: dict[str, JsonValue] = {
            "frame": view.frame,
            "code": view.code,
            "phone": view.phone,
            "ended_by": view.ended_by,
        }
        present = {name: value for name, value in shown.items() if value is not None}
        return answer({"state": view.state, "expires_in": view.expires_in, **present})

    async def check(self, request: web.Request) -> web.Response:
        proof = await self._doorkeeper.key(request)
        body = await read_json(request, CheckBody)
        done = await self._links.check(request.match_info["link"], proof.jkt, body.code)
        return answer(
            {"computer": done.computer, "credentials": [credential_body(facts) for facts in done.credentials]}
        )

    async def give_up(self, request: web.Request) -> web.Response:
        proof = await self._doorkeeper.key(request)
        await self._links.give_up(request.match_info["link"], proof.jkt)
        return web.Response(status=204)

    async def leave(self, request: web.Request) -> web.Response:
        proof = await self._doorkeeper.key(request)
        await self._computers.leave(request.match_info["computer"], proof.jkt)
        return web.Response(status=204)
