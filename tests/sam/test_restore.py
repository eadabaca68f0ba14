"""A database that was turned back as a whole, under the audit head kept outside: no work until an operator says so."""

import json
from datetime import timedelta

import pytest

from foundation.clock import FixedClock
from foundation.errors import LinkIdError
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.attempts.domain import Highest
from hsm_service.sam.memory import Memory
from hsm_service.sam.recall import WINDOW, Mind, recall
from hsm_service.sam.restore import accept_restore
from tests.sam.world import Authority, World, open_world

ECDSA = "ECDSA-SHA256"


async def test_a_restored_database_stops_the_sam(world: World, hsm: Hsm, authority: Authority) -> None:
    """Restored to an hour ago: refused; after accept-restore everything that waited is void, and it works again. A
    session's row that somebody turns back afterwards stays over: the audit says so."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm=ECDSA)
    activation = (await world.approve(phone, request))["activation"]
    waiting = await world.ask(credential, algorithm=ECDSA)
    session = await world.session(credential, phone)
    # "an hour ago": the head kept outside knows lines that the database has not
    head = json.loads(world.head.read_text())
    world.head.write_text(json.dumps({**head, "seq": head["seq"] + 7}))
    fresh = await open_world(hsm, world.database, world.head, FixedClock(world.clock.now()), authority)
    try:
        with pytest.raises(LinkIdError, match="database_rolled_back"):
            await fresh.sam.watch.look()
        assert (await fresh.call("status"))["ready"] is False
        for call in ("documents/waiting", "signatures/sign", "documents/decide", "emission/keys"):
            assert await fresh.refused(call, device=phone.id) == "sam_refuses_work"
        voided = await accept_restore(fresh.sam.database, fresh.sam.audit, fresh.clock, operator=phone.public.jkt)
        assert voided == {"documents": 1, "activations": 2, "consents": 0}
        await fresh.sam.watch.look()
        await world.sql("UPDATE sam.activations SET voided = false WHERE maximum IS NOT NULL")
        with pytest.raises(LinkIdError, match="activation_expired"):
            await fresh.use(session, 1, [bytes(32)])
        assert await fresh.refused("signatures/sign", **request.call(activation)) == "activation_expired"
        body = phone.decision(waiting.statement)
        code = await fresh.refused("documents/decide", document=waiting.id, device=phone.id, **body)
        assert code == "document_decided"
        again = await fresh.ask(credential, algorithm=ECDSA)
        decided = await fresh.approve(phone, again)
        fresh.verify(await world.certificate(credential), again, await fresh.sign(again, decided["activation"]))
    finally:
        await fresh.close()


async def test_restored_under_a_running_sam(world: World) -> None:
    """The chain shortened while the SAM runs: the next line finds it out; nothing is signed, nothing works any more."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm=ECDSA)
    activation = (await world.approve(phone, request))["activation"]
    await world.sql("DELETE FROM audit.lines WHERE seq > 3")
    await world.sql("UPDATE audit.heads SET seq = 3, hash = (SELECT hash FROM audit.lines WHERE seq = 3)")
    assert await world.refused("signatures/sign", **request.call(activation)) == "sam_refuses_work"
    assert await world.sql("SELECT * FROM sam.signatures") == []
    assert await world.refused("documents/waiting", device=phone.id) == "sam_refuses_work"


async def test_no_audit_line_no_signature(world: World) -> None:
    """The audit cannot be written: what was about to be signed is not, and can be when the audit works again."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm=ECDSA)
    activation = (await world.approve(phone, request))["activation"]
    await world.sql("REVOKE EXECUTE ON FUNCTION audit.append FROM linkid_sam")
    with pytest.raises(Exception, match=r"permission denied|audit"):
        await world.call("signatures/sign", **request.call(activation))
    assert await world.sql("SELECT * FROM sam.signatures") == []
    await world.sql("GRANT EXECUTE ON FUNCTION audit.append TO linkid_sam")
    world.verify(await world.certificate(credential), request, await world.sign(request, activation))


async def test_a_sam_that_did_not_look_does_nothing(hsm: Hsm, world: World, authority: Authority) -> None:
    """Closed until it has compared the database with the head outside."""
    fresh = await open_world(hsm, world.database, world.head, FixedClock(world.clock.now()), authority)
    try:
        assert await fresh.refused("documents/waiting", device="dev_0123456789abcdefghjkmnpqrs") == "sam_refuses_work"
    finally:
        await fresh.close()


async def test_old_lines_are_not_recalled(world: World, hsm: Hsm, authority: Authority) -> None:
    """A SAM that starts reads the last fifteen minutes, not years."""
    await world.credential("P-256")
    world.clock.advance(timedelta(days=30))
    fresh = await open_world(hsm, world.database, world.head, FixedClock(world.clock.now()), authority)
    try:
        mind = Mind(Memory(), fresh.sam.rooms.documents._store._seals, Highest())
        assert await recall(fresh.sam.database, mind, fresh.sam.audit, world.clock.now() - WINDOW) == 0
    finally:
        await fresh.close()
