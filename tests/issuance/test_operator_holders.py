"""An operator shuts a holder's certificate or opens it: what is sent, and what is said when it is not obeyed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from foundation.channel import private_app, serve_private
from foundation.clock import FixedClock
from foundation.encoding import JsonObject
from foundation.errors import Conflict, LinkIdError, NotFound, NotPermitted
from issuance.operator import OperatorContext, OperatorMistake, order_admission, order_block
from protocol import pins
from protocol.orders import HolderOrder, open_order

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CREDENTIAL = "cred_0123456789abcdefghjkmnpqrs"
BY: dict[str, Any] = {"credential": CREDENTIAL, "reason": "by-video", "case": "2026-17"}


class SamEar:
    """Says how the certificate stands; hears orders, or refuses what it is told to refuse."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.refusal: LinkIdError | None = None
        self.waiting: list[dict[str, str]] = []
        self.frozen: list[dict[str, str | int]] = []

    async def standing(self, body: JsonObject) -> JsonObject:
        told: JsonObject = {"credential": body["credential"], "state": "active", "number": 7, "block": None}
        return {**told, "waiting": [dict(one) for one in self.waiting], "frozen": [dict(one) for one in self.frozen]}

    async def order(self, body: JsonObject) -> JsonObject:
        self.heard.append(str(body["order"]))
        if self.refusal is not None:
            raise self.refusal
        return {"credential": CREDENTIAL, "act": "unblock", "changed": len(self.heard) == 1}


@pytest.fixture
async def sam() -> AsyncIterator[tuple[SamEar, OperatorContext]]:
    ear = SamEar()
    with TemporaryDirectory(prefix="op") as name:
        folder = Path(name)
        context = OperatorContext(
            key_file=folder / "operator.key",
            operators_file=folder / "operators.json",
            trust_file=folder / "trust.json",
            ac="unix:/nowhere",
            sams=[f"unix:{folder}/sam.sock"],
            emission_page="x",
            clock=FixedClock(NOW),
        )
        context.new_key("Ana")
        calls = {"credentials/standing": ear.standing, "credentials/order": ear.order}
        async with await serve_private(private_app(calls), f"unix:{folder}/sam.sock"):
            yield ear, context


async def test_an_order_about_what_was_seen(sam: tuple[SamEar, OperatorContext]) -> None:
    """Signed by the pinned key, of now, with the number that the SAM said; whether it changed anything is told."""
    ear, context = sam
    assert await order_block(context, act="unblock", **BY)
    assert not await order_block(context, act="unblock", **BY)
    order, _ = open_order(ear.heard[0], pins.operators(context.operators_file.read_bytes()))
    assert isinstance(order, HolderOrder)
    assert (order.act, order.credential, order.number, order.binding) == ("unblock", CREDENTIAL, 7, None)
    assert (order.reason, order.case, order.created) == ("by-video", "2026-17", int(NOW.timestamp()))


@pytest.mark.parametrize(
    ("code", "family", "told"),
    [
        ("order_outdated", Conflict, "look again"),
        ("order_invalid", NotPermitted, "linkid operator init"),
        ("order_not_fresh", NotPermitted, "clock"),
        ("credential_unknown", NotFound, "no such certificate"),
        ("something_else", NotPermitted, "something_else"),
    ],
)
async def test_what_the_sam_refuses(
    sam: tuple[SamEar, OperatorContext], code: str, family: type[LinkIdError], told: str
) -> None:
    """Each with what an operator can do about it."""
    ear, context = sam
    ear.refusal = family()
    ear.refusal.code = code  # type: ignore[misc]
    with pytest.raises(OperatorMistake, match=told):
        await order_block(context, act="unblock", **BY)


@pytest.mark.parametrize("wrong", [{"case": "Maria da Silva"}, {"case": ""}, {"reason": "holder-asked"}])
async def test_what_no_sam_would_take_is_not_sent(sam: tuple[SamEar, OperatorContext], wrong: dict[str, str]) -> None:
    """A name in the place of a case number, no case, a reason that identifies nobody."""
    ear, context = sam
    with pytest.raises(OperatorMistake, match="would not be taken"):
        await order_block(context, act="unblock", **{**BY, **wrong})
    assert ear.heard == []


async def test_a_phone_is_admitted_by_its_binding(sam: tuple[SamEar, OperatorContext]) -> None:
    """The one that waits, or the one that is named; never one of several at a guess."""
    ear, context = sam
    with pytest.raises(OperatorMistake, match="no such phone"):
        await order_admission(context, phone=None, **BY)
    for digit in "12":
        ear.waiting.append(
            {"binding": "bnd_" + digit * 26, "device": "dev_" + digit * 26, "nickname": f"Celular {digit}"}
        )
    with pytest.raises(OperatorMistake, match=r"several phones wait.*dev_1+ \(Celular 1\), dev_2"):
        await order_admission(context, phone=None, **BY)
    with pytest.raises(OperatorMistake, match="no such phone"):
        await order_admission(context, phone="dev_" + "3" * 26, **BY)
    assert await order_admission(context, phone="dev_" + "2" * 26, **BY) == "Celular 2"
    [jws] = ear.heard
    order, _ = open_order(jws, pins.operators(context.operators_file.read_bytes()))
    assert isinstance(order, HolderOrder)
    assert (order.act, order.binding, order.number) == ("admit", "bnd_" + "2" * 26, None)
