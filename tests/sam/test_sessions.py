"""A session, whole: asked for, approved once, used many times, listed, ended."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from hsm_service.hsm.facade import Hsm
from hsm_service.sam.errors import CallerFrozen, TooManyPending
from hsm_service.sam.sessions.domain import heard, told
from protocol.errors import SessionRefused
from protocol.sessions import MAX_COUNTER
from tests.sam.world import Authority, Signer, World, digest, open_world, raw

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("P-256", "ECDSA-SHA256"), ("RSA-2048", "RSA-PSS-SHA256"), ("RSA-2048", "RSA-PKCS1-SHA512")],
)
async def test_one_approval_many_signatures(world: World, kind: str, algorithm: str) -> None:
    """The phone says yes once; each use is signed by the computer, counted, and verifies with the certificate."""
    credential = await world.credential(kind)
    phone = await world.phone(credential)
    computer = await world.computer(credential, phone, "Notebook da Maria")
    asked = await world.ask_session(credential, algorithm, caller=computer)
    document = asked.statement.document
    assert (document.type, document.number("maximum"), document.text("purpose")) == (
        "session", 10, "Prontuários do plantão",
    )  # fmt: skip
    assert document.object("caller")["name"] == "Notebook da Maria"
    assert document.texts("session_key") == [world.signers[computer["id"]].public.jkt]
    waiting = await world.call("documents/waiting", device=phone.id)
    assert [(item["document"], item["type"]) for item in waiting["items"]] == [(asked.id, "session")]
    decided = await world.call(
        "documents/decide", document=asked.id, device=phone.id, **phone.decision(asked.statement)
    )
    asked.activation = decided["activation"]
    state = await world.call("documents/state", document=asked.id)
    assert state == {"state": "approved", "activation": asked.activation, "until": document.number("until")}
    length = 64 if "512" in algorithm else 32
    digests = [(digest(text) * 2)[:length] for text in ("a", "b", "c", "a")]
    made = [await world.use(asked, number, [one]) for number, one in enumerate(digests, 1)]
    assert len({tuple(one) for one in made}) == (3 if "PKCS1" in algorithm else 4)
    assert len(await world.use(asked, 77, digests[:3])) == 3
    assert (await world.events()).count("session.used") == 5


async def test_a_repetition_gets_the_stored_signatures(world: World) -> None:
    """The same counter with the same hashes: the very same ECDSA signatures, counted and audited once."""
    credential = await world.credential("P-256")
    session = await world.session(credential, await world.phone(credential))
    first = await world.use(session, 5, [digest("a"), digest("b")])
    again = await asyncio.gather(*(world.use(session, 5, [digest("a"), digest("b")]) for _ in range(10)))
    assert all(one == first for one in again)
    assert (await world.sql("SELECT used FROM sam.activations WHERE id = $1", session.activation))[0]["used"] == 2
    assert (await world.events()).count("session.used") == 1


async def test_the_same_use_many_times_at_once_is_one(world: World) -> None:
    """Twenty calls of one new use: signed and counted once, whoever is first."""
    credential = await world.credential("P-256")
    session = await world.session(credential, await world.phone(credential))
    made = await asyncio.gather(*(world.use(session, 1, [digest("a")]) for _ in range(20)))
    assert len({tuple(one) for one in made}) == 1
    assert (await world.sql("SELECT used FROM sam.activations WHERE id = $1", session.activation))[0]["used"] == 1


async def test_without_a_key_only_by_its_own_word(world: World) -> None:
    """A caller without keys gets a session by ``approve:without-key`` alone, and nobody else by that word."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    bearer = await world.ask_session(credential)
    assert bearer.statement.document.texts("session_key") == []
    plain = phone.decision(bearer.statement)
    assert await world.refused("documents/decide", document=bearer.id, device=phone.id, **plain) == "decision_invalid"
    session = await world.session(credential, phone, caller=await world.register())
    assert len(await world.use(session, 1, [digest("a")])) == 1
    guarded = await world.ask_session(credential, caller=await world.computer(credential, phone))
    listed = await world.ask(credential, algorithm="ECDSA-SHA256", caller=await world.register())
    for request in (guarded, listed):
        body = phone.decision(request.statement, word="approve:without-key")
        code = await world.refused("documents/decide", document=request.id, device=phone.id, **body)
        assert code == "decision_invalid"


async def test_a_session_counts_among_requests(world: World) -> None:
    """One request of a caller at a time, of whichever type; its verification code rests like the others; "not me"
    freezes its caller."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    computer = await world.computer(credential, phone)
    asked = await world.ask_session(credential, caller=computer)
    assert asked.statement.document.text("verification_code").isdigit()
    with pytest.raises(TooManyPending):
        await world.ask(credential, algorithm="ECDSA-SHA256", caller=computer)
    with pytest.raises(TooManyPending):
        await world.ask_session(credential, caller=computer)
    refusal = phone.decision(asked.statement, word="refuse:not-me")
    await world.call("documents/decide", document=asked.id, device=phone.id, **refusal)
    evidence = await world.call("documents/evidence", document=asked.id, device=phone.id)
    assert evidence["evidence"]
    with pytest.raises(CallerFrozen):
        await world.ask_session(credential, caller=computer)


async def test_listed_and_ended(world: World) -> None:
    """A phone sees the open sessions of its credentials, how far they have gone, and ends them: at once, for ever."""
    credential = await world.credential("P-256")
    phone, stranger = await world.phone(credential), Signer()
    session = await world.session(credential, phone)
    await world.use(session, 1, [digest("a"), digest("b")])
    (told,) = (await world.call("sessions/list", device=phone.id))["sessions"]
    now = int(world.clock.now().timestamp())
    document = session.statement.document
    assert told == {
        "activation": session.activation, "request": session.id, "credential": credential,
        "caller": dict(document.object("caller")), "purpose": "Prontuários do plantão",
        "until": document.number("until"), "maximum": 10, "used": 2, "created": document.created, "last_used": now,
        "with_key": True,
    }  # fmt: skip
    assert (await world.call("sessions/list", device=stranger.id))["sessions"] == []
    end = {"activation": session.activation}
    assert await world.refused("sessions/end", device=stranger.id, **end) == "activation_unknown"
    await world.use(session, 2, [digest("c")])
    for _ in range(2):
        await world.call("sessions/end", device=phone.id, **end)
    assert (await world.call("sessions/list", device=phone.id))["sessions"] == []
    assert await world.refused("signatures/use", **session.body(3, [digest("d")])) == "activation_expired"
    assert await world.refused("signatures/use", **session.body(1, [digest("a"), digest("b")])) == "activation_expired"
    assert (await world.events()).count("session.ended") == 1
    row = (await world.sql("SELECT sealed, voided FROM sam.activations WHERE id = $1", session.activation))[0]
    assert (row["sealed"], row["voided"]) == (b"", True)


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"until": 59}, "too_short"),
        ({"until": 7 * 86400 + 1}, "too_long"),
        ({"maximum": 0}, "too_many"),
        ({"maximum": 100_001}, "too_many"),
    ],
)
async def test_terms_have_limits(world: World, terms: dict[str, int], why: str) -> None:
    """One minute to seven days, one to a hundred thousand signatures: and the limits themselves are allowed."""
    credential = await world.credential("P-256")
    now = int(world.clock.now().timestamp())
    asked: dict[str, Any] = {name: now + value if name == "until" else value for name, value in terms.items()}
    with pytest.raises(SessionRefused) as refused:
        await world.ask_session(credential, **asked)
    assert refused.value.data == {"why": why}
    inside = {"until": {59: 60, 7 * 86400 + 1: 7 * 86400}, "maximum": {0: 1, 100_001: 100_000}}
    for name, value in terms.items():
        allowed = inside[name][value]
        good: dict[str, Any] = {name: now + allowed if name == "until" else allowed}
        await world.ask_session(credential, **good)


async def test_not_beyond_the_certificate(world: World) -> None:
    """A session ends with its certificate at the latest; and the question ends with the session."""
    possession = await world.bound_key("P-256")
    chain = world.authority.chain(raw(possession["spki"]), days=2)
    credential = str(possession["credential"])
    await world.call("credentials/activate", credential=credential, chain=chain)
    ends = world.authority.start + timedelta(days=2)
    with pytest.raises(SessionRefused) as refused:
        await world.ask_session(credential, until=int(ends.timestamp()) + 1)
    assert refused.value.data == {"why": "after_certificate"}
    asked = await world.ask_session(credential, until=int(world.clock.now().timestamp()) + 90)
    assert asked.statement.document.expires == asked.statement.document.number("until")


async def test_a_restart_knows_how_far_it_went(world: World, hsm: Hsm, authority: Authority) -> None:
    """Another process goes on with the session, however long ago it began, and repeats what was released."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    session = await world.session(credential, phone, maximum=4)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    await world.sign(request, (await world.approve(phone, request))["activation"])
    first = await world.use(session, 1, [digest("a"), digest("b")])
    world.clock.advance(timedelta(minutes=50))
    fresh = await open_world(hsm, world.database, world.head, world.clock, authority)
    try:
        await fresh.sam.watch.look()
        assert await fresh.use(session, 1, [digest("a"), digest("b")]) == first
        assert not fresh.sam.rooms.signatures._memory._released  # of days ago, sessions only
        await fresh.use(session, 2, [digest("c"), digest("d")])
        assert await fresh.refused("signatures/use", **session.body(3, [digest("e")])) == "session_exhausted"
    finally:
        await fresh.close()


async def test_the_audit_line_of_a_use(world: World) -> None:
    """Ids, digests and counts; no hash, no purpose, no name."""
    credential = await world.credential("P-256")
    session = await world.session(credential, await world.phone(credential))
    await world.use(session, 9, [digest("a")])
    rows = await world.sql("SELECT body FROM audit.lines ORDER BY seq DESC LIMIT 1")
    said = json.loads(rows[0]["body"])
    assert {name for name in said if name not in ("v", "chain", "seq", "at", "prev")} == {
        "event", "activation", "document", "credential", "counter", "count", "used", "hashes", "algorithm",
        "signatures",
    }  # fmt: skip
    assert (said["event"], said["counter"], said["count"], said["used"]) == ("session.used", 9, 1, 1)


async def test_a_counter_cut_from_a_digest_serves_as_any_other(world: World, hsm: Hsm, authority: Authority) -> None:
    """Callers without keys need not count, and the number made for them has up to 16 digits: told to the audit (which
    takes no number as long as a CPF) and recalled from it, so that a SAM that starts knows what was released."""
    credential = await world.credential("P-256")
    session = await world.session(credential, await world.phone(credential))
    for counter in (10**9 - 1, 10**9, 52998224725, MAX_COUNTER):
        first = await world.use(session, counter, [digest("a")])
        assert await world.use(session, counter, [digest("a")]) == first
        assert heard(told(counter)) == counter
    rows = await world.sql("SELECT body FROM audit.lines ORDER BY seq DESC LIMIT 1")
    assert json.loads(rows[0]["body"])["counter"] == "b" + 13 * "p"
    fresh = await open_world(hsm, world.database, world.head, world.clock, authority)
    try:
        await fresh.sam.watch.look()
        known = fresh.sam.rooms.sessions._memory
        assert known.released(session.activation, MAX_COUNTER) is not None
        assert known.released(session.activation, 10**9) is not None
        assert known.released(session.activation, 0) is None
    finally:
        await fresh.close()
