"""Sessions with everything wrong that can be: never one signature more than the holder allowed, to nobody else."""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from foundation.encoding import b64u
from foundation.errors import LinkIdError
from foundation.ids import new_id
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.signatures.signer import Signer as SamSigner
from tests.sam.world import Authority, Session, Signer, World, digest, open_world

pytestmark = pytest.mark.asyncio


@dataclass
class Open:
    """A session of ten signatures, of a computer, and nothing used yet."""

    world: World
    credential: str
    phone: Signer
    session: Session

    async def refused(self, number: int = 1, digests: list[bytes] | None = None, /, **changes: Any) -> str:
        """The code; and nothing was signed."""
        before = await self.signed()
        made = {name: changes.pop(name) for name in ("key", "said") if name in changes}
        body = {**self.session.body(number, digests or [digest("a")], **made), **changes}
        code = await self.world.refused("signatures/use", **body)
        assert await self.signed() == before
        return code

    async def signed(self) -> int:
        """Uses with signatures."""
        return len(await self.world.sql("SELECT 1 FROM sam.uses WHERE signatures IS NOT NULL"))

    async def used(self) -> int:
        """As the row says."""
        rows = await self.world.sql("SELECT used FROM sam.activations WHERE id = $1", self.session.activation)
        return int(rows[0]["used"])


@pytest.fixture
async def opened(world: World) -> Open:
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    return Open(world, credential, phone, await world.session(credential, phone))


ZERO = "0123456789abcdefghjkmnpqrs"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"secret": b64u(bytes(32))}, "seal_broken"),
    ({"secret": b64u(bytes(31))}, "sam_bad_call"),
    ({"counter": 0}, "sam_bad_call"),
    ({"counter": 2**53}, "sam_bad_call"),
    ({"counter": True}, "sam_bad_call"),
    ({"counter": "1"}, "sam_bad_call"),
    ({"counter": None}, "sam_bad_call"),
    ({"counter": 2}, "use_invalid"),
    ({"hashes": [b64u(digest("b"))]}, "use_invalid"),
    ({"hashes": []}, "algorithm_refused"),
    ({"hashes": [b64u(bytes(31))]}, "algorithm_refused"),
    ({"hashes": [b64u(bytes(64))]}, "algorithm_refused"),
    ({"hashes": [b64u(digest("a"))] * 101}, "algorithm_refused"),
    ({"sign_algorithm": "ECDSA-SHA384", "hash_algorithm": "SHA-384"}, "hashes_not_approved"),
    ({"sign_algorithm": "ECDSA-MD5"}, "hashes_not_approved"),
    ({"hash_algorithm": "MD5"}, "hashes_not_approved"),
    ({"use": None}, "use_invalid"),
    ({"use": {}}, "use_invalid"),
    ({"use": {"signature": None}}, "use_invalid"),
    ({"use": {"signature": 5}}, "use_invalid"),
    ({"use": {"signature": b64u(bytes(64))}}, "use_invalid"),
    ({"use": {"signature": b64u(bytes(63))}}, "use_invalid"),
    ({"use": {"signature": "A" * 10_000}}, "use_invalid"),
    ({"use": "x"}, "sam_bad_call"),
    ({"key": Signer()}, "use_invalid"),
    ({"said": {"activation": f"act_{ZERO}"}}, "use_invalid"),
    ({"said": {"counter": 2}}, "use_invalid"),
    ({"said": {"sign_algorithm": "RSA-PSS-SHA256"}}, "use_invalid"),
    ({"caller": {"kind": "integrator", "id": f"cli_{ZERO}"}}, "activation_unknown"),
    ({"caller": {"kind": "computer", "id": f"cmp_{ZERO}"}}, "activation_unknown"),
    ({"activation": f"act_{ZERO}"}, "activation_unknown"),
]


async def test_refused(opened: Open) -> None:
    """Wrong secret, counter, hashes, algorithm, signature, caller or activation: refused, and nothing is counted."""
    for change, code in WRONG:
        assert (change, await opened.refused(1, None, **change)) == (change, code)
    assert await opened.used() == 0
    assert len(await opened.world.use(opened.session, 1, [digest("a")])) == 1


async def test_the_order_of_the_hashes_is_signed(opened: Open) -> None:
    """A gateway that passes the hashes in another order than the caller signed is refused."""
    good = opened.session.body(1, [digest("a"), digest("b")])
    turned = {**good, "hashes": list(reversed(good["hashes"]))}
    assert await opened.world.refused("signatures/use", **turned) == "use_invalid"


async def test_what_a_use_gave_leaves_when_its_line_is_kept_outside(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the audit's head cannot be kept the stored signatures are not handed out either, however often one asks."""

    def refuses(*_: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    with monkeypatch.context() as broken:
        broken.setattr("foundation.audit.chain.write_head", refuses)
        body = opened.session.body(1, [digest("a")])
        for _ in range(2):
            assert await opened.world.refused("signatures/use", **body) == "audit_head_not_kept"
        assert await opened.signed() == 1
    assert len(await opened.world.use(opened.session, 1, [digest("a")])) == 1
    assert await opened.signed() == 1


async def test_a_counter_serves_one_use(opened: Open) -> None:
    """Other hashes under a counter that served: refused, whoever signed them, and not counted; the first stays."""
    first = await opened.world.use(opened.session, 1, [digest("a")])
    assert await opened.refused(1, [digest("b")]) == "counter_used"
    assert await opened.refused(1, [digest("a"), digest("b")]) == "counter_used"
    assert await opened.world.use(opened.session, 1, [digest("a")]) == first
    assert await opened.used() == 1


async def test_never_one_more(opened: Open) -> None:
    """Ten were allowed: the eleventh is refused, in one piece or alone; repetitions of the ten are not."""
    await opened.world.use(opened.session, 1, [digest(str(number)) for number in range(9)])
    assert await opened.refused(2, [digest("a"), digest("b")]) == "session_exhausted"
    last = await opened.world.use(opened.session, 3, [digest("c")])
    assert await opened.refused(4, [digest("d")]) == "session_exhausted"
    assert await opened.world.use(opened.session, 3, [digest("c")]) == last


async def test_fifty_at_once_get_ten(opened: Open) -> None:
    """Fifty uses in parallel of a session of ten: ten are signed, forty refused."""
    world, session = opened.world, opened.session

    async def one(number: int) -> str:
        try:
            await world.use(session, number, [digest(str(number))])
        except LinkIdError as error:
            return error.code
        return "signed"

    answers = await asyncio.gather(*(one(number) for number in range(1, 51)))
    assert {code: answers.count(code) for code in set(answers)} == {"signed": 10, "session_exhausted": 40}
    assert (await opened.signed(), await opened.used()) == (10, 10)


async def test_over_to_the_second(opened: Open) -> None:
    """In the last second it is open, from its end on it is not."""
    ends = opened.session.statement.document.number("until")
    opened.world.clock.advance(timedelta(seconds=ends - 1) - timedelta(seconds=opened.world.clock.now().timestamp()))
    await opened.world.use(opened.session, 1, [digest("a")])
    opened.world.clock.advance(timedelta(seconds=1))
    assert await opened.refused(2) == "activation_expired"
    assert await opened.refused(1) == "activation_expired"


async def test_the_two_kinds_of_activation_do_not_mix(opened: Open) -> None:
    """A session signs nothing by ``signatures/sign``, an activation of listed hashes nothing by ``signatures/use``."""
    body = opened.session.body(1, [digest("a")])
    listed = {name: value for name, value in body.items() if name not in ("counter", "use")}
    assert await opened.world.refused("signatures/sign", **listed) == "activation_unknown"
    request = await opened.world.ask(opened.credential, [digest("a")], "ECDSA-SHA256", caller=opened.session.caller)
    activation = (await opened.world.approve(opened.phone, request))["activation"]
    used = opened.session.body(1, [digest("a")], activation=activation, secret=b64u(request.secret),
                               said={"activation": activation})  # fmt: skip
    assert await opened.world.refused("signatures/use", **used) == "activation_unknown"


async def test_another_sessions_secret_and_key(opened: Open) -> None:
    """A second computer of the same holder, with a session of its own, uses its own only."""
    world = opened.world
    other = await world.session(opened.credential, opened.phone)
    assert await opened.refused(caller=other.caller) == "activation_unknown"
    assert await opened.refused(key=other.key) == "use_invalid"
    assert await opened.refused(secret=b64u(other.secret)) == "seal_broken"


# --- what a session rests on ----------------------------------------------------------------------------------------


async def _end(opened: Open) -> None:
    await opened.world.call("sessions/end", activation=opened.session.activation, device=opened.phone.id)


async def _unpair(opened: Open) -> None:
    await opened.world.call("bindings/end", device=opened.phone.id)


async def _pair_again(opened: Open) -> None:
    await opened.world.phone(opened.credential, opened.phone)


async def _end_association(opened: Open) -> None:
    await opened.world.call("associations/end", computer=opened.session.caller["id"])


async def _associate_again(opened: Open) -> None:
    world, id_ = opened.world, opened.session.caller["id"]
    computer = {"id": id_, "name": "x", "os": "x", "key": world.signers[id_].public.jwk, "address": "192.0.2.1"}
    made = await world.call(
        "documents/associate", device=opened.phone.id, credentials=[opened.credential], computer=computer
    )
    await world.decide(opened.phone, made)


async def _give_back(opened: Open) -> None:
    stranger = {**opened.session.caller, "id": new_id("cmp")}
    for caller in (stranger, {"kind": "integrator", "id": new_id("cli")}):
        await opened.world.call("sessions/give_back", activation=opened.session.activation, caller=caller)
    await opened.world.use(opened.session, 1, [digest("a")])  # another's word ends nothing
    for _ in range(2):
        await opened.world.call(
            "sessions/give_back", activation=opened.session.activation, caller=opened.session.caller
        )


async def _not_me(opened: Open) -> None:
    request = await opened.world.ask(opened.credential, algorithm="ECDSA-SHA256", caller=opened.session.caller)
    body = opened.phone.decision(request.statement, word="refuse:not-me")
    await opened.world.call("documents/decide", document=request.id, device=opened.phone.id, **body)


async def _revoke(opened: Open) -> None:
    certificate = opened.session.statement.document.text("certificate")
    await opened.world.call("credentials/revoke", revocation=opened.world.authority.revocation(certificate))


@pytest.mark.parametrize(
    "end", [_end, _give_back, _unpair, _pair_again, _end_association, _associate_again, _not_me, _revoke]
)
async def test_it_ends_with_what_it_rests_on(opened: Open, end: Callable[[Open], Awaitable[None]]) -> None:
    """Ended by the holder; given back by its caller; phone unpaired or paired anew; association over or made anew;
    "not me"; revoked: no more signatures from the next use on, with an audit line, and what it sealed is gone."""
    await opened.world.use(opened.session, 1, [digest("a")])
    await end(opened)
    assert await opened.refused(2, [digest("b")]) == "activation_expired"
    assert await opened.refused(1) == "activation_expired"
    row = (await opened.world.sql("SELECT * FROM sam.activations WHERE id = $1", opened.session.activation))[0]
    assert (row["sealed"], row["voided"]) == (b"", True)
    assert (await opened.world.events()).count("session.ended") == 1


async def test_an_integrator_shut_out_or_without_its_key(world: World) -> None:
    """An order that replaces an integrator's keys, or shuts it out, ends what its old key could do."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    key = Signer()
    caller = await world.register(signer=key)
    first = await world.session(credential, phone, caller=caller)
    await world.use(first, 1, [digest("a")])
    world.clock.advance(timedelta(seconds=2))
    await world.register(caller["id"], Signer())
    assert await world.refused("signatures/use", **first.body(2, [digest("b")])) == "hashes_not_approved"
    world.clock.advance(timedelta(seconds=2))
    await world.register(caller["id"], key)
    await world.use(first, 3, [digest("c")])
    world.clock.advance(timedelta(seconds=2))
    await world.register(caller["id"], key, state="disabled")
    assert await world.refused("signatures/use", **first.body(4, [digest("d")])) == "activation_expired"
    world.clock.advance(timedelta(seconds=2))
    await world.register(caller["id"], key)
    assert await world.refused("signatures/use", **first.body(5, [digest("e")])) == "activation_expired"


async def test_each_condition_is_looked_at_by_itself(opened: Open) -> None:
    """Even if the row still said open: phone unbound, computer not associated, caller frozen, are each refused."""
    world, id_ = opened.world, opened.session.activation
    sealed = (await world.sql("SELECT sealed FROM sam.activations WHERE id = $1", id_))[0]["sealed"]

    async def put_back() -> None:
        await world.sql("UPDATE sam.activations SET voided = false, sealed = $2 WHERE id = $1", id_, sealed)
        world.sam.rooms.sessions._memory._ended.clear()

    await _not_me(opened)
    await put_back()
    assert await opened.refused() == "caller_frozen"
    await world.sql("DELETE FROM sam.freezes")
    await _unpair(opened)
    await put_back()
    assert await opened.refused() == "activation_expired"
    await _end_association(opened)
    await put_back()
    assert await opened.refused() == "caller_not_associated"


# --- whoever writes to the database ---------------------------------------------------------------------------------


async def test_a_count_that_went_back_is_noticed(opened: Open) -> None:
    """Lower the count behind the SAM's back: refused, with an alarm; nobody gets an eleventh signature."""
    world, session = opened.world, opened.session
    for number in range(1, 11):
        await world.use(session, number, [digest(str(number))])
    await world.sql("UPDATE sam.activations SET used = 0 WHERE id = $1", session.activation)
    assert await opened.refused(11) == "activation_expired"
    await world.sql("DELETE FROM sam.uses")
    assert await opened.refused(11) == "activation_expired"
    assert "session.turned_back" in await world.events()


async def test_a_count_that_went_back_while_nobody_ran(opened: Open, hsm: Hsm, authority: Authority) -> None:
    """A SAM that starts learns the count of every session from the audit before it lets it be used, also when the
    session began, and was used, long before the minutes that it reads at its start."""
    world, session = opened.world, opened.session
    for number in range(1, 11):
        await world.use(session, number, [digest(str(number))])
    world.clock.advance(timedelta(minutes=45))
    await world.sql("UPDATE sam.activations SET used = 0 WHERE id = $1", session.activation)
    await world.sql("DELETE FROM sam.uses")
    fresh = await open_world(hsm, world.database, world.head, world.clock, authority)
    try:
        await fresh.sam.watch.look()
        assert await fresh.refused("signatures/use", **session.body(11, [digest("a")])) == "activation_expired"
        assert "session.turned_back" in await world.events()
    finally:
        await fresh.close()


async def test_an_end_that_was_taken_back_while_nobody_ran(opened: Open, hsm: Hsm, authority: Authority) -> None:
    """The row of a session that the holder ended is put back: the audit knows better."""
    world, session = opened.world, opened.session
    before = (await world.sql("SELECT sealed FROM sam.activations WHERE id = $1", session.activation))[0]
    await _end(opened)
    world.clock.advance(timedelta(minutes=45))
    await world.sql(
        "UPDATE sam.activations SET voided = false, sealed = $2 WHERE id = $1", session.activation, before["sealed"]
    )
    assert await opened.refused() == "activation_expired"
    fresh = await open_world(hsm, world.database, world.head, world.clock, authority)
    try:
        await fresh.sam.watch.look()
        assert await fresh.refused("signatures/use", **session.body(1, [digest("a")])) == "activation_expired"
    finally:
        await fresh.close()


@pytest.mark.parametrize(
    "change",
    ["maximum = 100000", "until = until + interval '1 day'", "binding = 'bnd_0123456789abcdefghjkmnpqrs'"],
)
async def test_terms_in_the_row_are_under_its_mac(opened: Open, change: str) -> None:
    """Another end, maximum or phone in the row: it does not exist any more."""
    await opened.world.sql(f"UPDATE sam.activations SET {change} WHERE id = $1", opened.session.activation)
    assert await opened.refused() == "activation_unknown"
    assert "row.forged" in await opened.world.events()


async def test_a_use_that_nobody_reserved(opened: Open) -> None:
    """Rows of uses written by hand, to be signed without being counted, do not exist."""
    world, session = opened.world, opened.session
    from protocol.sessions import Use

    use = Use(session.activation, 1, "SHA-256", "ECDSA-SHA256", [digest("a")])
    await world.sql(
        "INSERT INTO sam.uses (activation, counter, digest, count, total, reserved_at, mac)"
        " VALUES ($1, 1, $2, 1, 1, now(), $3)",
        session.activation, use.digest, os.urandom(33),
    )  # fmt: skip
    assert await opened.refused(1) == "signature_not_released"
    first = await world.use(session, 2, [digest("a")])
    await world.sql("UPDATE sam.uses SET counter = 3 WHERE counter = 2")
    assert await opened.refused(3) == "signature_not_released"
    await world.sql("DELETE FROM sam.uses WHERE counter = 1")
    await world.sql("UPDATE sam.uses SET counter = 2 WHERE counter = 3")
    assert await world.use(session, 2, [digest("a")]) == first
    assert "row.forged" in await world.events()


async def test_stored_signatures_that_somebody_changed_stay(opened: Open) -> None:
    """What is released is what was released before, and verifies: another row gives nothing away."""
    world, session = opened.world, opened.session
    await world.use(session, 1, [digest("a")])
    await world.use(session, 2, [digest("b")])
    await world.sql("UPDATE sam.uses SET signatures = ARRAY[$1::bytea] WHERE counter = 1", os.urandom(70))
    assert await opened.refused(1) == "signature_not_released"
    await world.sql("UPDATE sam.uses SET state = 'reserved', signatures = NULL WHERE counter = 2")
    assert await opened.refused(2, [digest("b")]) == "signature_not_released"
    assert {"use.changed", "use.turned_back"} <= set(await world.events())


async def test_a_crash_after_reserving_is_not_counted_twice(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reserved, then the HSM fails: the same use completes later; other hashes do not take its place."""
    world, session = opened.world, opened.session

    async def fails(*_: Any) -> list[bytes]:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(SamSigner, "sign", fails)
        with pytest.raises(RuntimeError):
            await world.use(session, 1, [digest("a"), digest("b")])
    assert await opened.used() == 2
    assert await opened.refused(1, [digest("a"), digest("c")]) == "counter_used"
    assert len(await world.use(session, 1, [digest("a"), digest("b")])) == 2
    assert await opened.used() == 2


async def test_ended_between_opening_and_counting(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """An end that comes while a use is being looked at is obeyed by it."""
    world = opened.world
    store = world.sam.rooms.sessions._store
    original = store.seal

    async def ends_meanwhile(*given: Any) -> Any:
        await _end(opened)
        return await original(*given)

    monkeypatch.setattr(store, "seal", ends_meanwhile)
    assert await opened.refused(1) == "activation_expired"
    assert await opened.used() == 0


# --- asking ---------------------------------------------------------------------------------------------------------


async def test_an_ask_for_hashes_is_no_ask_for_a_session(opened: Open) -> None:
    """The terms are what the computer signed: a gateway changes none, and turns no ask into another."""
    world, caller = opened.world, opened.session.caller
    until = int(world.clock.now().timestamp()) + 3600
    body = {
        "credential": opened.credential, "caller": caller, "until": until,
        "maximum": 10, "purpose": "x", "hash_algorithm": "SHA-256", "sign_algorithm": "ECDSA-SHA256",
        "activation_key": b64u(bytes(31) + b"\x09"),
    }  # fmt: skip
    listed = {**body, "hashes": [b64u(digest("a"))], "documents": [{"label": "x", "size": None}]}
    lies: list[dict[str, Any]] = [
        {"ask": world.signed_ask(listed)},
        {"ask": None},
        {"ask": world.signed_session_ask(body), "maximum": 11},
        {"ask": world.signed_session_ask(body), "until": until + 1},
        {"ask": world.signed_session_ask(body), "purpose": "y"},
        {"ask": world.signed_session_ask(body, Signer())},
    ]
    for lie in lies:
        assert await world.refused("documents/session", **{**body, **lie}) == "ask_invalid"
    signed = world.signed_session_ask(body)
    assert await world.refused("documents/sign", **{**listed, "ask": signed}) == "ask_invalid"
    await world.call("documents/session", **body, ask=signed)
    assert len(await world.sql("SELECT 1 FROM sam.documents WHERE type = 'session' AND state = 'waiting'")) == 1


async def test_bearers_sign_nothing(world: World) -> None:
    """A use that is signed where the session has no key is refused: it takes itself for protected, and is not."""
    credential = await world.credential("P-256")
    session = await world.session(credential, await world.phone(credential), caller=await world.register())
    body = session.body(1, [digest("a")], key=Signer())
    assert await world.refused("signatures/use", **body) == "use_invalid"
    await world.use(session, 1, [digest("a")])
    other = {**session.body(2, [digest("b")]), "caller": await world.register()}
    assert await world.refused("signatures/use", **other) == "activation_unknown"


async def test_a_phone_of_another_credential_approves_nothing(opened: Open) -> None:
    """Somebody else's phone neither sees nor approves nor ends a session."""
    world = opened.world
    other = await world.credential("P-256")
    stranger = await world.phone(other)
    asked = await world.ask_session(opened.credential, caller=await world.computer(opened.credential, opened.phone))
    body = stranger.decision(asked.statement)
    code = await world.refused("documents/decide", document=asked.id, device=stranger.id, **body)
    assert code == "document_unknown"
    ended = await world.refused("sessions/end", activation=opened.session.activation, device=stranger.id)
    assert ended == "activation_unknown"
    await world.use(opened.session, 1, [digest("a")])


async def test_a_look_from_before_the_signature_is_no_alarm(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same use twice: one saw it counted and not signed before the other released. It looks again."""
    world, session = opened.world, opened.session
    room: Any = world.sam.rooms.sessions
    counted, looked, released = asyncio.Event(), asyncio.Event(), asyncio.Event()
    opens, signs = room._opening.open, room._signer.sign

    async def slow(permit: Any, certificate: bytes) -> list[bytes]:
        made: list[bytes] = await signs(permit, certificate)
        counted.set()
        await looked.wait()
        return made

    async def late(call: Any) -> Any:
        found = await opens(call)
        looked.set()
        await released.wait()
        return found

    monkeypatch.setattr(room._signer, "sign", slow)
    first = asyncio.create_task(world.use(session, 1, [digest("a")]))
    await counted.wait()
    monkeypatch.setattr(room._opening, "open", late)
    second = asyncio.create_task(world.use(session, 1, [digest("a")]))
    made = await first
    released.set()
    assert await second == made
    assert "use.turned_back" not in await world.events()
