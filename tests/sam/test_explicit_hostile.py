"""Whoever would sign with factors without a consent, with somebody else's, with a code twice, or by writing rows."""

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.encoding import b64u
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.bindings.domain import State as BindingState
from hsm_service.sam.consents.domain import Consent, State
from hsm_service.sam.explicit.stretching import StretchingFull, StretchingRoom
from protocol.consents import ExplicitSettings
from protocol.errors import DocumentDecided, SignatureInvalid
from protocol.evidence import open_evidence
from protocol.keys import P256Key
from protocol.passwords import Argon2
from tests.sam.explicit import ON, Application, consent, generator, ready
from tests.sam.world import START, Authority, World, digest, open_world


async def test_not_its_own(explicit_world: World) -> None:
    """No consent, somebody else's, another certificate's: one answer. Factors sealed for another caller, certificate or
    activation key open nothing, and no try is counted."""
    world = explicit_world
    credential, _phone, made, id_, application = await ready(world)
    other = await world.credential("P-256")
    await world.phone(other)
    stranger = Application(world, credential, await world.register())
    elsewhere = Application(world, other, application.caller)
    unknown = Application(world, "cred_" + "0" * 25 + credential[-1], application.caller)
    nobody = Application(world, credential, {"kind": "integrator", "id": "cli_" + "0" * 26})
    assert [await one.refused(made.code()) for one in (stranger, elsewhere, unknown, nobody)] == ["consent_unknown"] * 4
    assert await world.refused("consents/end", consent=id_, device=(await world.phone(other)).id) == "consent_unknown"
    for lie in (
        {"sealed_for": f"integrator:{stranger.caller['id']}"},
        {"sealed_credential": other},
        {"sealed_key": secrets.token_bytes(32)},
    ):
        assert await application.refused(made.code(), **lie) == "proof_invalid"
    for factors in ("", "a.b.c.d.e", "x" * 2049, "…"):
        assert await application.refused(made.code(), factors=factors) in ("proof_invalid", "sam_bad_call")
    (row,) = await world.sql("SELECT total FROM sam.consents WHERE id = $1", id_)
    assert row["total"] == 0
    # What was sealed for one call serves that call's activation key alone, and its code once.
    body = await application.body("Senha1234", made.code(), [digest("a")])
    body.pop("secret")
    await world.call("explicit/open", **body)
    assert await world.refused("explicit/open", **body) == "factors_wrong"
    changes: list[dict[str, Any]] = [
        {"hashes": []},
        {"hashes": [b64u(digest("a"))] * 11},
        {"hashes": "a"},
        {"hash_algorithm": "MD5"},
    ]
    for changed in changes:
        assert await application.refused(made.next(), **changed) in (
            "sam_bad_call", "algorithm_refused", "consent_unknown",
        )  # fmt: skip
    assert await application.refused(made.next(), [digest(str(one)) for one in range(10)]) == "consent_unknown"


async def test_whoever_writes_rows(explicit_world: World) -> None:
    """Rows of consents and generators that nobody but a SAM wrote, or that were turned back, do not exist."""
    world = explicit_world
    credential, _, made, _, application = await ready(world)
    others = await world.register()

    async def kept(table: str) -> list[object]:
        return list(await world.sql(f"SELECT * FROM sam.{table}"))

    async def back(table: str, rows: list[object]) -> None:
        for row in rows:
            names = list(row.keys())  # type: ignore[attr-defined]
            marks = ", ".join(f"{name} = ${index}" for index, name in enumerate(names, 2))
            await world.sql(f"UPDATE sam.{table} SET {marks} WHERE id = $1", row["id"], *row.values())  # type: ignore[index, attr-defined]

    fresh_consents, fresh_generators = await kept("consents"), await kept("generators")
    for change in (
        "maximum = 1000",
        "until = until + interval '1 year'",
        f"caller = 'integrator:{others['id']}'",
    ):
        await world.sql(f"UPDATE sam.consents SET {change}")
        caller = others if "caller" in change else application.caller
        assert await Application(world, credential, caller).refused("000000") == "consent_unknown", change
        await back("consents", fresh_consents)
    # A code's step put back: the code would come twice.
    code = made.code()
    await application.open(code, [digest("a")])
    await back("generators", fresh_generators)
    assert await application.refused(code) == "factors_wrong"
    # Tries, or signatures, put back: more of either.
    await back("consents", fresh_consents)
    assert await application.refused(made.next()) == "consent_unknown"
    events = await world.events()
    assert {"consent.turned_back", "row.turned_back", "row.forged"} <= set(events)


async def test_sessions_get_no_more_than_was_consented_to(explicit_world: World) -> None:
    """What sessions counted under a consent, put back while they are open: the next signature is refused."""
    world = explicit_world
    _, _, made, id_, application = await ready(world)
    _, session = await application.open(made.code())
    await world.call("signatures/use", **session.body(1, [digest("a"), digest("b")]))
    await world.sql("UPDATE sam.consents SET used = 0 WHERE id = $1", id_)
    assert await world.refused("signatures/use", **session.body(2, [digest("c")])) == "session_exhausted"
    assert "consent.turned_back" in await world.events()
    await world.sql("UPDATE sam.consents SET used = 2 WHERE id = $1", id_)
    await world.call("signatures/use", **session.body(2, [digest("c")]))


async def test_two_generators_of_one_phone_at_once(explicit_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second hears that it was decided; the right password is forgiven, the first one's codes go on."""
    world = explicit_world
    credential, phone, made, _, application = await ready(world)
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = P256Key.from_public(key.public_key()).jwk
    second = await world.call("documents/generator", device=phone.id, credential=credential, delivery_key=jwk)

    async def nothing_there_yet(*_: object) -> None:
        """As a rival finds it whose look came before the first one's commit."""

    effects: Any = world.sam.rooms.decisions._effects
    monkeypatch.setattr(effects._endings, "generator", nothing_there_yet)
    with pytest.raises(DocumentDecided):
        await world.decide(phone, second)
    (ladder,) = await world.sql("SELECT total, forgiven FROM sam.attempts WHERE purpose = 'sign'")
    assert ladder["total"] == ladder["forgiven"]
    await application.open(made.code(), [digest("a")])


async def test_each_condition_is_looked_at_by_itself(explicit_world: World) -> None:
    """A phone unbound without its consents, a row sealed that no holder signed: nothing is even tried."""
    world = explicit_world
    credential, phone, _, id_, application = await ready(world)
    other = await generator(world, credential, await world.phone(credential))
    opening = world.sam.rooms.explicit._opening
    consents, bindings, database = opening._consents, opening._bindings, world.sam.database
    before = await consents.find(database, id_)
    assert before is not None

    async def write(row: Consent) -> None:
        await world.sql(
            "UPDATE sam.consents SET maximum = $2, mac = $3 WHERE id = $1", row.id, row.maximum, row.mac
        )  # fmt: skip

    await write(await consents.sealed(replace(before, maximum=1000)))
    assert await application.refused(other.next()) == "consent_unknown"
    await write(before)
    (binding,) = [one for one in await bindings.of_credentials(database, [credential]) if one.device == phone.id]
    async with database.transaction() as connection:
        assert await bindings.change(connection, binding, BindingState.ENDED)
    assert await application.refused(other.next()) == "consent_unknown"
    after = await consents.find(database, id_)
    assert after is not None
    assert (after.state, after.total) == (State.ACTIVE, 0)


async def test_a_new_process_reads_the_audit_back(explicit_world: World, hsm: Hsm, authority: Authority) -> None:
    """A consent that its holder ended days ago, put back while no SAM ran, stays ended; one that goes on, goes on."""
    world = explicit_world
    credential, phone, made, id_, application = await ready(world)
    rows = await world.sql("SELECT * FROM sam.consents")
    ended, caller = await consent(world, credential, phone)
    await world.call("consents/end", consent=ended, device=phone.id)
    await application.open(made.next(), [digest("a")])
    world.clock.advance(7200)
    again = await open_world(hsm, world.database, world.head, world.clock, authority, explicit=ON)
    again._registered |= world._registered
    try:
        await again.sam.watch.look()
        await world.sql("UPDATE sam.consents SET state = 'active' WHERE id = $1", ended)
        assert await Application(again, credential, caller).refused(made.next()) == "consent_unknown"
        await Application(again, credential, application.caller).open(made.next(), [digest("b")])
        await world.sql("UPDATE sam.consents SET used = 0, total = 0, good = 0, forgiven = 0, mac = $2 WHERE id = $1",
                        id_, rows[0]["mac"])  # fmt: skip
        assert await Application(again, credential, application.caller).refused(made.next()) == "consent_unknown"
    finally:
        await again.close()


async def test_switched_off(explicit_world: World, hsm: Hsm, authority: Authority) -> None:
    """Where the operator allows nothing, nothing is asked for, nothing opens, and what was open signs nothing."""
    world = explicit_world
    credential, _phone, made, _, application = await ready(world)
    answer, session = await application.open(made.code())
    off = await open_world(hsm, world.database, world.head, world.clock, authority, explicit=ExplicitSettings())
    off._registered |= world._registered
    try:
        await off.sam.watch.look()
        asked = {"credential": credential, "caller": application.caller, "maximum": 1, "purpose": ""}
        until = int(world.clock.now().timestamp()) + 3600
        assert await off.refused("documents/consent", **asked, until=until) == "consent_refused"
        assert await Application(off, credential, application.caller).refused(made.next()) == "consent_unknown"
        assert await off.refused("signatures/use", **session.body(1, [digest("a")])) == "activation_expired"
        assert answer["activation"]
    finally:
        await off.close()


async def test_no_place_no_try(explicit_world: World) -> None:
    """When all places for passwords are taken a call is told to come back, before anything is counted against it."""
    room = StretchingRoom(1, 1)
    with room.place():
        with pytest.raises(StretchingFull) as full, room.place():
            pass
    assert full.value.retry_after == 2
    assert await room.stretch("curta", bytes(16), Argon2()) is None
    room.close()
    world = explicit_world
    _, _, made, id_, application = await ready(world)
    taken = world.sam.rooms.explicit._room
    taken._taken = 16
    assert await application.refused(made.code()) == "stretching_full"
    taken._taken = 0
    (row,) = await world.sql("SELECT total FROM sam.consents WHERE id = $1", id_)
    assert row["total"] == 0
    await application.open(made.code(), [digest("a")])


def test_guesses_in_all() -> None:
    """Right factors forgive a row of wrong ones, but not for ever: the fiftieth wrong one ends a consent."""
    consent_ = Consent("req_1", "cred_1", "integrator:cli_1", "bnd_1", START + timedelta(1), 1000, START)
    for _ in range(12):
        for _ in range(4):
            consent_ = consent_.tried()
            assert consent_.open(START)
        consent_ = consent_.tried().right(consent_.total + 1)
    consent_ = consent_.tried()
    assert consent_.open(START)
    assert not consent_.tried().open(START)
    assert not consent_.open(START + timedelta(1))


def test_what_the_hsm_refused_forgives_no_wrong_one() -> None:
    """A try that never reached the factors counts as none, and the wrong ones before it still count."""
    consent_ = Consent("req_1", "cred_1", "integrator:cli_1", "bnd_1", START + timedelta(1), 1000, START)
    for _ in range(4):
        consent_ = consent_.tried()
    for _ in range(60):
        consent_ = consent_.tried().untried()
    assert consent_.open(START)
    assert not consent_.tried().open(START)


async def test_another_sam_tries_meanwhile(explicit_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right factors stay right when another SAM counted a try between ours and its end; that one stays counted."""
    world = explicit_world
    _, _, made, id_, application = await ready(world)
    room: Any = world.sam.rooms.explicit
    judge = room._opening.judge

    async def meanwhile(*given: Any) -> Any:
        right = await judge(*given)
        before = await room._consents.find(world.sam.database, id_)
        async with world.sam.database.transaction() as connection:
            assert await room._consents.take_try(connection, before, await room._consents.sealed(before.tried()))
        return right

    monkeypatch.setattr(room._opening, "judge", meanwhile)
    await application.open(made.code(), [digest("a")])
    (row,) = await world.sql("SELECT total, forgiven, good, used FROM sam.consents WHERE id = $1", id_)
    assert (row["total"], row["forgiven"], row["good"], row["used"]) == (2, 1, 1, 1)


async def test_evidence_of_another_consent(explicit_world: World) -> None:
    """What an application opened cannot be passed off as decided under another consent, or as decided by the phone."""
    world = explicit_world
    credential, phone, made, _, application = await ready(world)
    answer, request = await application.open(made.code(), [digest("a")])
    await world.sign(request, answer["activation"])
    other, _ = await consent(world, credential, phone)
    told = await world.call("documents/evidence", document=answer["document"], device=phone.id)
    evidence = open_evidence(told["evidence"], world.roots, now=world.clock.now())
    payload = evidence.payload()
    elsewhere = await world.call("documents/evidence", document=other, device=phone.id)
    stolen = open_evidence(elsewhere["evidence"], world.roots, now=world.clock.now()).payload()
    for lie in (
        {name: value for name, value in payload.items() if name != "consent"},
        {**payload, "consent": stolen["document"]},
        {**payload, "consent": stolen["document"], "signature": stolen["signature"],
         "proof_hash": stolen["proof_hash"]},
    ):  # fmt: skip
        signed = await world.sam.roots.sign(lie)
        with pytest.raises(SignatureInvalid):
            open_evidence(signed, world.roots, now=world.clock.now())


async def test_secrets_are_nowhere(explicit_world: World) -> None:
    """A generator's secret is in no table, no context and no line of the audit; nor is a password or a code."""
    world = explicit_world
    _, _, made, _, application = await ready(world)
    code = made.code()
    await application.open(code, [digest("a")])
    tables = await world.sql("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('sam', 'audit')")
    for table in tables:
        rows = await world.sql(f"SELECT to_jsonb(t)::text AS row FROM {table['schemaname']}.{table['tablename']} t")
        for row in rows:
            for secret in (made.secret.hex(), b64u(made.secret), "Senha1234"):
                assert secret not in row["row"], table["tablename"]
