"""Two phones that the story may be told with: a real Chromium that shows the phone app, and one that is a program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from demo.agent import Offered
from sandbox_phone.domain import keys
from sandbox_phone.domain.statement import Statement
from sandbox_phone.emission import SandboxEmission
from sandbox_phone.errors import GatewayRefused
from sandbox_phone.phone import SandboxPhone

ReadCode = Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Evidence:
    """What the holder's side has of one decision: the very bytes, the answer to them, and the key that signed it."""

    document: bytes
    decision: dict[str, Any]
    device_key: dict[str, str]


class Refused(Exception):
    """The phone was told no; the message is what it was told."""


class Phone(Protocol):
    """What the story needs of a phone and its owner."""

    @property
    def evidence(self) -> list[Evidence]:
        """Of every decision that was taken, in order."""
        ...

    async def emit(self, protocol: str, cpf: str, install_password: str, usage_password: str) -> None:
        """Visit the emission page, to the end."""
        ...

    async def pair(self, number: str, read_code: ReadCode, nickname: str, password: str) -> None:
        """From the number to the approved test."""
        ...

    async def associate(self, offered: Offered) -> str:
        """Read what the computer shows, approve it; the check code."""
        ...

    async def approve(self, password: str) -> str:
        """Approve the request that waits; the verification code it showed. Raises Refused (wrong password …)."""
        ...

    async def refuse(self) -> None:
        """Refuse the request that waits."""
        ...

    async def close(self) -> None:
        """Put it away."""
        ...


class _Witness(SandboxPhone):
    """Keeps what it decided."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.kept: list[Evidence] = []

    async def _send(self, statement: Statement, body: dict[str, Any]) -> dict[str, Any]:
        answer = await super()._send(statement, body)
        self.kept.append(Evidence(statement.document, dict(body), dict(keys.public_jwk(self._key))))
        return answer


class SimulatedPhone:
    """A program with a real key. Codes are typed by hand: it has no camera."""

    def __init__(self, phone: _Witness) -> None:
        self._phone = phone

    @property
    def evidence(self) -> list[Evidence]:
        """Of every decision, in order."""
        return self._phone.kept

    @classmethod
    async def open(cls, app: str) -> SimulatedPhone:
        """A fresh one, which trusts what the app host says now."""
        return cls(await _Witness.open(app))

    async def emit(self, protocol: str, cpf: str, install_password: str, usage_password: str) -> None:
        """By the same calls as the page makes."""
        async with SandboxEmission(self._phone.trust) as visit:
            await visit.emit(
                protocol=protocol, cpf=cpf, install_password=install_password, usage_password=usage_password
            )

    async def pair(self, number: str, read_code: ReadCode, nickname: str, password: str) -> None:
        """One certificate: the first."""
        await self._phone.ask_code(number)
        credentials = await self._phone.give_code(await read_code())
        await self._phone.bind(credentials[0]["id"], password, nickname)
        await self._phone.approve_test()

    async def associate(self, offered: Offered) -> str:
        """By the typed code."""
        answer = await self._phone.approve(await self._phone.scan(offered.code))
        check: str = answer["next"]["check_code"]
        return check

    async def approve(self, password: str) -> str:
        """Waits for the doorbell."""
        statement = await self._phone.wait_for("sign")
        try:
            await self._phone.approve(statement, password)
        except GatewayRefused as refused:
            raise Refused(refused.reason) from refused
        code: str = statement.content["verification_code"]
        return code

    async def refuse(self) -> None:
        """By a signed no."""
        await self._phone.refuse(await self._phone.wait_for("sign"))

    async def close(self) -> None:
        """Close its connections."""
        await self._phone.close()


async def open_phone(kind: str, app: str, folder: Path) -> Phone:
    """``simulated`` or ``chromium``. ``folder``: where a browser keeps film and pictures."""
    if kind == "simulated":
        return await SimulatedPhone.open(app)
    from demo.chromium import ChromiumPhone

    return await ChromiumPhone.open(app, folder)
