"""KEK and pepper get new versions while the SAM goes on: keys are bound anew by the next right password."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag

from foundation.clock import FixedClock
from foundation.encoding import b64u
from foundation.errors import LinkIdError
from hsm_service.hsm import house
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmUnavailable
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.token import Token
from hsm_service.sam import versions
from hsm_service.sam.custody import Custody
from hsm_service.sam.fault_points import FaultPoints
from hsm_service.sam.generators.store import queries as generator_queries
from protocol import custody
from tests.sam.explicit import ON, ready
from tests.sam.world import PASSWORD, START, Authority, Signer, World, digest, open_world, stretched
from tests.support.house import agreed
from tests.support.postgres import TestDatabase

ECDSA = "ECDSA-SHA256"


def rotate(settings: HsmSettings, name: str, version: int) -> None:
    """As the operators' command does, in another Token than the SAM's."""
    token = Token(settings)
    order = agreed(f"rotate-{name}", house.serial_of(token), START, version)
    house.add_version(token, house.permit(token, order, order.order.act, "sam", ()), START)


async def rows(world: World, credential: str) -> Any:
    return (await world.sql("SELECT kek, pepper, bound, mac FROM sam.credentials WHERE id = $1", credential))[0]


async def signs(world: World, credential: str, phone: Signer) -> None:
    """All of it, and the signature is good."""
    request = await world.ask(credential, algorithm=ECDSA)
    activation = (await world.approve(phone, request))["activation"]
    world.verify(await world.certificate(credential), request, await world.sign(request, activation))


async def test_the_next_password_binds_by_the_new_pepper(own: World, house_settings: HsmSettings) -> None:
    """After a rotation each credential goes on; its next approval moves it to the newest pepper, with a good MAC, an
    audit line, and the KEK it had; and the old binding opens nothing any more that the row says."""
    credential = await own.credential("P-256")
    phone = await own.phone(credential)
    before = await rows(own, credential)
    rotate(house_settings, "pepper", 2)
    rotate(house_settings, "kek", 2)
    own.sam.versions.forget()
    await signs(own, credential, phone)
    after = await rows(own, credential)
    assert (before["kek"], before["pepper"], after["kek"], after["pepper"]) == (1, 1, 1, 2)
    assert after["bound"] != before["bound"]
    assert (await own.events()).count("credential.rebound") == 1
    await signs(own, credential, phone)
    assert (await rows(own, credential)) == after
    assert "row.forged" not in await own.events()
    body = phone.decision((request := await own.ask(credential, algorithm=ECDSA)).statement, "Errada123")
    assert await own.refused("documents/decide", document=request.id, device=phone.id, **body) == "password_wrong"
    assert (await rows(own, credential)) == after


async def test_generators_follow_by_themselves(
    own: World, house_settings: HsmSettings, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no password is needed for is kept under the new pepper by the SAM itself: codes go on, also one that is
    being judged just then, and until then the old pepper is needed."""
    world = await open_world(own.sam.hsm, own.database, own.head, own.clock, authority, explicit=ON)
    try:
        await world.sam.watch.look()
        _, _, made, _, application = await ready(world)
        generators = world.sam.rooms.generators
        assert await generators.renew() == 0
        rotate(house_settings, "pepper", 2)
        world.sam.versions.forget()
        need = [await world.sam.database.fetchval(generator_queries.needing_pepper, number) for number in (1, 2)]
        assert (need, await generators.renew(), await generators.renew()) == ([1, 0], 1, 0)
        need = [await world.sam.database.fetchval(generator_queries.needing_pepper, number) for number in (1, 2)]
        assert need == [0, 1]
        await application.open(made.next(), [digest("a")])
        assert (await world.events()).count("generator.rebound") == 1
        rotate(house_settings, "pepper", 3)
        world.sam.versions.forget()
        opening: Any = world.sam.rooms.explicit._opening
        judge = opening.judge

        async def meanwhile(*given: Any) -> Any:
            right = await judge(*given)
            assert await generators.renew() == 1
            return right

        with monkeypatch.context() as patched:
            patched.setattr(opening, "judge", meanwhile)
            await application.open(made.next(), [digest("b")])
        assert await application.refused(made.code()) == "factors_wrong"  # it served
        await application.open(made.next(), [digest("c")])
    finally:
        await world.close()


async def test_the_yes_to_a_session_binds_by_it_as_well(own: World, house_settings: HsmSettings) -> None:
    """A session's approval moves the credential, once; a session that was open before goes on under the new binding."""
    credential = await own.credential("P-256")
    phone = await own.phone(credential)
    before = await own.session(credential, phone)
    assert len(await own.use(before, 1, [digest("a")])) == 1
    rotate(house_settings, "pepper", 2)
    own.sam.versions.forget()
    after = await own.session(credential, phone, caller=await own.register())
    assert (await rows(own, credential))["pepper"] == 2
    for session in (before, after):
        assert len(await own.use(session, 2, [digest("b")])) == 1
    events = await own.events()
    assert events.count("credential.rebound") == 1
    assert events.index("credential.rebound") < len(events) - 1 - events[::-1].index("document.approved")
    assert not {"row.forged", "row.turned_back"} & set(events)


async def test_a_decision_that_comes_too_late_leaves_no_half(own: World, house_settings: HsmSettings) -> None:
    """Many decisions share a transaction; one whose document was decided meanwhile undoes it, and all begin again: each
    credential is bound anew with one audit line, or not at all."""
    holders = []
    for _ in range(4):
        credential = await own.credential("P-256")
        holders.append((credential, await own.phone(credential), await own.register()))
    rotate(house_settings, "pepper", 2)
    own.sam.versions.forget()
    assert (await own.sam.versions.newest()).pepper == 2
    requests = [await own.ask(one, algorithm=ECDSA, caller=caller) for one, _, caller in holders]
    bodies = [
        {"document": request.id, "device": phone.id, **phone.decision(request.statement)}
        for (_, phone, _), request in zip(holders, requests, strict=True)
    ]
    approval, gate, waiting = own.sam.rooms.decisions._approval, asyncio.Event(), asyncio.Semaphore(0)
    written = approval.write

    async def together(approved: Any) -> Any:
        waiting.release()
        await gate.wait()
        return await written(approved)

    approval.write = together  # type: ignore[method-assign]
    deciding = [asyncio.create_task(own.call("documents/decide", **body)) for body in bodies]
    for _ in bodies:
        await waiting.acquire()
    await own.sql("UPDATE sam.documents SET state = 'refused' WHERE id = $1", requests[0].id)
    gate.set()
    answers = await asyncio.gather(*deciding, return_exceptions=True)
    assert [isinstance(one, LinkIdError) for one in answers] == [True, False, False, False]
    found = [(await rows(own, credential))["pepper"] for credential, _, _ in holders]
    assert found == [1, 2, 2, 2]
    assert (await own.events()).count("credential.rebound") == 3


async def test_new_credentials_are_made_with_the_newest(own: World, house_settings: HsmSettings) -> None:
    """Also those whose emission began before the rotation."""
    page = Signer()
    emission = "ems_" + "0" * 26
    prepared = await own.call("emission/prepare", emission=emission, key=page.public.jkt, key_algorithm="P-256")
    rotate(house_settings, "kek", 2)
    rotate(house_settings, "pepper", 2)
    own.sam.versions.forget()
    body = page.decision(own.open(prepared["statement"]))
    await own.call("emission/keys", document=prepared["document"], key_jwk=page.public.jwk, **body)
    found = await rows(own, prepared["credential"])
    assert (found["kek"], found["pepper"]) == (2, 2)
    credential = await own.credential("P-256")
    await signs(own, credential, await own.phone(credential))
    assert (await rows(own, credential))["kek"] == 2


async def test_a_running_sam_learns_by_itself(
    own: World, house_settings: HsmSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a minute, without a restart; until then it makes with what it knows, and opens what others made."""
    now = [1000.0]
    own.sam.versions._monotonic = lambda: now[0]
    own.sam.versions.forget()
    assert (await own.sam.versions.newest()).pepper == 1
    rotate(house_settings, "pepper", 2)
    now[0] += versions.LOOK_AGAIN_SECONDS
    assert (await own.sam.versions.newest()).pepper == 1
    now[0] += 0.1
    assert (await own.sam.versions.newest()).pepper == 2


async def test_a_sam_that_does_not_know_it_opens_it(
    own: World, house_settings: HsmSettings, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """Two SAMs: one has bound a credential by pepper.2, the other has not heard of it, and signs with it; it does not
    turn it back."""
    credential = await own.credential("P-256")
    phone = await own.phone(credential)
    opened = Hsm(house_settings)
    await opened.open()
    late = await open_world(opened, database, tmp_path / "sam-1.head", FixedClock(START), authority, "sam-1")
    await late.sam.watch.look()
    try:
        rotate(house_settings, "pepper", 2)
        own.sam.versions.forget()
        await signs(own, credential, phone)
        assert (await rows(own, credential))["pepper"] == 2
        assert (await late.sam.versions.newest()).pepper == 1
        late._registered, late.integrator = own._registered, own.integrator
        await signs(late, credential, phone)
        assert (await rows(own, credential))["pepper"] == 2
    finally:
        await late.close()
        await opened.close()


async def test_rotation_while_many_sign(own: World, house_settings: HsmSettings) -> None:
    """Eight holders approve and sign without pause while KEK and pepper go three versions further: no approval fails,
    no key is lost, and at the end everybody is bound by the newest pepper."""
    holders = []
    for _ in range(8):
        credential = await own.credential("P-256")
        known = await own.certificate(credential)
        holders.append((credential, await own.phone(credential), await own.register(), known))
    stop = asyncio.Event()

    async def works(credential: str, phone: Signer, caller: dict[str, str], known: x509.Certificate) -> int:
        done = 0
        while not stop.is_set():
            request = await own.ask(credential, algorithm=ECDSA, caller=caller)
            activation = (await own.approve(phone, request))["activation"]
            own.verify(known, request, await own.sign(request, activation))
            done += 1
        return done

    tasks = [asyncio.create_task(works(*holder)) for holder in holders]
    for version in (2, 3, 4):
        await asyncio.sleep(0.4)
        for name in ("pepper", "kek"):
            await asyncio.to_thread(rotate, house_settings, name, version)
        own.sam.versions.forget()
    await asyncio.sleep(0.4)
    stop.set()
    done = await asyncio.gather(*tasks)
    assert min(done) >= 1
    for credential, phone, _, _ in holders:
        await signs(own, credential, phone)
        assert (await rows(own, credential))["pepper"] == 4
    events = await own.events()
    assert events.count("credential.rebound") >= 8
    assert not {"row.forged", "row.turned_back"} & set(events)


async def test_two_approvals_at_once_bind_once(own: World, house_settings: HsmSettings) -> None:
    """Two phones answer two requests of one credential at the same moment: both are approved, one binding is kept, and
    it opens."""
    credential = await own.credential("P-256")
    phones = [await own.phone(credential) for _ in range(2)]
    rotate(house_settings, "pepper", 2)
    own.sam.versions.forget()
    requests = [await own.ask(credential, algorithm=ECDSA, caller=await own.register()) for _ in range(2)]
    answers = await asyncio.gather(*(own.approve(*pair) for pair in zip(phones, requests, strict=True)))
    assert all(answer["activation"] for answer in answers)
    assert (await own.events()).count("credential.rebound") == 1
    for request, answer in zip(requests, answers, strict=True):
        own.verify(await own.certificate(credential), request, await own.sign(request, answer["activation"]))
    await signs(own, credential, phones[0])


class _Dies(Exception):
    """Instead of the process."""


@pytest.mark.parametrize("point", ["7e", "7f-before-commit", "7f-after-commit"])
async def test_a_crash_between_loses_no_key(own: World, house_settings: HsmSettings, point: str) -> None:
    """Ended before the commit: the row is the old one, and opens; ended after it: the new one, and opens."""
    credential = await own.credential("P-256")
    phone = await own.phone(credential)
    before = await rows(own, credential)
    rotate(house_settings, "pepper", 2)
    own.sam.versions.forget()
    request = await own.ask(credential, algorithm=ECDSA)
    body = {"document": request.id, "device": phone.id, **phone.decision(request.statement)}

    class Dies(FaultPoints):
        def reach(self, name: Any) -> None:
            if name == point:
                raise _Dies

    decisions = own.sam.rooms.decisions
    alive, decisions._faults, decisions._approval._faults = decisions._faults, Dies(), Dies()
    with pytest.raises(_Dies):
        await own.call("documents/decide", **body)
    decisions._faults = decisions._approval._faults = alive
    after = await rows(own, credential)
    assert (after == before) is (point != "7f-after-commit")
    answer = await own.call("documents/decide", **body)
    own.verify(await own.certificate(credential), request, await own.sign(request, answer["activation"]))
    assert (await rows(own, credential))["pepper"] == 2


async def test_a_weak_new_pepper_is_not_used(own: World, house_settings: HsmSettings) -> None:
    """Whoever has the PIN adds a pepper that he knows: approvals go on under the old one, and no key is made."""
    credential = await own.credential("P-256")
    phone = await own.phone(credential)
    template = {Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False, Attribute.PRIVATE: True}
    Token(house_settings).run(
        lambda room: room.session.generate_key(
            KeyType.GENERIC_SECRET, 256, store=True, label="pepper.2", capabilities=MechanismFlag.SIGN,
            mechanism=Mechanism.GENERIC_SECRET_KEY_GEN, template=template,
        )
    )  # fmt: skip
    own.sam.versions.forget()
    await signs(own, credential, phone)
    assert (await rows(own, credential))["pepper"] == 1
    with pytest.raises(LinkIdError, match=r"pepper\.2 is readable"):
        await own.bound_key("P-256")


async def test_a_row_of_another_pepper_is_no_row(own: World, house_settings: HsmSettings) -> None:
    """Whoever writes the database moves the version back, or forward, or an old binding into the new row: it does not
    exist; the whole old row is one that we wrote, and moves on by the next password."""
    credential = await own.credential("P-256")
    phone = await own.phone(credential)
    old = await rows(own, credential)
    rotate(house_settings, "pepper", 2)
    own.sam.versions.forget()
    await signs(own, credential, phone)
    new = await rows(own, credential)
    write = "UPDATE sam.credentials SET pepper = $2, bound = $3, mac = $4 WHERE id = $1"
    for lie in ((1, new["bound"], new["mac"]), (3, new["bound"], new["mac"]), (2, old["bound"], new["mac"])):
        await own.sql(write, credential, *lie)
        assert await own.refused("documents/sign", **sign_body(own, credential)) == "credential_unknown"
    await own.sql(write, credential, 1, old["bound"], old["mac"])
    await signs(own, credential, phone)
    assert (await rows(own, credential))["pepper"] == 2


def sign_body(world: World, credential: str) -> dict[str, Any]:
    return {
        "credential": credential, "caller": world.integrator, "hashes": [b64u(bytes(32))], "hash_algorithm": "SHA-256",
        "sign_algorithm": ECDSA, "documents": [{"label": "a", "size": 1}], "activation_key": b64u(bytes(31) + b"\x01"),
        "ask": None,
    }  # fmt: skip


async def test_a_revocation_meets_a_rebinding(own: World, house_settings: HsmSettings) -> None:
    """Revoked at the same moment as approved: no deadlock, no lost row, and it is revoked."""
    for _ in range(5):
        credential = await own.credential("P-256")
        phone = await own.phone(credential)
        version = (await own.sam.versions.newest()).pepper + 1
        rotate(house_settings, "pepper", version)
        own.sam.versions.forget()
        request = await own.ask(credential, algorithm=ECDSA)
        facts = await own.sql("SELECT certificate_hash FROM sam.credentials WHERE id = $1", credential)
        revocation = own.authority.revocation(b64u(facts[0]["certificate_hash"]))
        done = await asyncio.gather(
            own.approve(phone, request), own.call("credentials/revoke", revocation=revocation), return_exceptions=True
        )
        assert all(isinstance(one, dict | LinkIdError) for one in done), done
        codes = {one.code for one in done if isinstance(one, LinkIdError)}
        assert codes <= {"credential_not_active", "document_decided", "sam_bad_call"}, done
        if "sam_bad_call" in codes:  # the row was just being bound anew: the caller repeats
            await own.call("credentials/revoke", revocation=revocation)
        state = await own.sql("SELECT state FROM sam.credentials WHERE id = $1", credential)
        assert state[0]["state"] == "revoked"


async def test_what_does_not_repeat_binds_nothing(own: World) -> None:
    """A pepper that gives two answers to one question would bind a key for ever to nothing."""
    credential = await own.credential("P-256")
    found = await own.sam.rooms.credentials._store.get(own.sam.database, credential)

    class Stale:
        answers = iter((b"a" * 32, b"b" * 32))

        async def hmac(self, _label: str, _data: bytes) -> bytes:
            return next(self.answers)

    with pytest.raises(HsmUnavailable, match="the same twice"):
        await Custody(Stale()).rebind(found, b"wrapped", b"s" * 32, pepper=2)  # type: ignore[arg-type]


async def test_the_aad_names_both_versions(own: World, house_settings: HsmSettings) -> None:
    """What was bound anew opens under exactly its KEK's and its new pepper's number."""
    credential = await own.credential("P-256")
    phone = await own.phone(credential)
    rotate(house_settings, "kek", 2)
    rotate(house_settings, "pepper", 2)
    own.sam.versions.forget()
    await signs(own, credential, phone)
    found = await own.sam.rooms.credentials._store.get(own.sam.database, credential)
    spki, bound = found.key()
    word = custody.hmac_input(credential, stretched(PASSWORD, found.salt))
    key = await own.sam.hsm.hmac("pepper.2", word)
    assert custody.unbind(key, bound, custody.additional_data(credential, spki, kek=1, pepper=2))
    for kek, pepper in ((2, 2), (1, 1)):
        with pytest.raises(custody.DoesNotOpen):
            custody.unbind(key, bound, custody.additional_data(credential, spki, kek=kek, pepper=pepper))


async def test_a_token_without_the_pepper_counts_no_try(own: World, house_settings: HsmSettings) -> None:
    """A SAM over a token that lacks what the row names (an old copy): try later; no holder is locked out for it."""
    credential = await own.credential("P-256")
    phone = await own.phone(credential)
    rotate(house_settings, "pepper", 2)
    own.sam.versions.forget()
    await signs(own, credential, phone)
    Token(house_settings).run(lambda room: room.secret("pepper.2").destroy())
    for _ in range(4):
        request = await own.ask(credential, algorithm=ECDSA, caller=await own.register())
        body = phone.decision(request.statement)
        assert await own.refused("documents/decide", document=request.id, device=phone.id, **body) == "hsm_unavailable"
    tries = await own.sql(
        "SELECT total, forgiven FROM sam.attempts WHERE credential = $1 AND purpose = 'sign'", credential
    )
    assert tries[0]["total"] == tries[0]["forgiven"]
