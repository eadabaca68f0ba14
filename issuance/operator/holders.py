"""Holders: the orders by which an operator shuts a certificate, opens it again, or admits a phone at once."""

from typing import Literal

from foundation.channel import PrivateClient
from foundation.errors import JsonObject, JsonValue, LinkIdError
from foundation.ids import new_id
from issuance.operator.context import OperatorContext, OperatorMistake


async def standing(context: OperatorContext, credential: str) -> JsonObject:
    """How a certificate stands at the SAM: `credentials/standing` (docs/protocol.md section 10).

    Raises OperatorMistake.
    """
    try:
        async with PrivateClient(list(context.sams), tls=context.tls) as sam:
            return await sam.call("credentials/standing", {"credential": credential})
    except LinkIdError as cause:
        raise OperatorMistake(_explained(cause, context)) from cause


async def order_block(
    context: OperatorContext, *, credential: str, act: Literal["block", "unblock"], reason: str, case: str
) -> bool:
    """Shut a certificate or open it again, as it stands now; whether that changed anything. Raises OperatorMistake."""
    stands = await standing(context, credential)
    return await _obeyed(context, {"act": act, "credential": credential, "number": stands["number"], "binding": None,
                                   "reason": reason, "case": case})  # fmt: skip


async def order_admission(
    context: OperatorContext, *, credential: str, phone: str | None, reason: str, case: str
) -> str:
    """Let a phone decide that waits: the only one, or ``phone``. Its nickname. Raises OperatorMistake."""
    listed = (await standing(context, credential)).get("waiting")
    waiting = [one for one in (listed if isinstance(listed, list) else []) if isinstance(one, dict)]
    chosen = [one for one in waiting if phone in (None, one.get("device"))]
    if not chosen:
        raise OperatorMistake("no such phone waits for this certificate")
    if len(chosen) > 1:
        names = ", ".join(f"{one.get('device')} ({one.get('nickname')})" for one in chosen)
        raise OperatorMistake(f"several phones wait; name one with --phone: {names}")
    await _obeyed(context, {"act": "admit", "credential": credential, "number": None,
                            "binding": chosen[0].get("binding"), "reason": reason, "case": case})  # fmt: skip
    return str(chosen[0].get("nickname"))


async def _obeyed(context: OperatorContext, said: JsonObject) -> bool:
    head: dict[str, JsonValue] = {
        "v": 1,
        "type": "holder",
        "id": new_id("ord"),
        "created": int(context.clock.now().timestamp()),
    }
    jws = context.sign({**head, **said})
    try:
        async with PrivateClient(list(context.sams), tls=context.tls) as sam:
            return (await sam.call("credentials/order", {"order": jws})).get("changed") is True
    except LinkIdError as cause:
        raise OperatorMistake(_explained(cause, context)) from cause


def _explained(error: LinkIdError, context: OperatorContext) -> str:
    match error.code:
        case "order_invalid":
            return "the SAM does not know this operator's key; run `linkid operator init` where its pins are kept"
        case "order_not_fresh":
            return "the SAM finds the order too old or too new; check this machine's clock"
        case "order_outdated":
            return "it changed just now, while you ordered; look again (linkid holder show)"
        case "credential_unknown":
            return "there is no such certificate"
        case "credential_not_active":
            return "it is not active: not issued yet, or revoked"
        case "not_delivered":
            return f"no SAM answers at {', '.join(context.sams)}; is it running? (linkid serve)"
        case _:
            return f"the SAM did not take the order ({error})"
