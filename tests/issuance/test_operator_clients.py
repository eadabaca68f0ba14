"""An operator makes an integrator known to the SAM: what is sent, and what is said when it does not arrive."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from foundation.channel import private_app, serve_private
from foundation.clock import FixedClock
from foundation.encoding import JsonObject
from foundation.errors import Conflict, LinkIdError, NotPermitted
from issuance.operator import OperatorContext, OperatorMistake, order_client
from protocol import pins
from protocol.orders import ClientOrder, open_order

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLIENT = "cli_0123456789abcdefghjkmnpqrs"


class SamEar:
    """Hears orders, or refuses what it is told to refuse."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.refusals: list[LinkIdError] = []

    async def register(self, body: JsonObject) -> JsonObject:
        self.heard.append(str(body["order"]))
        if self.refusals:
            raise self.refusals.pop(0)
        return {"client": CLIENT, "state": "registered"}


def says(code: str, family: type[LinkIdError], **data: Any) -> LinkIdError:
    """A refusal under the SAM's own code."""
    error = family(data=data)
    error.code = code  # type: ignore[misc]
    return error


@pytest.fixture
def folder() -> Any:
    with TemporaryDirectory(prefix="op") as name:
        yield Path(name)


@pytest.fixture
def context(folder: Path) -> OperatorContext:
    made = OperatorContext(
        key_file=folder / "operator.key", operators_file=folder / "operators.json", trust_file=folder / "trust.json",
        ac="unix:/nowhere", sams=[f"unix:{folder}/sam.sock"], emission_page="x", clock=FixedClock(NOW),
    )  # fmt: skip
    made.new_key("Ana")
    return made


@pytest.fixture
async def sam(folder: Path) -> AsyncIterator[SamEar]:
    ear = SamEar()
    async with await serve_private(private_app({"clients/register": ear.register}), f"unix:{folder}/sam.sock"):
        yield ear


def opened(context: OperatorContext, jws: str) -> ClientOrder:
    """The order, by the pinned operator."""
    order, _ = open_order(jws, pins.operators(context.operators_file.read_bytes()))
    assert isinstance(order, ClientOrder)
    return order


async def test_an_order_that_the_sam_can_open(context: OperatorContext, sam: SamEar) -> None:
    """Signed with the pinned key, of now, with the name as phones show it and no keys but those given."""
    await order_client(context, client=CLIENT, name="Contratos\u200b  SA")
    await order_client(context, client=CLIENT, name="Contratos SA", state="disabled")
    one, two = (opened(context, jws) for jws in sam.heard)
    assert (one.client, one.name, one.keys, one.state) == (CLIENT, "Contratos SA", [], "registered")
    assert one.created == int(NOW.timestamp())
    assert (two.state, one.id == two.id) == ("disabled", False)


async def test_the_operators_last_word_counts(context: OperatorContext, sam: SamEar) -> None:
    """Registered and shut out within one second: the second order is dated after the first, once."""
    newest = int(NOW.timestamp())
    sam.refusals = [says("order_outdated", Conflict, newest=newest)]
    await order_client(context, client=CLIENT, name="x", state="disabled")
    assert [opened(context, jws).created for jws in sam.heard] == [newest, newest + 1]
    sam.refusals = [says("order_outdated", Conflict, newest=newest) for _ in range(2)]
    with pytest.raises(OperatorMistake, match="try again"):
        await order_client(context, client=CLIENT, name="x")


async def test_what_is_said_when_it_does_not_arrive(context: OperatorContext) -> None:
    """Nobody there: which address, and what to start."""
    with pytest.raises(OperatorMistake, match=r"no SAM answers at unix:.*linkid serve"):
        await order_client(context, client=CLIENT, name="x")


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (says("order_invalid", NotPermitted), "linkid operator init"),
        (says("order_not_fresh", NotPermitted), "clock"),
        (says("something_else", NotPermitted), "something_else"),
    ],
)
async def test_what_the_sam_refuses(context: OperatorContext, sam: SamEar, refusal: LinkIdError, told: str) -> None:
    """Each with what an operator can do about it."""
    sam.refusals = [refusal]
    with pytest.raises(OperatorMistake, match=told):
        await order_client(context, client=CLIENT, name="x")


async def test_without_a_key_nothing_is_sent(context: OperatorContext, sam: SamEar) -> None:
    """The message is the command that makes one; a name that nobody can read is refused here too."""
    with pytest.raises(OperatorMistake, match="name"):
        await order_client(context, client=CLIENT, name="\u202e...")
    context.key_file.unlink()
    with pytest.raises(OperatorMistake, match="linkid operator init"):
        await order_client(context, client=CLIENT, name="x")
    assert sam.heard == []
