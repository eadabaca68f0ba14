"""The emission page without a page (section 9.1): captcha, identification, term, usage password, certificate."""

import asyncio
import base64
import json
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import altcha

from sandbox_phone.domain import decision as decisions
from sandbox_phone.domain import keys
from sandbox_phone.domain.statement import Statement, open_statement
from sandbox_phone.domain.trust import Trust
from sandbox_phone.domain.usage_password import About, weakness
from sandbox_phone.errors import GatewayRefused, TimedOut, Untrusted, WeakPassword
from sandbox_phone.gateway import Gateway, wall_clock

CAPTCHA_SECONDS: Final = 60.0
"""A proof of work takes about a second; beyond a minute something is wrong with it."""


def solve_captcha(challenge: dict[str, Any]) -> str:
    """An ALTCHA challenge's answer, as the widget would put it into the form. Slow. Raises TimedOut."""
    asked = altcha.Challenge.from_dict(challenge)
    solution = altcha.solve_challenge(asked, timeout=CAPTCHA_SECONDS)
    if solution is None:
        raise TimedOut("the captcha was not solved in time")
    answer = altcha.Payload(asked, solution).to_dict()
    return base64.b64encode(json.dumps(answer).encode()).decode("ascii")


class SandboxEmission:
    """One visit to the emission page, with a key of its own that lives as long as the visit."""

    def __init__(
        self,
        trust: Trust,
        *,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], int] = wall_clock,
        source: str | None = None,
    ) -> None:
        """``source``: the address of this machine to call from; the gateway limits visits by address."""
        self._trust = trust
        self._clock = clock
        self._key = keys.new_key()
        self.jkt = keys.thumbprint(keys.public_jwk(self._key))
        self._gateway = Gateway(trust.gateway, self._key, tls=tls, clock=clock, source=source)
        self._emission: str | None = None
        self._about = About()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._gateway.close()

    async def emit(self, *, protocol: str, cpf: str, install_password: str, usage_password: str) -> dict[str, Any]:
        """The whole visit. Answers {``state``, ``certificate``}. Raises GatewayRefused, Untrusted, BadPassword."""
        identify = await self.start(protocol)
        term = await self.identify(identify, cpf=cpf, install_password=install_password)
        wanted = await self.agree(term)
        return await self.set_password(wanted, usage_password)

    async def start(self, protocol: str) -> Statement:
        """Captcha and protocol number. Answers the ``emission-identify`` statement, by the AC."""
        challenge = await self._gateway.call("GET", "/emission/v1/captcha")
        captcha = await asyncio.to_thread(solve_captcha, challenge)
        answer = await self._gateway.call("POST", "/emission/v1/start", {"protocol": protocol, "captcha": captcha})
        statement = self._read(answer["statement"], "emission-identify", id=answer["emission"])
        self._demand(statement, protocol=protocol)
        self._emission = statement.id
        return statement

    async def identify(self, statement: Statement, *, cpf: str, install_password: str) -> Statement:
        """CPF and installation password. Answers the ``emission-term`` statement, by the AC."""
        body = await self._sign(statement, install_password, {"cpf": cpf})
        answer = await self._gateway.call("POST", f"/emission/v1/{self._emission}/identify", body)
        term = self._read(answer["statement"], "emission-term")
        self._demand(term, emission=self._emission, protocol=statement.content["protocol"], cpf=cpf)
        return term

    async def agree(self, term: Statement) -> Statement:
        """*Concordar com o termo*. Answers the ``emission-key`` statement, by the SAM."""
        told = {name: str(term.content.get(name, "")) for name in ("name", "email", "cpf", "phone")}
        self._about = About(**told)
        body = await self._sign(term, None)
        answer = await self._gateway.call("POST", f"/emission/v1/{self._emission}/agree", body)
        wanted = self._read(answer["statement"], "emission-key")
        self._demand(wanted, emission=self._emission)
        return wanted

    async def set_password(self, wanted: Statement, usage_password: str) -> dict[str, Any]:
        """*Cadastre a senha de USO*. Answers {``state``: emitted, ``certificate``}. Raises WeakPassword.

        While the service is away the same body is sent once more: the answer of the first is repeated.
        """
        weak = weakness(usage_password, self._about)
        if weak is not None:
            raise WeakPassword(weak)
        body = await self._sign(wanted, usage_password)
        path = f"/emission/v1/{self._emission}/password"
        try:
            return await self._gateway.call("POST", path, body)
        except GatewayRefused as refused:
            if refused.status != 503:
                raise
        await asyncio.sleep(1)
        return await self._gateway.call("POST", path, body)

    def _read(self, token: object, kind: str, id: str | None = None) -> Statement:
        return open_statement(self._trust, token, expected=[kind], own_key=self.jkt, now=self._clock(), id=id)

    async def _sign(
        self, statement: Statement, password: str | None, extra: dict[str, str] | None = None
    ) -> dict[str, Any]:
        return await asyncio.to_thread(
            decisions.decide, self._key, statement, decisions.APPROVE, password=password, extra=extra
        )

    def _demand(self, statement: Statement, **members: str | None) -> None:
        """What we are about to sign must be about what we asked for."""
        for name, value in members.items():
            if statement.content.get(name) != value:
                raise Untrusted(f"{statement.type} speaks of another {name}")
