"""A request's life on a real database, with the SAM behind its channel: rivals, crashes, lateness, patience."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from foundation.errors import Unavailable
from foundation.ids import new_id
from hsm_service.signing import errors
from hsm_service.signing.domain.request import Ask, Caller, CallerKind
from hsm_service.signing.ports import FixedDocument
from hsm_service.signing.service import Approved, Asked
from hsm_service.signing.store import RequestStore
from protocol.errors import CallerUnknown
from tests.signing.asking import MINE, OTHER, ask_for, sad_of, signed, state_of
from tests.support.signing_world import IN_MODULES_LOOP, World, digest

pytestmark = [IN_MODULES_LOOP, pytest.mark.usefixtures("known")]


async def test_the_row_has_no_secret_no_hash_and_no_label(world: World) -> None:
    """A dump of the gateway's tables shows who asked and when; nothing in it opens an activation."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential, "contrato"))
    rows = await world.owner.fetch("SELECT r::text AS text FROM signing.requests r")
    text = " ".join(row["text"] for row in rows)
    assert asked.document in text
    assert asked.handle.rsplit("_", 1)[1] not in text
    assert digest("contrato").hex() not in text
    assert "contrato" not in text


async def test_of_twenty_rivals_one_rings(world: World) -> None:
    """One pending request for each caller and credential, however many ask at the same moment."""
    credential = await world.credential()
    outcomes = await asyncio.gather(
        *(world.signing.ask(MINE, ask_for(credential)) for _ in range(20)), return_exceptions=True
    )
    assert sum(isinstance(one, Asked) for one in outcomes) == 1
    assert all(isinstance(one, Asked | errors.RequestPending) for one in outcomes)
    assert len(world.doorbell.rings) == 1


async def test_another_caller_may_ask_meanwhile_until_five(world: World) -> None:
    """Other callers of the same credential ring too, five in all."""
    credential = await world.credential()
    for number in range(5):
        caller = Caller(CallerKind.INTEGRATOR, f"cli_{number:026}", f"Sistema {number}")
        await world.signing.ask(caller, ask_for(credential))
    with pytest.raises(errors.RequestPending):
        await world.signing.ask(MINE, ask_for(credential))
    world.clock.advance(timedelta(seconds=181))
    await world.signing.ask(MINE, ask_for(credential))


async def test_what_the_sam_refuses_bars_nobody(world: World) -> None:
    """When the SAM does not fix the document, nothing rings and the caller may ask again at once."""
    credential = await world.credential()
    known = world.sam.credentials.pop(credential)
    with pytest.raises(errors.UnknownCredential):
        await world.signing.ask(MINE, ask_for(credential))
    assert world.doorbell.rings == []
    world.sam.credentials[credential] = known
    await world.signing.ask(MINE, ask_for(credential))


async def test_an_integrator_that_the_sam_does_not_know_rings_nothing(world: World) -> None:
    """Its token is good, its order is missing: one error of its own, and it may ask again as soon as it is there."""
    credential = await world.credential()
    name = world.sam.integrators.pop(MINE.id)
    with pytest.raises(CallerUnknown):
        await world.signing.ask(MINE, ask_for(credential))
    assert world.doorbell.rings == []
    world.sam.integrators[MINE.id] = name
    await world.signing.ask(MINE, ask_for(credential))


async def test_a_sam_that_is_away_is_told_and_bars_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unavailable, and the next try is free."""
    credential = await world.credential()

    async def away(caller: Caller, ask: Ask, activation_key: bytes) -> FixedDocument:
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(world.signing._sam, "fix_sign_document", away)
        with pytest.raises(Unavailable):
            await world.signing.ask(MINE, ask_for(credential))
    await world.signing.ask(MINE, ask_for(credential))


async def test_a_gateway_that_died_while_asking_bars_nobody_for_long(world: World) -> None:
    """A row left in asked gives way after half a minute."""
    credential = await world.credential()
    await world.signing.ask(MINE, ask_for(credential))
    await world.owner.execute("UPDATE signing.requests SET state = 'asked', document = NULL")
    with pytest.raises(errors.RequestPending):
        await world.signing.ask(MINE, ask_for(credential))
    world.clock.advance(timedelta(seconds=181))
    await world.signing.ask(MINE, ask_for(credential))


async def test_a_request_nobody_asked_about_again_gives_way(world: World) -> None:
    """The pending request of a caller that vanished is settled by the SAM's word when the caller comes back."""
    credential = await world.credential()
    first = await world.signing.ask(MINE, ask_for(credential))
    world.sam.approve(first.document)
    second = await world.signing.ask(MINE, ask_for(credential))
    assert await state_of(world, first) == "approved"
    assert await state_of(world, second) == "waiting"


async def test_the_sad_is_the_same_however_often_it_is_fetched(world: World) -> None:
    """A lost 200 costs no approval."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    sad = await sad_of(world, MINE, asked)
    again = await asyncio.gather(*(world.signing.check(MINE, asked.handle) for _ in range(10)))
    assert {one.sad for one in again if isinstance(one, Approved)} == {sad}
    world.clock.advance(299)
    assert isinstance(await world.signing.check(MINE, asked.handle), Approved)
    world.clock.advance(1)
    with pytest.raises(errors.RequestLapsed):
        await world.signing.check(MINE, asked.handle)


@pytest.mark.parametrize("kind", ["handle", "sad"])
async def test_handle_and_sad_are_their_callers_own(world: World, kind: str) -> None:
    """Another computer with my handle or SAD, or an integrator of the same id, finds nothing."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    sad = await sad_of(world, MINE, asked)
    for thief in (OTHER, Caller(CallerKind.COMPUTER, MINE.id, MINE.name)):
        if kind == "handle":
            with pytest.raises(errors.UnknownHandle):
                await world.signing.check(thief, asked.handle)
            with pytest.raises(errors.UnknownHandle):
                await world.signing.withdraw(thief, asked.handle)
        else:
            with pytest.raises(errors.BadSad):
                await signed(world, thief, sad, credential, "a")


async def test_the_id_of_one_and_the_secret_of_another_is_nothing(world: World) -> None:
    """Handles cannot be mixed."""
    one = await world.signing.ask(MINE, ask_for(await world.credential()))
    two = await world.signing.ask(MINE, ask_for(await world.credential()))
    mixed = one.handle.rsplit("_", 1)[0] + "_" + two.handle.rsplit("_", 1)[1]
    with pytest.raises(errors.UnknownHandle):
        await world.signing.check(MINE, mixed)


async def test_a_handle_is_no_sad_before_the_approval(world: World) -> None:
    """Whoever guesses the SAD's spelling gains nothing: the SAM has not approved."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    early = asked.handle.replace("hdl_", "sad_")
    with pytest.raises(errors.BadSad):
        await signed(world, MINE, early, credential, "a")
    world.sam.refuse(asked.document)
    with pytest.raises(errors.BadSad):
        await signed(world, MINE, early, credential, "a")


async def test_a_sign_may_come_before_the_check(world: World) -> None:
    """The approval is learnt from the SAM when the signature is asked for: a poll that was lost is no loss."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    world.sam.approve(asked.document)
    assert len(await signed(world, MINE, asked.handle.replace("hdl_", "sad_"), credential, "a")) == 1


@pytest.mark.parametrize(
    ("texts", "changes", "error"),
    [
        (("a", "b", "c", "d"), {}, errors.NotTheApprovedHashes),
        (("a", "a"), {}, errors.NotTheApprovedHashes),
        (("x",), {}, errors.NotTheApprovedHashes),
        (("a", "b", "x"), {}, errors.NotTheApprovedHashes),
        (("a",), {"sign_algorithm": "RSA-PSS-SHA256"}, errors.NotTheApprovedHashes),
        (("a",), {"hash_algorithm": "SHA-512"}, errors.NotTheApprovedHashes),
        (("a",), {"credential": "cred_00000000000000000000000000"}, errors.BadSad),
        (("a",), {"sad": None}, errors.BadSad),
        (("a",), {"sad": "sad_" + "0" * 26 + "_" + "0" * 64}, errors.BadSad),
    ],
)
async def test_only_what_was_approved_is_signed(
    world: World, texts: Sequence[str], changes: dict[str, Any], error: type[Exception]
) -> None:
    """More hashes, a hash twice, others, another algorithm, another credential, no SAD."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential, "a", "b", "c"))
    sad = await sad_of(world, MINE, asked)
    with pytest.raises(error):
        await signed(world, MINE, sad, credential, *texts, **changes)
    assert len(await signed(world, MINE, sad, credential, "c", "a", "b")) == 3


async def test_a_batch_may_be_signed_in_parts_and_each_hash_once(world: World) -> None:
    """Parts of a batch, in any order; what was signed is not signed again in another part."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential, "a", "b", "b"))
    sad = await sad_of(world, MINE, asked)
    first = await signed(world, MINE, sad, credential, "b")
    assert await state_of(world, asked) == "redeemed"
    assert await signed(world, MINE, sad, credential, "b") == first
    await signed(world, MINE, sad, credential, "b", "a")
    with pytest.raises(errors.NotTheApprovedHashes):
        await signed(world, MINE, sad, credential, "a", "b")


async def test_signatures_come_in_the_order_of_the_hashes(world: World) -> None:
    """Input order, whatever order was approved."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential, "a", "b", "c"))
    sad = await sad_of(world, MINE, asked)
    many = await signed(world, MINE, sad, credential, "c", "b", "a")
    other = await world.signing.ask(OTHER, ask_for(credential, "a", "b", "c"))
    other_sad = await sad_of(world, OTHER, other)
    # PKCS #1 v1.5 is deterministic, so each can be compared with the one made alone.
    assert many == [(await signed(world, OTHER, other_sad, credential, text))[0] for text in ("c", "b", "a")]
    assert await state_of(world, asked) == "signed"


async def test_rivals_with_one_sad_get_the_same_signature(world: World) -> None:
    """Twenty calls at once with one SAD: one signature, twenty times."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    sad = await sad_of(world, MINE, asked)
    answers = await asyncio.gather(*(signed(world, MINE, sad, credential, "a") for _ in range(20)))
    assert len({answer[0] for answer in answers}) == 1


async def test_an_approval_not_used_in_time_is_over(world: World) -> None:
    """Five minutes, then the SAD has expired; and the back-off does not count it as a no."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    sad = await sad_of(world, MINE, asked)
    world.clock.advance(300)
    with pytest.raises(errors.SadExpired):
        await signed(world, MINE, sad, credential, "a")
    await world.signing.ask(MINE, ask_for(credential))


async def test_a_refusal_is_told_with_its_reason_and_earns_patience(world: World) -> None:
    """The decision's own word; the second costs patience, for this caller only, until an approval wipes it out."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    world.sam.refuse(asked.document, "refuse:wrong-content")
    with pytest.raises(errors.RequestRefused) as caught:
        await world.signing.check(MINE, asked.handle)
    assert caught.value.data["reason"] == "refuse:wrong-content"
    second = await world.signing.ask(MINE, ask_for(credential))
    world.sam.refuse(second.document)
    with pytest.raises(errors.HolderLeftAlone) as patience:
        await world.signing.ask(MINE, ask_for(credential))
    assert patience.value.retry_after == 30
    await world.signing.ask(OTHER, ask_for(credential))
    world.clock.advance(30)
    third = await world.signing.ask(MINE, ask_for(credential))
    world.sam.refuse(third.document)
    with pytest.raises(errors.HolderLeftAlone) as patience:
        await world.signing.ask(MINE, ask_for(credential))
    assert patience.value.retry_after == 120
    world.clock.advance(120)
    await sad_of(world, MINE, await world.signing.ask(MINE, ask_for(credential)))
    world.clock.advance(1)
    await world.signing.ask(MINE, ask_for(credential))


async def test_not_me_silences_a_caller_for_an_hour(world: World) -> None:
    """Somebody else asks in the holder's name: this caller is quiet for an hour at the gateway already."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    world.sam.refuse(asked.document, "refuse:not-me")
    with pytest.raises(errors.RequestRefused):
        await world.signing.check(MINE, asked.handle)
    world.clock.advance(3599)
    with pytest.raises(errors.HolderLeftAlone):
        await world.signing.ask(MINE, ask_for(credential))
    world.clock.advance(1)
    await world.signing.ask(MINE, ask_for(credential))


async def test_withdrawing_takes_it_off_the_phone(world: World) -> None:
    """Whoever gives up may ask again; a decided request stays as decided."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    await world.signing.withdraw(MINE, asked.handle)
    assert world.sam.held[asked.document].state == "withdrawn"
    await world.signing.withdraw(MINE, asked.handle)
    assert world.doorbell.settled == [asked.document]  # once: what is still on its way to phones is not sent
    with pytest.raises(errors.RequestWithdrawn):
        await world.signing.check(MINE, asked.handle)
    again = await world.signing.ask(MINE, ask_for(credential))
    world.sam.approve(again.document)
    await world.signing.withdraw(MINE, again.handle)  # too late: the holder was faster
    assert isinstance(await world.signing.check(MINE, again.handle), Approved)


async def rung_and_withdrawn(world: World, caller: Caller, credential: str, times: int) -> None:
    """Asked and withdrawn, so many times at once."""
    for _ in range(times):
        asked = await world.signing.ask(caller, ask_for(credential))
        await world.signing.withdraw(caller, asked.handle)


async def patience_of(world: World, caller: Caller, credential: str) -> tuple[int | None, str]:
    """The seconds and the reason that an ask is refused with."""
    with pytest.raises(errors.HolderLeftAlone) as caught:
        await world.signing.ask(caller, ask_for(credential))
    return caught.value.retry_after, str(caught.value.data["why"])


async def test_ctrl_c_and_a_second_try_are_free_and_a_bombing_is_not(world: World) -> None:
    """Ask, withdraw, ask, withdraw: five times for nothing, then later and later, up to one ring an hour."""
    credential = await world.credential()
    await rung_and_withdrawn(world, MINE, credential, 6)
    rings = len(world.doorbell.rings)
    for seconds in (30, 120, 600, 3600, 3600):
        assert await patience_of(world, MINE, credential) == (seconds, "unanswered")
        world.clock.advance(seconds - 1)
        assert await patience_of(world, MINE, credential) == (1, "unanswered")
        world.clock.advance(1)
        for _ in range(2):  # each time it may ask, the next pause is at least as long
            await rung_and_withdrawn(world, MINE, credential, 1)
            assert await patience_of(world, MINE, credential) == (seconds, "unanswered")
            world.clock.advance(seconds)
        await rung_and_withdrawn(world, MINE, credential, 1)
    assert len(world.doorbell.rings) == rings + 15
    await world.signing.ask(OTHER, ask_for(credential))


async def test_looks_that_are_shared_stay_apart(world: World) -> None:
    """Asked about at one moment, each caller, credential and time gets its own history, and each name its own row."""
    one, two = await world.credential(), await world.credential()
    await rung_and_withdrawn(world, MINE, one, 2)
    asked = await world.signing.ask(OTHER, ask_for(one))
    now = world.clock.now()
    store, day = RequestStore(world.database), timedelta(days=1)
    pairs = [(MINE, one, now - day), (MINE, one, now), (OTHER, one, now - day), (MINE, two, now - day)]
    found = await asyncio.gather(*(store.around(who, which, since=since, now=now) for who, which, since in pairs))
    name = asked.handle.rpartition("_")[0]
    assert [(around.history.unanswered, around.pending, around.own) for around in found] == [
        (2, 1, None),
        (0, 1, None),
        (0, 1, name),
        (0, 0, None),
    ]
    mine, nobody, again = await asyncio.gather(*map(store.by_name, (name, new_id("hnd"), name)))
    assert (mine, nobody) == (again, None)
    assert mine is not None
    assert (mine.name, mine.caller) == (name, OTHER)


async def test_lapses_and_withdrawals_add_up(world: World) -> None:
    """Neither is a way around the other."""
    credential = await world.credential()
    for _ in range(3):
        asked = await world.signing.ask(MINE, ask_for(credential))
        world.clock.advance(180)
        with pytest.raises(errors.RequestLapsed):
            await world.signing.check(MINE, asked.handle)
        await rung_and_withdrawn(world, MINE, credential, 1)
    assert await patience_of(world, MINE, credential) == (30, "unanswered")


async def test_what_never_rang_costs_nothing(world: World) -> None:
    """Asks that the SAM refused were no disturbance, however many."""
    credential = await world.credential()
    known = world.sam.credentials.pop(credential)
    for _ in range(9):
        with pytest.raises(errors.UnknownCredential):
            await world.signing.ask(MINE, ask_for(credential))
    world.sam.credentials[credential] = known
    await world.signing.ask(MINE, ask_for(credential))


async def test_a_yes_wipes_withdrawals_out(world: World) -> None:
    """Who finally approves was not bombed, also when the approval is never used: five more are free."""
    credential = await world.credential()
    await rung_and_withdrawn(world, MINE, credential, 5)
    sad = await sad_of(world, MINE, await world.signing.ask(MINE, ask_for(credential)))
    world.clock.advance(300)
    with pytest.raises(errors.SadExpired):
        await signed(world, MINE, sad, credential, "a")
    await rung_and_withdrawn(world, MINE, credential, 5)
    await world.signing.ask(MINE, ask_for(credential))


async def test_withdrawals_are_forgotten_after_a_day(world: World) -> None:
    """Yesterday's mistakes cost nothing today."""
    credential = await world.credential()
    await rung_and_withdrawn(world, MINE, credential, 6)
    world.clock.advance(timedelta(hours=24))
    await rung_and_withdrawn(world, MINE, credential, 5)


async def test_every_step_leaves_a_line(world: World) -> None:
    """asked, refused, approved, returned: ids and numbers only (the audit refuses anything else)."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential, "contrato"))
    sad = await sad_of(world, MINE, asked)
    await signed(world, MINE, sad, credential, "contrato")
    await world.commits.ended()
    lines = await world.owner.fetch(
        """
        SELECT said ->> 'event' AS event
        FROM audit.lines, LATERAL (SELECT convert_from(body, 'UTF8')::jsonb AS said) AS line
        WHERE said ->> 'request' = $1 ORDER BY seq
        """,
        asked.document,
    )
    assert [line["event"] for line in lines] == ["signing.asked", "signing.approved", "signing.returned"]
