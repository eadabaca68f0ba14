"""The test holders: who they are, and the way of one from nothing to a certificate and a paired phone.

They walk every step that a person walks: an operator's order, the emission page, the SMS (read from the development
inbox), the usage password, the test ring.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from issuance.operator import OperatorContext
from issuance.operator.requests import Wish, place_request
from sandbox_phone.emission import SandboxEmission
from sandbox_phone.errors import PhoneError
from sandbox_phone.loopback import connector
from sandbox_phone.phone import SandboxPhone
from sandbox_phone.storage import FileStorage

_CODE: Final = re.compile(r"\b(\d{6})\b")
_SMS_SECONDS: Final = 20.0
_LOOK_AGAIN: Final = 0.1
_BIRTH: Final = "01/01/1980"
_VALID_DAYS: Final = 365


@dataclass(frozen=True)
class TestHolder:
    """One of them. ``manner``: what their phone does, as words of `python -m sandbox_phone wait`."""

    __test__ = False  # not one of pytest's

    key: str
    name: str
    cpf: str
    number: str
    key_algorithm: str
    manner: tuple[str, ...]
    about: str

    @property
    def variable(self) -> str:
        """In the file that a shell reads: `HOLDER_APPROVES`."""
        return f"HOLDER_{self.key.upper()}"


HOLDERS: Final = (
    TestHolder(
        "approves", "Ana Aprova Teste", "70010020110", "+5531990010001", "RSA-2048",
        ("--approve", "--without-key"), "approves whatever arrives",
    ),
    TestHolder(
        "refuses", "Rui Recusa Teste", "70010020209", "+5531990010002", "P-256",
        ("--refuse",), "refuses: 400 access_denied, reason refuse:changed-mind",
    ),
    TestHolder(
        "ignores", "Ivo Ignora Teste", "70010020381", "+5531990010003", "P-256",
        (), "never answers: 202, and after three minutes 400 expired_token",
    ),
    TestHolder(
        "mistypes", "Eva Engano Teste", "70010020462", "+5531990010004", "P-256",
        ("--mistype",), "types the password wrong once, then right",
    ),
)  # fmt: skip
"""Valid by their check digits and nobody's by their names."""


class NoSms(Exception):
    """The development inbox did not show the code in time."""


def phone_file(folder: Path, holder: TestHolder) -> Path:
    """What that holder's phone remembers."""
    return folder / f"phone-{holder.key}.json"


async def is_settled(folder: Path, holder: TestHolder, credential: str) -> bool:
    """Whether the phone kept there still answers for this certificate."""
    file = phone_file(folder, holder)
    if not file.exists():
        return False
    try:
        async with await SandboxPhone.open(storage=FileStorage(file)) as phone:
            bindings: list[dict[str, Any]] = (await phone.about())["bindings"]
    except PhoneError:
        return False
    return any(one["credential"] == credential and one["state"] == "active" for one in bindings)


async def settle(
    operator: OperatorContext, folder: Path, holder: TestHolder, password: str, *, app: str, gateway: str
) -> str:
    """A certificate and a paired phone for one who has neither (any more); the credential.

    Raises LinkIdError of the order, PhoneError, NoSms.
    """
    wish = Wish(
        name=holder.name,
        cpf=holder.cpf,
        birth=_BIRTH,
        email=f"{holder.key}@example.com",
        phone=holder.number,
        key_algorithm=holder.key_algorithm,
        valid_days=_VALID_DAYS,
    )
    placed = await place_request(wish, operator)
    file = phone_file(folder, holder)
    file.unlink(missing_ok=True)
    async with await SandboxPhone.open(app, storage=FileStorage(file)) as phone:
        async with SandboxEmission(phone.trust) as visit:
            await visit.emit(
                protocol=placed.protocol,
                cpf=holder.cpf,
                install_password=placed.install_password,
                usage_password=password,
            )
        before = await _newest(gateway)
        await phone.ask_code(holder.number)
        credentials = await phone.give_code(await _sms_code(gateway, holder.number, before))
        credential = _the_newest(credentials)
        await phone.bind(credential, password, f"Celular de {holder.name}")
        await phone.approve_test()
    return credential


def _the_newest(credentials: list[dict[str, Any]]) -> str:
    """Certificates of a phone that was lost stay at its number: of them all, the newest ends last."""
    return str(max(credentials, key=lambda one: str(one["valid_to"]))["id"])


async def _messages(gateway: str) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession(connector=connector()) as session:
        async with session.get(f"{gateway}/dev/inbox.json") as answer:
            found: list[dict[str, Any]] = (await answer.json())["messages"]
            return found


async def _newest(gateway: str) -> int:
    return max((message["number"] for message in await _messages(gateway)), default=0)


async def _sms_code(gateway: str, number: str, after: int) -> str:
    try:
        async with asyncio.timeout(_SMS_SECONDS):
            while True:
                for message in await _messages(gateway):
                    code = _CODE.search(message["text"])
                    if code and message["to"] == number and message["number"] > after:
                        return code[1]
                await asyncio.sleep(_LOOK_AGAIN)
    except TimeoutError:
        raise NoSms(f"no SMS for {number} in the development inbox within {_SMS_SECONDS:g} s") from None
