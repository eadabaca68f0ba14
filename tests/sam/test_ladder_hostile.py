"""The ladder under attack: fifty guesses at once, at one SAM and at two; and from outside nobody locks for ever."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import LinkIdError
from foundation.ids import new_id
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.custody import Custody
from protocol.errors import CredentialLocked, PasswordWrong
from tests.sam.world import PASSWORD, Authority, Signer, World, open_world

WRONG = "Errada999"
ECDSA: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}


def wait(world: World, **span: float) -> None:
    world.clock.advance(timedelta(**span))


async def guesses_at_once(
    worlds: list[World], credential: str, phone: Signer, opened: list[str], *, last: str = WRONG
) -> list[str]:
    """Fifty passwords at the same moment, all different, spread over these SAMs.

    ``last`` comes when three of the others are being tried: who is first among rivals is luck, and a right one among
    the first three is no guess too many.
    """
    request = await worlds[0].ask(credential, algorithm="ECDSA-SHA256")
    words = [*(f"Chute{number:04}" for number in range(49)), last]
    bodies = [phone.decision(request.statement, word) for word in words]

    async def guess(world: World, body: dict[str, object]) -> str:
        try:
            await world.call("documents/decide", document=request.id, device=phone.id, **body)
        except LinkIdError as error:
            return error.code
        return "approved"

    tried = len(opened) + 3
    guesses = [asyncio.create_task(guess(worlds[turn % len(worlds)], body)) for turn, body in enumerate(bodies[:-1])]
    while len(opened) < tried and not all(one.done() for one in guesses):
        await asyncio.sleep(0)
    guesses.append(asyncio.create_task(guess(worlds[-1], bodies[-1])))
    codes = await asyncio.gather(*guesses)
    await worlds[0].call("documents/withdraw", document=request.id)
    return list(codes)


@pytest.fixture
def opened(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every time that a password is put to a key, by credential."""
    seen: list[str] = []
    unbind = Custody.unbind

    async def counted(custody: Custody, credential: Credential, stretched: bytes) -> bytes:
        seen.append(credential.id)
        return await unbind(custody, credential, stretched)

    monkeypatch.setattr(Custody, "unbind", counted)
    return seen


async def test_fifty_parallel_guesses_get_three_tries(world: World, opened: list[str]) -> None:
    """Counted before they are tried: of fifty guesses at the same moment three are tried, the rest never, the right one
    among them neither. After each wait three more; nine in all."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    opened.clear()
    for step in (1, 2, 3):
        codes = await guesses_at_once([world], credential, phone, opened, last=PASSWORD)
        assert sorted(set(codes)) == ["credential_locked", "password_wrong"]
        assert codes.count("password_wrong") == 3
        assert opened == [credential] * 3 * step
        rows = await world.sql("SELECT total, forgiven FROM sam.attempts WHERE purpose = 'sign'")
        assert [tuple(row) for row in rows] == [(3 * step, 0)]
        wait(world, hours=25)
    with pytest.raises(CredentialLocked):
        await world.ask(credential, algorithm="ECDSA-SHA256")


async def test_fifty_guesses_over_two_sams_get_three_tries(
    world: World, hsm: Hsm, authority: Authority, tmp_path: Path, opened: list[str]
) -> None:
    """The row is the database's, so the SAMs queue for it: more of them are no more guesses."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    other = await open_world(hsm, world.database, tmp_path / "sam-1.head", world.clock, authority, chain="sam-1")
    try:
        await other.sam.watch.look()
        opened.clear()
        codes = await guesses_at_once([world, other], credential, phone, opened, last=PASSWORD)
    finally:
        await other.close()
    assert codes.count("password_wrong") == 3
    assert codes.count("credential_locked") == 47
    assert opened == [credential] * 3


async def test_the_phone_that_locks_hears_since_and_until_when(world: World) -> None:
    """So that every phone can be told: by the wrong password that closed it and by the lock after it, alike.
    Those that ask for signatures hear no more than when to come again."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    for hours in (3, 24, None):
        request = await world.ask(credential, algorithm="ECDSA-SHA256")
        heard = []
        for _ in range(4):
            with pytest.raises((PasswordWrong, CredentialLocked)) as caught:
                await world.approve(phone, request, WRONG)
            heard.append(caught.value.data.get("lock"))
        since = int(world.clock.now().timestamp())
        lock = {"credential": credential, "since": since, "until": None if hours is None else since + hours * 3600}
        assert heard == [None, None, lock, lock]
        with pytest.raises(CredentialLocked) as caught:
            await world.ask(credential, algorithm="ECDSA-SHA256")
        assert "lock" not in caught.value.data
        wait(world, hours=hours or 1, seconds=1)
    failed = [json.loads(row["body"]) for row in await world.sql("SELECT body FROM audit.lines ORDER BY seq")]
    assert [one["device"] for one in failed if one["event"] == "attempt.failed"] == [phone.id] * 9


async def test_what_pairing_locks_is_no_lock_of_the_certificate(world: World) -> None:
    """Nobody is told that the certificate is locked: it is not."""
    credential = await world.credential("P-256")
    for _ in range(6):
        with pytest.raises((PasswordWrong, CredentialLocked)) as caught:
            await world.pair(credential, Signer(), WRONG)
        assert "lock" not in caught.value.data


# --- from outside -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def victim(world: World) -> tuple[str, Signer]:
    """A credential, and its holder's phone."""
    credential = await world.credential("P-256")
    return credential, await world.phone(credential)


async def demand_usable(world: World, victim: tuple[str, Signer]) -> None:
    """No try stands on the signing ladder, and the holder signs."""
    credential, phone = victim
    rows = await world.sql("SELECT total - forgiven AS standing FROM sam.attempts WHERE purpose = 'sign'")
    assert [row["standing"] for row in rows if row["standing"]] == []
    request = await world.ask(credential, caller={"kind": "integrator", "id": new_id("cli")}, **ECDSA)
    assert (await world.approve(phone, request))["state"] == "approved"


async def test_pairing_locks_itself_only_and_never_for_ever(world: World, victim: tuple[str, Signer]) -> None:
    """Somebody with the number, or a gateway, guesses at pairing for months: each lock ends within a day, each has an
    end, and the holder signs all the while."""
    credential, _ = victim
    for _ in range(8):
        for _ in range(5):
            assert await world.refused(
                "documents/decide", **await a_pairing(world, credential, Signer())
            ) == "password_wrong"  # fmt: skip
        with pytest.raises(CredentialLocked) as locked:
            await world.pair(credential, Signer())
        assert locked.value.retry_after is not None
        assert locked.value.retry_after <= 24 * 3600
        assert "for_ever" not in locked.value.data
        await demand_usable(world, victim)
        wait(world, hours=24, seconds=1)


async def a_pairing(world: World, credential: str, phone: Signer) -> dict[str, Any]:
    made = await world.call("documents/pair", device=phone.id, device_key=phone.public.jwk, nickname="x",
                            credential=credential)  # fmt: skip
    body = phone.decision(world.open(made["statement"]), WRONG)
    return {"document": made["document"], "device": phone.id, **body}


async def test_a_gateway_climbs_nobodys_ladder(world: World, victim: tuple[str, Signer]) -> None:
    """It carries every decision and makes none: keys of its own, under the victim's phone or its own, before and after
    somebody's mistake; the mistake itself, repeated, counts once."""
    credential, phone = victim
    request = await world.ask(credential, **ECDSA)
    forger = Signer()
    for device in (phone.id, forger.id):
        for _ in range(12):
            body = forger.decision(request.statement, WRONG)
            code = await world.refused("documents/decide", document=request.id, device=device, **body)
            assert code in ("decision_invalid", "document_unknown")
    mistake = phone.decision(request.statement, WRONG)
    for _ in range(12):
        code = await world.refused("documents/decide", document=request.id, device=phone.id, **mistake)
        assert code == "password_wrong"
    rows = await world.sql("SELECT total - forgiven AS standing FROM sam.attempts WHERE purpose = 'sign'")
    assert [row["standing"] for row in rows] == [1]
    assert (await world.approve(phone, request))["state"] == "approved"
    await demand_usable(world, victim)


async def test_a_phone_on_trial_climbs_nothing(world: World, victim: tuple[str, Signer]) -> None:
    """Bound with the password but not yet tested, or removed: its decisions are no tries."""
    credential, _ = victim
    trial, removed = Signer(), await world.phone(credential)
    await world.pair(credential, trial)
    await world.call("bindings/end", device=removed.id)
    request = await world.ask(credential, **ECDSA)
    for phone in (trial, removed):
        for _ in range(10):
            body = phone.decision(request.statement, WRONG)
            code = await world.refused("documents/decide", document=request.id, device=phone.id, **body)
            assert code == "document_unknown"
    await world.call("documents/withdraw", document=request.id)
    await demand_usable(world, victim)


async def test_an_emission_locks_no_certificate(world: World, victim: tuple[str, Signer]) -> None:
    """Whoever is at the emission page chooses a password and guesses at none: wrong proofs there are no tries."""
    page = Signer()
    made = await world.call("emission/prepare", emission=new_id("ems"), key=page.public.jkt, key_algorithm="P-256")
    statement = world.open(made["statement"])
    for _ in range(10):
        body = page.decision(statement, WRONG, purpose="sign")
        code = await world.refused("emission/keys", document=made["document"], key_jwk=page.public.jwk, **body)
        assert code == "proof_invalid"
    assert await world.sql("SELECT * FROM sam.attempts WHERE credential = $1", made["credential"]) == []
    await demand_usable(world, victim)


async def test_an_integrator_locks_nothing_by_asking(world: World, victim: tuple[str, Signer]) -> None:
    """Asked, withdrawn, refused, left to lapse, and guessed at with secrets of its own: no try of a password."""
    credential, phone = victim
    for turn in range(12):
        request = await world.ask(credential, caller={"kind": "integrator", "id": new_id("cli")}, **ECDSA)
        if turn % 3 == 0:
            await world.call("documents/withdraw", document=request.id)
        elif turn % 3 == 1:
            body = phone.decision(request.statement, word="refuse:changed-mind")
            await world.call("documents/decide", document=request.id, device=phone.id, **body)
        else:
            wait(world, minutes=6)
        assert await world.refused("signatures/sign", **request.call(new_id("act"))) == "activation_unknown"
    await demand_usable(world, victim)
