"""Integrators: the order by which an operator makes one known to the SAM, or shuts it out there."""

from collections.abc import Mapping, Sequence
from typing import Literal

from foundation.channel import PrivateClient
from foundation.errors import JsonValue, LinkIdError
from foundation.ids import new_id
from issuance.operator.context import OperatorContext, OperatorMistake
from protocol.orders import client_name


async def order_client(
    context: OperatorContext,
    *,
    client: str,
    name: str,
    keys: Sequence[Mapping[str, str]] = (),
    state: Literal["registered", "disabled"] = "registered",
) -> None:
    """Sign it and hand it to a SAM; their database is one, so any SAM will do.

    ``keys``: of those that sign what they ask; none for the others. Raises OperatorMistake, whose ``detail`` says what
    to do; nothing is known there then, but after a lost answer, and repeating it is harmless.
    """
    created = int(context.clock.now().timestamp())
    try:
        newest = await _submitted(context, client, name, keys, state, created)
        if newest is not None:  # two orders within a second, or a clock that was ahead: this one is the operator's last
            newest = await _submitted(context, client, name, keys, state, newest + 1)
    except OperatorMistake:
        raise
    except (LinkIdError, ValueError) as cause:
        raise OperatorMistake(_explained(cause, context)) from cause
    if newest is not None:
        raise OperatorMistake("somebody else orders about the same application just now; try again")


async def _submitted(
    context: OperatorContext,
    client: str,
    name: str,
    keys: Sequence[Mapping[str, str]],
    state: str,
    created: int,
) -> int | None:
    """None when it was taken; else the time of the newer order that was there before."""
    payload: dict[str, JsonValue] = {
        "v": 1,
        "type": "client",
        "id": new_id("ord"),
        "created": created,
        "client": client,
        "name": client_name(name),
        "keys": [dict(key) for key in keys],
        "state": state,
    }
    jws = context.sign(payload)
    async with PrivateClient(list(context.sams), tls=context.tls) as sam:
        try:
            await sam.call("clients/register", {"order": jws})
        except LinkIdError as refused:
            newest = refused.data.get("newest")
            if refused.code != "order_outdated" or not isinstance(newest, int):
                raise
            return newest
    return None


def _explained(error: Exception, context: OperatorContext) -> str:
    code = error.code if isinstance(error, LinkIdError) else ""
    if code == "order_invalid":
        return "the SAM does not know this operator's key; run `linkid operator init` where its pins are kept"
    if code == "order_not_fresh":
        return "the SAM finds the order too old or too new; check this machine's clock"
    if code == "not_delivered":
        return f"no SAM answers at {', '.join(context.sams)}; is it running? (linkid serve)"
    return f"the SAM did not take the order ({error})"
