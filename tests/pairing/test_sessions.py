"""Sessions at the phone's side of the gateway: relayed, listed, ended."""

from datetime import timedelta

import pytest

from foundation.ids import new_id
from pairing.ports import OpenSession
from protocol.documents import Document
from tests.pairing.conftest import Gateway
from tests.pairing.people import JOSES, MARIAS, Phone
from tests.support.sam_double import RIGHT_PROOF


def opened(gateway: Gateway, credential: str = MARIAS) -> OpenSession:
    """A session that the SAM tells of."""
    now = gateway.clock.now()
    made = OpenSession(
        activation=new_id("act"), request=new_id("req"), credential=credential, caller_kind="computer",
        caller_name="Notebook", purpose="Notas fiscais", until=now + timedelta(hours=8), maximum=200, used=3,
        created=now, last_used=None, with_key=True,
    )  # fmt: skip
    gateway.sam.open_sessions[made.activation] = made
    return made


@pytest.mark.parametrize(("with_key", "word"), [(True, "approve"), (False, "approve:without-key")])
async def test_a_session_is_decided_like_a_request(gateway: Gateway, with_key: bool, word: str) -> None:
    """It waits, its own word approves it, and its caller is woken; the other word is refused."""
    phone = await gateway.paired()
    fixed = gateway.sam.fix_session(MARIAS, with_key=with_key)
    _, waiting = await phone.call("GET", "/phone/v1/waiting")
    assert [(one["id"], one["type"]) for one in waiting["items"]] == [(fixed.document, "session")]
    document: Document = await phone.fetch(fixed.document)
    other = "approve" if word != "approve" else "approve:without-key"
    status, body = await phone.decide(document, other, proof=RIGHT_PROOF)
    assert (status, body["code"]) == (403, "decision_invalid")
    assert await phone.decide(document, word, proof=RIGHT_PROOF) == (200, {"state": "approved"})
    assert gateway.callers.woken == [document.id]


async def test_listed(gateway: Gateway) -> None:
    """Of whom, what for, until when, how far it has gone."""
    phone = await gateway.paired()
    session = opened(gateway)
    opened(gateway, JOSES)
    status, body = await phone.call("GET", "/phone/v1/sessions")
    assert (status, body) == (
        200,
        {
            "sessions": [
                {
                    "activation": session.activation, "request": session.request, "credential": MARIAS,
                    "caller": {"kind": "computer", "name": "Notebook"}, "purpose": "Notas fiscais",
                    "until": "2026-11-23T20:00:00Z", "maximum": 200, "used": 3, "created": "2026-11-23T12:00:00Z",
                    "last_used": None, "with_key": True,
                }
            ]
        },
    )  # fmt: skip


async def test_ended(gateway: Gateway) -> None:
    """By its holder's phone; somebody else's, and one that never was, are not found."""
    phone: Phone = await gateway.paired()
    session, other = opened(gateway), opened(gateway, JOSES)
    for activation in (other.activation, new_id("act"), "act_x", session.request):
        status, body = await phone.call("POST", f"/phone/v1/sessions/{activation}/end")
        assert (status, body["code"]) == (404, "session_not_found")
    assert (await phone.call("POST", f"/phone/v1/sessions/{session.activation}/end"))[0] == 204
    assert list(gateway.sam.open_sessions) == [other.activation]
    assert gateway.callers.ended == [session.activation]


async def test_a_stranger_sees_and_ends_nothing(gateway: Gateway) -> None:
    """Without a paired phone's token there is nothing here."""
    session = opened(gateway)
    phone = gateway.phone()
    assert (await phone.call("GET", "/phone/v1/sessions"))[0] == 401
    assert (await phone.call("POST", f"/phone/v1/sessions/{session.activation}/end"))[0] == 401
